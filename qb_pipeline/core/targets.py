"""What a mapping may point at in QuickBooks.

Belongs here: kinds of mapping, the entity of each, whether one of its objects may be used, which reasons a mapping
clears. Does not belong here: reading QuickBooks (``sync.mapping``), near misses (``core.suggestions``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qb_pipeline.core.problems import Problem

ENTITIES = {
    "payer": "Customer", "fee_item": "Item", "payment_method": "PaymentMethod", "deposit_account": "Account",
    "terms": "Term", "tax_code": "TaxCode",
}  # fmt: skip
"""Kinds of mapping, and what each is mapped to."""

TYPES = {
    "fee_item": ("Type", ("Service", "NonInventory")),
    "deposit_account": ("AccountType", ("Bank", "Other Current Asset")),
    "income_account": ("AccountType", ("Income", "Other Income")),
}
"""The field and its values that make an object usable, where not every object of the entity is.

Sources: Intuit, Item reference (an inventory item would move stock, a category cannot be sold) and Payment reference,
DepositToAccountRef (read 2026-11-21).
"""

_PAYER_REASONS = frozenset(
    {
        Problem.AMBIGUOUS_NAME, Problem.INACTIVE_CUSTOMER, Problem.MISSING_NAME, Problem.SUB_CUSTOMER_ONLY,
        Problem.NAME_SHARED, Problem.LINKED_TO_OTHER, Problem.UNMATCHED_PAYER, Problem.NO_BILLING_PERSON,
        Problem.BAD_NAME, Problem.NAME_TOO_LONG, Problem.MAPPING_INACTIVE,
    }
)  # fmt: skip
_ITEM_REASONS = frozenset(
    {
        Problem.UNMAPPED_FEE_ITEM, Problem.AMBIGUOUS_ITEM, Problem.NO_INCOME_ACCOUNT, Problem.INACTIVE_ITEM,
        Problem.MISSING_NAME, Problem.BAD_NAME, Problem.NAME_TOO_LONG, Problem.MAPPING_INACTIVE,
    }
)  # fmt: skip

CLEARS: dict[str, frozenset[Problem]] = {
    **dict.fromkeys(ENTITIES, frozenset({Problem.MAPPING_INACTIVE})),
    "payer": _PAYER_REASONS,
    "fee_item": _ITEM_REASONS,
}
"""Which reasons of a held document another mapping of this kind may clear."""


@dataclass(frozen=True, slots=True)
class Target:
    """One object of QuickBooks that a mapping may point at. ``type`` is empty where every object may be used."""

    quickbooks_id: str
    name: str
    is_active: bool
    is_usable: bool
    type: str = ""


def read_targets(kind: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, Target]:
    """Read objects of QuickBooks as targets of a kind of mapping, by Id."""
    field, usable = TYPES.get(kind, ("", ()))
    name = "DisplayName" if ENTITIES.get(kind) == "Customer" else "Name"
    return {
        row["Id"]: Target(
            quickbooks_id=row["Id"],
            name=str(row.get(name, "")),
            is_active=bool(row.get("Active", True)),
            is_usable=not field or row.get(field) in usable,
            type=str(row.get(field, "")) if field else "",
        )
        for row in rows
    }


def find_target_problem(kind: str, quickbooks_id: str, targets: Mapping[str, Target]) -> tuple[str, str] | None:
    """Say why a mapping cannot point there, and what to do; None when it can."""
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
    return None
