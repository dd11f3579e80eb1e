"""The cost of a first sync over 391 dates, with and without Dagster's switches: planned events, seconds, bytes.

    python -m benchmarks.planned_events [--dates N]

Everything is real but Intuit: the job as a command runs it, Dagster on PostgreSQL, the emulator in a process of its
own. There is one invoice a day, of a known customer. Each line is a run of its own in fresh databases. Seconds are wall
seconds and CPU seconds of the run's process; bytes (KB) are the growth of Dagster's database. The lines of a failed run
(the firm was paused) show the cost of letting each day look failed. Ratios are to the line without the switches.
"""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import sqlalchemy as sa

from qb_pipeline.billing.contract import install
from qb_pipeline.config import DAGSTER_SWITCHES
from qb_pipeline.database import with_driver
from qb_pipeline.definitions import defs
from qb_pipeline.defs.partitions import firms, range_tags
from qb_pipeline.defs.resources import ChosenDocuments
from qb_pipeline.embedded import postgres
from qb_pipeline.ledger.setup import schema
from qb_pipeline_tests.bookkeeper import Bookkeeper, start_emulator
from qb_pipeline_tests.embedded.homes import temporary_home
from qb_pipeline_tests.law_firm import FIRM, LawFirm

WITHOUT = {"DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS": "", "DAGSTER_EVENT_BATCH_SIZE": "0"}
"""The values of the switches by which Dagster behaves as it does without them."""

numbers = count(1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dates", type=int, default=391)
    dates = parser.parse_args().dates
    print(f"a first sync over {dates} dates, one invoice a day")
    print(f"{'run':>10} {'switches':>9} {'planned':>8} {'wall s':>8} {'CPU s':>7} {'KB':>7} {'x wall':>7} {'x CPU':>6} "
          f"{'x KB':>5}")  # fmt: skip
    with temporary_home() as home, postgres.temporary_server(home) as url, start_emulator() as api:
        run_once(url, api, dates=2, switches=WITHOUT, fails=False)  # this run pays for imports and caches
        for fails in (False, True):
            base: tuple[float, ...] = ()
            for name, switches in (("without", WITHOUT), ("with", DAGSTER_SWITCHES)):
                planned, *costs = run_once(url, api, dates=dates, switches=switches, fails=fails)
                base = base or tuple(costs)
                ratios = [cost / first for cost, first in zip(costs, base, strict=True)]
                run = "failed" if fails else "success"
                print(f"{run:>10} {name:>9} {planned:>8.0f} {costs[0]:>8.1f} {costs[1]:>7.1f} "
                      f"{costs[2]:>7.0f} {ratios[0]:>7.2f} {ratios[1]:>6.2f} {ratios[2]:>5.2f}")  # fmt: skip


def run_once(url: str, api: str, *, dates: int, switches: dict[str, str], fails: bool) -> tuple[float, ...]:
    """Run the job over the last dates of a fresh firm.

    Returns:
        The number of planned events, the wall seconds, the CPU seconds, and the growth of Dagster's database in KB.
    """
    os.environ.update(switches)
    with database(url) as billing, database(url) as ledger, database(url) as dagster, TemporaryDirectory() as home:
        install(billing)
        schema.upgrade(ledger, now=datetime.now(UTC))
        books = Bookkeeper.of_new_company(api, realm_id=str(9_130_000_000_000_000 + next(numbers)))
        law_firm = LawFirm(billing=billing, ledger=ledger, books=books, home=Path(home))
        law_firm.activate()
        for days_ago in range(dates):
            law_firm.invoice(str(days_ago), "100.00", days_ago=days_ago)
        if fails:
            law_firm.deployment.firms.pause(FIRM, actor="partner", now=law_firm.time.now())
        storage = {"postgres": {"postgres_url": dagster.url.render_as_string(hide_password=False)}}
        overrides = {"storage": storage, "telemetry": {"enabled": False}}
        with dg.DagsterInstance.local_temp(home, overrides) as instance:
            instance.add_dynamic_partitions(firms.name or "", [FIRM])
            before, began, cpu = size(dagster), time.perf_counter(), time.process_time()
            run_id = sync(law_firm, instance, dates, succeeds=not fails)
            costs = (time.perf_counter() - began, time.process_time() - cpu, (size(dagster) - before) / 1024)
            kind = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
            return len(instance.get_records_for_run(run_id, of_type=kind).records), *costs


def sync(law_firm: LawFirm, instance: dg.DagsterInstance, dates: int, *, succeeds: bool) -> str:
    """Run the job ``sync`` as a command does, and return the run's id."""
    found = defs()
    definitions = dg.Definitions(
        assets=found.assets,
        jobs=found.jobs,
        resources={"deployment": law_firm.deployment, "chosen": ChosenDocuments()},
    )
    result = definitions.resolve_job_def("sync").execute_in_process(
        instance=instance,
        tags=range_tags(FIRM, law_firm.today - timedelta(days=dates - 1), law_firm.today),
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )
    assert result.success is succeeds, result.all_events[-1]
    return result.run_id


@contextmanager
def database(url: str) -> Iterator[sa.Engine]:
    """Create a database on the server and yield its engine; drop the database at the end."""
    name = f"bench_{next(numbers)}"
    server = sa.create_engine(with_driver(url), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"create database {name}")
    engine = sa.create_engine(sa.make_url(with_driver(url)).set(database=name))
    try:
        yield engine
    finally:
        engine.dispose()
        with server.connect() as connection:
            connection.exec_driver_sql(f"drop database {name} with (force)")
        server.dispose()


def size(engine: sa.Engine) -> int:
    """Return the size of a database on disk, in bytes."""
    with engine.connect() as connection:
        return int(connection.execute(sa.text("select pg_database_size(current_database())")).scalar_one())


if __name__ == "__main__":
    main()
