"""The state of a firm on a morning, for the digest."""

from collections.abc import Sequence
from datetime import timedelta

from qb_pipeline.core.alerts import PAID_AT_ONCE, FirmDay, Held
from qb_pipeline.ledger.books.listing import Listing
from qb_pipeline.ledger.setup.firms import Firm, SetUpError
from qb_pipeline.sync.deployment import Deployment

LAST_DAY = timedelta(hours=24)
"""The period that a digest covers."""


def read_day(deployment: Deployment, firm: Firm, failed_runs: Sequence[str]) -> FirmDay:
    """Return the held documents of a firm, its failed runs, the end of its connection, and the invoices that QuickBooks
    paid at once. Makes no request to QuickBooks."""
    held = tuple(
        Held(row.kind, row.reason, row.documents, row.amount, row.remedy)
        for row in Listing(deployment.ledger, firm.firm_id).held_by_reason()
    )
    ends = None
    if firm.connected_at is not None:
        try:
            tokens = deployment.tokens.load(firm.firm_id)
        except SetUpError:  # tokens that no key of ours decrypts are lost
            ends = deployment.clock().date()
        else:
            ends = min(filter(None, (tokens.refresh_expires_at, tokens.refresh_hard_expires_at))).date()
    paid = deployment.log(firm.firm_id).noticed(PAID_AT_ONCE, since=deployment.clock() - LAST_DAY)
    return FirmDay(
        firm.firm_id, firm.state, firm.next_step, held, tuple(failed_runs), ends, tuple(str(name) for name in paid)
    )
