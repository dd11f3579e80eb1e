"""The cost of a sync of 1,000 new invoices, 4 lines each, for 200 known customers: requests, seconds, memory.

    python -m benchmarks.push [--invoices N]

Everything is real but Intuit: PostgreSQL, the emulator in a process of its own, the sync as the Dagster asset calls it.
Each measured sync runs in a fresh process, so that its memory is its own. Seconds are wall and CPU seconds; memory is
the peak. ``floor`` is the least wall time that the number of batches, the latency, four requests in flight and Intuit's
ten requests a second allow; ``x floor`` is the ratio of the wall time to it in the same run.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

import sqlalchemy as sa

from qb_pipeline.billing.contract import install
from qb_pipeline.billing.demo import generate
from qb_pipeline.embedded import postgres
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup import schema
from qb_pipeline.quickbooks.environments import environment
from qb_pipeline.quickbooks.oauth import Tokens
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.stages import sync_firm
from qb_pipeline_tests.bookkeeper import Bookkeeper, start_emulator
from qb_pipeline_tests.embedded.homes import temporary_home

FIRM = "bench"
PAYERS = 200
IN_FLIGHT = 4
LATENCIES_MS = (0, 150)
REQUESTS_PER_SECOND = 10
"""Intuit's limit per company and app, which our throttle keeps; source: limits and throttles (read 2026-11-21)."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--invoices", type=int, default=1000)
    parser.add_argument("--child", nargs=3, metavar=("LEDGER", "BILLING", "API"))
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measure(*arguments.child)))
        return
    print(f"{arguments.invoices} new invoices x 4 lines, {PAYERS} known customers, {IN_FLIGHT} batches in flight")
    print(f"{'latency':>8} {'requests':>9} {'wall s':>8} {'floor s':>8} {'x floor':>8} {'CPU s':>7} {'CPU ms/inv':>11} "
          f"{'peak MB':>8} {'above idle MB':>14}")  # fmt: skip
    with temporary_home() as home, postgres.temporary_server(home) as url, start_emulator() as api:
        for number, latency in enumerate(LATENCIES_MS):
            found = run_once(
                url, api, realm_id=f"91303578493720{number:02}", latency=latency, invoices=arguments.invoices
            )
            batches = math.ceil(arguments.invoices / 30)
            paced = max(0, batches - REQUESTS_PER_SECOND) / REQUESTS_PER_SECOND
            floor = max(math.ceil(batches / IN_FLIGHT) * latency / 1000, paced)
            ratio = f"{found['wall'] / floor:.2f}" if floor else "-"
            print(f"{latency:>5} ms {found['requests']:>9} {found['wall']:>8.2f} {floor:>8.2f} {ratio:>8} "
                  f"{found['cpu']:>7.2f} {found['cpu'] * 1000 / arguments.invoices:>11.2f} {found['peak_mb']:>8.0f} "
                  f"{found['peak_mb'] - found['idle_mb']:>14.0f}")  # fmt: skip


def run_once(url: str, api: str, *, realm_id: str, latency: int, invoices: int) -> dict[str, float]:
    """Create a firm, its company and its mappings, then measure a sync in a process of its own. Return the figures."""
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    urls = []
    for name in (f"ledger_{realm_id}", f"billing_{realm_id}"):
        with admin.connect() as connection:
            connection.exec_driver_sql(f"create database {name}")
        urls.append(sa.make_url(url).set(database=name).render_as_string(hide_password=False))
    ledger, billing = (sa.create_engine(each) for each in urls)
    schema.upgrade(ledger, now=datetime.now(UTC))
    install(billing)
    first = datetime.now(UTC).date() - timedelta(days=29)
    generate(billing, FIRM, invoices=invoices, lines=4, payers=PAYERS, first=first, days=30)
    books = Bookkeeper.of_new_company(api, realm_id=realm_id)
    deployment = connect(ledger, billing, books)
    know_customers_and_items(deployment, books, billing)
    books.switch(latency_ms=latency)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.push", "--child", *urls, api], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    sent = len(books.ours("Invoice"))
    assert sent == invoices, f"{sent} of {invoices} invoices are in QuickBooks"
    return found


def connect(ledger: sa.Engine, billing: sa.Engine, books: Bookkeeper) -> Deployment:
    """Take every step of the firm's set-up, and return the deployment."""
    deployment = open_deployment(ledger, billing, books.url)
    now, firms = datetime.now(UTC), deployment.firms
    who = {"actor": "bench", "now": now}
    firms.add(FIRM, name="Bench", time_zone="America/New_York", currency="USD", super_user="bench", **who)  # type: ignore[arg-type]
    firms.subscribe(FIRM, **who)  # type: ignore[arg-type]
    firms.choose_model(FIRM, 1, **who)  # type: ignore[arg-type]
    firms.connect(FIRM, environment="emulator", realm_id=books.realm_id, company_name="Bench", **who)  # type: ignore[arg-type]
    granted = books.tokens()
    tokens = Tokens(
        granted["access_token"], granted["refresh_token"], now + timedelta(hours=1), now + timedelta(days=9)
    )
    deployment.tokens.save(FIRM, realm_id=books.realm_id, environment="emulator", tokens=tokens, now=now)
    firms.activate(FIRM, eligible_since=None, **who)  # type: ignore[arg-type]
    return deployment


def open_deployment(ledger: sa.Engine, billing: sa.Engine, api: str) -> Deployment:
    """Build the deployment of this one firm."""
    return Deployment(
        ledger=ledger,
        billing=billing,
        environment=environment("emulator", api_url=api),
        client_id="emulator-client",
        client_secret="emulator-secret",  # noqa: S106 - the emulator accepts no other
        keys=["bench"],
        first_date=date(2023, 1, 1),
        home=Path(mkdtemp(prefix="bench-")),
        in_flight=IN_FLIGHT,
    )


def know_customers_and_items(deployment: Deployment, books: Bookkeeper, billing: sa.Engine) -> None:
    """Create the payers and fee items in QuickBooks and map them, because only the push is measured."""
    from qb_pipeline.ledger.books.mappings import Mapping, Mappings

    income = next(account["Id"] for account in books.all("Account") if account["Name"] == "Legal Fees")
    with billing.connect() as connection:
        payers = connection.execute(sa.text("select payer_id, first_name, last_name from billing.payers")).all()
        items = connection.execute(sa.text("select fee_item_id, name from billing.fee_items")).all()
    mapped = [
        Mapping(
            "payer",
            row.payer_id,
            books.create("Customer", {"DisplayName": f"Payer {row.payer_id}"})["Id"],
            "",
            "person",
        )
        for row in payers
    ]
    mapped += [
        Mapping(
            "fee_item",
            row.fee_item_id,
            books.create("Item", {"Name": row.name, "Type": "Service", "IncomeAccountRef": {"value": income}})["Id"],
            "",
            "person",
        )
        for row in items
    ]
    Mappings(deployment.ledger, FIRM).remember(mapped, actor="bench", now=datetime.now(UTC))


def measure(ledger_url: str, billing_url: str, api: str) -> dict[str, float]:
    """Measure one sync from inside its process. Imports and engines are ready before the clock starts.

    Returns:
        wall and cpu (seconds), requests, idle_mb and peak_mb (peak memory in MB before and after the sync).
    """
    deployment = open_deployment(sa.create_engine(ledger_url), sa.create_engine(billing_url), api)
    idle = resource.getrusage(resource.RUSAGE_SELF)
    start, cpu = time.perf_counter(), time.process_time()
    with deployment.open(FIRM, Run("bench", "cli", "bench")) as session:
        report = sync_firm(session, Selection())
    return {
        "wall": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "requests": report.reads + report.writes,
        "idle_mb": idle.ru_maxrss / 1024,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main()
