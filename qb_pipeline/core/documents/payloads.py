"""The body of each document as QuickBooks gets it, built from billing's rows.

Belongs here: the field mapping, lengths, omissions. Does not belong here: the decision whether a document may be sent
(``core.documents.invoices``, ``core.documents.payments``), QuickBooks' Id and SyncToken (``core.planning.plan``).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from hashlib import sha256
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import pandas as pd

from qb_pipeline.core.documents.matters import CUSTOM_FIELD_LENGTH, NOWHERE, MatterPlace
from qb_pipeline.core.mapping.matching import item_name
from qb_pipeline.core.money import UNROUNDED, JsonObject, to_dollars
from qb_pipeline.core.redaction import REMOVED, redact
from qb_pipeline.core.settings import FirmRules
from qb_pipeline.core.text import (
    cut,
    drop_control_characters,
    find_name_problem,
    fold_line_breaks,
    is_email,
    real_name,
    split_emails,
    tidy,
    tidy_lines,
)

NOTE_LENGTH = 4000
DESCRIPTION_LENGTH = 4000
MEMO_LENGTH = 1000
REFERENCE_LENGTH = 21
PHONE_LENGTH = 30
ADDRESS_LENGTHS = {
    "Line1": 500,
    "Line2": 500,
    "City": 255,
    "CountrySubDivisionCode": 255,
    "PostalCode": 30,
    "Country": 255,
}
"""Longest texts that QuickBooks takes. Source: Intuit's entity references (read 2026-11-21)."""

_FIFTEEN_DIGITS = Context(prec=15)
"""The most digits that we send of a quantity or price. QuickBooks may not read more, and would compute another
product."""

QUICKBOOKS_OWNED = frozenset(
    {
        "DisplayName", "Notes", "PreferredDeliveryMethod",
        "CustomerMemo", "PrivateNote", "SalesTermRef", "BillEmail", "EmailStatus",
        "DepositToAccountRef", "ClassRef", "CustomField",
    }
)  # fmt: skip
"""Fields that belong to the bookkeeper once the document is in QuickBooks. An update leaves them out, and a change to
them is no drift (concurrent modification) that holds the document.

All other fields that we send are billing's: customer, number, dates, lines, amounts, links. The exceptions are the
fields that the bookkeeper sets on lines (``SET_ON_LINES``).
"""

CLEANING = "2"
"""The version of the rules by which texts are cleaned. It stands in front of each fingerprint.

Fingerprints without it were computed by the former rules, which made one line of several and left identity numbers in
references, telephones and addresses. A document that is in QuickBooks in that form stays as it is until billing changes
it (``Content.is_as_sent``): other rules are no reason to send everything again.
"""

SET_ON_LINES = frozenset({"ClassRef", "DeferredRevenue", "PriceLevelRef", "UOMRef", "DiscountAccountRef"})
"""Fields of a line that belong to the bookkeeper once the line is in QuickBooks. An update copies them from the old
line. Of these we send the class of a new line, where the firm wants that."""

_CANONICAL = msgspec.json.Encoder(decimal_format="number", order="sorted")
_CENT = Decimal("0.01")
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Payer:
    """A payer as billing has it (``core.schemas.Payers``)."""

    payer_id: str
    kind: str
    first_name: str
    middle_name: str
    last_name: str
    suffix: str
    corporation_name: str
    billing_first_name: str
    billing_last_name: str
    billing_email: str
    billing_phone: str
    email: str
    phone: str
    mobile: str
    address_line1: str
    address_line2: str
    city: str
    state: str
    postal_code: str
    country: str


@dataclass(frozen=True, slots=True)
class FeeItem:
    """A fee item as billing has it (``core.schemas.FeeItems``); ``unit_price`` in decimal dollars."""

    fee_item_id: str
    kind: str
    code: str
    name: str
    description: str
    unit_price: Decimal | None


_PAYER = [column.name for column in fields(Payer)]
_FEE_ITEM = [column.name for column in fields(FeeItem)]


def read_payers(payers: pd.DataFrame) -> list[Payer]:
    """Return the rows of ``core.schemas.Payers``, in their order."""
    return [Payer(*row) for row in payers[_PAYER].itertuples(index=False, name=None)]


def read_fee_items(fee_items: pd.DataFrame) -> list[FeeItem]:
    """Return the rows of ``core.schemas.FeeItems``, in their order."""
    return [FeeItem(*row) for row in fee_items[_FEE_ITEM].itertuples(index=False, name=None)]


@dataclass(frozen=True)
class Content:
    """One document as QuickBooks shall hold it.

    Attributes:
        body: ready for JSON, dollars as Decimal, without Id and SyncToken.
        total_cents: the total that QuickBooks must come to.
        fingerprint: digest of the fields that billing owns (content hash), behind the version of the rules by which its
            texts were cleaned; equal as long as none of them changes.
        notices: texts for the log about cut, removed or omitted content; they name fields, never their values.
        former_fingerprint: the fingerprint by the former rules.
    """

    body: JsonObject
    total_cents: int
    fingerprint: str
    notices: tuple[str, ...]
    former_fingerprint: str = ""

    def is_as_sent(self, sent_fingerprint: str) -> bool:
        """Return whether QuickBooks holds this content, in today's form or in the form of the former rules."""
        return sent_fingerprint in (self.fingerprint, self.former_fingerprint)


class _Cleaned(NamedTuple):
    """A text as cleaned by today's rules, and as cleaned by the former rules."""

    text: str
    former: str


def fingerprint(body: JsonObject) -> str:
    """Return the digest of the fields of a body that billing owns. It is the same in every release (a golden test)."""
    owned = {name: value for name, value in body.items() if name not in QUICKBOOKS_OWNED}
    if "Line" in owned:
        owned["Line"] = [without_set_on_lines(line) for line in owned["Line"]]
    return sha256(_CANONICAL.encode(owned)).hexdigest()


def without_set_on_lines(line: JsonObject) -> JsonObject:
    """Return a line without the fields that the bookkeeper sets on it."""
    return {
        name: {key: inner for key, inner in value.items() if key not in SET_ON_LINES}
        if isinstance(value, Mapping)
        else value
        for name, value in line.items()
    }


def customer_content(payer: Payer, *, display_name: str, marker: str) -> Content:
    """Build the customer of a payer. The customer of a corporation has the corporation's name and address, and the
    details of its billing person."""
    notices: list[str] = []
    former: JsonObject = {}
    is_corporation = payer.kind == "corporation"
    emails = (payer.billing_email, payer.email) if is_corporation else (payer.email, payer.billing_email)
    phones = (payer.billing_phone, payer.phone) if is_corporation else (payer.phone, payer.billing_phone)
    if is_corporation:
        person = {"GivenName": payer.billing_first_name, "FamilyName": payer.billing_last_name}
    else:
        person = {
            "GivenName": payer.first_name,
            "MiddleName": payer.middle_name,
            "FamilyName": payer.last_name,
            "Suffix": payer.suffix,
        }
    body: JsonObject = {"DisplayName": display_name}
    for field, name in person.items():
        _put(body, former, field, _Cleaned(real_name(name), tidy(name)))
    if is_corporation:
        body["CompanyName"] = tidy(payer.corporation_name)
    address = _first_email(emails, "PrimaryEmailAddr", notices)
    _put(body, former, "PrimaryEmailAddr", address, "Address")
    for field, numbers in (("PrimaryPhone", phones), ("Mobile", (payer.mobile,))):
        _put(body, former, field, _first_phone(numbers, field, notices), "FreeFormNumber")
    postal = _read_address(payer, notices)
    if lines := {field: text for field, (text, _) in postal.items() if text}:
        body["BillAddr"] = lines
    former["BillAddr"] = {field: text for field, (_, text) in postal.items() if text} or None
    body |= {"PreferredDeliveryMethod": "None", "Notes": marker}
    return content_of(body, 0, notices, former)


def _put(body: JsonObject, former: JsonObject, field: str, cleaned: _Cleaned, within: str = "") -> None:
    """Write a text into a body, and its former form into ``former``. An empty text is left out.

    ``within``: the name under which QuickBooks wraps the text in an object of its own; "" for a plain text.
    """
    for target, text in ((body, cleaned.text), (former, cleaned.former)):
        if text:
            target[field] = {within: text} if within else text
    if not cleaned.former:
        former[field] = None


def item_content(fee_item: FeeItem, *, income_account_id: str) -> Content:
    """Build the service item of a fee item."""
    notices: list[str] = []
    body: JsonObject = {"Name": item_name(fee_item.name, fee_item.code), "Type": "Service"}
    code = tidy(fee_item.code)
    if code and find_name_problem(code) is None:
        body["Sku"] = code
    if description := _prose(fee_item.description, DESCRIPTION_LENGTH, "Description", notices).text:
        body["Description"] = description
    unit_price = fee_item.unit_price
    if unit_price is not None and unit_price.is_finite() and unit_price >= 0:
        body["UnitPrice"] = _plain(unit_price)
    body["IncomeAccountRef"] = {"value": income_account_id}
    return content_of(body, 0, notices)


def invoice_contents(
    invoices: pd.DataFrame,
    lines: pd.DataFrame,
    payers: pd.DataFrame,
    *,
    customers: Mapping[str, str],
    items: Mapping[str, str],
    terms: Mapping[str, str],
    tax_codes: Mapping[str, str],
    markers: Mapping[str, str],
    rules: FirmRules,
    place: MatterPlace = NOWHERE,
) -> dict[str, Content]:
    """Build the invoices that have no problem, keyed by invoice_id.

    Args:
        invoices: the invoices to send, each without problem (``find_invoice_problems``).
        lines: their lines; lines of other invoices are ignored.
        payers: their payers, for the e-mail address.
        customers: the customer, keyed by payer.
        items: the item, keyed by fee item.
        terms: QuickBooks' term, keyed by billing's words.
        tax_codes: the company's own tax codes, keyed by ``TAX`` and ``NON`` where it has others, and by ``TOTAL`` for
            the whole invoice. Companies of the United States need no such codes.
        markers: the marker, keyed by invoice.
        rules: the firm's rules.
        place: the place of their matters.
    """
    emails = {
        payer_id: (billing_email, email) if kind == "corporation" else (email, billing_email)
        for payer_id, kind, email, billing_email in zip(
            *(payers[column].tolist() for column in ("payer_id", "kind", "email", "billing_email")), strict=True
        )
    }
    lines_of = _lines_by_invoice(lines, invoices["invoice_id"].tolist())
    with_tax = rules.settings.tax_policy == "total"
    contents = {}
    for invoice_id, number, payer_id, invoice_date, due_date, term, message, note, matter in zip(
        *(invoices[column].tolist() for column in _INVOICE_COLUMNS), strict=True
    ):
        notices: list[str] = []
        lines_sent = _read_lines(lines_of[invoice_id], items, tax_codes, notices, with_tax=with_tax)
        body: JsonObject = {
            "DocNumber": tidy(number),
            "TxnDate": invoice_date.isoformat(),
            "CustomerRef": {"value": customers[payer_id]},
        }
        if due_date is not None:
            body["DueDate"] = due_date.isoformat()
        if rules.multicurrency:
            body["CurrencyRef"] = {"value": rules.currency}
        if term in terms:
            body["SalesTermRef"] = {"value": terms[term]}
        if address := _first_email(emails.get(payer_id, ()), "BillEmail", notices).text:
            body["BillEmail"] = {"Address": address}
        body["EmailStatus"] = "NotSet"
        if memo := _prose(message, MEMO_LENGTH, "CustomerMemo", notices).text:
            body["CustomerMemo"] = {"value": memo}
        body["PrivateNote"] = note_of(markers[invoice_id], place.note(matter, note), notices)
        body["Line"] = lines_sent.lines
        if cleaned := read_matter(matter, place, notices):
            place.write(body, cleaned, notices)
        if with_tax:
            body["ApplyTaxAfterDiscount"] = True
            body["TxnTaxDetail"] = {"TotalTax": to_dollars(lines_sent.tax_cents)}
            if "TOTAL" in tax_codes:
                body["TxnTaxDetail"]["TxnTaxCodeRef"] = {"value": tax_codes["TOTAL"]}
        contents[invoice_id] = content_of(body, lines_sent.total_cents, notices, {"Line": lines_sent.former})
    return contents


_INVOICE_COLUMNS = (
    "invoice_id", "invoice_number", "payer_id", "invoice_date", "due_date", "terms", "customer_message",
    "internal_note", "matter",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a billing invoice. Money in cents, the unit price in dollars."""

    line_number: int
    kind: str
    fee_item_id: str
    service_date: date | None
    description: str
    quantity: Decimal | None
    unit_price: Decimal | None
    amount_cents: int
    is_taxable: bool


_LINE_COLUMNS = tuple(field.name for field in fields(_Line))


def _lines_by_invoice(lines: pd.DataFrame, invoice_ids: Iterable[str]) -> dict[str, list[_Line]]:
    """Return the lines of these invoices, keyed by invoice, in the order of their numbers."""
    found: dict[str, list[_Line]] = {invoice_id: [] for invoice_id in invoice_ids}
    for invoice_id, *values in zip(*(lines[column].tolist() for column in ("invoice_id", *_LINE_COLUMNS)), strict=True):
        if invoice_id in found:
            found[invoice_id].append(_Line(*values))
    return {invoice_id: sorted(some, key=lambda line: line.line_number) for invoice_id, some in found.items()}


class _Lines(NamedTuple):
    """QuickBooks' lines of one invoice, the same lines with their texts by the former rules, its total, and the tax
    within it. Money in cents."""

    lines: list[JsonObject]
    former: list[JsonObject]
    total_cents: int
    tax_cents: int


def _read_lines(
    lines: Iterable[_Line],
    items: Mapping[str, str],
    tax_codes: Mapping[str, str],
    notices: list[str],
    *,
    with_tax: bool,
) -> _Lines:
    """Build QuickBooks' lines of one invoice from billing's lines."""
    sent: list[JsonObject] = []
    former: list[JsonObject] = []
    subtotal = discount = tax = 0
    for line in lines:
        if line.kind == "balance_forward":
            continue  # QuickBooks has the older invoice itself
        if line.kind == "tax":
            tax += line.amount_cents
            continue
        if line.kind == "discount":
            discount -= line.amount_cents
            continue
        text = _prose(line.description, DESCRIPTION_LENGTH, f"Line {line.line_number} Description", notices)
        if line.kind == "note":
            if not text.text:
                continue
            mapped: JsonObject = {"DetailType": "DescriptionOnly", "DescriptionLineDetail": {}}
        else:
            subtotal += line.amount_cents
            tax_code = _tax_code(tax_codes, is_taxable=with_tax and line.is_taxable)
            mapped = _sales_line(line, items[line.fee_item_id], tax_code)
        if text.text:
            mapped["Description"] = text.text
        sent.append(mapped)
        former.append(mapped if text.former == text.text else {**mapped, "Description": text.former})
    if discount:
        off = {
            "DetailType": "DiscountLineDetail",
            "Amount": to_dollars(discount),
            "DiscountLineDetail": {"PercentBased": False},
        }
        sent.append(off)
        former.append(off)
    return _Lines(sent, former, subtotal - discount + tax, tax)


def _sales_line(line: _Line, item_id: str, tax_code: str) -> JsonObject:
    """Build a line that sells an item, as QuickBooks takes it, without its text."""
    sent: JsonObject = {"DetailType": "SalesItemLineDetail", "Amount": to_dollars(line.amount_cents)}
    quantity, unit_price = _quantity_and_price(line.quantity, line.unit_price, line.amount_cents)
    detail: JsonObject = {
        "ItemRef": {"value": item_id},
        "Qty": quantity,
        "UnitPrice": unit_price,
        "TaxCodeRef": {"value": tax_code},
    }
    if line.service_date is not None:
        detail["ServiceDate"] = line.service_date.isoformat()
    sent["SalesItemLineDetail"] = detail
    return sent


def _tax_code(tax_codes: Mapping[str, str], *, is_taxable: bool) -> str:
    code = "TAX" if is_taxable else "NON"
    return tax_codes.get(code, code)


def _quantity_and_price(quantity: Decimal | None, unit_price: Decimal | None, cents: int) -> tuple[Decimal, Decimal]:
    """Return quantity and price if QuickBooks' product of them is the amount, else one unit at the amount.

    QuickBooks refuses a line whose amount differs from that product (fault 6070).
    """
    if quantity is not None and unit_price is not None and _is_short(quantity) and _is_short(unit_price):
        product = UNROUNDED.multiply(quantity, unit_price).quantize(_CENT, ROUND_HALF_UP, UNROUNDED)
        if product == to_dollars(cents):
            return _plain(quantity), _plain(unit_price)
    return _ONE, _plain(to_dollars(cents))


def _is_short(number: Decimal) -> bool:
    return number == _FIFTEEN_DIGITS.plus(number)


def _plain(number: Decimal) -> Decimal:
    """Return a number in the only form in which it is sent: without trailing zeros, without exponent."""
    number = number.normalize(UNROUNDED)
    return number.quantize(_ONE, context=UNROUNDED) if number == number.to_integral_value() else number


def read_matter(matter: str, place: MatterPlace, notices: list[str]) -> str:
    """Return the matter of an invoice as a custom field or a class takes it; "" where it is not sent, or goes into the
    note."""
    if place.kind == "custom_field":
        return _prose(matter, CUSTOM_FIELD_LENGTH, "CustomField", notices).text
    return tidy(drop_control_characters(matter)[0]) if place.kind == "class" else ""


def payment_contents(
    parts: pd.DataFrame,
    allocations: pd.DataFrame,
    *,
    payment_methods: Mapping[str, str],
    deposit_accounts: Mapping[str, str],
    markers: Mapping[tuple[str, str], str],
    rules: FirmRules,
    entries: Mapping[tuple[str, str], Mapping[str, int]] = MappingProxyType({}),
    clearing: Mapping[tuple[str, str], str] = MappingProxyType({}),
    cited: Collection[str] = (),
) -> dict[tuple[str, str], Content]:
    """Build the payments that have no problem, keyed by (payment_id, part).

    Args:
        parts: the parts to send (``PaymentParts``), each with its customer and without problem.
        allocations: the cents that they pay on invoices (``Allocations``).
        payment_methods: QuickBooks' payment method, keyed by billing's method.
        deposit_accounts: the account, keyed by billing's method. A method without one is received into Undeposited
            Funds.
        markers: the marker, keyed by (payment_id, part).
        rules: the firm's rules.
        entries: the cents that a part pays of the journal entries that take it back, keyed by (payment_id, part) and
            then by the entry's Id.
        clearing: the account of a payment from credit that has a second half, keyed by (payment_id, part).
        cited: invoice numbers that their references name. They stay, though they look like identity numbers.
    """
    links: dict[tuple[str, str], list[JsonObject]] = {}
    for payment_id, part, invoice, cents in zip(
        *(allocations[column].tolist() for column in ("payment_id", "part", "quickbooks_invoice_id", "amount_cents")),
        strict=True,
    ):
        links.setdefault((payment_id, part), []).append(_link(cents, invoice, "Invoice"))
    for key, paid in entries.items():
        links.setdefault(key, []).extend(_link(cents, entry_id, "JournalEntry") for entry_id, cents in paid.items())
    columns = ("payment_id", "part", "customer_id", "document_date", "amount_cents", "method", "reference")
    contents = {}
    for payment_id, part, customer_id, day, cents, method, reference in zip(
        *(parts[column].tolist() for column in columns), strict=True
    ):
        notices: list[str] = []
        body: JsonObject = {
            "CustomerRef": {"value": customer_id},
            "TxnDate": day.isoformat(),
            "TotalAmt": to_dollars(cents),
        }
        if rules.multicurrency:
            body["CurrencyRef"] = {"value": rules.currency}
        if method in payment_methods:
            body["PaymentMethodRef"] = {"value": payment_methods[method]}
        former: JsonObject = {}
        _put(body, former, "PaymentRefNum", _read_reference(reference, cited, notices))
        if account := clearing.get((payment_id, part)) or deposit_accounts.get(method):
            body["DepositToAccountRef"] = {"value": account}
        body["PrivateNote"] = note_of(markers[payment_id, part], reference, notices, cited)
        body["Line"] = links.get((payment_id, part), [])
        contents[payment_id, part] = content_of(body, cents, notices, former)
    return contents


def _link(cents: int, quickbooks_id: str, entity: str) -> JsonObject:
    """Build the line of a payment that pays another transaction."""
    return {"Amount": to_dollars(cents), "LinkedTxn": [{"TxnId": quickbooks_id, "TxnType": entity}]}


def content_of(
    body: JsonObject, total_cents: int, notices: list[str], former: Mapping[str, object] | None = None
) -> Content:
    """Build the content of a document from its body and total, with its fingerprints and notices.

    Args:
        body: ready for JSON.
        total_cents: the total that QuickBooks must come to.
        notices: texts for the log.
        former: fields as the former rules filled them, None for a field that they left out; other fields were the same.
    """
    digest = former_digest = fingerprint(body)
    if former and any(body.get(name) != value for name, value in former.items()):
        was = {**body, **former}
        former_digest = fingerprint({name: value for name, value in was.items() if value is not None})
    return Content(body, total_cents, f"{CLEANING}:{digest}", tuple(notices), former_digest)


def note_of(marker: str, text: str, notices: list[str], cited: Collection[str] = ()) -> str:
    """Build a note: first the marker (idempotency mark), so that nothing cuts it; then the text without identity
    numbers.

    Args:
        marker: the document's marker.
        text: billing's text.
        notices: the list that gets notices about dropped, removed and cut content.
        cited: invoice numbers that the text names: these stay.
    """
    note = _prose(text, NOTE_LENGTH - len(marker) - 1, "PrivateNote", notices, cited).text
    return f"{marker} {note}" if note else marker


def _prose(text: str, limit: int, field: str, notices: list[str], cited: Collection[str] = ()) -> _Cleaned:
    """Clean a text that people read. Its line breaks stay; control characters, identity numbers and excess length are
    removed."""
    if not text:
        return _Cleaned("", "")
    text, dropped = tidy_lines(text)
    text, removed = redact(text, cited)
    _tell_cleaned(field, dropped, removed, notices)
    former = cut(fold_line_breaks(text), limit)
    if len(text) > limit:
        notices.append(f"{field}: cut from {len(text)} to {limit} characters")
        text = cut(text, limit)
    return _Cleaned(text, former)


def _tell_cleaned(field: str, dropped: int, removed: int, notices: list[str]) -> None:
    if dropped:
        notices.append(f"{field}: {dropped} control characters dropped")
    if removed:
        notices.append(f"{field}: {removed} identity numbers removed")


def _read_reference(reference: str, cited: Collection[str], notices: list[str]) -> _Cleaned:
    """Return the end of a payment's reference, cleaned. Its last characters distinguish checks and wires."""
    whole = tidy(drop_control_characters(reference)[0])
    text, removed = redact(whole, cited)
    _tell_cleaned("PaymentRefNum", 0, removed, notices)
    beyond = len(text) - REFERENCE_LENGTH
    at = text.rfind(REMOVED)
    if 0 <= at < beyond < at + len(REMOVED):  # half of it would not show that something was removed
        text = REMOVED + text[at + len(REMOVED) :][len(REMOVED) - REFERENCE_LENGTH :]
    # Once more: the end of a longer number may look like another one.
    return _Cleaned(redact(_end(text), cited)[0], _end(whole))


def _end(text: str) -> str:
    return text[-REFERENCE_LENGTH:].lstrip()


def _first_email(addresses: Iterable[str], field: str, notices: list[str]) -> _Cleaned:
    """Return the first valid address of the first field that has one. A notice counts the addresses beside it that are
    left out."""
    given = [address for address in map(str.strip, addresses) if address]
    former = next(filter(is_email, given), "")
    for text in given:
        pieces = [text] if is_email(text) else split_emails(text)
        usable = next(filter(is_email, pieces), "")
        if usable:
            if len(pieces) > 1:
                notices.append(f"{field}: one of {len(pieces)} addresses sent, {len(pieces) - 1} left out")
            return _Cleaned(usable, former)
    if given:
        notices.append(f"{field}: no usable address, sent without")
    return _Cleaned("", former)


def _first_phone(numbers: Iterable[str], field: str, notices: list[str]) -> _Cleaned:
    """Return the first number that can be sent whole. No number is cut or cleaned, since half a number cannot be
    dialled."""
    given = [number for number in (tidy(drop_control_characters(number)[0]) for number in numbers) if number]
    short = [number for number in given if len(number) <= PHONE_LENGTH]
    usable = next((number for number in short if not redact(number)[1]), "")
    if short and usable != short[0]:
        notices.append(f"{field}: looks like an identity number, left out")
    elif given and not usable:
        notices.append(f"{field}: longer than {PHONE_LENGTH} characters, sent without")
    return _Cleaned(usable, short[0] if short else "")


def _read_address(payer: Payer, notices: list[str]) -> dict[str, _Cleaned]:
    texts = (payer.address_line1, payer.address_line2, payer.city, payer.state, payer.postal_code, payer.country)
    address = {}
    for (field, limit), given in zip(ADDRESS_LENGTHS.items(), texts, strict=True):
        kept, dropped = drop_control_characters(given)
        whole = tidy(kept)
        text, removed = redact(whole)
        _tell_cleaned(f"BillAddr.{field}", dropped, removed, notices)
        if len(text) > limit:
            notices.append(f"BillAddr.{field}: cut from {len(text)} to {limit} characters")
        address[field] = _Cleaned(cut(text, limit), cut(whole, limit))
    return address
