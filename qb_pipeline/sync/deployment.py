"""The deployment: it opens the session of a firm, with the firm's tokens, its company and its side of billing.

Belongs here: assembling a firm's session, and refusing a firm that is not set up. Does not belong here: the creation of
the engines (``defs.resources``, ``cli``).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from qb_pipeline import stopping
from qb_pipeline.billing.received import BillingPayments
from qb_pipeline.billing.source import BillingSource
from qb_pipeline.ledger.books import company, company_faults
from qb_pipeline.ledger.books.census import Censuses
from qb_pipeline.ledger.books.reconciliation import Reconciliation
from qb_pipeline.ledger.log import Log, Run
from qb_pipeline.ledger.sending.witness import Witness
from qb_pipeline.ledger.setup import schema
from qb_pipeline.ledger.setup.bindings import Bindings
from qb_pipeline.ledger.setup.firms import Firm, Firms, SetUpError
from qb_pipeline.ledger.setup.tokens import TokenStore
from qb_pipeline.quickbooks.client import QuickBooksClient
from qb_pipeline.quickbooks.environments import Environment
from qb_pipeline.quickbooks.errors import AuthorizationLostError
from qb_pipeline.quickbooks.oauth import OAuth
from qb_pipeline.quickbooks.throttle import Throttle
from qb_pipeline.sync.session.company_reads import CompanyReads
from qb_pipeline.sync.session.firm_session import QUARANTINE, FirmSession
from qb_pipeline.sync.verify.binding import require_databases

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass
class Deployment:
    """The services and settings that all firms of this deployment share. ``keys`` are the secrets that decrypt tokens,
    newest first. ``home`` is the directory of the witnesses, which count the requests that left."""

    ledger: "Engine"
    billing: "Engine"
    environment: Environment
    client_id: str
    client_secret: str = field(repr=False)
    keys: Sequence[str] = field(repr=False)
    first_date: date
    home: Path
    quarantine: timedelta = QUARANTINE
    in_flight: int = 4
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = stopping.sleep
    throttles: dict[str, Throttle] = field(default_factory=dict)
    _read: dict[tuple[str, str], CompanyReads] = field(default_factory=dict, init=False, repr=False)
    """The company reads of the run that was opened last, keyed by run and firm, so that its stages do not repeat a
    read."""

    @property
    def firms(self) -> Firms:
        """The firms that were added."""
        return Firms(self.ledger)

    def active(self) -> list[Firm]:
        """Return the active firms of this environment, ordered by id."""
        return [
            firm for firm in self.firms.all() if firm.state == "active" and firm.environment == self.environment.name
        ]

    @property
    def tokens(self) -> TokenStore:
        """The stored tokens."""
        return TokenStore(self.ledger, self.keys, self.home)

    def log(self, firm_id: str) -> Log:
        """Return the sync log of a firm."""
        return Log(self.ledger, firm_id)

    def censuses(self, firm_id: str) -> Censuses:
        """Return the censuses of a firm."""
        return Censuses(self.ledger, firm_id)

    def reconciliation(self, firm_id: str) -> Reconciliation:
        """Return the reconciliation of a firm, which measures the differences between its two sides."""
        return Reconciliation(self.ledger, firm_id)

    def oauth(self, redirect_uri: str = "") -> OAuth:
        """Return the OAuth client of this environment."""
        return OAuth(
            self.environment, client_id=self.client_id, client_secret=self.client_secret, redirect_uri=redirect_uri
        )

    def billing_horizon(self) -> datetime:
        """Return the time up to which a tick's reads of billing are complete, for all firms.

        Asks billing once, and waits for no transaction. While a transaction is open, this is the time at which the
        oldest one began. Rows that are read again because of it are found unchanged.

        Raises:
            BillingError: billing cannot be reached, or is a standby.
        """
        return BillingSource(self.billing, "").horizon(patience_seconds=0)

    @contextmanager
    def open(
        self, firm_id: str, run: Run, *, setting_up: bool = False, rebinding: bool = False, of_stage: bool = False
    ) -> Iterator[FirmSession]:
        """Open the session of an active firm for a run. With ``setting_up`` a connected firm may be opened too.

        ``rebinding``: the firm's databases may differ from those that it was connected with. ``of_stage``: the answers
        about the company that an earlier stage of the run has read in this process are used again.

        Raises:
            SetUpError: the firm is not set up, or belongs to another environment, or (BindingError) a database is
                another one; the message names the next step.
            StoppedError: this process was told to end. Work under way is finished and no new work begins; the signal
                takes effect when the block has ended.
        """
        with stopping.deferred():
            stopping.require()
            with self._opened(firm_id, run, setting_up=setting_up, rebinding=rebinding, of_stage=of_stage) as session:
                yield session

    @contextmanager
    def _opened(
        self, firm_id: str, run: Run, *, setting_up: bool, rebinding: bool, of_stage: bool
    ) -> Iterator[FirmSession]:
        firm = self.firms.get(firm_id)
        if not (setting_up and firm.connected_at):
            firm.require_active()
        if firm.environment != self.environment.name:
            raise SetUpError(
                f"{firm_id} is connected to a company in {firm.environment}, but QUICKBOOKS_ENVIRONMENT is "
                f"{self.environment.name}: start with QUICKBOOKS_ENVIRONMENT={firm.environment}"
            )
        bindings = Bindings(self.ledger, firm_id)
        billing = BillingSource(self.billing, firm_id)
        if not rebinding:
            require_databases(firm_id, bindings, billing.fingerprint())
        with self._client(firm) as quickbooks:
            session = FirmSession(
                firm=firm,
                run=run,
                installation=schema.installation_id(self.ledger),
                billing=billing,
                quickbooks=quickbooks,
                company=self._reads(firm_id, run, quickbooks, of_stage=of_stage),
                engine=self.ledger,
                witness=Witness(self.home, self.environment.name, firm.realm_id or ""),
                first_date=self.first_date,
                billing_payments=BillingPayments(self.billing, firm_id, firm.currency),
                quarantine=self.quarantine,
                in_flight=self.in_flight,
                clock=self.clock,
                sleep=self.sleep,
            )
            try:
                yield session
            finally:
                fault = quickbooks.company_fault
                if fault is not None:
                    company_faults.remember(
                        self.ledger, firm_id, fault.code, intuit_tid=fault.intuit_tid, run=run, now=self.clock()
                    )

    def _reads(self, firm_id: str, run: Run, quickbooks: QuickBooksClient, *, of_stage: bool) -> CompanyReads:
        if of_stage and (run.run_id, firm_id) in self._read:
            self._read[run.run_id, firm_id].ask(quickbooks)
            return self._read[run.run_id, firm_id]
        known = company.seen(self.ledger, firm_id)
        found = CompanyReads(
            quickbooks,
            remembered=known.settings if known else None,
            remember=lambda settings: company.remember(self.ledger, firm_id, settings, now=self.clock()),
        )
        if of_stage:
            self._read = {key: reads for key, reads in self._read.items() if key[0] == run.run_id}
            self._read[run.run_id, firm_id] = found
        return found

    def _client(self, firm: Firm) -> QuickBooksClient:
        realm_id = firm.realm_id or ""
        oauth = self.oauth()
        last = ""

        def access_token(refused: bool) -> str:
            nonlocal last
            last = self.tokens.access_token(
                firm.firm_id,
                refresh=oauth.refresh,
                now=self.clock,
                lost=AuthorizationLostError,
                refused=last if refused else None,
            )
            return last

        return QuickBooksClient(
            api_url=self.environment.api_url,
            realm_id=realm_id,
            access_token=access_token,
            throttle=self.throttles.setdefault(realm_id, Throttle(sleep=stopping.sleep)),
            sleep=self.sleep,
            guard=stopping.begin,
        )
