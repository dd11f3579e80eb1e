"""The company in the emulator as its bookkeeper sees it: an independent look at what QuickBooks holds.

Speaks the emulator's admin API, and nothing of ours: a test that compares must not look through our own client.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import requests


@contextmanager
def start_emulator(*arguments: str) -> Iterator[str]:
    """Run the emulator in a process of its own; gives its address."""
    command = [sys.executable, "-m", "qb_pipeline.emulator", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@dataclass(frozen=True)
class Bookkeeper:
    """One company of the emulator."""

    url: str
    realm_id: str

    @classmethod
    def of_new_company(cls, url: str, *, realm_id: str, name: str = "Test Law Firm", **switches: Any) -> "Bookkeeper":
        """Make a company; without rate limits, unless switches say otherwise."""
        company = cls(url, realm_id)
        company._ask("POST", f"{url}/emulator/companies", {"realm_id": realm_id, "name": name})
        company.switch(preset="no_limits", **switches)
        return company

    @property
    def admin(self) -> str:
        return f"{self.url}/emulator/companies/{self.realm_id}"

    def switch(self, **switches: Any) -> None:
        """Change how the company behaves."""
        self._ask("PATCH", f"{self.admin}/switches", switches)

    def fault(self, *plan: dict[str, Any]) -> None:
        """Script mishaps, in order."""
        self._ask("POST", f"{self.admin}/faults", {"plan": list(plan)})

    def tokens(self) -> dict[str, Any]:
        """Tokens without the consent page."""
        return self._ask("POST", f"{self.admin}/tokens", {})

    def do(self, verb: str, **arguments: Any) -> Any:
        """What a person does in QuickBooks: edit, receive-payment, void, rename …"""
        return self._ask("POST", f"{self.admin}/bookkeeper/{verb}", arguments)

    def all(self, entity: str) -> list[dict[str, Any]]:
        """Every living object, money as Decimal."""
        return self._ask("GET", f"{self.admin}/{entity}")

    def read(self, entity: str, entity_id: str) -> dict[str, Any]:
        """One object."""
        return self._ask("GET", f"{self.admin}/{entity}/{entity_id}")

    def ours(self, entity: str) -> list[dict[str, Any]]:
        """Living transactions that carry a marker of ours."""
        return [row for row in self.all(entity) if "qbp1:" in row.get("PrivateNote", "")]

    def statistics(self) -> dict[str, Any]:
        """What reached the company."""
        return self._ask("GET", f"{self.admin}/statistics")

    def count_anew(self) -> None:
        """Forget what has reached the company so far."""
        self._ask("POST", f"{self.admin}/statistics/reset", {})

    def requests(self) -> dict[str, int]:
        """What has reached the company since ``count_anew``, by method and endpoint."""
        counts: dict[str, int] = self.statistics()["by_endpoint"]
        return counts

    def writes(self) -> int:
        """How many requests that write have reached the company: every POST but questions and tokens."""
        others = ("POST query", "POST token")
        return sum(count for name, count in self.requests().items() if name.startswith("POST ") and name not in others)

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self._ask("DELETE", f"{self.admin}/faults")

    def point_webhooks(self, url: str, token: str) -> None:
        """Have QuickBooks tell somebody of changes, signed with a verifier token."""
        self._ask("POST", f"{self.admin}/webhooks", {"url": url, "verifier_token": token})

    def create(self, entity: str, body: dict[str, Any]) -> dict[str, Any]:
        """Enter something through the public API, as any other program of the firm would."""
        token = self.tokens()["access_token"]
        url = f"{self.url}/v3/company/{self.realm_id}/{entity.lower()}"
        return self._ask("POST", url, body, Authorization=f"Bearer {token}")[entity]

    def report(self, name: str, **parameters: str) -> dict[str, Any]:
        """A report of QuickBooks, as its report service gives it."""
        token = self.tokens()["access_token"]
        address = f"{self.url}/v3/company/{self.realm_id}/reports/{name}?{urlencode(parameters)}"
        return self._ask("GET", address, Authorization=f"Bearer {token}")

    def batch(self, creates: Sequence[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
        """Enter up to 30 things in one request; gives what QuickBooks answers for each, in their order."""
        token = self.tokens()["access_token"]
        body = {
            "BatchItemRequest": [
                {"bId": str(number), "operation": "create", entity: each}
                for number, (entity, each) in enumerate(creates)
            ]
        }
        url = f"{self.url}/v3/company/{self.realm_id}/batch"
        answers = self._ask("POST", url, body, Authorization=f"Bearer {token}")["BatchItemResponse"]
        assert not [answer for answer in answers if "Fault" in answer], answers
        return sorted(answers, key=lambda answer: int(answer["bId"]))

    def _ask(self, method: str, url: str, body: Any = None, **headers: str) -> Any:
        answer = requests.request(method, url, json=body, headers={"Accept": "application/json", **headers}, timeout=30)
        assert answer.ok, f"{method} {url}: {answer.status_code} {answer.text}"
        return json.loads(answer.text, parse_float=Decimal) if answer.text else None
