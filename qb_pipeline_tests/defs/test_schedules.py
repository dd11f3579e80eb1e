"""The daily schedules: which firms, when, and for which dates."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from qb_pipeline.defs.schedules import LONGEST_LOOK, daily_reconcile, daily_sync
from qb_pipeline_tests.defs.conftest import Orchestra, add_firm
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

NEW_YORK = ZoneInfo("America/New_York")


def tick(law_firm: LawFirm, orchestra: Orchestra, moment: datetime) -> Sequence[dg.RunRequest] | str:
    """What the schedule asks for at an instant; its reason when it asks for nothing."""
    law_firm.deployment.clock = lambda: moment
    with dg.build_schedule_context(
        instance=orchestra.instance,
        scheduled_execution_time=moment,
        resources={"deployment": law_firm.deployment},
    ) as context:
        answer = daily_sync(context)
    return answer.skip_message if isinstance(answer, dg.SkipReason) else answer


def local(law_firm: LawFirm, hour: int, minute: int = 0, zone: ZoneInfo = NEW_YORK) -> datetime:
    """A time of today's in the firm's zone, as the UTC instant that the schedule hands over."""
    return datetime.combine(law_firm.today, time(hour, minute), zone).astimezone(UTC)


def ranges(requests: Sequence[dg.RunRequest] | str) -> list[tuple[str, str, str]]:
    assert not isinstance(requests, str), requests
    return [
        (
            request.run_key or "",
            request.tags["dagster/asset_partition_range_start"],
            request.tags["dagster/asset_partition_range_end"],
        )
        for request in requests
    ]


def test_a_firm_is_due_when_its_local_time_has_passed(law_firm: LawFirm, stored_orchestra: Orchestra) -> None:
    law_firm.activate(daily_sync_at="06:30")
    law_firm.invoice("1", "100.00", days_ago=1)
    yesterday = law_firm.today - timedelta(days=1)

    before = tick(law_firm, stored_orchestra, local(law_firm, 6, 15))
    after = tick(law_firm, stored_orchestra, local(law_firm, 6, 30))

    assert before == "no firm is due"
    assert ranges(after) == [(f"daily:one:{law_firm.today}", f"{yesterday}|one", f"{yesterday}|one")]


def test_the_run_key_carries_the_firms_own_date(law_firm: LawFirm, stored_orchestra: Orchestra) -> None:
    """Late in the evening of New York it is the next day in UTC already."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    moment = local(law_firm, 23, 45)

    [request] = ranges(tick(law_firm, stored_orchestra, moment))

    assert moment.date() == law_firm.today + timedelta(days=1)
    assert request[0] == f"daily:one:{law_firm.today}"


def test_firms_of_two_time_zones_are_due_at_their_own_six(law_firm: LawFirm, stored_orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    add_firm(law_firm, "west", invoices=1, time_zone="America/Los_Angeles")

    early = ranges(tick(law_firm, stored_orchestra, local(law_firm, 6)))
    later = ranges(tick(law_firm, stored_orchestra, local(law_firm, 6, zone=ZoneInfo("America/Los_Angeles"))))

    assert [key.split(":")[1] for key, _, _ in early] == ["one"]
    assert [key.split(":")[1] for key, _, _ in later] == ["one", "west"]


def test_only_dates_with_work_are_asked_for(law_firm: LawFirm, stored_orchestra: Orchestra) -> None:
    """Far apart they are one run all the same, and what is in QuickBooks already is not asked for."""
    law_firm.activate()
    for name, days_ago in (("old", 100), ("a", 5), ("b", 3), ("done", 50)):
        law_firm.invoice(name, "100.00", days_ago=days_ago)
    law_firm.sync(invoice_ids=["done"])
    old, first, last = (law_firm.today - timedelta(days=n) for n in (100, 5, 3))

    asked = tick(law_firm, stored_orchestra, local(law_firm, 7))

    assert ranges(asked) == [(f"daily:one:{law_firm.today}", f"{first}|one", f"{last}|one")]
    assert not isinstance(asked, str)
    assert asked[0].tags["further_dates"] == f"{old}..{old}"


def test_every_run_says_what_started_it_and_whose_it_is(law_firm: LawFirm, stored_orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")

    asked = tick(law_firm, stored_orchestra, local(law_firm, 7))

    assert not isinstance(asked, str)
    tags = {name: value for name, value in asked[0].tags.items() if not name.startswith("dagster/")}
    assert tags == {"firm": "one", "trigger": "schedule", "actor": "daily_sync"}


def test_the_firm_is_a_partition_before_its_run_is_asked_for(law_firm: LawFirm, stored_orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")

    tick(law_firm, stored_orchestra, local(law_firm, 7))

    assert stored_orchestra.instance.get_dynamic_partitions("firm") == ["one"]


def test_a_firm_without_work_is_done_for_the_day(law_firm: LawFirm, stored_orchestra: Orchestra) -> None:
    """What billing gets later is the next day's; the ticks after the first do not even look."""
    law_firm.activate()
    first = tick(law_firm, stored_orchestra, local(law_firm, 7))
    law_firm.invoice("1", "100.00")

    second = tick(law_firm, stored_orchestra, local(law_firm, 7, 15))

    assert (first, second) == (
        "1 firms are due: 0 are done, under way or failed, 1 have no work or still cannot be read, 0 are left",
        "1 firms are due: 1 are done, under way or failed, 0 have no work or still cannot be read, 0 are left",
    )
    assert law_firm.states() == {}


def test_a_tick_that_takes_long_asks_for_what_it_has_found_and_leaves_the_rest(
    law_firm: LawFirm, stored_orchestra: Orchestra
) -> None:
    """Dagster cuts a tick at 60 seconds, and then nobody would get a run."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    add_firm(law_firm, "two", invoices=1)
    seven = local(law_firm, 7)
    looks = count()

    with dg.build_schedule_context(
        instance=stored_orchestra.instance,
        scheduled_execution_time=seven,
        resources={"deployment": law_firm.deployment},
    ) as context:
        law_firm.deployment.clock = lambda: seven + next(looks) * LONGEST_LOOK / 3
        asked = daily_sync(context)

    assert not isinstance(asked, dg.SkipReason)
    assert [request.tags["firm"] for request in asked] == ["one"]


def test_a_tick_sends_nothing_and_asks_quickbooks_nothing(law_firm: LawFirm, stored_orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    before = law_firm.books.statistics()["requests"]

    tick(law_firm, stored_orchestra, local(law_firm, 7))

    assert law_firm.books.statistics()["requests"] == before
    assert law_firm.states() == {"1": ("new", "")}


def test_a_firm_that_is_not_subscribed_is_never_touched(law_firm: LawFirm, stored_orchestra: Orchestra) -> None:
    """Billing knows it, the pipeline does not, or does and nobody has subscribed it: no run, no row, no request."""
    law_firm.invoice("1", "100.00")
    unknown = tick(law_firm, stored_orchestra, local(law_firm, 7))
    law_firm.deployment.firms.add(
        "one", name="Firm One", time_zone="America/New_York", currency="USD", super_user=PARTNER, actor=PARTNER,
        now=law_firm.time.now(),
    )  # fmt: skip
    before = law_firm.books.statistics()["requests"]

    added = tick(law_firm, stored_orchestra, local(law_firm, 7))

    assert (unknown, added) == ("no firm is due", "no firm is due")
    assert law_firm.states() == {}
    assert law_firm.books.statistics()["requests"] == before


def test_a_paused_firm_is_not_due(law_firm: LawFirm, stored_orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.deployment.firms.pause("one", actor=PARTNER, now=law_firm.time.now())

    assert tick(law_firm, stored_orchestra, local(law_firm, 7)) == "no firm is due"


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)])
def test_in_the_night_of_a_clock_change_the_firms_own_six_counts(
    law_firm: LawFirm, stored_orchestra: Orchestra, day: date
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00", invoice_date=day - timedelta(days=1))
    six = datetime.combine(day, time(6), NEW_YORK).astimezone(UTC)

    assert tick(law_firm, stored_orchestra, six - timedelta(minutes=15)) == "no firm is due"
    assert ranges(tick(law_firm, stored_orchestra, six))[0][0] == f"daily:one:{day}"


def test_a_firm_that_cannot_be_read_does_not_keep_the_others_from_their_sync(
    law_firm: LawFirm, stored_orchestra: Orchestra
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    add_firm_of_another_environment(law_firm)

    asked = ranges(tick(law_firm, stored_orchestra, local(law_firm, 7)))

    assert [key for key, _, _ in asked] == [
        f"daily:elsewhere:{law_firm.today}", f"daily:one:{law_firm.today}",
    ]  # fmt: skip


def test_a_firm_that_failed_gets_a_run_that_fails_under_its_name(
    law_firm: LawFirm, stored_orchestra: Orchestra
) -> None:
    """A failed read is never an empty answer, and a tick's log is read by nobody."""
    law_firm.activate()
    add_firm_of_another_environment(law_firm)

    asked = ranges(tick(law_firm, stored_orchestra, local(law_firm, 7)))

    today = law_firm.today.isoformat()
    assert asked == [(f"daily:elsewhere:{today}", f"{today}|elsewhere", f"{today}|elsewhere")]


def add_firm_of_another_environment(law_firm: LawFirm) -> None:
    """Connected to a sandbox company, while this deployment talks to the emulator; first in the alphabet."""
    now, firms = law_firm.time.now(), law_firm.deployment.firms
    zone = "America/New_York"
    firms.add("elsewhere", name="F", time_zone=zone, currency="USD", super_user=PARTNER, actor=PARTNER, now=now)
    firms.subscribe("elsewhere", actor=PARTNER, now=now)
    firms.choose_model("elsewhere", 1, actor=PARTNER, now=now)
    firms.connect("elsewhere", environment="sandbox", realm_id="123", company_name="F", actor=PARTNER, now=now)
    firms.activate("elsewhere", eligible_since=None, actor=PARTNER, now=now)


def test_the_schedule_looks_four_times_an_hour_and_is_on_from_the_start() -> None:
    assert (daily_sync.cron_schedule, daily_sync.execution_timezone, daily_sync.job_name) == (
        "*/15 * * * *", "UTC", "sync",
    )  # fmt: skip
    assert daily_sync.default_status is dg.DefaultScheduleStatus.RUNNING


# The reconciliation


def ask_daily_reconcile(law_firm: LawFirm, orchestra: Orchestra, moment: datetime) -> Sequence[dg.RunRequest]:
    law_firm.deployment.clock = lambda: moment
    with dg.build_schedule_context(
        instance=orchestra.instance,
        scheduled_execution_time=moment,
        resources={"deployment": law_firm.deployment},
    ) as context:
        answer = daily_reconcile(context)
    return [] if isinstance(answer, dg.SkipReason) else list(answer)


def test_each_active_firm_is_reconciled_once_a_day(law_firm: LawFirm, stored_orchestra: Orchestra) -> None:
    before, due = datetime(2026, 3, 2, 10, 15, tzinfo=UTC), datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
    assert ask_daily_reconcile(law_firm, stored_orchestra, due) == []
    law_firm.activate()

    assert ask_daily_reconcile(law_firm, stored_orchestra, before) == []
    [request] = ask_daily_reconcile(law_firm, stored_orchestra, due)

    assert (request.run_key, request.partition_key, request.tags["firm"]) == (
        f"reconcile:{FIRM}:2026-03-02",
        FIRM,
        FIRM,
    )
