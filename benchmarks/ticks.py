"""The time of a tick over 100 firms of one billing database, with and without an open transaction there (a dump).

    python -m benchmarks.ticks [--firms N]

The real sensor and the real schedule are evaluated as Dagster's code server does; neither asks QuickBooks. While the
transaction is open, every firm has a document that changed since it began, and this document is read again at each
tick. ``x quiet`` is the ratio to the same tick without the transaction, in the same run; it should stay below 1.2.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import dagster as dg
import sqlalchemy as sa

from qb_pipeline.billing.contract import install
from qb_pipeline.billing.demo import generate
from qb_pipeline.defs.schedules import daily_sync
from qb_pipeline.defs.sensors import sync_again
from qb_pipeline.embedded import postgres
from qb_pipeline.ledger.setup import schema
from qb_pipeline.quickbooks.environments import environment
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline_tests.embedded.homes import temporary_home

NAMES = ("bench_ledger", "bench_billing")
ROUNDS = 3
WORST_RATIO = 1.2


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--firms", type=int, default=100)
    firms = parser.parse_args().firms
    with temporary_home() as home, postgres.temporary_server(home) as url, TemporaryDirectory() as folder:
        deployment = open_deployment(url)
        for number in range(firms):
            add_firm(deployment, f"firm-{number:03}", realm_id=str(9_130_000_000_000_000 + number))
        with dg.DagsterInstance.local_temp(folder, {"telemetry": {"enabled": False}}) as instance:
            ticks = {
                "sync_again": lambda: sensor_tick(instance, deployment),
                "daily_sync": lambda: schedule_tick(instance, deployment),
            }
            print(f"{firms} firms of one billing database, median of {ROUNDS} ticks")
            print(f"{'tick':<12} {'quiet s':>8} {'open s':>8} {'x quiet':>8}")
            for name, tick in ticks.items():
                tick()  # the first tick reads everything
                quiet, busy = compare(deployment, tick)
                ratio = busy / quiet
                verdict = "" if ratio <= WORST_RATIO else f"  more than {WORST_RATIO}"
                print(f"{name:<12} {quiet:>8.2f} {busy:>8.2f} {ratio:>8.2f}{verdict}")


def compare(deployment: Deployment, tick: Callable[[], None]) -> tuple[float, float]:
    """Return the median seconds of a tick, without and with a transaction that stays open in billing.

    The two are measured by turns.
    """
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(ROUNDS):
        for is_open, measured in seconds.items():
            with deployment.billing.connect() if is_open else nullcontext() as dump:
                if dump is not None:
                    dump.exec_driver_sql("select count(*) from billing.invoices")
                change_one_of_each(deployment)
                began = time.perf_counter()
                tick()
                measured.append(time.perf_counter() - began)
    return statistics.median(seconds[False]), statistics.median(seconds[True])


def change_one_of_each(deployment: Deployment) -> None:
    """Set ``updated_at`` of one invoice of every firm to now."""
    with deployment.billing.begin() as connection:
        connection.exec_driver_sql(
            "update billing.invoices set updated_at = now() where (firm_id, invoice_id) in "
            "(select firm_id, min(invoice_id) from billing.invoices group by firm_id)"
        )


def sensor_tick(instance: dg.DagsterInstance, deployment: Deployment) -> None:
    """Evaluate the sensor that runs every 15 seconds."""
    sync_again.evaluate_tick(dg.build_sensor_context(instance=instance, resources={"deployment": deployment}))


def schedule_tick(instance: dg.DagsterInstance, deployment: Deployment) -> None:
    """Evaluate the schedule when every firm is due."""
    with deployment.ledger.begin() as connection:
        connection.exec_driver_sql("delete from sync.firm_day")
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=deployment.clock(), resources={"deployment": deployment}
    ) as context:
        daily_sync.evaluate_tick(context)


def open_deployment(url: str) -> Deployment:
    """Create two databases with our schemas and without rows, and return a deployment that uses them."""
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for name in NAMES:
            connection.exec_driver_sql(f"create database {name}")
    ledger, billing = (sa.create_engine(sa.make_url(url).set(database=name)) for name in NAMES)
    schema.upgrade(ledger, now=datetime.now(UTC))
    install(billing)
    return Deployment(
        ledger=ledger,
        billing=billing,
        environment=environment("emulator", api_url="http://127.0.0.1:9"),
        client_id="bench",
        client_secret="bench",  # noqa: S106
        keys=["a secret of this benchmark"],
        first_date=date(2023, 1, 1),
        home=Path(mkdtemp(prefix="qb_pipeline-")),
    )


def add_firm(deployment: Deployment, firm_id: str, *, realm_id: str) -> None:
    """Add an active firm with 30 invoices, whose daily sync is due all day long."""
    today = datetime.now(UTC).date()
    generate(deployment.billing, firm_id, invoices=30, lines=2, payers=5, first=today - timedelta(days=29), days=30)
    now, firms = datetime.now(UTC), deployment.firms
    firms.add(firm_id, name="Bench", time_zone="UTC", currency="USD", super_user="bench", actor="bench", now=now)
    firms.subscribe(firm_id, actor="bench", now=now)
    firms.choose_model(firm_id, 1, actor="bench", now=now)
    firms.connect(firm_id, environment="emulator", realm_id=realm_id, company_name="Bench", actor="bench", now=now)
    firms.change_settings(firm_id, {"daily_sync_at": "00:00"}, actor="bench", now=now)
    firms.activate(firm_id, eligible_since=None, actor="bench", now=now)


if __name__ == "__main__":
    main()
