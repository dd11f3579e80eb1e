"""A law firm to sync: rows in a real billing database, a company in a running emulator, the pipeline between them.

Belongs here: saying in one line what a test's world looks like. Does not belong here: what the pipeline must make of
it.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from uuid import uuid4

import requests
import sqlalchemy as sa

from qb_pipeline.billing.source import fetch_firm
from qb_pipeline.core.markers import find_marker
from qb_pipeline.ledger.books.mappings import Mapping, Mappings
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.firms import Firm
from qb_pipeline.quickbooks.environments import environment
from qb_pipeline.quickbooks.oauth import Tokens
from qb_pipeline.quickbooks.throttle import Throttle
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.firm_report import FirmReport
from qb_pipeline.sync.people.naming import read_words, select
from qb_pipeline.sync.stages import STAGES, sync_firm
from qb_pipeline_tests.bookkeeper import Bookkeeper

FIRM = "one"
PARTNER = "partner"
"""The firm's super user."""

TABLES: dict[str, dict[str, Any]] = {
    "firms": {"name": "Firm One", "time_zone": "America/New_York", "currency": "USD"},
    "payers": {"kind": "individual", "first_name": "Ana", "last_name": "Diaz"},
    "fee_items": {"name": "Consultation", "code": "CON", "kind": "legal_fee", "unit_price": "250"},
    "invoices": {"payer_id": "P1", "status": "issued", "currency": "USD"},
    "invoice_lines": {"kind": "fee", "fee_item_id": "F1"},
    "payments": {"payer_id": "P1", "kind": "payment", "method": "check", "currency": "USD", "status": "completed"},
    "payment_applications": {},
}


@dataclass
class Time:
    """A clock that goes on by itself, and jumps where the pipeline would sleep; the emulator's jumps with it."""

    emulator_url: str
    skipped: timedelta = timedelta()
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.skipped

    def sleep(self, seconds: float) -> None:
        self.skipped += timedelta(seconds=seconds)
        self.session.post(f"{self.emulator_url}/emulator/clock", json={"advance_seconds": seconds}, timeout=10)


def activate(
    deployment: Deployment,
    firm_id: str,
    books: Bookkeeper,
    *,
    model: int,
    settings: dict[str, str] | None = None,
    eligible_since: datetime | None = None,
) -> Firm:
    """Take every step of set-up for a firm that billing knows, with tokens of the emulator."""
    now, firms = deployment.clock(), deployment.firms
    known = fetch_firm(deployment.billing, firm_id)
    assert known is not None
    firms.add(
        firm_id,
        name=known.name,
        time_zone=known.time_zone,
        currency=known.currency,
        super_user=PARTNER,
        actor=PARTNER,
        now=now,
    )
    firms.subscribe(firm_id, actor=PARTNER, now=now)
    firms.choose_model(firm_id, model, actor=PARTNER, now=now)
    firms.connect(
        firm_id, environment="emulator", realm_id=books.realm_id, company_name=known.name, actor=PARTNER, now=now
    )
    granted = books.tokens()
    tokens = Tokens(
        granted["access_token"], granted["refresh_token"], now + timedelta(hours=1), now + timedelta(days=100)
    )
    deployment.tokens.save(firm_id, realm_id=books.realm_id, environment="emulator", tokens=tokens, now=now)
    if settings:
        firms.change_settings(firm_id, settings, actor=PARTNER, now=now)
    return firms.activate(firm_id, eligible_since=eligible_since, actor=PARTNER, now=now)


@dataclass
class LawFirm:
    """One firm; by default Model 1. Billing has payer P1 and fee item F1, QuickBooks an item for F1."""

    billing: sa.Engine
    ledger: sa.Engine
    books: Bookkeeper
    model: int = 1
    home: Path | None = None
    time: Time = field(init=False)
    deployment: Deployment = field(init=False)
    item_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.time = Time(self.books.url)
        self.deployment = Deployment(
            ledger=self.ledger,
            billing=self.billing,
            environment=environment("emulator", api_url=self.books.url),
            client_id="emulator-client",
            client_secret="emulator-secret",
            keys=["a secret of this test"],
            first_date=date(2023, 1, 1),
            home=self.home or Path(mkdtemp(prefix="qb_pipeline-")),
            clock=self.time.now,
            sleep=self.time.sleep,
        )
        # Its minutes pass in the test's time: after a 429 nobody sits and waits.
        self.deployment.throttles[self.books.realm_id] = Throttle(
            clock=lambda: self.time.now().timestamp(), sleep=self.time.sleep
        )
        self.insert("firms")
        self.insert("payers", payer_id="P1")
        self.insert("fee_items", fee_item_id="F1")
        income = next(account["Id"] for account in self.books.all("Account") if account["Name"] == "Legal Fees")
        item = {"Name": "Consultation", "Type": "Service", "IncomeAccountRef": {"value": income}}
        self.item_id = self.books.create("Item", item)["Id"]

    @property
    def today(self) -> date:
        return self.time.now().date()

    def activate(self, *, eligible_since: datetime | None = None, **settings: str) -> Firm:
        """Take every step of set-up, with tokens of the emulator."""
        return activate(
            self.deployment, FIRM, self.books, model=self.model, settings=settings, eligible_since=eligible_since
        )

    # Billing

    def insert(self, relation: str, **values: Any) -> None:
        """Put one row into a relation of billing; what is not said has a plain value."""
        row = {"firm_id": FIRM} | TABLES[relation] | values
        names, places = ", ".join(row), ", ".join(f":{name}" for name in row)
        with self.billing.begin() as connection:
            connection.execute(sa.text(f"insert into billing.{relation} ({names}) values ({places})"), row)  # noqa: S608

    def invoice(
        self, invoice_id: str, *amounts: str, lines: Sequence[dict[str, Any]] = (), days_ago: int = 1, **values: Any
    ) -> None:
        """An invoice with one line of F1 per amount, or with the lines as given; its total is their sum."""
        rows = [{"quantity": 1, "unit_price": amount, "amount": amount} for amount in amounts] + list(lines)
        total = sum((Decimal(str(row["amount"])) for row in rows), Decimal(0))
        day = self.today - timedelta(days=days_ago)
        header = {
            "invoice_id": invoice_id,
            "invoice_number": f"N-{invoice_id}",
            "invoice_date": day,
            "total_amount": total,
            "created_at": self.time.now(),
            "updated_at": self.time.now(),
        }
        self.insert("invoices", **header | values)
        for number, row in enumerate(rows, start=1):
            self.insert("invoice_lines", invoice_id=invoice_id, line_number=number, **{"description": "Advice", **row})

    def payment(
        self, payment_id: str, *, days_ago: int = 0, applied: dict[str, str] | None = None, **values: Any
    ) -> None:
        """A payment applied to invoices (id to amount) on the day it was received; its amount is their sum."""
        day = self.today - timedelta(days=days_ago)
        amount = sum((Decimal(value) for value in (applied or {}).values()), Decimal(0))
        header = {
            "payment_id": payment_id,
            "amount": amount,
            "received_date": day,
            "created_at": self.time.now(),
            "updated_at": self.time.now(),
        }
        self.insert("payments", **header | values)
        for invoice_id, share in (applied or {}).items():
            self.apply(payment_id, invoice_id, share, day)

    def apply(self, payment_id: str, invoice_id: str, amount: str, day: date) -> None:
        """Apply a payment to an invoice."""
        self.insert(
            "payment_applications", payment_id=payment_id, invoice_id=invoice_id, amount=amount, applied_date=day
        )

    def change(self, statement: str, **values: Any) -> None:
        """Change billing: ``update invoices set …``; the relation's schema is put in front."""
        verb, relation, rest = statement.split(" ", 2)
        with self.billing.begin() as connection:
            connection.execute(sa.text(f"{verb} billing.{relation} {rest}"), values)

    def remove(self, relation: str, **values: Any) -> None:
        """Delete rows of billing that have these values; all of them without any."""
        where = " and ".join(f"{name} = :{name}" for name in values) or "true"
        with self.billing.begin() as connection:
            connection.execute(sa.text(f"delete from billing.{relation} where {where}"), values)  # noqa: S608

    # The pipeline

    def map(self, kind: str, source_id: str, quickbooks_id: str) -> None:
        """Map one thing of billing by hand."""
        link = Mapping(kind, source_id, quickbooks_id, "", "person")
        Mappings(self.ledger, FIRM).remember([link], actor=PARTNER, now=self.time.now())

    def sync(
        self,
        steps: Collection[str] = STAGES,
        *,
        first: date | None = None,
        last: date | None = None,
        invoice_ids: Sequence[str] = (),
        payment_ids: Sequence[str] = (),
    ) -> FirmReport:
        """Run the sync as an asset does."""
        with self.deployment.open(FIRM, Run(f"run-{uuid4()}", "test", PARTNER)) as session:
            words = read_words(invoice_ids, payment_ids)
            return sync_firm(session, Selection(first, last, select(session, words) if words else ()), steps)

    def states(self, kind: str = "") -> dict[str, tuple[str, str]]:
        """State and reason of every invoice and payment on the work list; a part is written ``id@date``."""
        query = "select kind, source_id, part, state, reason from sync.document where kind in ('invoice', 'payment')"
        with self.ledger.connect() as connection:
            rows = connection.execute(sa.text(query + " order by 1, 2, 3")).all()
        return {
            row.source_id + (f"@{row.part}" if row.part else ""): (row.state, row.reason)
            for row in rows
            if kind in ("", row.kind)
        }

    def sends(self) -> int:
        """How often requests that write have left, as the ledger has it."""
        return int(self.query("select coalesce(sum(sends), 0) as sends from sync.attempt")[0]["sends"])

    def in_quickbooks(self, kind: str) -> Counter[str]:
        """By billing id: how many living documents of QuickBooks carry its marker, asked of the emulator itself."""
        notes = [
            row.get("Notes" if kind == "customer" else "PrivateNote", "") for row in self.books.all(kind.capitalize())
        ]
        markers = [found for note in notes if (found := find_marker(note))]
        return Counter(found.source_id + (f"@{found.part}" if found.part else "") for found in markers)

    def activities(self, *activities: str) -> list[tuple[str, str, str, str]]:
        """The log, oldest first: kind, source id, activity, reason; all of it, or some activities."""
        rows = self.query("select kind, source_id, activity, reason from sync.log order by log_id")
        return [
            (row["kind"], row["source_id"], row["activity"], row["reason"])
            for row in rows
            if not activities or row["activity"] in activities
        ]

    def query(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of the pipeline's database, as an analyst reads them."""
        with self.ledger.connect() as connection:
            return [dict(row) for row in connection.execute(sa.text(statement), values).mappings()]

    def whole_ledger(self) -> str:
        """Everything that the pipeline's database holds, as one text: for what must stand nowhere in it."""
        tables = self.query("select tablename as name from pg_tables where schemaname = 'sync' order by tablename")
        return str([self.query(f'select * from sync."{table["name"]}"') for table in tables])  # noqa: S608

    def query_change(self, statement: str, **values: Any) -> None:
        """Change the pipeline's database behind its back."""
        with self.ledger.begin() as connection:
            connection.execute(sa.text(statement), values)
