"""What an operator reads on an asset's page."""

import dagster as dg
import pandera.pandas as pa
import pytest
from pandera.typing.pandas import Series

from qb_pipeline.core.money import to_dollars
from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.defs import metadata
from qb_pipeline.defs.assets import SPECS
from qb_pipeline_tests.defs.conftest import Orchestra, metadata_of
from qb_pipeline_tests.law_firm import LawFirm


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


def test_the_work_list_says_what_was_read(result: dg.ExecuteInProcessResult) -> None:
    assert metadata_of(result, "work_list") == {"documents read in billing": 5, "documents new or changed": 5}


def test_the_plan_shows_its_operations_and_what_is_held_and_what_clears_it(result: dg.ExecuteInProcessResult) -> None:
    assert metadata_of(result, "sync_plan") == {
        "plan": [
            {"firm": "one", "kind": "invoice", "operation": "create", "documents": 2, "amount": "1,244.56"},
            {"firm": "one", "kind": "invoice", "operation": "hold", "documents": 1, "amount": "99.99"},
            {"firm": "one", "kind": "payment", "operation": "create", "documents": 1, "amount": "34.56"},
            {"firm": "one", "kind": "payment", "operation": "wait", "documents": 1, "amount": "99.99"},
        ],
        "held": [
            {
                "firm": "one",
                "kind": "invoice",
                "reason": "MISSING_NAME",
                "documents": 1,
                "amount": "99.99",
                "what clears it": PROBLEMS[Problem.MISSING_NAME].remedy,
            }
        ],
    }


def test_the_quickbooks_assets_show_counts_sums_control_totals_and_requests(
    result: dg.ExecuteInProcessResult,
) -> None:
    invoices, payments = metadata_of(result, "quickbooks_invoices"), metadata_of(result, "quickbooks_payments")

    assert invoices.pop("requests: reads (metered)") > 0
    assert invoices.pop("requests: writes") > 0
    assert invoices == {
        "what became of them": [{"firm": "one", "outcome": "created", "documents": 2, "amount": "1,244.56"}],
        "control totals": [
            {
                "firm": "one", "meant": "1,244.56", "accepted": "1,244.56", "in QuickBooks": "1,244.56",
                "refused": "0.00", "unknown": "0.00",
            }
        ],
        "held": [
            {
                "firm": "one", "kind": "invoice", "reason": "MISSING_NAME", "documents": 1, "amount": "99.99",
                "what clears it": PROBLEMS[Problem.MISSING_NAME].remedy,
            }
        ],
        "documents sent": 2,
        "amount sent": "1,244.56",
        "documents held": 1,
        "amount held": "99.99",
        "sync log": f"`qb-pipeline log one --run {result.run_id}`",
    }  # fmt: skip
    assert payments["what became of them"] == [
        {"firm": "one", "outcome": "created", "documents": 1, "amount": "34.56"},
        {"firm": "one", "outcome": "waiting", "documents": 1, "amount": "99.99"},
    ]


def test_what_a_person_chose_and_nothing_could_be_done_about_is_a_notice(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    law_firm.activate()

    result = orchestra.sync(law_firm, invoice_ids=["nowhere"])

    assert metadata_of(result, "sync_plan")["notices"] == (
        "invoice nowhere is not available: billing does not have it, it is a draft, or it is not eligible"
    )


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


def test_tables_of_ours_show_their_columns_each_with_a_meaning() -> None:
    for spec in SPECS:
        if spec.metadata["dagster/table_name"].startswith("sync."):
            columns = spec.metadata["dagster/column_schema"].columns
            assert columns
            assert all(column.description for column in columns)


def test_money_is_written_as_a_person_writes_it() -> None:
    assert [metadata.dollars(cents) for cents in (0, 5, -1_234_567, 100_000_000)] == [
        "0.00", "0.05", "-12,345.67", "1,000,000.00",
    ]  # fmt: skip
    assert to_dollars(5).as_tuple().exponent == -2
