"""The objects of QuickBooks that a mapping (crosswalk) may point at.

Belongs here: the kinds of mapping and the entity of each, the check that an object may be used, the choice of the
object that a person means, the reasons that a mapping clears. Does not belong here: reading QuickBooks
(``sync.mapping``), near misses (``core.mapping.suggestions``).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.settings import CLIENT_ACCOUNTS, FEE_KINDS
from qb_pipeline.core.text import former_name, name_key

NAMED = 20
"""The most objects that an error message lists. It counts the rest."""

INCOME_ACCOUNT = "income_account"
"""The setting that names an account of QuickBooks for new items. It points at its account as a mapping does."""

INCOME_ACCOUNTS = (INCOME_ACCOUNT, *(f"{INCOME_ACCOUNT}_{kind}" for kind in FEE_KINDS))
"""The setting ``income_account``, and the settings for one kind of fee each."""

ACCOUNTS = (*INCOME_ACCOUNTS, *CLIENT_ACCOUNTS)
"""All settings that point at an account."""

TRUST_SUB_TYPES = frozenset({"TrustAccounts", "RentsHeldInTrust"})
"""Sub-types of bank accounts that hold client money. Source: Intuit's enumeration of sub-types (read 2026-11-29)."""

_CALLED_TRUST = re.compile(r"(?<![^\W_])(?:trust|iolta|escrow)(?![^\W_])", re.IGNORECASE)

ENTITIES = {
    "payer": "Customer", "fee_item": "Item", "payment_method": "PaymentMethod", "deposit_account": "Account",
    "terms": "Term", "tax_code": "TaxCode", "matter": "Class",
}  # fmt: skip
"""The entity of QuickBooks that a mapping points at, keyed by kind of mapping."""

TYPES = {
    "fee_item": ("Type", ("Service", "NonInventory")),
    "deposit_account": ("AccountType", ("Bank", "Other Current Asset")),
    **dict.fromkeys(INCOME_ACCOUNTS, ("AccountType", ("Income", "Other Income"))),
    **dict.fromkeys(
        ("income_account_government_fee", "income_account_expense"),
        ("AccountType", ("Income", "Other Income", "Other Current Asset")),
    ),
    "client_credit_account": ("AccountType", ("Other Current Liability",)),
    "client_clearing_account": ("AccountType", ("Other Current Asset",)),
}
"""The field, and its values, that make an object usable, keyed by kind of mapping or setting. Other kinds may use every
object of their entity.

Sources: Intuit, Item reference (an inventory item would move stock, a category cannot be sold) and Payment reference,
DepositToAccountRef (read 2026-11-21). Costs that a firm advances for its clients are an asset until they are paid back.
"""

_PAYER_REASONS = frozenset(
    {
        Problem.AMBIGUOUS_NAME, Problem.INACTIVE_CUSTOMER, Problem.MISSING_NAME, Problem.SUB_CUSTOMER_ONLY,
        Problem.NAME_SHARED, Problem.LINKED_TO_OTHER, Problem.UNMATCHED_PAYER, Problem.NO_BILLING_PERSON,
        Problem.BAD_NAME, Problem.NAME_TOO_LONG, Problem.NAME_TAKEN, Problem.LIKE_CUSTOMER, Problem.IDENTITY_NUMBER,
        Problem.MAPPING_INACTIVE, Problem.CUSTOMER_CURRENCY, Problem.OTHER_CUSTOMER,
    }
)  # fmt: skip
_ITEM_REASONS = frozenset(
    {
        Problem.UNMAPPED_FEE_ITEM, Problem.AMBIGUOUS_ITEM, Problem.NO_INCOME_ACCOUNT, Problem.INACTIVE_ITEM,
        Problem.MISSING_NAME, Problem.BAD_NAME, Problem.NAME_TOO_LONG, Problem.IDENTITY_NUMBER,
        Problem.MAPPING_INACTIVE,
    }
)  # fmt: skip

CLEARS: dict[str, frozenset[Problem]] = {
    **dict.fromkeys(ENTITIES, frozenset({Problem.MAPPING_INACTIVE})),
    "deposit_account": frozenset({Problem.MAPPING_INACTIVE, Problem.TRUST_ACCOUNT}),
    "payer": _PAYER_REASONS,
    "fee_item": _ITEM_REASONS,
}
"""The reasons of held documents (rejected by validation) that a change of a mapping may clear, keyed by kind of
mapping."""


@dataclass(frozen=True, slots=True)
class Target:
    """One object of QuickBooks that a mapping may point at. ``type`` is "" where every object may be used.

    ``full_name`` contains the names of its parents too (``Income:Legal Fees``); "" where the list has no parents.
    ``sub_type`` is an account's. ``currency`` is a customer's; "" where the company has only one.
    """

    quickbooks_id: str
    name: str
    is_active: bool
    is_usable: bool
    type: str = ""
    full_name: str = ""
    sub_type: str = ""
    currency: str = ""

    @property
    def fits(self) -> bool:
        """Whether a mapping may point at the object."""
        return self.is_active and self.is_usable and not self.holds_client_money

    @property
    def holds_client_money(self) -> bool:
        """Whether the object is a trust account. Operating receipts must not pass through one."""
        return self.sub_type in TRUST_SUB_TYPES

    @property
    def is_called_trust(self) -> bool:
        """Whether the object is a bank account whose name says trust, IOLTA or escrow, but whose sub-type does not."""
        named = _CALLED_TRUST.search(self.full_name or self.name) is not None
        return named and self.type == "Bank" and not self.holds_client_money


def read_targets(kind: str, rows: Iterable[JsonObject]) -> dict[str, Target]:
    """Read objects of QuickBooks as targets of a kind of mapping, keyed by Id."""
    field, usable = TYPES.get(kind, ("", ()))
    name = "DisplayName" if ENTITIES.get(kind) == "Customer" else "Name"
    return {
        row["Id"]: Target(
            quickbooks_id=row["Id"],
            name=str(row.get(name, "")),
            is_active=bool(row.get("Active", True)),
            is_usable=not field or row.get(field) in usable,
            type=str(row.get(field, "")) if field else "",
            full_name=str(row.get("FullyQualifiedName") or ""),
            sub_type=str(row.get("AccountSubType") or ""),
            currency=str((row.get("CurrencyRef") or {}).get("value") or "") if kind == "payer" else "",
        )
        for row in rows
    }


def find_target_problem(kind: str, quickbooks_id: str, targets: Mapping[str, Target]) -> tuple[str, str] | None:
    """Return the reason for which a mapping cannot point at an object, and the remedy; None when it can."""
    entity = ENTITIES.get(kind, "Account")
    target = targets.get(quickbooks_id)
    if target is None:
        return (
            f"QuickBooks has no {entity} with Id {quickbooks_id!r}",
            "Take the Id from `mapping suggest`; what was merged goes on under the Id of the other one.",
        )
    if not target.is_active:
        return (
            f"the {entity} with Id {quickbooks_id!r} is inactive in QuickBooks",
            "Make it active in QuickBooks, or take another one.",
        )
    if not target.is_usable:
        field, usable = TYPES[kind]
        return (
            f"the {entity} with Id {quickbooks_id!r} is of {field} {target.type}",
            f"Take one of {field} {' or '.join(usable)}.",
        )
    if target.holds_client_money:
        return (
            f"the {entity} with Id {quickbooks_id!r} holds client money (AccountSubType {target.sub_type})",
            "Take the operating account; what belongs to clients never passes through operating receipts.",
        )
    return None


_REFERENCES = {
    "CustomerRef": "payer", "SalesTermRef": "terms", "PaymentMethodRef": "payment_method",
    "DepositToAccountRef": "deposit_account",
}  # fmt: skip


def read_references(body: JsonObject) -> set[tuple[str, str]]:
    """Return the mapped objects that a document points at, as (kind, Id). A dry run's placeholders have no Id: they are
    left out."""
    found = {(kind, body[name]["value"]) for name, kind in _REFERENCES.items() if name in body}
    for line in body.get("Line") or ():
        detail = line.get("SalesItemLineDetail") or {}
        found |= {("fee_item", (detail.get("ItemRef") or {}).get("value", ""))}
        found |= {("tax_code", (detail.get("TaxCodeRef") or {}).get("value", ""))}
    found |= {("tax_code", ((body.get("TxnTaxDetail") or {}).get("TxnTaxCodeRef") or {}).get("value", ""))}
    found |= {("matter", class_id) for class_id in _read_classes(body)}
    return {(kind, str(quickbooks_id)) for kind, quickbooks_id in found if str(quickbooks_id).isdigit()}


def _read_classes(body: JsonObject) -> set[str]:
    """Return the class Ids of a new document. For a document of QuickBooks the set is empty: its classes are the
    bookkeeper's."""
    if "Id" in body:
        return set()
    details = [line.get(line.get("DetailType")) or {} for line in body.get("Line") or ()]
    return {(each.get("ClassRef") or {}).get("value", "") for each in (body, *details)}


def is_refused(kind: str, quickbooks_id: str, targets: Mapping[str, Target]) -> bool:
    """Return whether QuickBooks refuses a document that points at an object.

    A mapping may not point at an inventory item, but QuickBooks accepts a document that sells one. It refuses a
    document that sells a category.
    """
    target = targets.get(quickbooks_id)
    if target is None or not target.is_active:
        return True
    return not target.is_usable and (kind != "fee_item" or target.type == "Category")


def choose_target(kind: str, text: str, targets: Mapping[str, Target]) -> Target:
    """Return the one object that a person means, by Id, name or full name, in any case. Only usable objects can be
    meant.

    Raises:
        ValueError: QuickBooks has no such object, or it is inactive or of another type, or several fit. The message
            lists those that fit.
    """
    key = name_key(text)
    hits = [target for target in targets.values() if target.quickbooks_id == text or key in _names(target)]
    fitting = [target for target in hits if target.fits]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        why = f"that may be {' or '.join(map(_shown, fitting))}. Give the Id or the full name."
    elif hits:
        problems = [find_target_problem(kind, hit.quickbooks_id, targets) for hit in hits]
        why = " ".join(f"{problem[0]}." for problem in problems if problem)
    else:
        why = f"QuickBooks has no {ENTITIES.get(kind, 'Account')} of this Id or name."
    raise ValueError(f"{kind}={text}: {why} {_list_fitting(targets)}")


def _list_fitting(targets: Mapping[str, Target]) -> str:
    fitting = sorted(map(_shown, (target for target in targets.values() if target.fits)), key=str.casefold)
    if not fitting:
        return "The company has none that fits."
    more = f"; and {len(fitting) - NAMED} more" if len(fitting) > NAMED else ""
    return f"These fit: {'; '.join(fitting[:NAMED])}{more}."


def _names(target: Target) -> set[str]:
    """Return the names of an object as keys; for an inactive object the names that it had before."""
    names = (target.name, target.full_name)
    return {name_key(name if target.is_active else former_name(name)) for name in names}


def _shown(target: Target) -> str:
    return f"{target.full_name or target.name} (Id {target.quickbooks_id}{target.type and f', {target.type}'})"
