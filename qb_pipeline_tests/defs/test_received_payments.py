"""Model 2 in Dagster: the sensor looks, its run posts, a person's run reads the dates anew."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from qb_pipeline.definitions import defs
from qb_pipeline.defs.assets import billing_tables, sync_firms
from qb_pipeline.defs.partitions import firms
from qb_pipeline.defs.received_payments import CHECK, pull_firms, pull_payments, received_payments
from qb_pipeline.ledger.pulls import record_hints
from qb_pipeline_tests.defs.conftest import QUIET, Orchestra, add_firm, failure, metadata_of, partitions
from qb_pipeline_tests.law_firm import FIRM, LawFirm
from qb_pipeline_tests.received import billed_rows, in_billing, in_quickbooks, pull, receive, set_up


def tick(law_firm: LawFirm) -> Sequence[dg.RunRequest]:
    """Evaluate the sensor once; gives the runs that it asks for."""
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(
            instance=instance, resources={"companies": law_firm.companies}, definitions=defs()
        )
        return list(received_payments.evaluate_tick(context).run_requests or [])


def run(orchestra: Orchestra, law_firm: LawFirm, days: int = 1, **tags: str) -> dg.ExecuteInProcessResult:
    """Run the job over the last days, with tags as a sensor's request has them, or as a person launches it."""
    orchestra.instance.add_dynamic_partitions(firms.name or "", [FIRM])
    first = law_firm.today - timedelta(days=days - 1)
    found = dg.Definitions(
        assets=[*billing_tables, sync_firms, pull_firms], jobs=[pull_payments],
        resources={"companies": law_firm.companies, "chosen": None},
    )  # fmt: skip
    return found.resolve_job_def("pull_payments").execute_in_process(
        instance=orchestra.instance,
        tags={
            "dagster/asset_partition_range_start": f"{first}|{FIRM}",
            "dagster/asset_partition_range_end": f"{law_firm.today}|{FIRM}",
            **tags,
        },
        run_config=QUIET,
        raise_on_error=False,
    )


def test_the_sensor_asks_for_a_run_that_posts_without_reading_again(law_firm: LawFirm, orchestra: Orchestra) -> None:
    [invoice] = set_up(law_firm, "100.00")
    pull(law_firm)  # the first look reads the whole company
    law_firm.time.sleep(300)
    day = law_firm.today
    payment = receive(law_firm, {"id": invoice, "amount": "60.00"}, date=str(day))
    law_firm.books.count_anew()

    [request] = tick(law_firm)
    result = run(orchestra, law_firm, **request.tags)

    assert result.success
    assert {name: request.tags[name] for name in ("firm", "trigger", "dagster/asset_partition_range_start")} == {
        "firm": FIRM, "trigger": "received_payments", "dagster/asset_partition_range_start": f"{day}|{FIRM}",
    }  # fmt: skip
    assert in_billing(law_firm) == {(payment, invoice): Decimal("60.00")}
    assert law_firm.books.requests() == {"GET cdc": 1}
    assert orchestra.materialized(result) == {"received_payments": partitions(FIRM, day, 1)}
    assert law_firm.query("select reads from sync.run where trigger = 'received_payments'") == [{"reads": 0}]


def test_the_whole_company_is_read_by_a_run_and_not_in_a_tick(law_firm: LawFirm, orchestra: Orchestra) -> None:
    [invoice] = set_up(law_firm, "100.00")
    payment = receive(law_firm, {"id": invoice, "amount": "60.00"}, date=str(law_firm.today))
    law_firm.books.count_anew()

    [request] = tick(law_firm)
    asked = law_firm.books.requests()
    run(orchestra, law_firm, **request.tags)

    assert (asked, law_firm.books.requests()) == ({}, {"GET cdc": 1, "POST query": 1})
    assert in_billing(law_firm) == {(payment, invoice): Decimal("60.00")}


def test_an_idle_firm_costs_one_read_per_interval_and_no_run(law_firm: LawFirm) -> None:
    set_up(law_firm, "100.00")
    pull(law_firm)  # the first look reads the whole company
    law_firm.books.count_anew()
    asked = []
    before = law_firm.query("select sum(reads) as reads from sync.metered_reads")[0]["reads"]

    for _ in range(4):
        law_firm.time.sleep(150)
        asked.append(tick(law_firm))

    assert asked == [[]] * 4
    assert law_firm.books.requests() == {"GET cdc": 2}
    assert law_firm.query("select sum(reads) as reads from sync.metered_reads") == [{"reads": before + 2}]


def test_a_webhook_s_hint_makes_the_sensor_look_sooner_but_once_a_minute(law_firm: LawFirm) -> None:
    set_up(law_firm, "100.00")
    pull(law_firm)
    law_firm.books.count_anew()
    for _ in range(3):
        law_firm.time.sleep(25)
        record_hints(law_firm.ledger, "emulator", [law_firm.books.realm_id], now=law_firm.time.now())
        tick(law_firm)

    assert law_firm.books.requests()["GET cdc"] == 1


@pytest.mark.slow
def test_what_a_run_left_undone_is_asked_for_again_without_a_read(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    pull(law_firm)
    law_firm.time.sleep(300)
    receive(law_firm, invoice)
    [first] = tick(law_firm)
    law_firm.books.count_anew()

    [second] = tick(law_firm)

    assert (second.tags, law_firm.books.requests()) == (first.tags, {})


def test_a_firm_of_model_1_in_the_same_deployment_is_untouched(law_firm: LawFirm) -> None:
    set_up(law_firm, "100.00")
    other = add_firm(law_firm, "two", invoices=1)
    other.count_anew()

    tick(law_firm)

    assert other.requests() == {}


@pytest.mark.slow
def test_a_firm_that_quickbooks_does_not_answer_stops_no_other(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    pull(law_firm)
    law_firm.time.sleep(300)
    receive(law_firm, invoice)
    other = add_firm(law_firm, "two", invoices=1)
    law_firm.query_change("update sync.firm set model = 2 where firm_id = 'two'")
    law_firm.query_change("insert into sync.cursor select 'two', name, value from sync.cursor where firm_id = 'one'")
    other.fault({"what": "403", "match": "cdc", "times": None})

    [request] = tick(law_firm)

    assert request.tags["firm"] == FIRM


def test_a_person_s_run_reads_the_chosen_dates_anew(law_firm: LawFirm, orchestra: Orchestra) -> None:
    [invoice] = set_up(law_firm, "100.00")
    receive(law_firm, {"id": invoice, "amount": "60.00"}, date=str(law_firm.today - timedelta(days=1)))
    receive(law_firm, {"id": invoice, "amount": "5.00"}, date=str(law_firm.today - timedelta(days=9)))

    result = run(orchestra, law_firm, days=3)

    metadata = metadata_of(result, "received_payments")
    assert [str(row["amount"]) for row in billed_rows(law_firm)] == ["60.00"]
    assert {name: metadata[name] for name in (
        "payments posted", "payments posted: amount", "invoices with a recent payment", "requests: reads (metered)",
    )} == {
        "payments posted": 1, "payments posted: amount": "60.00", "invoices with a recent payment": 1,
        "requests: reads (metered)": 1,
    }  # fmt: skip


def test_a_backfill_of_the_job_reads_its_whole_range_and_not_its_first_day_alone(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    """Jobs → pull_payments → Materialize all: the tags carry the range and the first partition by itself."""
    [invoice] = set_up(law_firm, "100.00")
    receive(law_firm, {"id": invoice, "amount": "60.00"}, date=str(law_firm.today))
    first = str(law_firm.today - timedelta(days=2))

    result = run(orchestra, law_firm, days=3, **{"dagster/partition/date": first, "dagster/partition/firm": FIRM})

    assert [str(row["amount"]) for row in billed_rows(law_firm)] == ["60.00"]
    assert orchestra.materialized(result) == {"received_payments": partitions(FIRM, law_firm.today, 3)}


def test_the_check_fails_when_billing_no_longer_holds_what_was_posted(law_firm: LawFirm, orchestra: Orchestra) -> None:
    [invoice] = set_up(law_firm, "100.00")
    receive(law_firm, invoice, date=str(law_firm.today))
    pull(law_firm)
    law_firm.change("update payments set amount = 1")

    result = run(orchestra, law_firm)

    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.severity) == (CHECK, False, dg.AssetCheckSeverity.ERROR)
    assert "no longer holds 1 postings" in (check.description or "")


@pytest.mark.slow
def test_a_firm_of_model_1_is_named_with_its_next_step(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()

    assert failure(run(orchestra, law_firm)) == (
        "one uses model 1: its payments go to QuickBooks, and none come back. Next step: qb-pipeline firm model one 2"
    )


@pytest.mark.slow
def test_metadata_names_no_client_and_no_single_document(law_firm: LawFirm, orchestra: Orchestra) -> None:
    [invoice] = set_up(law_firm, "100.00")
    receive(law_firm, invoice, date=str(law_firm.today), note="secret note", reference="secret 1")

    result = run(orchestra, law_firm)

    shown: Any = [*metadata_of(result, "received_payments").items(), *result.all_events]
    assert "secret" not in repr(shown)
    assert in_billing(law_firm) == in_quickbooks(law_firm)
