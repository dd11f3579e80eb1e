"""The world of the long journeys: two law firms with a company each, and one clock for everybody.

Belongs here: setting it up, running a sync, and reading what the emulator holds by billing's ids. Does not belong here:
what people do (``office``, ``bookkeeping``), and what must come of it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from qb_pipeline.ledger.log import Run
from qb_pipeline.quickbooks.environments import environment
from qb_pipeline.quickbooks.throttle import Throttle
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.stages import sync_firm
from qb_pipeline_tests.bookkeeper import Bookkeeper, start_emulator
from qb_pipeline_tests.journeys.expectation import Expectation, InBooks, PaidInBooks
from qb_pipeline_tests.journeys.office import Office
from qb_pipeline_tests.law_firm import PARTNER, Time, activate

MARKER = re.compile(r"qbp1:\w{6}:[\w-]+:\w+:([^:@]+)(?:@([\d-]+))?:g1")
MISHAPS = ("commit_then_drop", "drop_before")


@dataclass(frozen=True)
class World:
    """Two firms with a company each; ``time`` is everybody's clock."""

    deployment: Deployment
    time: Time
    books: dict[str, Bookkeeper]
    offices: list[Office]

    @contextmanager
    def open(self, office: Office) -> Iterator[FirmSession]:
        """A session of a firm, as a command or a run has it."""
        with self.deployment.open(office.firm_id, Run(f"run-{uuid4()}", "test", PARTNER)) as session:
            yield session

    def sync(self, office: Office, first: date) -> None:
        """One sync of everything since a day."""
        with self.open(office) as session:
            sync_firm(session, Selection(first, session.today))

    def query(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of the pipeline's database."""
        with self.deployment.ledger.connect() as connection:
            return [dict(row) for row in connection.execute(sa.text(statement), values).mappings()]


@contextmanager
def open_world(billing: sa.Engine, ledger: sa.Engine, seed: int, home: Path) -> Iterator[World]:
    """An emulator of its own, since its clock runs three months ahead; one firm keeps what is paid too much."""
    random = Random(seed)
    with start_emulator() as url:
        time = Time(url)
        deployment = Deployment(
            ledger=ledger,
            billing=billing,
            environment=environment("emulator", api_url=url),
            client_id="emulator-client",
            client_secret="emulator-secret",
            keys=["a secret of this test"],
            home=home,
            first_date=date(2023, 1, 1),
            clock=time.now,
            sleep=time.sleep,
        )
        offices = [
            Office("careful", Random(random.random()), Expectation(keeps_overpayments=False)),
            Office("generous", Random(random.random()), Expectation(keeps_overpayments=True)),
        ]
        books = {}
        for number, office in enumerate(offices):
            books[office.firm_id] = _open_company(deployment, office, url, str(9_150_000_000_000_000 + number), time)
        yield World(deployment, time, books, offices)


def _open_company(deployment: Deployment, office: Office, url: str, realm_id: str, time: Time) -> Bookkeeper:
    books = Bookkeeper.of_new_company(url, realm_id=realm_id, name=office.firm_id)
    deployment.throttles[realm_id] = Throttle(clock=lambda: time.now().timestamp(), sleep=time.sleep)
    income = next(account["Id"] for account in books.all("Account") if account["Name"] == "Legal Fees")
    item = {"Name": "Consultation", "Type": "Service", "IncomeAccountRef": {"value": income}}
    books.do("edit", entity="Item", changes=item)
    with deployment.billing.begin() as connection:
        office.hire(connection)
    settings = {"keep_overpayments": "on" if office.expected.keeps_overpayments else "off"}
    activate(deployment, office.firm_id, books, model=1, settings=settings)
    return books


def name_of(note: str) -> str:
    """Billing's id in a marker; a part is written ``id@date``."""
    found = MARKER.search(note)
    assert found is not None, note
    return found[1] + (f"@{found[2]}" if found[2] else "")


def read_books(books: Bookkeeper) -> tuple[dict[str, InBooks], dict[str, PaidInBooks], dict[str, int]]:
    """Our living invoices, our living payments and the invoices' balances in cents, as the emulator has them."""
    payers = {row["Id"]: name_of(row["Notes"]) for row in books.all("Customer")}
    standing = {name_of(row["PrivateNote"]): row for row in books.ours("Invoice") if row["TotalAmt"]}
    ids = {row["Id"]: key for key, row in standing.items()}
    invoices = {
        key: InBooks(
            row["DocNumber"], date.fromisoformat(row["TxnDate"]), payers[row["CustomerRef"]["value"]],
            int(row["TotalAmt"] * 100),
        )
        for key, row in standing.items()
    }  # fmt: skip
    payments = {
        name_of(row["PrivateNote"]): PaidInBooks(
            date.fromisoformat(row["TxnDate"]),
            int(row["TotalAmt"] * 100),
            tuple(sorted((ids[invoice_id], cents) for invoice_id, cents in links_of(row).items())),
        )
        for row in books.ours("Payment")
        if row["TotalAmt"]
    }
    return invoices, payments, {key: int(row["Balance"] * 100) for key, row in standing.items()}


def links_of(payment: dict[str, Any], kind: str = "Invoice") -> dict[str, int]:
    """What a payment in the emulator pays: Id of the invoice, or of what else it links, to cents."""
    return {
        line["LinkedTxn"][0]["TxnId"]: int(line["Amount"] * 100)
        for line in payment.get("Line") or ()
        if line["LinkedTxn"][0]["TxnType"] == kind
    }


def told(world: World, office: Office) -> dict[str, str]:
    """What the pipeline says stands still, and why."""
    rows = world.query(
        "select source_id, part, reason from sync.document where firm_id = :firm_id "
        "and kind in ('invoice', 'payment') and state not in ('synced', 'voided', 'closed')",
        firm_id=office.firm_id,
    )
    return {row["source_id"] + (f"@{row['part']}" if row["part"] else ""): row["reason"] for row in rows}
