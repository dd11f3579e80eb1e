"""A running emulator, and one fresh company per test."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from qb_pipeline.emulator.books.chart import open_company
from qb_pipeline.emulator.books.clock import Clock
from qb_pipeline.emulator.books.company import Company

Body = dict[str, Any]
Amount = int | float | Decimal
RECORDINGS = Path(__file__).parent / "recordings"
REALMS = itertools.count(4620816365000000001)
NOON = 1795291200.0
"""2026-11-21 12:00 Pacific: the frozen time of companies without a server."""


@dataclass
class Client:
    """A company at a running emulator, over HTTP."""

    base: str
    realm: str
    session: requests.Session = field(default_factory=requests.Session)
    tokens: Body = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.session.trust_env = False
        answer = self.session.post(f"{self.base}/emulator/companies", json={"realm_id": self.realm, "name": "Law Firm"})
        assert answer.status_code == 201, answer.text
        self.admin("PATCH", "switches", {"preset": "no_limits"})
        self.connect()

    def connect(self) -> None:
        self.tokens = self.admin("POST", "tokens")

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.session.request(method, f"{self.base}/emulator/companies/{self.realm}/{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def switch(self, **switches: Any) -> None:
        self.admin("PATCH", "switches", switches)

    def go_wrong(self, *mishaps: Body) -> None:
        self.admin("POST", "faults", list(mishaps))

    def advance(self, seconds: float) -> None:
        self.session.post(f"{self.base}/emulator/clock", json={"advance_seconds": seconds})

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}", "Accept": "application/json"}
        headers |= options.pop("headers", {})
        url = f"{self.base}/v3/company/{self.realm}/{path}"
        return self.session.request(method, url, json=body, headers=headers, timeout=10, **options)

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        return self.call("POST", path, body, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.call("GET", path, **options)

    def query(self, statement: str) -> Body:
        answer = self.get("query", params={"query": statement})
        assert answer.status_code == 200, answer.text
        found: Body = answer.json()["QueryResponse"]
        return found

    def make(self, entity: str, body: Body) -> Body:
        answer = self.post(entity.lower(), body)
        assert answer.status_code == 200, answer.text
        made: Body = answer.json()[entity]
        return made

    def customer(self, name: str = "Ada Lovelace") -> Body:
        return self.make("Customer", {"DisplayName": name})

    def invoice(self, customer: str, amount: float = 100, **more: Any) -> Body:
        return self.make("Invoice", invoice_of(customer, amount, **more))

    def payment(self, customer: str, amount: float, *invoices: tuple[str, float], **more: Any) -> Body:
        return self.make("Payment", payment_of(customer, amount, *invoices, **more))


def invoice_of(customer: str, amount: Amount = 100, **more: Any) -> Body:
    line = {"DetailType": "SalesItemLineDetail", "Amount": amount, "SalesItemLineDetail": {"ItemRef": {"value": "1"}}}
    return {"CustomerRef": {"value": customer}, "Line": [line], **more}


def payment_of(customer: str, amount: Amount, *invoices: tuple[str, Amount], **more: Any) -> Body:
    lines = [
        {"Amount": part, "LinkedTxn": [{"TxnId": identifier, "TxnType": "Invoice"}]} for identifier, part in invoices
    ]
    return {"CustomerRef": {"value": customer}, "TotalAmt": amount, "Line": lines, **more}


def code_of(answer: requests.Response) -> str:
    """The code of a refusal."""
    assert answer.status_code == 400, answer.text
    code: str = answer.json()["Fault"]["Error"][0]["code"]
    return code


@pytest.fixture(scope="session")
def emulator() -> Iterator[str]:
    """The address of a running emulator."""
    process = subprocess.Popen(
        [sys.executable, "-m", "qb_pipeline.emulator", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[1]
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


@pytest.fixture
def books(emulator: str) -> Iterator[Client]:
    """A fresh company over HTTP."""
    client = Client(emulator, str(next(REALMS)))
    yield client
    client.session.close()


@pytest.fixture
def company() -> Company:
    """A fresh company without a server; its clock stands still."""
    made = Company("1", "Law Firm", Clock(source=lambda: NOON))
    open_company(made)
    return made
