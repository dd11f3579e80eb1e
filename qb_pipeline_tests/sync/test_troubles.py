"""Both demo firms, every trouble: what the demo's own table expects, against the ledger and the emulator's books.

The table (``TROUBLES``) stands beside the rows that make the trouble, and owes nothing to the code that decides.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from qb_pipeline.billing.demo import (
    CHEN,
    DEMO_QUICKBOOKS,
    DEMO_SETTINGS,
    REVISIONS,
    RIVERA,
    TROUBLES,
    QuickBooksCompany,
    Trouble,
    load_demo,
    revise_demo,
)
from qb_pipeline.core.markers import find_marker
from qb_pipeline.ledger.log import Run
from qb_pipeline.quickbooks.environments import environment
from qb_pipeline.quickbooks.throttle import Throttle
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.firm_report import FirmReport
from qb_pipeline.sync.stages import sync_firm
from qb_pipeline_tests.bookkeeper import Bookkeeper
from qb_pipeline_tests.conftest import fresh_database, numbers
from qb_pipeline_tests.law_firm import PARTNER, Time, activate

pytestmark = pytest.mark.slow

FIRMS = {RIVERA: 1, CHEN: 2}
CHANGES = Selection()
EVERYTHING = Selection(first=date(2000, 1, 1), last=date(2100, 1, 1))

STATES = {"sent": "synced", "voided": "voided", "held": "held", "waiting": "waiting", "closed": "closed"}


@pytest.fixture
def demo(
    server: sa.Engine,
    server_url: str,
    billing_template: str,
    ledger_engine: sa.Engine,
    emulator_url: str,
    tmp_path: Path,
) -> Iterator[Deployment]:
    """Both firms of the demo, set up and not synced yet."""
    time = Time(emulator_url)
    with fresh_database(server, server_url, billing_template) as billing:
        deployment = Deployment(
            ledger=ledger_engine,
            billing=billing,
            environment=environment("emulator", api_url=emulator_url),
            client_id="emulator-client",
            client_secret="emulator-secret",
            keys=["a secret of this test"],
            first_date=date(2023, 1, 1),
            home=tmp_path,
            clock=time.now,
            sleep=time.sleep,
        )
        today = time.now().date()
        load_demo(billing, today=today)
        for firm_id, model in FIRMS.items():
            realm_id = str(9_130_000_000_000_000 + next(numbers))
            books = Bookkeeper.of_new_company(emulator_url, realm_id=realm_id, name=firm_id)
            seed(books, DEMO_QUICKBOOKS[firm_id], today)
            # As most bookkeepers have it: a number that is used already is refused, tax is what the invoice says.
            books.switch(duplicate_numbers="refused", tax="as_sent")
            deployment.throttles[realm_id] = Throttle(clock=lambda: time.now().timestamp(), sleep=time.sleep)
            settings = {name: text for name, text in DEMO_SETTINGS[firm_id].items() if name != "eligible_since"}
            activate(deployment, firm_id, books, model=model, settings=settings)
        yield deployment


def seed(books: Bookkeeper, company: QuickBooksCompany, today: date) -> None:
    """What the bookkeeper entered before the first sync."""
    income = next(account["Id"] for account in books.all("Account") if account["Name"] == "Legal Fees")
    customers: dict[str, str] = {}
    for customer in company.customers:
        body: dict[str, object] = {
            "DisplayName": customer.display_name,
            "GivenName": customer.given_name,
            "FamilyName": customer.family_name,
            "CompanyName": customer.company_name,
        }
        if customer.parent:
            body |= {"Job": True, "ParentRef": {"value": customers[customer.parent]}}
        made = books.do("edit", entity="Customer", changes={name: value for name, value in body.items() if value})
        customers[customer.display_name] = made["Id"]
        if not customer.is_active:
            books.do("inactivate", entity="Customer", id=made["Id"])
    for name in company.vendors:
        books.do("edit", entity="Vendor", changes={"DisplayName": name})
    items = {
        item.name: books.do(
            "edit",
            entity="Item",
            changes={"Name": item.name, "Type": "Service", "IncomeAccountRef": {"value": income}}
            | ({"Sku": item.sku} if item.sku else {}),
        )["Id"]
        for item in company.items
    }
    for invoice in company.invoices:
        line = {
            "Amount": invoice.amount,
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {"ItemRef": {"value": items[invoice.item]}},
        }
        body = {
            "DocNumber": invoice.doc_number,
            "TxnDate": (today - timedelta(days=invoice.days_ago)).isoformat(),
            "CustomerRef": {"value": customers[invoice.customer]},
            "Line": [line],
        }
        books.do("edit", entity="Invoice", changes=body)


def sync(deployment: Deployment, firm_id: str, selection: Selection = CHANGES) -> FirmReport:
    with deployment.open(firm_id, Run(f"run-{uuid4()}", "test", PARTNER)) as session:
        return sync_firm(session, selection)


def unexpected(
    deployment: Deployment, books: dict[str, Bookkeeper], table: dict[str, tuple[Trouble, ...]]
) -> list[tuple[Trouble, Trouble]]:
    """What became otherwise than the table says: (expected, found)."""
    pairs = [(trouble, became(deployment, books, trouble)) for troubles in table.values() for trouble in troubles]
    return [(expected, found) for expected, found in pairs if expected != found]


def became(deployment: Deployment, books: dict[str, Bookkeeper], trouble: Trouble) -> Trouble:
    """The same row with what has become of it: state and reason of the ledger, money of the emulator's own books."""
    with deployment.ledger.connect() as connection:
        rows = connection.execute(
            sa.text(
                "select state, reason from sync.document "
                "where firm_id = :firm_id and kind = :kind and source_id = :source_id"
            ),
            {"firm_id": trouble.firm_id, "kind": trouble.kind, "source_id": trouble.source_id},
        ).all()
    outcomes = {(row.state, row.reason) for row in rows}
    state, reason = outcomes.pop() if len(outcomes) == 1 else ("unseen" if not outcomes else "several", "")
    outcome = next((name for name, known in STATES.items() if known == state), state)
    there = money(books[trouble.firm_id], trouble.kind).get(trouble.source_id)
    assert (there is not None) == (outcome == "sent") or outcome == "held", trouble
    return Trouble(trouble.firm_id, trouble.source_id, outcome, reason, there if trouble.cents is not None else None)  # type: ignore[arg-type]


def money(books: Bookkeeper, kind: str) -> dict[str, int]:
    """Cents in the emulator's books by billing id, void documents left out."""
    found: Counter[str] = Counter()
    for row in books.ours(kind.capitalize()):
        marker = find_marker(row["PrivateNote"])
        assert marker is not None
        if row["TotalAmt"]:
            found[marker.source_id] += int(Decimal(row["TotalAmt"]) * 100)
    return dict(found)


def test_every_trouble_of_the_demo_comes_out_as_its_table_says(demo: Deployment, emulator_url: str) -> None:
    books = {firm_id: Bookkeeper(emulator_url, demo.firms.get(firm_id).realm_id or "") for firm_id in FIRMS}
    reports = {firm_id: sync(demo, firm_id) for firm_id in FIRMS}

    assert unexpected(demo, books, TROUBLES) == []
    assert all(reports[firm_id].totals_agree(kind) for firm_id in FIRMS for kind in ("invoice", "payment"))
    for firm_id in FIRMS:
        again = sync(demo, firm_id, EVERYTHING)
        assert [row for row in again.activities if row.activity in ("created", "updated", "voided", "adopted")] == []

    for firm_id in FIRMS:
        revise_demo(demo.billing, firm_id, today=demo.clock().date())
        sync(demo, firm_id, EVERYTHING)
    assert unexpected(demo, books, REVISIONS) == []
