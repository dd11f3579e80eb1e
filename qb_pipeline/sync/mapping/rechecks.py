"""The documents that a change of mappings concerns: those that were not sent for lack of these mappings, and no
others."""

from collections.abc import Iterable, Sequence

from qb_pipeline.billing.source import InvoiceRows
from qb_pipeline.core.mapping.mapping_targets import CLEARS
from qb_pipeline.core.states import Kind
from qb_pipeline.ledger.books.documents import HeldDocument
from qb_pipeline.ledger.books.mappings import Mapping
from qb_pipeline.sync.session.firm_session import FirmSession


def look_again(session: FirmSession, changed: Sequence[Mapping]) -> int:
    """Set held documents that these mappings may release to be planned again. Sent documents are never touched.

    Returns:
        The number of documents that moved.
    """
    found: set[int] = set()
    for kind in dict.fromkeys(mapping.kind for mapping in changed):
        source_ids = {mapping.source_id for mapping in changed if mapping.kind == kind}
        held = session.documents.held_for(CLEARS[kind])
        found |= {row.document_id for row in _affected(session, kind, source_ids, held)}
    if not found:
        return 0
    return session.documents.look_again(
        sorted(found), {reason for kind in CLEARS for reason in CLEARS[kind]}, run=session.run, now=session.clock()
    )


def _affected(
    session: FirmSession, kind: str, source_ids: set[str], held: Sequence[HeldDocument]
) -> Iterable[HeldDocument]:
    """Return those of the held documents that the mappings of these ids of billing may release."""
    if not held:
        return ()
    if kind == "payer":
        # Namesakes too: they wait until one of them is mapped.
        payers = set(session.billing.fetch_namesakes(source_ids)["payer_id"]) | source_ids
        return [row for row in held if row.payer_id in payers]
    is_of_payments = kind in ("payment_method", "deposit_account")
    held = [row for row in held if row.kind == (Kind.PAYMENT if is_of_payments else Kind.INVOICE)]
    ids = [row.source_id for row in held]
    if is_of_payments:
        payments = session.billing.fetch_payments(ids).payments
        meant = set(payments.loc[payments["method"].isin(source_ids), "payment_id"])
    else:
        meant = _find_invoices(session.billing.fetch_invoices(ids), kind, source_ids)
    return [row for row in held if row.source_id in meant]


def _find_invoices(fetched: InvoiceRows, kind: str, source_ids: set[str]) -> set[str]:
    """Return the ids of the invoices whose content uses one of ``source_ids``."""
    lines = fetched.lines
    if kind == "fee_item":
        return set(lines.loc[lines["fee_item_id"].isin(source_ids), "invoice_id"])
    if kind == "terms":
        return set(fetched.invoices.loc[fetched.invoices["terms"].isin(source_ids), "invoice_id"])
    if kind == "matter":
        return set(fetched.invoices.loc[fetched.invoices["matter"].isin(source_ids), "invoice_id"])
    if "TOTAL" in source_ids:
        return set(lines["invoice_id"])
    codes = lines["is_taxable"].map({True: "TAX", False: "NON"})
    return set(lines.loc[codes.isin(source_ids), "invoice_id"])
