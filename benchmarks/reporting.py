"""The time of a month's question to every view, at a million invoices and 1,200,000 payments, in milliseconds.

    python -m benchmarks.reporting [--invoices N] [--firms N] [--plans]

Real PostgreSQL with its default settings. SQL (``reporting.sql``) fills the ledger: three years of twenty firms, a
hundredth of the documents in some trouble, half of them with a former version. Each question
(``reporting_questions.sql``) is asked three times, about one firm, now and as of a past month's end; the best time is
printed. ``--plans`` prints the query plan of each question.
"""

import argparse
import time
from datetime import UTC, date, datetime
from pathlib import Path

import psutil
import sqlalchemy as sa

from qb_pipeline.config import SQL
from qb_pipeline.database import Queries, with_driver
from qb_pipeline.embedded import postgres
from qb_pipeline.ledger.setup import schema
from qb_pipeline_tests.embedded.homes import temporary_home

START = datetime(2024, 1, 1, tzinfo=UTC)
AS_OF = "2026-04-01 00:00 America/New_York"
MONTH = {"firm_id": "firm-3", "first": date(2026, 3, 1), "last": date(2026, 3, 31)}
queries = Queries(Path(__file__).with_suffix(".sql"))
questions = Queries(Path(__file__).with_name("reporting_questions.sql"))

BOUND_MS = {"firm_status": 200}
DEFAULT_BOUND_MS = 1000

MEASURE = "customer_receivables"
BESIDE_IT = (
    "invoice_lines", "payment_applications", "unapplied_payments", "deposits", "receivable_movements", "ageing_on",
)  # fmt: skip
"""Views that may take at most twice the time of the measure, in the same run."""


def main() -> None:
    """Fill the ledger, ask every question, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--invoices", type=int, default=1_000_000)
    parser.add_argument("--firms", type=int, default=20)
    parser.add_argument("--plans", action="store_true")
    arguments = parser.parse_args()
    with temporary_home() as home, postgres.temporary_server(home) as url:
        engine = sa.create_engine(with_driver(url))
        schema.upgrade(engine, now=START)
        fill(engine, firms=arguments.firms, invoices=arguments.invoices)
        print(f"{'view':28} {'now ms':>8} {'as of ms':>9} {'bound ms':>9} {'server CPU ms':>14}")
        times: dict[str, list[float]] = {}
        for view in questions:
            asked = [ask(engine, view, as_of) for as_of in ("", AS_OF)]
            times[view], cpu = [wall for wall, _ in asked], max(cpu for _, cpu in asked)
            bound = BOUND_MS.get(view, DEFAULT_BOUND_MS)
            late = "  LATE" if max(times[view]) > bound else ""
            print(f"{view:28} {times[view][0]:8.0f} {times[view][1]:9.0f} {bound:9} {cpu:14.0f}{late}", flush=True)
        print(f"\ntimes of {MEASURE}, at most 2.0")
        for view in BESIDE_IT:
            now, then = (mine / measure for mine, measure in zip(times[view], times[MEASURE], strict=True))
            print(f"{view:28} {now:8.1f} {then:9.1f}{'  LATE' if max(now, then) > 2 else ''}")
        if arguments.plans:
            show_plans(engine)
        missing = {path.stem for path in (SQL / "reporting").rglob("*.sql")} - set(questions)
        assert not missing, f"ask these views too: {sorted(missing)}"
        engine.dispose()


def fill(engine: sa.Engine, *, firms: int, invoices: int) -> None:
    """Fill the ledger by SQL."""
    began = time.perf_counter()
    values = {"firms": firms, "invoices": invoices, "payments": invoices * 12 // 10, "payers": 2000, "start": START}
    with engine.begin() as connection:
        connection.execute(queries["fill"], values)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("vacuum analyze")
        counts = connection.execute(queries["counts"]).one()
    print(
        f"{counts.invoices:,} invoices, {counts.payments:,} payments, {counts.versions:,} versions, "
        f"{counts.log:,} log rows of {firms} firms, filled in {time.perf_counter() - began:.0f} s"
    )


def ask(engine: sa.Engine, view: str, as_of: str) -> tuple[float, float]:
    """Ask one question three times, fetching every row.

    On a machine that others use too, wall time depends mostly on them; CPU time is counted in steps of 10 ms.

    Returns:
        The best wall time and the best CPU time of the server, in milliseconds.
    """
    walls, cpus = [], []
    with engine.begin() as connection:
        server = psutil.Process(connection.execute(queries["server_process"]).scalar_one())
        connection.execute(queries["as_of"], {"as_of": as_of})
        for _ in range(3):
            began, used = time.perf_counter(), sum(server.cpu_times()[:2])
            connection.execute(questions[view], MONTH).all()
            walls.append((time.perf_counter() - began) * 1000)
            cpus.append((sum(server.cpu_times()[:2]) - used) * 1000)
    return min(walls), min(cpus)


def show_plans(engine: sa.Engine) -> None:
    """Print the query plan of each question, asked now."""
    with engine.connect() as connection:
        for view in questions:
            print(f"\n{view}")
            asked = sa.text("explain (analyze, costs off, timing off, summary off) " + questions[view].text)
            for line in connection.execute(asked, MONTH):
                print("   ", line[0])


if __name__ == "__main__":
    main()
