"""A firm's ledger as a test works with it: show it headers, reserve, record, look.

Belongs here: saying in one line what billing showed and what QuickBooks answered. Does not belong here: what the ledger
must make of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from qb_pipeline.core.documents.mirror import Settlement, Version
from qb_pipeline.core.documents.received import Received
from qb_pipeline.ledger.books.applications import Application, Applications
from qb_pipeline.ledger.books.documents import Decision, Documents
from qb_pipeline.ledger.books.hand_entries import NewEntry, enter
from qb_pipeline.ledger.books.listing import Listing
from qb_pipeline.ledger.books.received import ReceivedPayments
from qb_pipeline.ledger.log import Log, Run
from qb_pipeline.ledger.sending.attempts import Attempt, Attempts, Item, ItemOutcome
from qb_pipeline.ledger.sending.lease import Lease
from qb_pipeline.ledger.setup.firms import Firm, Firms

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
FIRST_DATE = date(2023, 1, 1)
FIRM = "one"
REALM = "9130"
PARTNER = "partner"
RUN = Run("run-1", "cli", PARTNER)

HEADER: dict[str, Any] = {
    "kind": "invoice", "source_id": "1", "part": "", "number": "N-1", "document_date": date(2026, 3, 1),
    "payer_id": "P1", "amount_cents": 10_000, "currency": "USD", "status": "issued", "payment_kind": "",
    "reverses_payment_id": "", "origin": "billing", "created_at": NOON, "updated_at": NOON, "eligibility": "eligible",
}  # fmt: skip
OBJECTS = ("document_date", "created_at", "updated_at")


def invoice(source_id: str, amount_cents: int = 10_000, **values: Any) -> dict[str, Any]:
    """The header of an invoice."""
    return HEADER | {"source_id": source_id, "number": f"N-{source_id}", "amount_cents": amount_cents} | values


def payment(source_id: str, amount_cents: int = 10_000, **values: Any) -> dict[str, Any]:
    """The header of a payment."""
    plain = {"kind": "payment", "number": "", "status": "completed", "payment_kind": "payment"}
    return invoice(source_id, amount_cents, **plain | values)


def headers(*rows: dict[str, Any]) -> pd.DataFrame:
    """A frame as billing hands it over (``core.schemas.Headers``)."""
    return pd.DataFrame(
        {
            name: pd.Series([row[name] for row in rows], dtype=object if name in OBJECTS else None)
            for name in (rows[0] if rows else HEADER)
        }
    )


def touched(row: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A header as billing shows it after a later change."""
    return row | {"updated_at": LATER} | values


def set_up(engine: sa.Engine, firm_id: str = FIRM, realm_id: str = REALM, *, until: str = "activate") -> Firm:
    """Take a firm's set-up as far as a step."""
    firms = Firms(engine)
    firm = firms.add(
        firm_id,
        name="Firm One",
        time_zone="America/New_York",
        currency="USD",
        super_user=PARTNER,
        actor=PARTNER,
        now=NOON,
    )
    steps: dict[str, Callable[[], Firm]] = {
        "add": lambda: firm,
        "subscribe": lambda: firms.subscribe(firm_id, actor=PARTNER, now=NOON),
        "model": lambda: firms.choose_model(firm_id, 1, actor=PARTNER, now=NOON),
        "connect": lambda: firms.connect(
            firm_id, environment="emulator", realm_id=realm_id, company_name="Books One", actor=PARTNER, now=NOON
        ),
        "activate": lambda: firms.activate(firm_id, eligible_since=None, actor=PARTNER, now=NOON),
    }
    for name, step in steps.items():
        firm = step()
        if name == until:
            break
    return firm


@dataclass
class Desk:
    """The ledger of firm ``one``, under its lease."""

    engine: sa.Engine
    lease: Lease

    def __post_init__(self) -> None:
        self.documents = Documents(self.engine, FIRM)
        self.applications = Applications(self.engine, FIRM)
        self.listing = Listing(self.engine, FIRM)
        self.attempts = Attempts(self.engine, self.lease)
        self.log = Log(self.engine, FIRM)

    def see(
        self, *rows: dict[str, Any], today: date = TODAY, first_date: date = FIRST_DATE, now: datetime = NOON
    ) -> dict[str, int]:
        """Show headers of billing, in one chunk."""
        return self.documents.see([headers(*rows)], today=today, first_date=first_date, run=RUN, now=now)

    def states(self) -> dict[str, tuple[str, str]]:
        """State and reason of every document; a part is written ``id@date``."""
        rows = self.query("select source_id, part, state, reason from sync.document order by kind, source_id, part")
        return {
            row["source_id"] + (f"@{row['part']}" if row["part"] else ""): (row["state"], row["reason"]) for row in rows
        }

    def row(self, source_id: str) -> dict[str, Any]:
        """Everything that the work list holds of one document."""
        [row] = self.query("select * from sync.document where source_id = :source_id", source_id=source_id)
        return row

    def id_of(self, source_id: str) -> int:
        """A document's id."""
        return int(self.row(source_id)["document_id"])

    def item(
        self, source_id: str, operation: str = "create", *, pays: Sequence[tuple[str, int]] = (), **values: Any
    ) -> Item:
        """The document as an item of a request; ``pays``: invoices (Q-… in QuickBooks) and cents."""
        row = self.row(source_id)
        plain = {
            "document_id": row["document_id"],
            "b_id": source_id[:10],
            "kind": row["kind"],
            "operation": operation,
            "marker": f"mark-{source_id}",
            "fingerprint": f"content-{source_id}",
            "source_hash": row["source_hash"],
            "total_cents": row["amount_cents"],
            "former_state": row["state"],
            "number": row["number"],
            "customer_id": row["customer_id"] or "",
            "quickbooks_id": row["quickbooks_id"] or "",
            "applications": tuple(Application(invoice_id, f"Q-{invoice_id}", cents) for invoice_id, cents in pays),
        }
        return Item(**plain | values)

    def reserve(self, *items: Item, body: bytes = b"{}", now: datetime = NOON) -> Attempt:
        """Write a batch down."""
        return self.attempts.reserve("batch", items[0].operation, body, items, run=RUN, now=now)

    def accept(self, attempt: Attempt, *outcomes: ItemOutcome, now: datetime = NOON) -> None:
        """Record outcomes; without any, QuickBooks accepted every item as it was meant (Q-… is its Id)."""
        self.attempts.record(attempt, outcomes or [accepted(item) for item in attempt.items], run=RUN, now=now)

    def sync(self, source_id: str, operation: str = "create", **values: Any) -> None:
        """Send a document; QuickBooks takes it as it was meant."""
        attempt = self.reserve(self.item(source_id, operation, **values))
        [item] = attempt.items
        self.accept(attempt, accepted(item, quickbooks_id=f"Q-{source_id}"))

    def decide(self, *decisions: Decision, now: datetime = NOON) -> None:
        """Store a plan."""
        self.documents.record_decisions(decisions, run=RUN, now=now)

    def enter(self, source_id: str, total_cents: int) -> None:
        """A person has entered a row of the by-hand list in QuickBooks."""
        new = NewEntry(self.id_of(source_id), "JournalEntry", f"9{total_cents}", total_cents, TODAY, "seen")
        with self.engine.begin() as connection:
            enter(connection, FIRM, [new], run=RUN, now=NOON)

    def hold(self, source_id: str, reason: str) -> None:
        """Hold a document for a reason."""
        self.decide(Decision(self.id_of(source_id), "hold", reason, 0))

    def receive(
        self, payment_id: str, *, pays: Sequence[tuple[str, int]] = (), sync_token: int = 0, **values: Any
    ) -> None:
        """QuickBooks received a payment on invoices (Q-… there) and it was read; it is judged and posted at once."""
        plain: dict[str, Any] = {
            "status": "live",
            "payment_date": TODAY,
            "created_at": NOON,
            "currency": "USD",
            "total_cents": sum(cents for _, cents in pays),
            "credit_cents": 0,
            "links": {f"Q-{invoice_id}": cents for invoice_id, cents in pays},
        }
        inbox = self.received
        inbox.store([Received(payment_id, sync_token, **plain | values)], [], cursor=None, now=NOON)
        inbox.append([payment_id], methods={}, run=RUN, now=NOON)
        for posting in inbox.unposted([payment_id]):
            inbox.record_posted(posting, run=RUN, now=NOON)

    @property
    def received(self) -> ReceivedPayments:
        """The inbox of received payments."""
        return ReceivedPayments(self.engine, Firms(self.engine).get(FIRM))

    def logged(self, source_id: str = "") -> list[tuple[str, str]]:
        """Activity and reason of every log row, oldest first."""
        document_id = self.id_of(source_id) if source_id else None
        return [(row.activity, row.reason) for row in reversed(self.log.rows(document_id=document_id))]

    def query(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of the database."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.text(statement), values).mappings()]


def accepted(item: Item, **values: Any) -> ItemOutcome:
    """QuickBooks took an item as it was meant."""
    plain: dict[str, Any] = {
        "state": "voided" if item.operation == "void" else "synced",
        "quickbooks_id": f"Q-{item.b_id}",
        "sync_token": "0",
        "customer_id": "C1",
        "total_cents": 0 if item.operation == "void" else item.total_cents,
    }
    outcome = ItemOutcome(item.document_id, "accepted", **plain | values)
    return replace(outcome, version=_version(item, outcome)) if item.kind in ("invoice", "payment") else outcome


def _version(item: Item, outcome: ItemOutcome) -> Version:
    is_void = item.operation == "void"
    return Version(
        kind=item.kind,
        quickbooks_id=outcome.quickbooks_id,
        sync_token=outcome.sync_token,
        status="void" if is_void else "live",
        number=item.number,
        document_date="",
        due_date="",
        customer_id=outcome.customer_id,
        total_cents=outcome.total_cents or 0,
        balance_cents=0 if item.kind == "payment" else outcome.total_cents or 0,
        settlements=tuple(
            Settlement(each.quickbooks_invoice_id, "payment", each.amount_cents)
            for each in (() if is_void else item.applications)
        ),
    )
