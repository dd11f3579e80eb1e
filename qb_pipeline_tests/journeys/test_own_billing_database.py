"""A firm brings its own billing database: views over a foreign schema, and one on another engine; both are synced.

The examples are those of ``docs/billing-database.md``.
"""

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from qb_pipeline import database
from qb_pipeline.billing.contract import check_contract
from qb_pipeline.config import PROJECT
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.firm_report import FirmReport
from qb_pipeline.sync.stages import STAGES, sync_firm
from qb_pipeline_tests.conftest import fresh_database, make_template, numbers
from qb_pipeline_tests.law_firm import LawFirm, activate

pytestmark = pytest.mark.slow

EXAMPLES = PROJECT / "sql" / "billing" / "examples"

BOOK = """
insert into clients values (1, 'Ana', 'Diaz', 'ana@example.com', '2026-03-01 12:00:00');
insert into bills values (11, 1, '2026-03-02', 12345, 1, '2026-03-02 12:00:00', '2026-03-02 12:00:00');
insert into bill_rows values (11, 1, 'Advice', 10010), (11, 2, 'Advice', 2335);
insert into money_in values (21, 1, 11, '2026-03-04', 12345, '2026-03-04 12:00:00');
"""


@dataclass
class Own:
    """A firm whose billing is its own database, and the rest of the pipeline."""

    firm_id: str
    billing: sa.Engine
    law_firm: LawFirm

    def sync(self) -> FirmReport:
        with self.law_firm.deployment.open(self.firm_id, Run(f"run-{next(numbers)}", "test", "partner")) as session:
            return sync_firm(session, Selection(), STAGES)

    def states(self) -> dict[tuple[str, str], tuple[str, str]]:
        rows = self.law_firm.query(
            "select kind, source_id, state, reason from sync.document where kind in ('invoice', 'payment')"
        )
        return {(row["kind"], row["source_id"]): (row["state"], row["reason"]) for row in rows}

    def totals(self, entity: str) -> dict[str, Decimal]:
        """Number, or note's id, to total: as the emulator's own books have it."""
        return {row.get("DocNumber", row["TxnDate"]): row["TotalAmt"] for row in self.law_firm.books.all(entity)}


def of(law_firm: LawFirm, firm_id: str, billing: sa.Engine) -> Own:
    law_firm.deployment.billing = billing
    activate(law_firm.deployment, firm_id, law_firm.books, model=1)
    return Own(firm_id, billing, law_firm)


@pytest.fixture(scope="module")
def practice_template(server: sa.Engine, server_url: str) -> str:
    """Their tables, a few of their rows, and the views that they wrote for us."""

    def fill(engine: sa.Engine) -> None:
        with engine.begin() as connection:
            database.run_script(connection, EXAMPLES / "practice_tables.sql")
            database.run_script(connection, EXAMPLES / "practice_rows.sql")
            database.run_script(connection, EXAMPLES / "practice_views.sql")

    return make_template(server, server_url, "practice_template", fill)


@pytest.fixture
def practice(server: sa.Engine, server_url: str, practice_template: str, law_firm: LawFirm) -> Iterator[Own]:
    with fresh_database(server, server_url, practice_template) as engine:
        yield of(law_firm, "practice", engine)


@pytest.fixture
def book(law_firm: LawFirm, tmp_path: Path) -> Iterator[Own]:
    file = tmp_path / "book.db"
    connection = sqlite3.connect(file)
    connection.executescript((EXAMPLES / "sqlite_book.sql").read_text() + BOOK)
    connection.close()
    engine = database.engine(f"sqlite:///{file}")
    yield of(law_firm, "book", engine)
    engine.dispose()


def test_views_over_a_foreign_schema_meet_the_contract_and_are_synced(practice: Own) -> None:
    assert check_contract(practice.billing) == []

    practice.sync()

    assert practice.states() == {
        ("invoice", "1001"): ("synced", ""),
        ("invoice", "1002"): ("synced", ""),
        ("payment", "501"): ("synced", ""),
        ("payment", "502"): ("synced", ""),
        ("payment", "502-bounced"): ("closed", "REJECTION"),
    }
    assert practice.totals("Invoice") == {"B/1001": Decimal("650.00"), "B/1002": Decimal("300.00")}
    assert sorted(practice.law_firm.books.all("Payment"), key=lambda row: row["TotalAmt"])[1]["PaymentRefNum"] == "1234"
    [lines] = [row["Line"] for row in practice.law_firm.books.all("Invoice") if row["DocNumber"] == "B/1001"]
    assert [(line["DetailType"], line.get("Amount", Decimal(0))) for line in lines[:3]] == [
        ("SalesItemLineDetail", Decimal("750.00")),
        ("DescriptionOnly", Decimal(0)),
        ("DiscountLineDetail", Decimal("100.00")),
    ]
    assert (lines[0]["SalesItemLineDetail"]["Qty"], lines[0]["SalesItemLineDetail"]["UnitPrice"]) == (
        Decimal("2.5"),
        Decimal("300"),
    )


def test_a_changed_item_moves_its_bill_s_updated_at_and_the_bill_is_sent_again(practice: Own) -> None:
    practice.sync()
    later = practice.law_firm.time.now() + timedelta(hours=1)
    with practice.billing.begin() as connection:
        connection.execute(
            sa.text("update practice.bill_item set cents = 45000, minutes = 90, changed = :later where id = 4"),
            {"later": later.replace(tzinfo=None)},
        )
        connection.exec_driver_sql("update practice.bill set gross_cents = 45000 where id = 1002")

    practice.sync()

    assert practice.totals("Invoice")["B/1002"] == Decimal("450.00")


@pytest.mark.parametrize(
    ("change", "relation", "column", "problem", "remedy"),
    [
        (
            "drop view billing.fee_items", "fee_items", "", "is missing",
            "create a table or view of this name with the columns of sql/billing/schema.sql",
        ),
        (
            "alter view billing.payers rename column mobile to cell", "payers", "mobile", "is missing",
            "add the column (text), under this name",
        ),
        (
            "create or replace view billing.firms as select 'practice' as firm_id, null::text as name, "
            "'America/Chicago' as time_zone, 'USD' as currency",
            "firms", "name", "is missing in 1 rows", "fill it in, or leave those rows out of the view",
        ),
        (
            "update practice.bill set stage = 5 where id = 1002", "invoices", "status", "is missing in 1 rows",
            "fill it in, or leave those rows out of the view",
        ),
        (
            "drop view billing.payment_applications; create view billing.payment_applications as select "
            "'practice' as firm_id, receipt_id::text as payment_id, bill_id::text as invoice_id, cents as amount, "
            "allocated_on as applied_date from practice.allocation",
            "payment_applications", "amount", "is BIGINT, not numeric(15,2)",
            "if these are cents: cast(amount / 100.0 as numeric(15,2))",
        ),
        (
            "create or replace view billing.firms as select 'practice' as firm_id, 'P' as name, 'America/Chicago' as "
            "time_zone, 'USD' as currency from generate_series(1, 2)",
            "firms", "firm_id", "is not unique: 1 values appear several times",
            "let each row appear once: a join in the view may multiply rows",
        ),
    ],
    ids=["relation", "column", "null", "unmapped code", "cents", "doubled"],
)  # fmt: skip
def test_the_check_names_relation_column_and_what_to_write(
    practice: Own, change: str, relation: str, column: str, problem: str, remedy: str
) -> None:
    with practice.billing.begin() as connection:
        connection.exec_driver_sql(change)

    [found] = check_contract(practice.billing)

    assert (found.relation, found.column, found.problem, found.remedy) == (relation, column, problem, remedy)


def test_the_page_shows_what_the_examples_say() -> None:
    page = (PROJECT / "docs" / "billing-database.md").read_text()
    views = (EXAMPLES / "practice_views.sql").read_text()

    shown = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)

    assert shown
    assert [snippet for snippet in shown if snippet not in views] == []


def test_text_that_sqlite_keeps_for_a_time_is_named_with_what_makes_a_time_of_it(book: Own) -> None:
    with book.billing.begin() as connection:
        connection.exec_driver_sql("drop view billing.payment_applications")
        connection.exec_driver_sql(
            "create view billing.payment_applications as select 'book' as firm_id, cast(no as text) as payment_id, "
            "cast(bill as text) as invoice_id, cents / 100.0 as amount, day as applied_date from money_in"
        )

    [found] = check_contract(book.billing)

    assert (found.column, found.problem, found.remedy) == (
        "applied_date", "is TEXT, not date", "let the view make it: date(applied_date)",
    )  # fmt: skip


def test_a_sqlite_file_meets_the_contract_and_is_synced_to_the_cent(book: Own) -> None:
    assert check_contract(book.billing) == []

    book.sync()

    assert book.states() == {("invoice", "11"): ("synced", ""), ("payment", "21"): ("synced", "")}
    assert book.totals("Invoice") == {"B-11": Decimal("123.45")}
    assert book.totals("Payment") == {"2026-03-04": Decimal("123.45")}
    assert book.sync().documents("invoice", "created") == 0
