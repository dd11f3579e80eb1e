"""Webhooks: payloads, signature, retries, accidents."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from qb_pipeline.emulator.books.company import Company, Event
from qb_pipeline.emulator.books.switches import change_switches
from qb_pipeline.emulator.books.writes import write
from qb_pipeline.emulator.steering.webhooks import Webhooks, write_cloudevents, write_legacy
from qb_pipeline_tests.emulator.conftest import Client

EVENTS = [Event("Account", "1", "Create", 1701424800), Event("Customer", "2", "Merge", 1701424801, "3")]


class Receiver:
    """Somebody who listens."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_for(self, count: int) -> None:
        until = time.monotonic() + 5
        while len(self.got) < count and time.monotonic() < until:
            time.sleep(0.01)
        assert len(self.got) == count


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_change_is_told_and_signed(books: Client, receiver: Receiver) -> None:
    books.admin("POST", "webhooks", {"url": receiver.url, "verifier_token": "secret"})
    made = books.customer()
    receiver.wait_for(1)
    headers, body = receiver.got[0]
    event = json.loads(body)[0]

    digest = hmac.new(b"secret", body, hashlib.sha256).digest()
    assert headers["intuit-signature"] == base64.b64encode(digest).decode()
    assert (event["type"], event["intuitentityid"]) == ("qbo.customer.created.v1", made["Id"])
    assert event["intuitaccountid"] == books.realm


def test_a_failed_delivery_is_repeated_after_20_30_and_50_minutes_and_dropped(
    books: Client, receiver: Receiver
) -> None:
    receiver.status = 503
    books.admin("POST", "webhooks", {"url": receiver.url, "verifier_token": "secret"})
    books.customer()
    for count, minutes in enumerate((0, 20, 30, 50), start=1):
        books.advance(minutes * 60 + 1)
        receiver.wait_for(count)
        found = noted(books, count)

    assert (found["state"], found["statuses"]) == ("dropped", [503] * 4)


def noted(books: Client, attempts: int) -> dict[str, Any]:
    """The delivery, once the emulator has noted so many attempts: until then the next one has no time yet."""
    until = time.monotonic() + 5
    while True:
        deliveries: list[dict[str, Any]] = books.admin("GET", "webhooks")["deliveries"]
        if deliveries and deliveries[0]["attempts"] == attempts:
            return deliveries[0]
        assert time.monotonic() < until, deliveries
        time.sleep(0.01)


def test_the_old_format_names_the_merged_customer() -> None:
    body = json.loads(write_legacy("7", EVENTS))["eventNotifications"][0]

    assert body["realmId"] == "7"
    assert body["dataChangeEvent"]["entities"][1] == {
        "name": "Customer",
        "id": "2",
        "operation": "Merge",
        "lastUpdated": "2023-12-01T02:00:01-0800",
        "deletedId": "3",
    }


def test_the_new_format_is_a_list_of_cloud_events() -> None:
    body = json.loads(write_cloudevents("7", EVENTS))

    assert [(each["specversion"], each["type"], each["time"]) for each in body] == [
        ("1.0", "qbo.account.created.v1", "2023-12-01T10:00:00Z"),
        ("1.0", "qbo.customer.merged.v1", "2023-12-01T10:00:01Z"),
    ]


def test_notifications_are_lost_doubled_and_shuffled_by_switch(company: Company) -> None:
    webhooks = Webhooks(company)
    company.tell = webhooks.tell
    webhooks.point("http://127.0.0.1:9/", "secret")
    for switches, expected in (
        ({"webhook_lost_percent": 100}, 0),
        ({"webhook_lost_percent": 0, "webhook_doubled_percent": 100}, 2),
    ):
        company.switches = change_switches(company.switches, switches)
        write(company, "Customer", "create", {"DisplayName": f"x{expected}"})
        assert len(webhooks.due()) == expected
    assert webhooks.lost == 1
