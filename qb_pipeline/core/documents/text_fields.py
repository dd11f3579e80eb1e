"""The fields with text of the firm that we send, and the effect of an identity number in each.

*Prose* is cleaned (``core.documents.payloads``). A text that *identifies* a person, an item or a document is never
changed: an identity number in it holds the document. Belongs here: the declaration of each field, and searching the
fields. Does not belong here: the patterns of identity numbers (``core.redaction``).
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from qb_pipeline.core.markers import find_marker
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.redaction import redact
from qb_pipeline.core.states import Kind

TextKind = Literal["prose", "identifying"]

TEXT_FIELDS: dict[Kind, dict[str, TextKind]] = {
    Kind.CUSTOMER: {
        "DisplayName": "identifying",
        "GivenName": "identifying",
        "MiddleName": "identifying",
        "FamilyName": "identifying",
        "Suffix": "identifying",
        "CompanyName": "identifying",
        "PrimaryEmailAddr": "identifying",
        "PrimaryPhone": "prose",
        "Mobile": "prose",
        "BillAddr.Line1": "prose",
        "BillAddr.Line2": "prose",
        "BillAddr.City": "prose",
        "BillAddr.CountrySubDivisionCode": "prose",
        "BillAddr.PostalCode": "prose",
        "BillAddr.Country": "prose",
    },
    Kind.ITEM: {"Name": "identifying", "Sku": "identifying", "Description": "prose"},
    Kind.INVOICE: {
        "DocNumber": "identifying",
        "BillEmail": "identifying",
        "CustomerMemo": "prose",
        "PrivateNote": "prose",
        "Line[].Description": "prose",
        "CustomField": "prose",
    },
    Kind.PAYMENT: {"PaymentRefNum": "prose", "PrivateNote": "prose"},
    Kind.REFUND: {"PrivateNote": "prose"},
    Kind.CREDIT: {"PrivateNote": "prose"},
}
"""Every field that carries a text of billing, prose or identifying, keyed by kind and then by the name in
``docs/fields.md``. A field that is missing here fails a test."""

_INVOICE_NUMBER = "DocNumber"
"""The field that is sent unchanged and unchecked: a firm's own numbers may look like identity numbers."""


def find_identifying(kind: Kind, body: JsonObject) -> str:
    """Return the first field that identifies and carries an identity number; "" when no such field does.

    Such a body may not leave: the caller holds its document (``IDENTITY_NUMBER``).
    """
    fields = [name for name, declared in TEXT_FIELDS[kind].items() if declared == "identifying"]
    return _find(fields, body, ())


def find_identity_number(kind: Kind, body: JsonObject, invoice_numbers: Collection[str] = ()) -> str:
    """Return the first field of a body, as it was sent, that carries an identity number; "" when no field does.

    Args:
        kind: the document's kind.
        body: the body that was sent.
        invoice_numbers: numbers that its texts may cite.
    """
    return _find(TEXT_FIELDS[kind], body, invoice_numbers)


def texts(body: JsonObject, field: str) -> Iterator[str]:
    """Yield the texts of one field, named as in ``docs/fields.md``. A note is yielded without our marker."""
    name, _, rest = field.partition(".")
    value = body.get(name.removesuffix("[]"))
    if name.endswith("[]"):
        for each in value or ():
            yield from texts(each, rest)
    elif isinstance(value, Mapping):
        if rest:
            yield from texts(dict(value), rest)
        else:  # a text that QuickBooks wraps in an object: {"Address": "jane@example.org"}
            yield from (str(each) for each in value.values())
    elif isinstance(value, list):  # custom fields: the label is QuickBooks' own
        yield from (str(each.get("StringValue") or "") for each in value)
    elif value:
        yield _without_marker(str(value))


def _find(fields: Collection[str], body: JsonObject, invoice_numbers: Collection[str]) -> str:
    return next(
        (
            field
            for field in fields
            if field != _INVOICE_NUMBER and any(redact(text, invoice_numbers)[1] for text in texts(body, field))
        ),
        "",
    )


def _without_marker(text: str) -> str:
    """Return a text without our marker. The marker contains billing's id, which may look like an identity number."""
    return text.partition(" ")[2] if text.startswith("qbp1:") and find_marker(text) else text
