"""Possible duplicates (record linkage): documents of somebody else in QuickBooks that may equal a document to be
created.

The rules never guess: a document that may be in QuickBooks already is held, and a person decides whether it is the
same. No rule relies on QuickBooks' own check of numbers, since this is a setting that no program can read.

Belongs here: the rules, from fields that both sides have. Does not belong here: reading either side, and the answers of
people.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from qb_pipeline.core.money import to_dollars
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.redaction import REMOVED, redact
from qb_pipeline.core.states import Kind
from qb_pipeline.core.text import number_key

APART = timedelta(days=7)
"""The longest time between the dates of two payments that may be the same. It is ignored where their references
agree."""

MONEY = ("total", "amount", "invoices")
"""Fields that must be equal before a document is linked, since a linked document stays as QuickBooks has it."""

FieldName = Literal["number", "reference", "customer", "date", "total", "amount", "invoices"]


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice or a payment as one side has it; ``total_cents`` in cents.

    ``id``: QuickBooks' Id, "" on billing's side. ``number``: an invoice's number or a payment's reference as written,
    "" without one. ``pays``: the Ids of the invoices that a payment is applied to; empty for an invoice.
    """

    id: str
    number: str
    customer_id: str
    document_date: date | None
    total_cents: int
    pays: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Likeness:
    """The reason for which a document may not be created beside another one, and the fields in which the two differ."""

    problem: Problem
    differs: tuple[FieldName, ...] = ()


def compare(kind: Kind, ours: Document, theirs: Document) -> Likeness | None:
    """Return the reason for which ``theirs``, a document that nobody has linked, keeps ``ours`` from being created;
    None where it does not."""
    return _compare_invoices(ours, theirs) if kind == Kind.INVOICE else _compare_payments(ours, theirs)


def differing(kind: Kind, ours: Document, theirs: Document) -> tuple[FieldName, ...]:
    """Return the names of the fields in which two documents differ."""
    fields: dict[FieldName, bool] = {
        "customer": ours.customer_id != theirs.customer_id,
        "date": ours.document_date != theirs.document_date,
    }
    is_other_number = number_key(ours.number) != number_key(theirs.number)
    is_other_total = ours.total_cents != theirs.total_cents
    if kind == Kind.INVOICE:
        fields |= {"number": is_other_number, "total": is_other_total}
    else:
        fields |= {"reference": is_other_number, "amount": is_other_total, "invoices": ours.pays != theirs.pays}
    return tuple(name for name, is_other in fields.items() if is_other)


def _compare_invoices(ours: Document, theirs: Document) -> Likeness | None:
    """Return NUMBER_TAKEN for two invoices with one number, MAYBE_THERE where customer, date or total is equal too,
    else None."""
    if not ours.number or number_key(ours.number) != number_key(theirs.number):
        return None
    differs = differing(Kind.INVOICE, ours, theirs)
    return Likeness(Problem.NUMBER_TAKEN if len(differs) == 3 else Problem.MAYBE_THERE, differs)


def _compare_payments(ours: Document, theirs: Document) -> Likeness | None:
    """Return MAYBE_THERE for two payments of one customer and amount, unless a reference, an invoice or a date
    distinguishes them; else None."""
    if (ours.customer_id, ours.total_cents) != (theirs.customer_id, theirs.total_cents):
        return None
    is_one_reference = _is_one_reference(ours.number, theirs.number)
    if is_one_reference is False:
        return None
    if ours.pays and theirs.pays and ours.pays.isdisjoint(theirs.pays):
        return None
    if not is_one_reference and _is_far(ours.document_date, theirs.document_date):
        return None
    return Likeness(Problem.MAYBE_THERE, differing(Kind.PAYMENT, ours, theirs))


def _is_one_reference(ours: str, theirs: str) -> bool | None:
    """Return whether two references agree. None means unknown: one is missing, or one was sent without the identity
    number that another program left in the other."""
    keys = number_key(ours), number_key(theirs)
    if not all(keys):
        return None
    if keys[0] == keys[1]:
        return True
    if not any(REMOVED in key for key in keys):
        return False
    return True if number_key(redact(ours)[0]) == number_key(redact(theirs)[0]) else None


def _is_far(one: date | None, other: date | None) -> bool:
    return one is not None and other is not None and abs(one - other) > APART


def describe(kind: Kind, ours: Document, theirs: Document, differs: Collection[FieldName]) -> str:
    """Describe the document of QuickBooks by its Id, and each field that differs by its value on both sides."""
    entity = "Invoice" if kind == Kind.INVOICE else "Payment"
    texts = [f"{name}: billing {_shown(name, ours)}, QuickBooks {_shown(name, theirs)}" for name in differs]
    return f"{entity} Id {theirs.id}: {'; '.join(texts) if texts else 'equal in every field'}"


def _shown(name: FieldName, document: Document) -> str:
    match name:
        case "number":
            return document.number or "empty"
        case "reference":  # another program's may carry an identity number
            return redact(document.number)[0] or "empty"
        case "customer":
            return f"customer Id {document.customer_id}" if document.customer_id.isdigit() else "a new customer"
        case "date":
            return str(document.document_date or "empty")
        case "invoices":
            ids = sorted(document.pays)
            return f"Ids {', '.join(ids)}" if ids and all(map(str.isdigit, ids)) else ("new" if ids else "empty")
        case _:
            return f"{to_dollars(document.total_cents):,.2f}"
