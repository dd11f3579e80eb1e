"""Sensors: what they look at, which runs they ask for, and what they tell people.

Those of the sync look at billing and the work list, and never at QuickBooks.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import sqlalchemy as sa

from qb_pipeline.alerts import NotSentError
from qb_pipeline.config import ALERT_URLS
from qb_pipeline.definitions import defs
from qb_pipeline.defs.sensors import alert_on_failure, auto_sync_payments, daily_digest, sync_again
from qb_pipeline.ledger.books.pulls import record_hints
from qb_pipeline_tests.defs.conftest import Orchestra, add_firm, partitions
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.mailbox import Mailbox, open_mailbox
from qb_pipeline_tests.received import in_billing, pull, receive, set_up


def tick(sensor: dg.SensorDefinition, law_firm: LawFirm) -> list[dg.RunRequest]:
    """Evaluate a sensor once; gives the runs that it asks for."""
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(
            instance=instance, resources={"deployment": law_firm.deployment}, definitions=defs()
        )
        return list(sensor.evaluate_tick(context).run_requests or [])


def change_settings(law_firm: LawFirm, **settings: str) -> None:
    law_firm.deployment.firms.change_settings(FIRM, settings, actor=PARTNER, now=law_firm.time.now())


def test_a_revised_invoice_is_asked_for_by_name_and_on_its_date(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00", days_ago=3)
    law_firm.invoice("2", "20.00", days_ago=1)
    law_firm.sync()
    law_firm.change("update invoices set terms = 'Net 10', updated_at = now() where invoice_id = '1'")
    asked = law_firm.books.statistics()["requests"]

    [request] = tick(sync_again, law_firm)

    day = next(row["document_date"] for row in law_firm.query("select * from sync.document where source_id = '1'"))
    assert request.run_config == {
        "resources": {"chosen": {"config": {"invoice_ids": ["invoice:1"], "payment_ids": []}}}
    }
    assert {key: request.tags[key] for key in ("firm", "trigger", "dagster/asset_partition_range_start")} == {
        "firm": FIRM,
        "trigger": "sync_again",
        "dagster/asset_partition_range_start": f"{day}|{FIRM}",
    }
    assert law_firm.books.statistics()["requests"] == asked


def test_a_lost_cursor_changes_nothing_equal_work_has_an_equal_key(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.sync()
    law_firm.change("update invoices set status = 'void', updated_at = now() where invoice_id = '1'")

    first, second = tick(sync_again, law_firm), tick(sync_again, law_firm)

    assert [request.run_key for request in first] == [request.run_key for request in second]
    assert len(first) == 1


def test_without_a_revision_nothing_is_asked_for(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")

    assert tick(sync_again, law_firm) == []


def test_payments_go_by_themselves_only_where_the_firm_wants_it(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.sync()
    law_firm.payment("p1", applied={"1": "10.00"})

    before = tick(auto_sync_payments, law_firm)
    change_settings(law_firm, auto_sync_payments="on")
    after = tick(auto_sync_payments, law_firm)

    assert before == []
    assert [request.run_config["resources"]["chosen"]["config"]["payment_ids"] for request in after] == [["payment:p1"]]


@pytest.mark.parametrize("sensor", [sync_again, auto_sync_payments], ids=lambda sensor: sensor.name)
def test_a_firm_that_is_not_active_is_never_touched(law_firm: LawFirm, sensor: dg.SensorDefinition) -> None:
    law_firm.invoice("1", "10.00")

    assert tick(sensor, law_firm) == []
    assert law_firm.query("select * from sync.document") == []


@pytest.mark.parametrize("trigger", ["sync_again", "auto_sync_payments"])
def test_what_a_run_under_way_leaves_is_asked_for_when_it_has_ended(law_firm: LawFirm, trigger: str) -> None:
    """The key of another second or another document would start a second run beside the first."""
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.sync()
    law_firm.change("update invoices set status = 'void', updated_at = now() where invoice_id = '1'")
    tags = {"trigger": trigger, "firm": FIRM}
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(dg.DagsterRun("sync", run_id="r", status=dg.DagsterRunStatus.STARTED, tags=tags))
        context = dg.build_sensor_context(
            instance=instance, resources={"deployment": law_firm.deployment}, definitions=defs()
        )
        meanwhile = list(sync_again.evaluate_tick(context).run_requests or [])
        instance.report_run_failed(instance.get_runs()[0])
        afterwards = list(sync_again.evaluate_tick(context).run_requests or [])

    assert (len(meanwhile), len(afterwards)) == (0 if trigger == "sync_again" else 1, 1)


@contextmanager
def asked_of_billing(law_firm: LawFirm) -> Iterator[Counter[str]]:
    """How often billing is asked for its open transactions (the horizon), and for headers of invoices."""
    asked: Counter[str] = Counter()

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked["horizon"] += "from pg_locks" in statement
        asked["headers"] += "'invoice' as kind" in statement

    sa.event.listen(law_firm.billing, "before_cursor_execute", count)
    try:
        yield asked
    finally:
        sa.event.remove(law_firm.billing, "before_cursor_execute", count)


def test_a_tick_asks_billing_for_its_horizon_once_for_all_firms_and_waits_for_no_transaction(law_firm: LawFirm) -> None:
    law_firm.activate()
    add_firm(law_firm, "two", invoices=1)
    add_firm(law_firm, "three", invoices=1)
    law_firm.deployment.sleep = lambda _seconds: pytest.fail("a tick waited")
    with law_firm.billing.connect() as open_for_long, asked_of_billing(law_firm) as asked:
        open_for_long.exec_driver_sql("select 1")
        tick(sync_again, law_firm)

    assert asked == {"horizon": 1, "headers": 6}  # of each firm what is issued, and its drafts


def test_a_firm_that_sends_its_payments_itself_is_not_even_looked_at(law_firm: LawFirm) -> None:
    law_firm.activate()
    with dg.DagsterInstance.ephemeral() as instance, asked_of_billing(law_firm) as asked:
        context = dg.build_sensor_context(
            instance=instance, resources={"deployment": law_firm.deployment}, definitions=defs()
        )
        said = auto_sync_payments.evaluate_tick(context).skip_message

    assert asked == {}
    assert said == "no payment waits to go by itself; the setting auto_sync_payments is off for 1 of 1 firms of Model 1"


# What QuickBooks received


def look(law_firm: LawFirm) -> list[dg.RunRequest]:
    """Evaluate ``received_payments`` once; gives the runs that it asks for."""
    return tick(defs().resolve_sensor_def("received_payments"), law_firm)


def test_the_sensor_asks_for_a_run_that_posts_without_reading_again(law_firm: LawFirm, orchestra: Orchestra) -> None:
    [invoice] = set_up(law_firm, "100.00")
    pull(law_firm)  # the first look reads the whole company
    law_firm.time.sleep(300)
    day = law_firm.today
    payment = receive(law_firm, {"id": invoice, "amount": "60.00"}, date=str(day))
    law_firm.books.count_anew()

    [request] = look(law_firm)
    result = orchestra.pull(law_firm, **request.tags)

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

    [request] = look(law_firm)
    asked = law_firm.books.requests()
    orchestra.pull(law_firm, **request.tags)

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
        asked.append(look(law_firm))

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
        look(law_firm)

    assert law_firm.books.requests()["GET cdc"] == 1


@pytest.mark.slow
def test_what_a_run_left_undone_is_asked_for_again_without_a_read(law_firm: LawFirm) -> None:
    [invoice] = set_up(law_firm, "100.00")
    pull(law_firm)
    law_firm.time.sleep(300)
    receive(law_firm, invoice)
    [first] = look(law_firm)
    law_firm.books.count_anew()

    [second] = look(law_firm)

    assert (second.tags, law_firm.books.requests()) == (first.tags, {})


def test_a_firm_of_model_1_in_the_same_deployment_is_untouched(law_firm: LawFirm) -> None:
    set_up(law_firm, "100.00")
    other = add_firm(law_firm, "two", invoices=1)
    other.count_anew()

    look(law_firm)

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

    [request] = look(law_firm)

    assert request.tags["firm"] == FIRM


# What tells people


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with open_mailbox() as found, patch.dict(os.environ, {ALERT_URLS: found.address}):
        yield found


def fail(orchestra: Orchestra, law_firm: LawFirm) -> dg.RunFailureSensorContext:
    """A real run of a firm that is not set up, as the sensor is told of it."""
    result = orchestra.sync(law_firm, days=1, trigger="schedule")
    assert not result.success
    return dg.build_run_status_sensor_context(
        sensor_name="alert_on_failure",
        dagster_instance=orchestra.instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_failure_event(),
    ).for_run_failure()


@pytest.mark.slow
def test_a_failed_run_is_told_with_its_firm_its_reason_and_what_to_do(
    law_firm: LawFirm, orchestra: Orchestra, mailbox: Mailbox
) -> None:
    context = fail(orchestra, law_firm)

    alert_on_failure(context)

    [message] = mailbox.messages
    run_id = context.dagster_run.run_id
    assert (message["title"], message["type"]) == ("qb_pipeline: run failed (one)", "failure")
    assert f"Run {run_id[:8]} of job sync failed (started by schedule)." in message["message"]
    assert "qb-pipeline firm add one" in message["message"]
    assert f"qb-pipeline log one --run {run_id} --errors" in message["message"]


def test_an_error_that_is_not_in_our_words_is_named_by_its_class_only(orchestra: Orchestra, mailbox: Mailbox) -> None:
    @dg.op
    def quote() -> None:
        raise RuntimeError("Ana Diaz owes 250.00")

    @dg.job
    def quoting() -> None:
        quote()

    result = quoting.execute_in_process(instance=orchestra.instance, raise_on_error=False)
    alert_on_failure(
        dg.build_run_status_sensor_context(
            sensor_name="alert_on_failure",
            dagster_instance=orchestra.instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_failure_event(),
        ).for_run_failure()
    )

    assert "RuntimeError in step quote" in mailbox.messages[0]["message"]
    assert "Ana" not in str(mailbox.messages)


def test_a_message_that_was_not_taken_fails_the_tick(law_firm: LawFirm, orchestra: Orchestra, mailbox: Mailbox) -> None:
    context = fail(orchestra, law_firm)
    mailbox.is_full = True

    with pytest.raises(NotSentError):
        alert_on_failure(context)


def test_without_the_setting_nobody_is_told(law_firm: LawFirm, orchestra: Orchestra) -> None:
    with patch.dict(os.environ, {ALERT_URLS: ""}):
        alert_on_failure(fail(orchestra, law_firm))
        assert digest(law_firm, orchestra, "") == ("QB_PIPELINE_ALERT_URLS is not set: nobody is told", "")


def digest(law_firm: LawFirm, orchestra: Orchestra, cursor: str | None) -> tuple[str, str]:
    """Evaluate the digest once; gives what it says and its cursor."""
    context = dg.build_sensor_context(
        instance=orchestra.instance,
        resources={"deployment": law_firm.deployment},
        cursor=cursor,
        definitions=defs(),
    )
    data = daily_digest.evaluate_tick(context)
    return data.skip_message or "", data.cursor or ""


def local(law_firm: LawFirm, hour: int) -> None:
    """Let it be this hour, today, in New York, for the digest."""
    at = datetime.combine(law_firm.today, time(hour), ZoneInfo("America/New_York")).astimezone(UTC)
    law_firm.deployment.clock = lambda: at


def test_the_digest_goes_out_once_an_hour_after_the_daily_sync(
    law_firm: LawFirm, orchestra: Orchestra, mailbox: Mailbox
) -> None:
    law_firm.activate()
    law_firm.invoice("1", total_amount="5.00")
    law_firm.sync()

    local(law_firm, 6)
    early = digest(law_firm, orchestra, "")
    local(law_firm, 7)
    _, cursor = digest(law_firm, orchestra, "")
    again = digest(law_firm, orchestra, cursor)

    assert (early[0], again[0]) == ("no digest is due", "no digest is due")
    [message] = mailbox.messages
    assert message["title"] == f"qb_pipeline, {law_firm.today}: 1 held, 0 failed runs"
    assert "1 × invoice NO_LINES, 5.00: Add its lines in billing" in message["message"]
    assert "Ana" not in str(message)


def test_a_digest_that_was_not_taken_goes_out_at_the_next_tick(
    law_firm: LawFirm, orchestra: Orchestra, mailbox: Mailbox
) -> None:
    law_firm.activate()
    local(law_firm, 8)
    mailbox.is_full = True
    with pytest.raises(Exception, match="not taken by json"):
        digest(law_firm, orchestra, "")
    mailbox.is_full = False

    digest(law_firm, orchestra, "")

    assert [message["title"] for message in mailbox.messages] == [f"qb_pipeline, {law_firm.today}: nothing to do"]


def test_the_digest_names_the_runs_that_failed_since_yesterday(
    law_firm: LawFirm, orchestra: Orchestra, mailbox: Mailbox
) -> None:
    run_id = fail(orchestra, law_firm).dagster_run.run_id
    law_firm.activate()
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    law_firm.deployment.clock = lambda: in_an_hour

    law_firm.deployment.firms.change_settings(
        "one", {"daily_sync_at": "00:00"}, actor="partner", now=law_firm.time.now()
    )
    local_hour = in_an_hour.astimezone(ZoneInfo("America/New_York")).hour
    digest(law_firm, orchestra, "")

    if local_hour == 0:  # the first hour of the firm's day: nothing is due yet
        assert mailbox.messages == []
    else:
        assert f"failed runs: {run_id[:8]}." in mailbox.messages[0]["message"]


def test_a_firm_that_was_never_active_has_no_digest(law_firm: LawFirm, orchestra: Orchestra, mailbox: Mailbox) -> None:
    local(law_firm, 8)

    assert digest(law_firm, orchestra, "")[0] == "no digest is due"
    assert mailbox.messages == []


def test_both_are_on_from_the_start() -> None:
    for sensor in (alert_on_failure, daily_digest):
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
