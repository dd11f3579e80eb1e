"""What a run needs to work on one firm: both sides, the ledger, the rules, the clock.

Belongs here: holding them together, and what both planning and sending ask of QuickBooks once per run. Does not belong
here: any decision.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd

from qb_pipeline.billing.received import BillingPayments
from qb_pipeline.billing.source import BillingSource
from qb_pipeline.core.preflight import CompanySettings
from qb_pipeline.core.settings import FirmRules
from qb_pipeline.ledger import lease
from qb_pipeline.ledger.attempts import Attempts
from qb_pipeline.ledger.bindings import Bindings
from qb_pipeline.ledger.census import Censuses
from qb_pipeline.ledger.documents import Documents
from qb_pipeline.ledger.firms import Firm
from qb_pipeline.ledger.history import History
from qb_pipeline.ledger.lease import Lease
from qb_pipeline.ledger.log import Log, Run
from qb_pipeline.ledger.mappings import Mappings
from qb_pipeline.ledger.plans import Plans
from qb_pipeline.ledger.pulls import Turn
from qb_pipeline.ledger.received import ReceivedPayments
from qb_pipeline.ledger.witness import Witness
from qb_pipeline.quickbooks.client import Company

if TYPE_CHECKING:
    from sqlalchemy import Engine

QUARANTINE = timedelta(seconds=310)
"""How long after the last send a request may still take effect (300 s), and then stay hidden from a query (10 s).

Intuit documents neither; its own requests end after 120 s. See docs/architecture.md, "What can be promised".
"""


@dataclass
class Workplace:
    """One firm during one run. ``lease`` and ``attempts`` are there while this run may send."""

    firm: Firm
    run: Run
    installation: str
    billing: BillingSource
    quickbooks: Company
    documents: Documents
    mappings: Mappings
    log: Log
    engine: "Engine"
    bindings: Bindings
    witness: Witness
    first_date: date
    billing_payments: BillingPayments
    lease: Lease | None = None
    attempts: Attempts | None = None
    turn: Turn | None = None
    """The right to pull, while this run does."""
    quarantine: timedelta = QUARANTINE
    in_flight: int = 4
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = time.sleep
    company: CompanySettings | None = None
    """Settings of the company as last read (``sync.preflight``)."""
    notices: list[str] = field(default_factory=list)
    unanswered: int = 0
    """Requests in a row whose answer was lost."""
    try_again: bool = False
    """Something was refused only for a bad moment, or moved while it was planned: a second look may help."""

    stale: set[int] = field(default_factory=set)
    """Documents that were refused because they had changed: a query may not show them as they are now."""

    followed: dict[str, str] = field(default_factory=dict)
    """Customers that were merged away, and into whom, as far as this run has found out."""

    would_create: set[tuple[str, str]] = field(default_factory=set)
    """Customers and items (kind, id in billing) that a dry run would have created."""

    in_hand: threading.local = field(default_factory=threading.local, repr=False)
    """The attempt that this thread is about to send, while it is."""

    @property
    def today(self) -> date:
        """The firm's local date."""
        return self.clock().astimezone(ZoneInfo(self.firm.time_zone)).date()

    @property
    def rules(self) -> FirmRules:
        """What the rules of ``core`` need to know of this firm today."""
        return FirmRules(
            settings=self.firm.settings,
            currency=self.firm.currency,
            time_zone=self.firm.time_zone,
            model=2 if self.firm.model == 2 else 1,
            today=self.today,
            first_date=self.first_date,
            multicurrency=self.company is not None and self.company.multi_currency,
            cut_over_at=self.firm.cut_over_at,
        )

    @contextmanager
    def recorded(self, explain: Callable[[BaseException], str] = str) -> Iterator[None]:
        """Keep this run's row in the ledger while the block works: its outcome, its error as ``explain`` tells it, and
        the requests that left."""
        self.log.begin(self.run, now=self.clock())
        outcome = "failed"
        try:
            yield
            outcome = "done"
        finally:
            error = sys.exception()
            requests = self.quickbooks.requests
            self.log.end(
                self.run,
                outcome=outcome,
                error=f"{type(error).__name__}: {explain(error)}" if error else "",
                reads=requests.reads,
                writes=requests.writing,
                now=self.clock(),
            )

    def hold_lease(self) -> AbstractContextManager[Lease]:
        """Be the one that writes to the company while the block works.

        Raises:
            BusyError: another run kept the company busy.
        """
        return lease.hold(
            self.engine,
            firm_id=self.firm.firm_id,
            realm_id=self.quickbooks.realm_id,
            run_id=self.run.run_id,
            now=self.clock,
            sleep=self.sleep,
        )

    def require_lease(self) -> None:
        """Raises:
        LeaseLostError: this run may not send any more.
        """
        for right in (self.lease, self.turn):
            if right is not None:
                right.require()

    def leave(self) -> None:
        """Say that a request has had its turn and leaves now; of one that writes, ledger and witness take note.

        Raises:
            LeaseLostError: this run may not send any more.
        """
        self.require_lease()
        attempt = getattr(self.in_hand, "attempt", None)
        if attempt is not None:
            self.witness.note(self.sending.leaving(attempt, witness_id=self.witness.witness_id, now=self.clock()))

    @property
    def censuses(self) -> Censuses:
        """What was counted, and what is to be."""
        return Censuses(self.engine, self.firm.firm_id)

    @property
    def plans(self) -> Plans:
        """What dry runs decided."""
        return Plans(self.engine, self.firm.firm_id)

    @property
    def history(self) -> History:
        """What was done with single documents."""
        return History(self.engine, self.firm.firm_id)

    @property
    def sending(self) -> Attempts:
        """The attempts, when this run may send."""
        if self.attempts is None:
            raise RuntimeError("nothing may be sent outside the firm's lease")
        return self.attempts

    @property
    def received(self) -> ReceivedPayments:
        """Payments that QuickBooks received, and what billing shall hold of them (Model 2)."""
        return ReceivedPayments(self.engine, self.firm)

    @cached_property
    def customers(self) -> pd.DataFrame:
        """Every customer of the company, inactive ones too (``core.schemas.Customers``); read when first asked."""
        rows = [
            {
                "customer_id": row["Id"],
                "display_name": row.get("DisplayName", ""),
                "given_name": row.get("GivenName", ""),
                "family_name": row.get("FamilyName", ""),
                "company_name": row.get("CompanyName", ""),
                "is_active": bool(row.get("Active", True)),
                "is_sub_customer": bool(row.get("Job", False)) or "ParentRef" in row,
            }
            for row in self.quickbooks.query_all("Customer", where="Active IN (true, false)")
        ]
        columns = [
            "customer_id", "display_name", "given_name", "family_name", "company_name", "is_active", "is_sub_customer",
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    @cached_property
    def items(self) -> pd.DataFrame:
        """Every item of the company, inactive ones too (``core.schemas.Items``); read once, when first asked."""
        rows = [
            {
                "item_id": row["Id"],
                "name": row.get("Name", ""),
                "sku": row.get("Sku", ""),
                "type": row.get("Type", ""),
                "is_active": bool(row.get("Active", True)),
            }
            for row in self.quickbooks.query_all("Item", where="Active IN (true, false)")
        ]
        return pd.DataFrame(rows, columns=["item_id", "name", "sku", "type", "is_active"])
