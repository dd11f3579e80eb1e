"""The mapping utility: what of billing is what in QuickBooks, as a person maps it.

Nothing here is applied by itself. A file that is imported is checked as a whole first: one bad row, and none is stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qb_pipeline.core.suggestions import suggest
from qb_pipeline.ledger.mappings import Mapping as Link
from qb_pipeline.sync.workplace import Workplace

METHODS = ("check", "card", "echeck", "cash", "wire", "credit", "other")
"""Billing's payment methods (docs/interfaces.md, billing contract)."""

TAX_CODES = {"TAX": "taxable line", "NON": "line without tax", "TOTAL": "tax of the whole invoice"}

ENTITIES = {
    "payer": "Customer", "fee_item": "Item", "payment_method": "PaymentMethod", "deposit_account": "Account",
    "terms": "Term", "tax_code": "TaxCode",
}  # fmt: skip
"""Kinds of mapping, and what each is mapped to."""

NAME_FIELDS = {"Customer": "DisplayName"}

DEPOSIT_TYPES = ("Bank", "Other Current Asset")
"""Where a payment may be deposited. Source: Intuit, Payment reference, DepositToAccountRef (read 2026-11-21)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the mapping: empty ``quickbooks_id`` when there is none. ``score`` (0 to 100) is of a suggestion."""

    kind: str
    billing_id: str
    billing_name: str
    quickbooks_id: str = ""
    quickbooks_name: str = ""
    origin: str = ""
    score: int | None = None


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row of an imported file cannot be used; ``line`` counts from 2, below the heading."""

    line: int
    reason: str
    remedy: str


def read_rows(place: Workplace) -> list[Row]:
    """Everything that can be mapped, with its mapping where there is one, by kind and id."""
    names = _billing_names(place)
    rows = []
    for kind, known in names.items():
        links = {link.source_id: link for link in place.mappings.all(kind)}
        for billing_id in sorted(known.keys() | links.keys()):
            link = links.get(billing_id, Link(kind, billing_id, "", "", ""))
            rows.append(
                Row(kind, billing_id, known.get(billing_id, ""), link.quickbooks_id, link.quickbooks_name, link.origin)
            )
    return rows


def suggest_rows(place: Workplace) -> list[Row]:
    """For everything that has no mapping yet, the likeliest entry of QuickBooks; best first within each kind."""
    rows = []
    unmapped = [row for row in read_rows(place) if not row.quickbooks_id]
    for kind in ENTITIES:
        wanted = {row.billing_id: row.billing_name for row in unmapped if row.kind == kind}
        if not wanted:
            continue
        choices = read_choices(place, kind)
        found = suggest(wanted, choices)
        rows += [
            Row(
                kind, hit.source_id, wanted[hit.source_id], hit.quickbooks_id, choices[hit.quickbooks_id], "", hit.score
            )
            for hit in sorted(found, key=lambda hit: (-hit.score, hit.source_id))
        ]
    return rows


def read_choices(place: Workplace, kind: str) -> dict[str, str]:
    """What this kind may be mapped to: ids and names of active entries."""
    entity = ENTITIES[kind]
    rows = place.quickbooks.query_all(entity, where="Active = true")
    name = NAME_FIELDS.get(entity, "Name")
    return {
        row["Id"]: str(row.get(name, ""))
        for row in rows
        if entity != "Account" or row.get("AccountType") in DEPOSIT_TYPES
    }


def import_rows(place: Workplace, rows: Sequence[Row]) -> list[RowError]:
    """Store the rows that name a QuickBooks id as a person's mappings; all of them, or none when one is wrong.

    Rows without a QuickBooks id are skipped, so that an exported file can be filled in bit by bit.

    Returns:
        What is wrong, row by row; empty when everything was stored.
    """
    errors: list[RowError] = []
    names = _billing_names(place)
    choices: dict[str, dict[str, str]] = {}
    seen: dict[tuple[str, str], int] = {}
    links = []
    for line, row in enumerate(rows, start=2):
        if row.kind not in ENTITIES:
            errors.append(RowError(line, f"no kind {row.kind!r}", f"Use one of {', '.join(ENTITIES)}."))
            continue
        if not row.quickbooks_id:
            continue
        if row.kind not in choices:
            choices[row.kind] = read_choices(place, row.kind)
        first = seen.setdefault((row.kind, row.billing_id), line)
        if first != line:
            errors.append(
                RowError(line, f"{row.kind} {row.billing_id} stands in line {first} too", "Keep one of them.")
            )
        elif row.billing_id not in names[row.kind]:
            errors.append(
                RowError(line, f"billing has no {row.kind} {row.billing_id!r}", "Take the id from `mapping export`.")
            )
        elif row.quickbooks_id not in choices[row.kind]:
            errors.append(
                RowError(
                    line,
                    f"QuickBooks has no active {ENTITIES[row.kind]} with Id {row.quickbooks_id!r}",
                    "Take the id from `mapping suggest`, or make the entry active in QuickBooks.",
                )
            )
        else:
            name = choices[row.kind][row.quickbooks_id]
            links.append(Link(row.kind, row.billing_id, row.quickbooks_id, name, "person"))
    if not errors:
        place.mappings.remember(links, actor=place.run.actor, now=place.clock())
    return errors


def _billing_names(place: Workplace) -> Mapping[str, Mapping[str, str]]:
    # Payers with documents on the work list: of a firm's many contacts, those that a sync is about.
    names = place.billing.mappable_names(place.documents.payer_ids())
    return {
        **names,
        "payment_method": {method: method for method in METHODS},
        "deposit_account": {method: method for method in METHODS},
        "tax_code": TAX_CODES,
    }
