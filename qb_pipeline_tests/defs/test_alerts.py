"""People are told: at once of a failed run, once a morning of what is held, and never a client's data."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from unittest.mock import patch
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from qb_pipeline.alerts import NotSentError
from qb_pipeline.config import ALERT_URLS
from qb_pipeline.definitions import defs
from qb_pipeline.defs.alerts import alert_on_failure, daily_digest
from qb_pipeline_tests.defs.conftest import Orchestra
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.mailbox import Mailbox, open_mailbox


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
        assert tick(law_firm, orchestra, "") == ("QB_PIPELINE_ALERT_URLS is not set: nobody is told", "")


def tick(law_firm: LawFirm, orchestra: Orchestra, cursor: str | None) -> tuple[str, str]:
    """Evaluate the digest once; gives what it says and its cursor."""
    context = dg.build_sensor_context(
        instance=orchestra.instance,
        resources={"companies": law_firm.companies},
        cursor=cursor,
        definitions=defs(),
    )
    data = daily_digest.evaluate_tick(context)
    return data.skip_message or "", data.cursor or ""


def local(law_firm: LawFirm, hour: int) -> None:
    """Let it be this hour, today, in New York, for the digest."""
    at = datetime.combine(law_firm.today, time(hour), ZoneInfo("America/New_York")).astimezone(UTC)
    law_firm.companies.clock = lambda: at


def test_the_digest_goes_out_once_an_hour_after_the_daily_sync(
    law_firm: LawFirm, orchestra: Orchestra, mailbox: Mailbox
) -> None:
    law_firm.activate()
    law_firm.invoice("1", total_amount="5.00")
    law_firm.sync()

    local(law_firm, 6)
    early = tick(law_firm, orchestra, "")
    local(law_firm, 7)
    _, cursor = tick(law_firm, orchestra, "")
    again = tick(law_firm, orchestra, cursor)

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
        tick(law_firm, orchestra, "")
    mailbox.is_full = False

    tick(law_firm, orchestra, "")

    assert [message["title"] for message in mailbox.messages] == [f"qb_pipeline, {law_firm.today}: nothing to do"]


def test_the_digest_names_the_runs_that_failed_since_yesterday(
    law_firm: LawFirm, orchestra: Orchestra, mailbox: Mailbox
) -> None:
    run_id = fail(orchestra, law_firm).dagster_run.run_id
    law_firm.activate()
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    law_firm.companies.clock = lambda: in_an_hour

    law_firm.companies.firms.change_settings(
        "one", {"daily_sync_at": "00:00"}, actor="partner", now=law_firm.time.now()
    )
    local_hour = in_an_hour.astimezone(ZoneInfo("America/New_York")).hour
    tick(law_firm, orchestra, "")

    if local_hour == 0:  # the first hour of the firm's day: nothing is due yet
        assert mailbox.messages == []
    else:
        assert f"failed runs: {run_id[:8]}." in mailbox.messages[0]["message"]


def test_a_firm_that_was_never_active_has_no_digest(law_firm: LawFirm, orchestra: Orchestra, mailbox: Mailbox) -> None:
    local(law_firm, 8)

    assert tick(law_firm, orchestra, "")[0] == "no digest is due"
    assert mailbox.messages == []


def test_both_are_on_from_the_start() -> None:
    for sensor in (alert_on_failure, daily_digest):
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
