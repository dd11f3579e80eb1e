"""Which documents a change of mappings is about: those that were not sent for want of them, and no others."""

from collections.abc import Iterable, Sequence
from typing import Any

from qb_pipeline.core.targets import CLEARS
from qb_pipeline.ledger.mappings import Mapping
from qb_pipeline.sync.workplace import Workplace


def look_again(place: Workplace, changed: Sequence[Mapping]) -> int:
    """Put held documents that these mappings may clear back on the work list; what was sent is never touched.

    Returns:
        How many documents moved.
    """
    found: set[int] = set()
    for kind in dict.fromkeys(mapping.kind for mapping in changed):
        source_ids = {mapping.source_id for mapping in changed if mapping.kind == kind}
        held = place.documents.held_for(CLEARS[kind])
        found |= {row.document_id for row in _affected(place, kind, source_ids, held)}
    if not found:
        return 0
    return place.documents.look_again(
        sorted(found), {reason for kind in CLEARS for reason in CLEARS[kind]}, run=place.run, now=place.clock()
    )


def _affected(place: Workplace, kind: str, source_ids: set[str], held: Sequence[Any]) -> Iterable[Any]:
    if not held:
        return ()
    if kind == "payer":
        # Namesakes too: they wait until one of them is mapped.
        payers = set(place.billing.fetch_namesakes(source_ids)["payer_id"]) | source_ids
        return [row for row in held if row.payer_id in payers]
    if kind in ("payment_method", "deposit_account"):
        payments = place.billing.fetch_payments(row.source_id for row in held if row.kind == "payment").payments
        ids = set(payments.loc[payments["method"].isin(source_ids), "payment_id"])
        return [row for row in held if row.kind == "payment" and row.source_id in ids]
    fetched = place.billing.fetch_invoices(row.source_id for row in held if row.kind == "invoice")
    lines = fetched.lines
    if kind == "fee_item":
        ids = set(lines.loc[lines["fee_item_id"].isin(source_ids), "invoice_id"])
    elif kind == "terms":
        ids = set(fetched.invoices.loc[fetched.invoices["terms"].isin(source_ids), "invoice_id"])
    elif "TOTAL" in source_ids:
        ids = set(lines["invoice_id"])
    else:
        codes = lines["is_taxable"].map({True: "TAX", False: "NON"})
        ids = set(lines.loc[codes.isin(source_ids), "invoice_id"])
    return [row for row in held if row.kind == "invoice" and row.source_id in ids]
