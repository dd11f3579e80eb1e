"""The objects behind a refusal (Fault): a document is sent again when one of them has changed, and not before.

Belongs here: which objects of QuickBooks a fault is about, which of their fields count, which one explains the fault.
Does not belong here: reading them (``sync.remote.standing``), remembering them (``ledger.books.refusals``).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import NamedTuple

import msgspec

from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.planning.preflight import CompanySettings
from qb_pipeline.core.states import Operation
from qb_pipeline.core.text import with_suffix

NUMBER_TAKEN = "6140"
NAME_TAKEN = "6240"
PERIOD_CLOSED = frozenset({"6200", "6210"})
DEPOSITED = "6540"
INACTIVE = frozenset({"610", "2500", "6250"})
"""Faults that say what has to change. Any other one may be about every object that the document names, and about the
company's settings.

Source: Intuit, error codes (read 2026-11-21).
"""

REFERENCES = {
    "CustomerRef": "Customer", "ParentRef": "Customer", "EntityRef": "Customer", "ItemRef": "Item",
    "SalesTermRef": "Term", "PaymentMethodRef": "PaymentMethod", "DepositToAccountRef": "Account",
    "IncomeAccountRef": "Account", "ARAccountRef": "Account", "AccountRef": "Account", "ClassRef": "Class",
    "DepartmentRef": "Department", "TaxCodeRef": "TaxCode", "TxnTaxCodeRef": "TaxCode",
}  # fmt: skip
"""Fields of a body that name another object, and its entity."""

PSEUDO_TAX_CODES = frozenset({"TAX", "NON"})
"""Tax codes that companies of the United States have without listing them."""

NUMBERED = frozenset({"Invoice", "CreditMemo", "SalesReceipt", "RefundReceipt", "JournalEntry", "Estimate", "Bill"})
"""Transactions that may have a DocNumber: QuickBooks' own warning reaches across them.

Source: support.clio.com 115003454593 (read 2026-11-29); see quickbooks.md.
"""

NAMED_PEOPLE = ("Customer", "Vendor", "Employee")
"""Entities that share one list of names. Source: Intuit, Customer reference, DisplayName (read 2026-11-21)."""

_CANONICAL = msgspec.json.Encoder(decimal_format="number", order="sorted")


class Asked(NamedTuple):
    """One question to QuickBooks: which objects of an entity have this value of an attribute."""

    entity: str
    attribute: str
    value: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that QuickBooks refused. ``entity`` is the document's; ``named`` is the entity in the fault."""

    entity: str
    source_id: str
    operation: Operation
    fault_code: str
    body: JsonObject
    named: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The objects that a fault is about, as QuickBooks holds them, as a digest: while it is equal, nothing has changed.

    ``cause``: the fact that explains the fault, with ids and dates only; "" where no fact seen does.
    """

    sha256: str
    cause: str


def hash_refused(entity: str, body: JsonObject) -> str:
    """The SHA-256 of a body without the fields that change by themselves: SyncToken, and a customer's DisplayName.

    A customer is offered under two names, of which one must be free; billing's data stands in the other fields.
    """
    left_out = {"SyncToken", "DisplayName"} if entity == "Customer" else {"SyncToken"}
    kept = {name: value for name, value in body.items() if name not in left_out}
    return sha256(_CANONICAL.encode(kept)).hexdigest()


def is_first_of_two(refusal: Refusal) -> bool:
    """Whether another name is tried at once: a new customer is offered under its plain name first."""
    is_new_customer = refusal.entity == "Customer" and refusal.operation == Operation.CREATE
    plain = not str(refusal.body.get("DisplayName", "")).endswith(with_suffix("", refusal.source_id))
    return is_new_customer and plain and refusal.fault_code == NAME_TAKEN


def needs_settings(refusal: Refusal) -> bool:
    """Whether the fault may be about the company's settings."""
    return refusal.fault_code in PERIOD_CLOSED or not _is_specific(refusal)


def questions(refusal: Refusal) -> set[Asked]:
    """The questions to QuickBooks about a refusal; each object once."""
    code, body = refusal.fault_code, refusal.body
    if code == NUMBER_TAKEN and body.get("DocNumber"):
        entities = {refusal.entity, refusal.named} & NUMBERED
        return {Asked(entity, "DocNumber", str(body["DocNumber"])) for entity in entities}
    if code == NAME_TAKEN and refusal.entity == "Item" and body.get("Name"):
        return {Asked("Item", "Name", str(body["Name"]))}
    if code == NAME_TAKEN and body.get("DisplayName"):
        plain = str(body["DisplayName"]).removesuffix(with_suffix("", refusal.source_id))
        names = {plain, with_suffix(plain, refusal.source_id)}
        return {Asked(entity, "DisplayName", name) for entity in NAMED_PEOPLE for name in names}
    own = {Asked(refusal.entity, "Id", str(body["Id"]))} if body.get("Id") else set()
    if code in PERIOD_CLOSED or code == DEPOSITED:
        return own
    return own | set(_named(body))


def _is_specific(refusal: Refusal) -> bool:
    """Whether the fault itself says what has to change. A payment's fault may come from its invoices' open amounts."""
    return refusal.fault_code in INACTIVE | PERIOD_CLOSED | {NUMBER_TAKEN, NAME_TAKEN, DEPOSITED}


def _named(value: object) -> Iterator[Asked]:
    """Every object that a body names by its Id, however deep."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            entity = REFERENCES.get(name)
            if entity is not None and isinstance(inner, Mapping):
                known = str(inner.get("value") or "")
                if known and known not in PSEUDO_TAX_CODES:
                    yield Asked(entity, "Id", known)
            elif name == "LinkedTxn":
                yield from (Asked(str(link["TxnType"]), "Id", str(link["TxnId"])) for link in inner)
            else:
                yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)


def accounts_of(items: Sequence[JsonObject]) -> set[Asked]:
    """The accounts that items book to: an inactive one stops every document that has the item."""
    found = (str((item.get("IncomeAccountRef") or {}).get("value") or "") for item in items)
    return {Asked("Account", "Id", account_id) for account_id in found if account_id}


def judge(refusal: Refusal, found: Mapping[Asked, Sequence[JsonObject]], settings: CompanySettings | None) -> Evidence:
    """Sum up QuickBooks' answers about a refusal.

    Args:
        refusal: the refused request.
        found: the answer to each of its questions, accounts of its items included.
        settings: the company's, as read in this run; None where the fault is not about them.
    """
    closed = settings.books_closed_through if settings is not None else None
    own = Asked(refusal.entity, "Id", str(refusal.body.get("Id", "")))
    facts: list[object] = [
        [*asked, sorted(_facts(asked, row, is_own=asked == own) for row in rows)]
        for asked, rows in sorted(found.items())
    ]
    if settings is not None:
        is_period = refusal.fault_code in PERIOD_CLOSED
        facts.append(str(closed) if is_period else _settings_facts(settings))
    digest = sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return Evidence(digest, _cause(refusal, found, closed))


def _settings_facts(settings: CompanySettings) -> dict[str, object]:
    """The settings that may be behind a fault. Those of matters change what is sent, and so need no digest."""
    facts: dict[str, object] = json.loads(_CANONICAL.encode(settings))
    return {name: value for name, value in facts.items() if name not in ("class_tracking", "custom_fields")}


def _facts(asked: Asked, row: JsonObject, *, is_own: bool) -> list[str]:
    """The fields of an object that count.

    Always its Id, and whether it is active. For a bearer of a number or name nothing else; for an invoice that a
    payment pays its customer, balance and total; for any other object its SyncToken and deposits.
    """
    facts = [str(row["Id"]), str(row.get("Active", True))]
    if asked.attribute != "Id":
        return facts
    if asked.entity == "Invoice" and not is_own:
        customer = (row.get("CustomerRef") or {}).get("value", "")
        return [*facts, str(customer), f"{row.get('Balance', 0)}", f"{row.get('TotalAmt', 0)}"]
    return [*facts, str(row.get("SyncToken", "")), *_deposits(row)]


def _deposits(row: JsonObject) -> list[str]:
    links = row.get("LinkedTxn") or ()
    return sorted(str(link.get("TxnId", "")) for link in links if link.get("TxnType") == "Deposit")


def _cause(refusal: Refusal, found: Mapping[Asked, Sequence[JsonObject]], closed: date | None) -> str:
    """The fact among QuickBooks' answers that explains the fault, in words; "" without one."""
    code = refusal.fault_code
    every = [(asked, row) for asked, rows in sorted(found.items()) for row in rows]
    if code in (NUMBER_TAKEN, NAME_TAKEN):
        return _find_bearer(refusal, every)
    if code in PERIOD_CLOSED:
        day = str(refusal.body.get("TxnDate", ""))
        return f"the books are closed through {closed}" if closed and day <= closed.isoformat() else ""
    if code == DEPOSITED:
        deposits = [deposit for _, row in every for deposit in _deposits(row)]
        return f"it is part of deposit {deposits[0]}" if deposits else ""
    if code in INACTIVE:
        return _find_inactive(every) or next(
            (f"{asked.entity} {asked.value} is gone" for asked, rows in sorted(found.items()) if not rows), ""
        )
    return ""


def _find_bearer(refusal: Refusal, found: Iterable[tuple[Asked, JsonObject]]) -> str:
    """The first other object that has the number or the name, in words; "" without one."""
    what = "number" if refusal.fault_code == NUMBER_TAKEN else "name"
    own = str(refusal.body.get("Id", ""))
    return next((f"{asked.entity} {row['Id']} has the {what}" for asked, row in found if row["Id"] != own), "")


def _find_inactive(found: Iterable[tuple[Asked, JsonObject]]) -> str:
    """The first inactive object, in words; "" without one."""
    return next((f"{asked.entity} {row['Id']} is inactive" for asked, row in found if row.get("Active") is False), "")


def may_have_changed(refusal: Refusal, evidence: Evidence, *, known_sha256: str, times: int) -> bool:
    """Whether an object that the fault is about may have changed since the refusal; True where no digest is known.

    A fault that names its cause gets one more try if this cause could not be seen: it may have gone between the
    refusal and our look at it, and then no later look would show a change.
    """
    is_explained = bool(evidence.cause) or not _is_specific(refusal)
    return not known_sha256 or known_sha256 != evidence.sha256 or (not is_explained and times < 2)
