"""The objects behind a refusal (Fault): a document is sent again when one of them has changed, and not before.

Belongs here: the objects of QuickBooks that a fault is about, the fields of these that count, and the object that
explains the fault. Does not belong here: reading them (``sync.remote.standing``), storing them
(``ledger.books.refusals``).
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
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Operation
from qb_pipeline.core.text import with_suffix

NUMBER_TAKEN = "6140"
NAME_TAKEN = "6240"
PERIOD_CLOSED = frozenset({"6200", "6210"})
DEPOSITED = "6540"
INACTIVE = frozenset({"610", "2500", "6250"})
"""Faults that name the thing that has to change. Any other fault may be about every object that the document names, and
about the company's settings.

Source: Intuit, error codes (read 2026-11-21).
"""

REFERENCES = {
    "CustomerRef": "Customer", "ParentRef": "Customer", "EntityRef": "Customer", "ItemRef": "Item",
    "SalesTermRef": "Term", "PaymentMethodRef": "PaymentMethod", "DepositToAccountRef": "Account",
    "IncomeAccountRef": "Account", "ARAccountRef": "Account", "AccountRef": "Account", "ClassRef": "Class",
    "DepartmentRef": "Department", "TaxCodeRef": "TaxCode", "TxnTaxCodeRef": "TaxCode",
}  # fmt: skip
"""The entity of the object that a field of a body names, keyed by field."""

EXPLAINED: Mapping[str, str] = {Problem.OTHER_CUSTOMER: "Invoice", Problem.CUSTOMER_CURRENCY: "Customer"}
"""The entity whose object must change, keyed by reason, for reasons that name by themselves a fact outside of the body:
an invoice's customer, or a customer's currency."""

PSEUDO_TAX_CODES = frozenset({"TAX", "NON"})
"""Tax codes that companies of the United States have without listing them."""

NUMBERED = frozenset({"Invoice", "CreditMemo", "SalesReceipt", "RefundReceipt", "JournalEntry", "Estimate", "Bill"})
"""Transactions that may have a DocNumber. QuickBooks' own warning compares the numbers of all of them.

Source: support.clio.com 115003454593 (read 2026-11-29); see quickbooks.md.
"""

NAMED_PEOPLE = ("Customer", "Vendor", "Employee")
"""Entities that share one list of names. Source: Intuit, Customer reference, DisplayName (read 2026-11-21)."""

_CANONICAL = msgspec.json.Encoder(decimal_format="number", order="sorted")


class Asked(NamedTuple):
    """One question to QuickBooks: the objects of an entity that have this value of an attribute."""

    entity: str
    attribute: str
    value: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that QuickBooks refused. ``entity``: the document's entity. ``named``: the entity in the fault.
    ``reason``: the reason that a check of the refusal found."""

    entity: str
    source_id: str
    operation: Operation
    fault_code: str
    body: JsonObject
    named: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The digest of the objects that a fault is about, as QuickBooks holds them. While it is equal, nothing has
    changed.

    ``cause``: the fact that explains the fault, with ids and dates only; "" where no fact seen does.
    """

    sha256: str
    cause: str


def hash_refused(entity: str, body: JsonObject) -> str:
    """Return the SHA-256 of a body without the fields that change by themselves: SyncToken, and a customer's
    DisplayName.

    A customer is offered under two names, of which one must be free. Billing's data is in the other fields.
    """
    left_out = {"SyncToken", "DisplayName"} if entity == "Customer" else {"SyncToken"}
    kept = {name: value for name, value in body.items() if name not in left_out}
    return sha256(_CANONICAL.encode(kept)).hexdigest()


def is_first_of_two(refusal: Refusal) -> bool:
    """Return whether another name is tried at once: the refused name is the plain one, under which a new customer is
    offered first."""
    is_new_customer = refusal.entity == "Customer" and refusal.operation == Operation.CREATE
    plain = not str(refusal.body.get("DisplayName", "")).endswith(with_suffix("", refusal.source_id))
    return is_new_customer and plain and refusal.fault_code == NAME_TAKEN


def needs_settings(refusal: Refusal) -> bool:
    """Return whether the fault may be about the company's settings."""
    if refusal.reason in EXPLAINED:
        return False
    return refusal.fault_code in PERIOD_CLOSED or not _is_specific(refusal)


def questions(refusal: Refusal) -> set[Asked]:
    """Return the questions to QuickBooks about a refusal; each object once."""
    code, body = refusal.fault_code, refusal.body
    if refusal.reason in EXPLAINED:
        return {asked for asked in _named(body) if asked.entity == EXPLAINED[refusal.reason]}
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
    """Return whether the fault itself names the thing that has to change. A payment's fault may come from the open
    amounts of its invoices, which it does not name."""
    return refusal.fault_code in INACTIVE | PERIOD_CLOSED | {NUMBER_TAKEN, NAME_TAKEN, DEPOSITED}


def _named(value: object) -> Iterator[Asked]:
    """Yield every object that a body names by its Id, at any depth."""
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
    """Return the accounts that items book to. An inactive account stops every document that has the item."""
    found = (str((item.get("IncomeAccountRef") or {}).get("value") or "") for item in items)
    return {Asked("Account", "Id", account_id) for account_id in found if account_id}


def judge(refusal: Refusal, found: Mapping[Asked, Sequence[JsonObject]], settings: CompanySettings | None) -> Evidence:
    """Return the evidence about a refusal, from QuickBooks' answers.

    Args:
        refusal: the refused request.
        found: the answer to each of its questions, accounts of its items included.
        settings: the company's settings, as read in this run; None where the fault is not about them.
    """
    closed = settings.books_closed_through if settings is not None else None
    own = Asked(refusal.entity, "Id", str(refusal.body.get("Id", "")))
    facts: list[object] = [
        [*asked, sorted(_facts(refusal, asked, row, is_own=asked == own) for row in rows)]
        for asked, rows in sorted(found.items())
    ]
    if settings is not None:
        is_period = refusal.fault_code in PERIOD_CLOSED
        facts.append(str(closed) if is_period else _settings_facts(settings))
    digest = sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    explain = _explain if refusal.reason in EXPLAINED else _cause
    return Evidence(digest, explain(refusal, found, closed))


def _settings_facts(settings: CompanySettings) -> dict[str, object]:
    """Return the settings that may cause a fault. Settings about matters change the body, and so need no digest."""
    facts: dict[str, object] = json.loads(_CANONICAL.encode(settings))
    return {name: value for name, value in facts.items() if name not in ("class_tracking", "custom_fields")}


def _facts(refusal: Refusal, asked: Asked, row: JsonObject, *, is_own: bool) -> list[str]:
    """Return the fields of an object that count.

    For a reason in ``EXPLAINED`` these are its Id, customer and currency. For any other reason they are its Id and its
    ``Active`` flag, and for a bearer of a number or name nothing else. An invoice that a payment pays also has its
    customer, balance and total; any other object also has its SyncToken and deposits.
    """
    if refusal.reason in EXPLAINED:
        return [str(row["Id"]), _reference(row, "CustomerRef"), _reference(row, "CurrencyRef")]
    facts = [str(row["Id"]), str(row.get("Active", True))]
    if asked.attribute != "Id":
        return facts
    if asked.entity == "Invoice" and not is_own:
        customer = (row.get("CustomerRef") or {}).get("value", "")
        return [*facts, str(customer), f"{row.get('Balance', 0)}", f"{row.get('TotalAmt', 0)}"]
    return [*facts, str(row.get("SyncToken", "")), *_deposits(row)]


def _explain(refusal: Refusal, found: Mapping[Asked, Sequence[JsonObject]], _closed: date | None) -> str:
    """The words of a reason that explains itself, about the first object that shows it; "" when none does any more."""
    describe = describe_customer if refusal.reason == Problem.OTHER_CUSTOMER else describe_currency
    told = (describe(refusal.body, row) for _, rows in sorted(found.items()) for row in rows)
    return next(filter(None, told), "")


def describe_customer(payment: JsonObject, invoice: JsonObject) -> str:
    """Describe, with both Ids, that an invoice has another customer than the payment on it; return "" where it has
    not."""
    ours, theirs = _reference(payment, "CustomerRef"), _reference(invoice, "CustomerRef")
    if ours == theirs:
        return ""
    return f"Invoice {invoice['Id']} is under customer {theirs}, the payment under customer {ours}"


def describe_currency(body: JsonObject, customer: JsonObject) -> str:
    """Describe that a customer has another currency than a document; return "" where both agree, or where one is not
    named."""
    ours, theirs = _reference(body, "CurrencyRef"), _reference(customer, "CurrencyRef")
    return f"customer {customer['Id']} has {theirs}, the document {ours}" if ours and theirs and ours != theirs else ""


def _reference(row: JsonObject, name: str) -> str:
    return str((row.get(name) or {}).get("value") or "")


def _deposits(row: JsonObject) -> list[str]:
    links = row.get("LinkedTxn") or ()
    return sorted(str(link.get("TxnId", "")) for link in links if link.get("TxnType") == "Deposit")


def _cause(refusal: Refusal, found: Mapping[Asked, Sequence[JsonObject]], closed: date | None) -> str:
    """Return in words the fact among QuickBooks' answers that explains the fault; "" without one."""
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
    """Return in words the first other object that has the number or the name; "" without one."""
    what = "number" if refusal.fault_code == NUMBER_TAKEN else "name"
    own = str(refusal.body.get("Id", ""))
    return next((f"{asked.entity} {row['Id']} has the {what}" for asked, row in found if row["Id"] != own), "")


def _find_inactive(found: Iterable[tuple[Asked, JsonObject]]) -> str:
    """Return in words the first inactive object; "" without one."""
    return next((f"{asked.entity} {row['Id']} is inactive" for asked, row in found if row.get("Active") is False), "")


def may_have_changed(refusal: Refusal, evidence: Evidence, *, known_sha256: str, times: int) -> bool:
    """Return whether an object that the fault is about may have changed since the refusal; True where no digest is
    known.

    A fault that names its cause is tried once more if QuickBooks' answers did not show this cause. The cause may have
    disappeared between the refusal and our first reading, and no later reading would then show a change.
    """
    is_explained = bool(evidence.cause) or not _is_specific(refusal)
    return not known_sha256 or known_sha256 != evidence.sha256 or (not is_explained and times < 2)
