"""What an operator reads on an asset's page."""

from datetime import timedelta
from decimal import Decimal

import dagster as dg
import pandera.pandas as pa
import pytest
from pandera.typing.pandas import Series

from qb_pipeline.core.money import to_dollars
from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.defs import metadata
from qb_pipeline.defs.assets import SYNC_SPECS, mappings
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.stages import LOADING, STAGES
from qb_pipeline_tests.defs.conftest import Orchestra, add_firm, metadata_by_partition, metadata_of
from qb_pipeline_tests.law_firm import FIRM, LawFirm

NOTHING_SENT = {"documents sent": 0, "amount sent": "0.00", "documents held": 0, "amount held": "0.00"}
HELD = [
    {
        "kind": "invoice", "reason": "MISSING_NAME", "documents": 1, "amount": "99.99",
        "what clears it": PROBLEMS[Problem.MISSING_NAME].remedy,
    }
]  # fmt: skip


@pytest.fixture
def result(law_firm: LawFirm, orchestra: Orchestra) -> dg.ExecuteInProcessResult:
    """Two invoices and a payment sent, an invoice held for its payer's name, a payment that waits for it."""
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="", last_name="Nguyen")
    law_firm.invoice("1", "1000.00", "234.56")
    law_firm.invoice("2", "10.00")
    law_firm.invoice("nameless", "99.99", payer_id="P2")
    law_firm.payment("p1", applied={"1": "34.56"})
    law_firm.payment("p2", applied={"nameless": "99.99"}, payer_id="P2")
    return orchestra.sync(law_firm)


def days(law_firm: LawFirm) -> tuple[str, str, str]:
    """The partitions of the run: nothing on the first day, invoices on the second, payments on the third."""
    first, second, third = (f"{law_firm.today - timedelta(days=ago)}|one" for ago in (2, 1, 0))
    return first, second, third


def test_a_day_without_documents_carries_numbers_and_no_table(
    law_firm: LawFirm, result: dg.ExecuteInProcessResult
) -> None:
    empty = days(law_firm)[0]

    assert {step: metadata_of(result, step, empty) for step in STAGES} == {
        "work_list": {
            "documents on the work list": 0, "amount on the work list": "0.00", "documents new or changed": 0,
        },
        "sync_plan": {
            "documents planned": 0, "amount planned": "0.00", "documents held": 0, "amount held": "0.00",
        },
        "quickbooks_releases": {"documents voided": 0, "amount voided": "0.00"},
        "quickbooks_customers_and_items": {"customers created": 0, "customers updated": 0, "items created": 0},
        "quickbooks_invoices": NOTHING_SENT,
        "quickbooks_payments": NOTHING_SENT,
    }  # fmt: skip


def test_a_day_shows_its_own_documents_and_no_other_day_s(law_firm: LawFirm, result: dg.ExecuteInProcessResult) -> None:
    _, invoices, payments = days(law_firm)

    assert metadata_of(result, "work_list", invoices) == {
        "documents on the work list": 3, "amount on the work list": "1,344.55", "documents new or changed": 3,
    }  # fmt: skip
    assert metadata_of(result, "sync_plan", invoices) == {
        "plan": [
            {"kind": "invoice", "operation": "create", "documents": 2, "amount": "1,244.56"},
            {"kind": "invoice", "operation": "hold", "documents": 1, "amount": "99.99"},
        ],
        "held": HELD,
        "documents planned": 3, "amount planned": "1,344.55", "documents held": 1, "amount held": "99.99",
    }  # fmt: skip
    assert metadata_of(result, "quickbooks_invoices", invoices) == {
        "what became of them": [{"outcome": "created", "documents": 2, "amount": "1,244.56"}],
        "control totals": [
            {
                "meant": "1,244.56", "accepted": "1,244.56", "in QuickBooks": "1,244.56", "refused": "0.00",
                "unknown": "0.00", "not sent": "0.00",
            }
        ],
        "held": HELD,
        "documents sent": 2, "amount sent": "1,244.56", "documents held": 1, "amount held": "99.99",
    }  # fmt: skip
    assert metadata_of(result, "quickbooks_customers_and_items", invoices) == {
        "what became of them": [{"kind": "customer", "outcome": "created", "documents": 1}],
        "customers created": 1, "customers updated": 0, "items created": 0,
    }  # fmt: skip
    assert metadata_of(result, "quickbooks_payments", invoices) == NOTHING_SENT
    assert metadata_of(result, "quickbooks_payments", payments)["what became of them"] == [
        {"outcome": "created", "documents": 1, "amount": "34.56"},
        {"outcome": "waiting", "documents": 1, "amount": "99.99"},
    ]


def test_what_is_the_run_s_own_stands_once_on_its_newest_day(
    law_firm: LawFirm, result: dg.ExecuteInProcessResult
) -> None:
    newest = days(law_firm)[2]
    found = {
        (step, partition, name): value
        for step in STAGES
        for partition, shown in metadata_by_partition(result, step).items()
        for name, value in shown.items()
        if name.startswith(("requests", "sync log", "this run"))
    }
    [run] = law_firm.query("select reads, writes from sync.run")
    stages = law_firm.query("select stage, reads, writes from sync.run_stage")
    own = {(row["stage"], "requests: reads (metered)"): row["reads"] for row in stages if row["stage"] != "work_list"}
    own |= {(row["stage"], "requests: writes"): row["writes"] for row in stages if "quickbooks" in row["stage"]}

    assert found == {
        ("work_list", newest, "this run: documents read in billing"): 5,
        **{(stage, newest, "sync log"): f"`qb-pipeline log one --run {result.run_id}`" for stage in LOADING},
        **{(stage, newest, name): value for (stage, name), value in own.items()},
    }
    assert run == {"reads": sum(row["reads"] for row in stages), "writes": sum(row["writes"] for row in stages)}


def test_sums_over_partitions_are_the_run_s_totals_to_the_cent(law_firm: LawFirm, orchestra: Orchestra) -> None:
    """Three firms and three days in one run, one firm failing: every asset, and each firm by itself."""
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="", last_name="Nguyen")
    for days_ago, amount in enumerate(("0.01", "1000.10", "33.33")):
        law_firm.invoice(f"i{days_ago}", amount, days_ago=days_ago)
        law_firm.payment(f"p{days_ago}", days_ago=days_ago, applied={f"i{days_ago}": "0.01"})
    law_firm.invoice("nameless", "99.99", payer_id="P2")
    law_firm.invoice("refused", "7.77", invoice_number="N-i1")
    add_firm(law_firm, "two", invoices=3)
    add_firm(law_firm, "three", invoices=1)
    law_firm.deployment.firms.pause("three", actor="partner", now=law_firm.time.now())

    result = orchestra.sync(law_firm, firm_ids=[FIRM, "two", "three"])

    assert not result.success
    shown = {step: metadata_by_partition(result, step, orchestra.instance) for step in STAGES}
    assert {key.split("|")[1] for step in STAGES for key in shown[step]} == {FIRM, "two"}
    for firm_id in (FIRM, "two"):
        log, run = law_firm.deployment.log(firm_id), Run(result.run_id, "ui", "dagster")
        days = {step: [day for key, day in shown[step].items() if key.endswith(f"|{firm_id}")] for step in STAGES}
        assert [len(of_firm) for of_firm in days.values()] == [3] * len(STAGES)
        planned = law_firm.query(
            "select count(*) as documents, sum(p.amount_cents) as cents from sync.plan_item p"
            " join sync.document d using (document_id) where d.firm_id = :firm_id", firm_id=firm_id,
        )[0]  # fmt: skip
        assert sum(day["documents new or changed"] for day in days["work_list"]) == planned["documents"]
        assert sum(day["documents planned"] for day in days["sync_plan"]) == planned["documents"]
        assert sum(cents(day["amount planned"]) for day in days["sync_plan"]) == planned["cents"]
        for step, kind in metadata.KIND.items():
            totals = [row for row in log.control_totals(run) if row.kind == kind]
            tables = [row for day in days[step] for row in day.get("control totals", [])]
            assert {name: sum(getattr(row, f"{name}_cents") for row in totals) for name in TITLES} == {
                name: sum(cents(row[title]) for row in tables) for name, title in TITLES.items()
            }
            created = [row for row in log.summary(run) if (row.kind, row.activity) == (kind, "created")]
            assert sum(row.documents for row in created) == sum(day["documents sent"] for day in days[step])
            assert sum(row.cents for row in created) == sum(cents(day["amount sent"]) for day in days[step])


TITLES = {
    "meant": "meant", "accepted": "accepted", "in_quickbooks": "in QuickBooks", "refused": "refused",
    "unknown": "unknown", "not_sent": "not sent",
}  # fmt: skip


def cents(dollars: str) -> int:
    """What the page shows, in cents."""
    return int(Decimal(dollars.replace(",", "")).scaleb(2))


def test_a_long_table_is_cut_and_says_so() -> None:
    rows = [{"document": f"invoice:{number}", "documents": 1} for number in range(7)]

    shown = metadata.table("held", rows, ["document", "documents"], limit=5)

    assert [record.data["document"] for record in shown["held"].records] == [f"invoice:{n}" for n in range(5)]
    assert shown["held: rows shown"] == "5 of 7"
    assert metadata.table("held", rows[:5], ["document"], limit=5).keys() == {"held"}
    assert metadata.table("held", [], ["document"]) == {}


def test_what_a_person_chose_and_nothing_could_be_done_about_is_a_notice(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.sync()

    result = orchestra.sync(law_firm, invoice_ids=["N-1"])

    assert metadata_of(result, "quickbooks_invoices")["notices"] == "invoice:1 needs nothing: it is synced"


def test_a_pandera_model_becomes_the_columns_panel() -> None:
    class Frame(pa.DataFrameModel):
        number: Series[str] = pa.Field(description="Number that the client sees")
        amount_cents: Series[int] = pa.Field(description="Amount; cents")

    assert metadata.column_schema(Frame) == {
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn("number", "string", description="Number that the client sees"),
                dg.TableColumn("amount_cents", "int64", description="Amount; cents"),
            ]
        )
    }


OURS = ("sync.document", "sync.plan_item", "sync.mapping")
"""Tables of the ledger that an asset shows as its own."""


def test_tables_of_ours_show_their_columns_each_with_a_meaning() -> None:
    for spec in [*SYNC_SPECS, mappings]:
        if "dagster/column_schema" in spec.metadata or spec.metadata["dagster/table_name"] in OURS:
            columns = spec.metadata["dagster/column_schema"].columns
            assert columns
            assert all(column.description for column in columns)


def test_money_is_written_as_a_person_writes_it() -> None:
    assert [metadata.dollars(cents) for cents in (0, 5, -1_234_567, 100_000_000)] == [
        "0.00", "0.05", "-12,345.67", "1,000,000.00",
    ]  # fmt: skip
    assert to_dollars(5).as_tuple().exponent == -2
