"""The speed of the emulator, at the beginning and after many documents.

Fills a company through batches of 30 invoices with 4 lines, over HTTP. Prints the server's CPU time per batch at the
beginning and at the end, the time of the queries that a client sends, and the memory that one invoice takes.

    python benchmarks/emulator_speed.py [--invoices 100000]
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
import requests

GOAL_MS = 10.0
BATCH = 30
CUSTOMERS = 500
REALM = "1"


def body_of(number: int, customer: str) -> dict[str, Any]:
    """Return the body of one invoice with four lines, like a law firm's."""
    lines = [
        {
            "DetailType": "SalesItemLineDetail",
            "Amount": 337.5 + each,
            "Description": "Review of documents and correspondence with opposing counsel about discovery",
            "SalesItemLineDetail": {"ItemRef": {"value": "1"}, "Qty": 1, "UnitPrice": 337.5 + each},
        }
        for each in range(4)
    ]
    marker = f"qbp1:abc123:firm:invoice:{number}:g1"
    return {
        "CustomerRef": {"value": customer},
        "DocNumber": f"INV-{number}",
        "TxnDate": "2026-03-01",
        "DueDate": "2026-03-31",
        "PrivateNote": marker,
        "CustomerMemo": {"value": "Matter 2026-017"},
        "Line": lines,
    }


class Server:
    """A running emulator, with one company and an HTTP session for it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "qb_pipeline.emulator", "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        base = self.process.stdout.readline().split()[1]
        self.meter = psutil.Process(self.process.pid)
        self.session = requests.Session()
        self.session.trust_env = False
        company = f"{base}/emulator/companies"
        self.session.post(company, json={"realm_id": REALM, "name": "Speed"})
        self.session.patch(f"{company}/{REALM}/switches", json={"preset": "no_limits", "one_name_per_batch": False})
        token = self.session.post(f"{company}/{REALM}/tokens").json()["access_token"]
        self.session.headers.update({"Authorization": f"Bearer {token}", "Accept": "application/json"})
        self.api = f"{base}/v3/company/{REALM}"

    def cpu(self) -> float:
        """Return the CPU seconds that the server has used so far."""
        times = self.meter.cpu_times()
        return float(times.user + times.system)

    def batch(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Send a batch, and return its answers. Every item must be accepted."""
        answer = self.session.post(f"{self.api}/batch?requestid=bench", json={"BatchItemRequest": items}).json()
        found: list[dict[str, Any]] = answer["BatchItemResponse"]
        assert not any("Fault" in item for item in found), found[0]
        return found

    def query(self, statement: str) -> None:
        """Send a query, which must succeed."""
        answer = self.session.get(f"{self.api}/query", params={"query": statement})
        assert answer.status_code == 200, answer.text

    def stop(self) -> None:
        """End the emulator."""
        self.process.terminate()
        self.process.wait()


def measure(repeats: int, act: Callable[[], None]) -> float:
    """Return the median duration of ``act`` in milliseconds."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        act()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def main() -> int:
    """Fill the company, measure, and print. Return 1 when the goal is missed, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, default=100_000)
    wanted = parser.parse_args().invoices
    server = Server()
    try:
        customers: list[str] = []
        for start in range(0, CUSTOMERS, BATCH):
            names = range(start, min(start + BATCH, CUSTOMERS))
            items = [{"bId": str(n), "operation": "create", "Customer": {"DisplayName": f"Client {n}"}} for n in names]
            customers += [item["Customer"]["Id"] for item in server.batch(items)]
        memory, per_batch = server.meter.memory_info().rss, []
        began = time.perf_counter()
        for start in range(0, wanted, BATCH):
            items = [
                {"bId": str(n), "operation": "create", "Invoice": body_of(n, customers[n % CUSTOMERS])}
                for n in range(start, start + BATCH)
            ]
            before = server.cpu()
            server.batch(items)
            per_batch.append((server.cpu() - before) * 1000)
        seconds = time.perf_counter() - began
        grown = server.meter.memory_info().rss - memory
        few = max(1, min(300, len(per_batch) // 3))
        first, last = statistics.mean(per_batch[:few]), statistics.mean(per_batch[-few:])
        print(f"invoices                     {len(per_batch) * BATCH} in {seconds:.0f} s")
        print(f"server CPU per batch of 30   {first:.1f} ms at first, {last:.1f} ms at last (x{last / first:.2f})")
        print(f"memory per invoice           {grown / len(per_batch) / BATCH:.0f} bytes")
        numbers = ", ".join(f"'INV-{n}'" for n in range(0, wanted, max(1, wanted // 30)))
        ids = ", ".join(f"'{n}'" for n in range(1, 31))
        conditions = {
            "30 numbers": f"DocNumber in ({numbers})",
            "one customer, by time": "CustomerRef = '7' and MetaData.CreateTime >= '2026-01-01' maxresults 1000",
            "30 ids": f"Id in ({ids})",
            "changed today": f"MetaData.LastUpdatedTime >= '{time.strftime('%Y-%m-%d')}' maxresults 100",
            "scan by date": "TxnDate >= '2026-01-01' maxresults 1",
        }
        start = "select * from Invoice where "
        statements = {name: f"{start}{condition}" for name, condition in conditions.items()}
        for name, statement in statements.items():
            print(f"query {name:22} {measure(5, lambda text=statement: server.query(text)):.1f} ms")  # type: ignore[misc]
        met = last < GOAL_MS
        print(f"goal: under {GOAL_MS:.0f} ms of server CPU per batch: {'met' if met else 'MISSED'}")
        return 0 if met else 1
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
