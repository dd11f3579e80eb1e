"""A firm's day, through Dagster's own scheduler loop: all its ticks, whoever dies, and a night without a daemon."""

import multiprocessing
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import sqlalchemy as sa

from qb_pipeline.defs.partitions import firms
from qb_pipeline_tests.bookkeeper import Bookkeeper, start_emulator
from qb_pipeline_tests.conftest import fresh_database, numbers
from qb_pipeline_tests.defs import scheduler
from qb_pipeline_tests.defs.conftest import add_firm
from qb_pipeline_tests.defs.scheduler import DAGSTERS_PLACES, IN_THIS_PROCESS, Daemon, World, start_daemon
from qb_pipeline_tests.defs.test_schedules import add_firm_of_another_environment
from qb_pipeline_tests.law_firm import FIRM, LawFirm

pytestmark = [
    pytest.mark.slow,
    # Dagster 1.13.27 asks its own schedules for what it has deprecated.
    pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning"),
]

NEW_YORK = ZoneInfo("America/New_York")
QUARTER = timedelta(minutes=15)


@pytest.fixture(scope="module")
def emulator_of_tomorrow() -> Iterator[str]:
    """An emulator whose clock goes on by days; the other tests' stays."""
    with start_emulator() as url:
        yield url


@pytest.fixture
def law_firm(
    server: sa.Engine, server_url: str, billing_template: str, ledger_engine: sa.Engine, emulator_of_tomorrow: str,
    tmp_path: Path,
) -> Iterator[LawFirm]:  # fmt: skip
    """The firm ``one``, active, in New York."""
    books = Bookkeeper.of_new_company(emulator_of_tomorrow, realm_id=str(9_130_000_000_000_000 + next(numbers)))
    with fresh_database(server, server_url, billing_template) as billing:
        found = LawFirm(billing, ledger_engine, books, home=tmp_path / "home")
        found.activate()
        yield found


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance on disk, which other processes open too."""
    with dg.DagsterInstance.local_temp(str(tmp_path), IN_THIS_PROCESS) as found:
        found.add_dynamic_partitions(firms.name or "", [FIRM])
        yield found


@dataclass
class Office:
    """A firm, a Dagster instance, and the time of both."""

    law_firm: LawFirm
    instance: dg.DagsterInstance
    day: date
    """Tomorrow in New York: the day that the test is about."""

    def go_to(self, hour: int, minute: int = 0, *, days: int = 0) -> datetime:
        """Let time pass until it is so late in New York."""
        moment = datetime.combine(self.day + timedelta(days=days), time(hour, minute), NEW_YORK)
        self.law_firm.time.sleep((moment - self.law_firm.time.now()).total_seconds())
        return self.now

    @property
    def now(self) -> datetime:
        return self.law_firm.time.now().astimezone(UTC)

    def pass_the_time(self, daemon: Daemon, until: datetime) -> None:
        """A tick every quarter of an hour; what it asks for is done before the next one."""
        moment = self.now
        while moment < until:
            daemon.look(self.now)
            daemon.work(self.now)
            moment += QUARTER
            self.law_firm.time.sleep((moment - self.now).total_seconds())

    def at(self, hour: int, minute: int = 0, *, days: int = 0) -> datetime:
        return datetime.combine(self.day + timedelta(days=days), time(hour, minute), NEW_YORK).astimezone(UTC)


@pytest.fixture
def office(law_firm: LawFirm, instance: dg.DagsterInstance) -> Office:
    """It is ten to six in the morning of tomorrow in New York; the firm's day is due at six."""
    found = Office(law_firm, instance, datetime.now(NEW_YORK).date() + timedelta(days=1))
    found.go_to(5, 50)
    return found


def test_all_ticks_of_a_day_are_one_run_for_each_firm_and_one_in_red_for_the_firm_that_stays_broken(
    office: Office,
) -> None:
    law_firm = office.law_firm
    for name, days_ago in (("old", 100), ("a", 5), ("b", 3)):
        law_firm.invoice(name, "100.00", days_ago=days_ago)
    add_firm(law_firm, "idle", invoices=0)
    add_firm(law_firm, "west", invoices=2, time_zone="America/Los_Angeles")
    add_firm_of_another_environment(law_firm)

    with start_daemon(office.instance, law_firm.deployment) as daemon:
        office.pass_the_time(daemon, office.at(5, 20, days=1))
        ran, reconciled, ticks = daemon.runs(), daemon.runs("reconcile:"), daemon.ticks()

    day = office.day
    assert ran == {
        f"daily:elsewhere:{day}": ["FAILURE"], f"daily:one:{day}": ["SUCCESS"], f"daily:west:{day}": ["SUCCESS"],
    }  # fmt: skip
    assert reconciled == {f"reconcile:{firm_id}:{day}": ["SUCCESS"] for firm_id in ("idle", "one", "west")}
    assert (sum(ticks.values()), ticks["FAILURE"]) == (93, 0)
    assert law_firm.states() == dict.fromkeys(("a", "b", "old", "west-0", "west-1"), ("synced", ""))
    marked = office.instance.get_materialized_partitions(dg.AssetKey("quickbooks_invoices"))
    old, first, middle, last = (office.law_firm.today - timedelta(days=n + 1) for n in (100, 5, 4, 3))
    assert sorted(key for key in marked if key.endswith("|one")) == [
        f"{each}|one" for each in (old, first, middle, last)
    ]


def test_a_firm_that_cannot_be_read_begins_its_day_once_it_can(office: Office) -> None:
    """One run in red; the ticks after it look quietly, and the one that can read asks for the day."""
    office.law_firm.invoice("1", "100.00")
    hide, show = (f"alter table billing.{a} rename to {b}" for a, b in (("invoices", "gone"), ("gone", "invoices")))
    run_statement(office.law_firm.billing, hide)

    with start_daemon(office.instance, office.law_firm.deployment) as daemon:
        office.pass_the_time(daemon, office.at(6, 50))
        broken = daemon.runs()
        run_statement(office.law_firm.billing, show)
        office.pass_the_time(daemon, office.at(8))
        mended = daemon.runs()

    key = f"daily:one:{office.day}"
    assert (broken, mended) == ({key: ["FAILURE"]}, {key: ["FAILURE", "SUCCESS"]})
    assert office.law_firm.states() == {"1": ("synced", "")}


def test_a_day_that_failed_over_quickbooks_begins_again_once_quickbooks_has_answered_another_run(
    office: Office,
) -> None:
    law_firm = office.law_firm
    law_firm.invoice("1", "100.00")
    law_firm.books.fault(*[{"what": "drop_before"}] * 60)
    with start_daemon(office.instance, law_firm.deployment) as daemon:
        office.pass_the_time(daemon, office.at(6, 10))
        down = daemon.runs()
        law_firm.books.heal()
        office.pass_the_time(daemon, office.at(7))
        quiet = daemon.runs()
        law_firm.sync(invoice_ids=["1"])
        law_firm.invoice("2", "50.00")
        office.pass_the_time(daemon, office.at(7, 45))
        after = daemon.runs()

    key = f"daily:one:{office.day}"
    assert (down, quiet, after) == ({key: ["FAILURE"]}, {key: ["FAILURE"]}, {key: ["FAILURE", "SUCCESS"]})
    assert law_firm.states() == {"1": ("synced", ""), "2": ("synced", "")}


def run_statement(engine: sa.Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize("days", [0, 2])
def test_a_daemon_that_was_down_catches_up_with_one_run(office: Office, days: int) -> None:
    """It goes down in the evening, and comes back at nine: of the next morning, or of two days later."""
    law_firm = office.law_firm
    law_firm.invoice("1", "100.00")
    with start_daemon(office.instance, law_firm.deployment) as daemon:
        daemon.look(office.now)  # from now on Dagster counts ticks that were missed

    office.go_to(9, 7, days=days)
    with start_daemon(office.instance, law_firm.deployment) as daemon:
        office.pass_the_time(daemon, office.at(10, days=days))
        ran = daemon.runs()

    assert ran == {f"daily:one:{office.day + timedelta(days=days)}": ["SUCCESS"]}
    assert law_firm.in_quickbooks("invoice") == {"1": 1}


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Real processes, which import the pipeline only once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["qb_pipeline_tests.defs.scheduler"])
    return context


def kill(processes: ForkServerContext, office: Office, place: str, started: datetime | None = None) -> None:
    """A daemon of its own, killed at a place of its tick, or of the run that waits."""
    world = World.of(office.law_firm, office.instance)
    process = processes.Process(target=scheduler.die, args=(world, place, started))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL, f"it came not to {place}: {process.exitcode}"


OUR_PLACES = ("see a chunk: committed", "the daily tick has looked at all firms")


@pytest.mark.parametrize(
    "back_in", [timedelta(minutes=1), timedelta(minutes=16)], ids=["the same tick", "the next tick"]
)
@pytest.mark.parametrize("place", [*DAGSTERS_PLACES[:2], *OUR_PLACES, *DAGSTERS_PLACES[2:]])
def test_a_daemon_that_is_killed_at_any_step_of_a_tick_neither_loses_nor_doubles_the_day(
    office: Office, processes: ForkServerContext, place: str, back_in: timedelta
) -> None:
    law_firm = office.law_firm
    law_firm.invoice("1", "100.00")
    before = office.now
    office.go_to(6)
    kill(processes, office, place, before)

    law_firm.time.sleep(back_in.total_seconds())
    with start_daemon(office.instance, law_firm.deployment) as daemon:
        office.pass_the_time(daemon, office.at(6, 50))
        ran = daemon.runs()

    assert ran == {f"daily:one:{office.day}": ["SUCCESS"]}
    assert law_firm.in_quickbooks("invoice") == {"1": 1}
    assert law_firm.query("select outcome from sync.firm_day where job = 'sync'") == [{"outcome": "done"}]


@pytest.mark.parametrize(
    "place", ["see a chunk: before its commit", "record decisions: committed", "the day has ended: committed"]
)
def test_a_run_whose_process_dies_does_not_take_the_day_with_it(
    office: Office, processes: ForkServerContext, place: str
) -> None:
    law_firm = office.law_firm
    law_firm.invoice("1", "100.00")
    with start_daemon(office.instance, law_firm.deployment) as daemon:
        daemon.look(office.now)
        daemon.look(office.go_to(6))
        kill(processes, office, place)
        daemon.look(office.go_to(6, 15))
        waits = daemon.runs()
        [died] = office.instance.get_runs(dg.RunsFilter(job_name="sync", statuses=[dg.DagsterRunStatus.STARTED]))
        office.instance.report_run_failed(died)  # as the sensor orphaned_runs does
        law_firm.time.sleep(QUARTER.total_seconds())
        office.pass_the_time(daemon, office.at(6, 50))
        ran = daemon.runs()

    key = f"daily:one:{office.day}"
    was_done = place.startswith("the day has ended")
    assert waits == {key: ["STARTED"]}
    assert ran == {key: ["FAILURE"] if was_done else ["FAILURE", "SUCCESS"]}
    assert law_firm.in_quickbooks("invoice") == {"1": 1}


def test_a_second_run_of_a_day_does_no_second_sync(office: Office) -> None:
    """Two daemons on one storage, or a machine that stood still: both have asked for the day."""
    law_firm = office.law_firm
    law_firm.invoice("1", "100.00")
    with start_daemon(office.instance, law_firm.deployment) as daemon:
        daemon.look(office.now)
        daemon.look(office.go_to(6))
        [run] = office.instance.get_runs(dg.RunsFilter(job_name="sync"))
        office.instance.add_run(run._replace(run_id=dg._core.utils.make_new_run_id()))
        daemon.work(office.now)
        ran = daemon.runs()
        second = office.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.CANCELED]))
        said = [
            each.dagster_event.message or ""
            for each in office.instance.all_logs(second[0].run_id)
            if each.dagster_event
        ]
        marked = office.instance.get_records_for_run(
            second[0].run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
        ).records

    assert ran == {f"daily:one:{office.day}": ["SUCCESS", "CANCELED"]}
    assert any(
        f"one: the day {office.day} is done already; this run ends without a second sync." in each for each in said
    )
    assert len(law_firm.query("select * from sync.run where trigger = 'schedule' and writes > 0")) == 1
    assert marked == []
