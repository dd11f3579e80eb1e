"""The session: both sides of one firm for reading, the ledger, the rules and the clock of a run, and the way to write.

Belongs here: holding them together. Does not belong here: any decision; writing to QuickBooks (``sender``).
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from qb_pipeline import stopping
from qb_pipeline.billing.received import BillingPayments
from qb_pipeline.billing.source import BillingSource
from qb_pipeline.core.settings import FirmRules
from qb_pipeline.ledger.books import company_faults
from qb_pipeline.ledger.books.applications import Applications
from qb_pipeline.ledger.books.census import Censuses
from qb_pipeline.ledger.books.client_credit import ClientCredit
from qb_pipeline.ledger.books.documents import Documents
from qb_pipeline.ledger.books.foreign_documents import ForeignDocuments
from qb_pipeline.ledger.books.hand_entries import HandEntries
from qb_pipeline.ledger.books.history import History
from qb_pipeline.ledger.books.listing import Listing
from qb_pipeline.ledger.books.mappings import Mappings
from qb_pipeline.ledger.books.payers import Payers
from qb_pipeline.ledger.books.planned import PlannedDocuments
from qb_pipeline.ledger.books.plans import Plans
from qb_pipeline.ledger.books.received import ReceivedPayments
from qb_pipeline.ledger.books.refusals import Refusals
from qb_pipeline.ledger.log import Log, Run
from qb_pipeline.ledger.sending import lease
from qb_pipeline.ledger.sending.attempts import Attempt, Attempts, open_attempts
from qb_pipeline.ledger.sending.lease import Lease
from qb_pipeline.ledger.sending.witness import Witness
from qb_pipeline.ledger.setup.bindings import Bindings
from qb_pipeline.ledger.setup.firms import Firm
from qb_pipeline.quickbooks.client import QuickBooksClient, QuickBooksWriter
from qb_pipeline.sync.session.company_reads import CompanyReads
from qb_pipeline.sync.session.sender import Sender

if TYPE_CHECKING:
    from sqlalchemy import Engine

QUARANTINE = timedelta(seconds=310)
"""The settling time: 300 s in which a request may still take effect, and 10 s in which a query may not show it.

It begins with the last send. Intuit documents neither time; its own requests end after 120 s. See docs/architecture.md,
"What can be promised".
"""


@dataclass(frozen=True)
class FirmSession:
    """One firm during one run. Only the sender that ``sending`` yields can write to QuickBooks."""

    firm: Firm
    run: Run
    installation: str
    billing: BillingSource
    billing_payments: BillingPayments
    quickbooks: QuickBooksClient
    company: CompanyReads
    """The answers of the company that this run has read."""
    engine: "Engine"
    """The engine of the ledger."""
    witness: Witness
    first_date: date
    quarantine: timedelta = QUARANTINE
    in_flight: int = 4
    """The number of batches that leave side by side."""
    repeats_refused: bool = False
    """Whether a person named the documents of this run. Refused documents are then sent again."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = stopping.sleep

    @property
    def today(self) -> date:
        """The firm's local date."""
        return self.clock().astimezone(ZoneInfo(self.firm.time_zone)).date()

    @property
    def rules(self) -> FirmRules:
        """The facts about this firm that the rules of ``core`` need today."""
        settings = self.company.settings
        return FirmRules(
            settings=self.firm.settings,
            currency=self.firm.currency,
            time_zone=self.firm.time_zone,
            model=2 if self.firm.model == 2 else 1,
            today=self.today,
            first_date=self.first_date,
            multicurrency=settings is not None and settings.multi_currency,
            cut_over_at=self.firm.cut_over_at,
        )

    @contextmanager
    def recorded(
        self, explain: Callable[[BaseException], str] = str, *, stage: str = "", is_last: bool = True
    ) -> Iterator[None]:
        """Record this run in the ledger while the block works: the outcome, the error and the number of requests.

        ``explain`` gives the text of the error. ``stage``: the block is one stage of the run, and has a row of its own.
        ``is_last``: the run ends with this stage. A stage that fails ends the run.

        Raises:
            CompanyFaultError: QuickBooks refused the company in a request whose answer the block did not need.
        """
        self.log.begin(self.run, now=self.clock(), stage=stage)
        outcome = "failed"
        before = self.quickbooks.requests.reads, self.quickbooks.requests.writing
        try:
            yield
            self.quickbooks.require_usable()
            outcome = "done"
        finally:
            error = sys.exception()
            requests = self.quickbooks.requests
            said = f"{type(error).__name__}: {explain(error)}" if error else ""
            reads, writes, now = requests.reads - before[0], requests.writing - before[1], self.clock()
            if stage:
                self.log.end_stage(
                    self.run, stage, outcome=outcome, error=said, reads=reads, writes=writes, now=now, is_last=is_last
                )
            else:
                self.log.end(self.run, outcome=outcome, error=said, reads=reads, writes=writes, now=now)

    def hold_lease(self) -> AbstractContextManager[Lease]:
        """Hold the company's lease while the block works, so that no other run writes to the company.

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

    @contextmanager
    def sending(self) -> Iterator[Sender]:
        """Yield the sender, which alone writes to the company while the block works.

        When the lease is lost, reads stop too.

        Raises:
            BusyError: another run kept the company busy.
        """
        with self.hold_lease() as held, self.quickbooks.guarded(held.require):
            yield Sender(
                run=self.run,
                lease=held,
                attempts=Attempts(self.engine, held),
                quickbooks=QuickBooksWriter(self.quickbooks),
                witness=self.witness,
                in_flight=self.in_flight,
                is_doubted=company_faults.standing(self.engine, self.firm.firm_id) is not None,
                clock=self.clock,
                sleep=self.sleep,
            )

    @property
    def documents(self) -> Documents:
        """The work list."""
        return Documents(self.engine, self.firm.firm_id)

    @property
    def applications(self) -> Applications:
        """The applications of our payments in QuickBooks."""
        return Applications(self.engine, self.firm.firm_id)

    @property
    def client_credit(self) -> ClientCredit:
        """The payments from credit that have a second half."""
        return ClientCredit(self.engine, self.firm.firm_id)

    @property
    def listing(self) -> Listing:
        """The work list for screens, alerts and sensors."""
        return Listing(self.engine, self.firm.firm_id)

    @property
    def payers(self) -> Payers:
        """The payers and their customers."""
        return Payers(self.engine, self.firm.firm_id)

    @property
    def foreign_documents(self) -> ForeignDocuments:
        """The documents that others wrote in the company, and people's answers about them."""
        return ForeignDocuments(self.engine, self.firm.firm_id)

    @property
    def hand_entries(self) -> HandEntries:
        """The by-hand list, and the transactions that people entered for it."""
        return HandEntries(self.engine, self.firm.firm_id)

    @property
    def mappings(self) -> Mappings:
        """The objects of QuickBooks to which billing's payers, fee items and so on are mapped."""
        return Mappings(self.engine, self.firm.firm_id)

    @property
    def log(self) -> Log:
        """The sync log."""
        return Log(self.engine, self.firm.firm_id)

    @property
    def bindings(self) -> Bindings:
        """The databases and the company that the firm was connected with."""
        return Bindings(self.engine, self.firm.firm_id)

    @property
    def censuses(self) -> Censuses:
        """The counts, and the documents that are still to be counted."""
        return Censuses(self.engine, self.firm.firm_id)

    @property
    def plans(self) -> Plans:
        """The decisions of dry runs."""
        return Plans(self.engine, self.firm.firm_id)

    @property
    def planned(self) -> PlannedDocuments:
        """The decisions of this run for its stages."""
        return PlannedDocuments(self.engine, self.firm.firm_id)

    @property
    def refusals(self) -> Refusals:
        """The last refusals by QuickBooks."""
        return Refusals(self.engine, self.firm.firm_id)

    @property
    def history(self) -> History:
        """The past of single documents."""
        return History(self.engine, self.firm.firm_id)

    @property
    def received(self) -> ReceivedPayments:
        """Payments that QuickBooks received, and the postings that billing should hold of them (Model 2)."""
        return ReceivedPayments(self.engine, self.firm)

    def open_attempts(self) -> list[Attempt]:
        """Return the requests whose outcome is not known. Reading them needs no lease."""
        return open_attempts(self.engine, self.firm.firm_id)
