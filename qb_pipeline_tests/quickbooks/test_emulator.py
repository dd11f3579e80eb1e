"""The same client before the emulator: a whole QuickBooks company, written by somebody else."""

import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from qb_pipeline.quickbooks.client import QuickBooksClient, QuickBooksWriter
from qb_pipeline.quickbooks.environments import environment
from qb_pipeline.quickbooks.errors import (
    AuthorizationLostError,
    OutcomeUnknownError,
    QuickBooksError,
    RequestRejectedError,
    ThrottledError,
)
from qb_pipeline.quickbooks.oauth import OAuth
from qb_pipeline.quickbooks.throttle import Throttle
from qb_pipeline_tests.quickbooks.wire import Time

REALMS = (str(number) for number in itertools.count(9_130_347_000_000_001))


class Box:
    """The emulator's own door, for what a test arranges and for the truth afterwards."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str, body: object = None) -> Any:
        answer = requests.request(method, f"{self.url}/emulator/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    command = [sys.executable, "-m", "qb_pipeline.emulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = re.fullmatch(r"ready (http://\S+)\n", process.stdout.readline())
            assert ready
            yield Box(ready.group(1))
        finally:
            process.kill()  # it would wait for an answer that still drips


@pytest.fixture
def realm(box: Box) -> str:
    realm_id = next(REALMS)
    box.ask("POST", "companies", {"realm_id": realm_id, "name": "Firm"})
    return realm_id


@pytest.fixture
def connect(box: Box, realm: str) -> Iterator[Callable[..., QuickBooksClient]]:
    opened: list[QuickBooksClient] = []
    token = box.ask("POST", f"companies/{realm}/tokens")["access_token"]

    def open_one(**changes: Any) -> QuickBooksClient:
        arguments = {
            "api_url": box.url,
            "realm_id": realm,
            "access_token": lambda refused: token,
            "throttle": Throttle(),
            **changes,
        }
        opened.append(QuickBooksClient(**arguments))
        return opened[-1]

    yield open_one
    for company in opened:
        company.close()


@pytest.fixture
def company(connect: Callable[..., QuickBooksClient]) -> QuickBooksClient:
    return connect()


def customer(company: QuickBooksClient, name: str) -> str:
    made = QuickBooksWriter(company).create(
        "Customer", json.dumps({"DisplayName": name}).encode(), request_id=f"c-{name[:20]}"
    )
    return str(made.entity["Id"])


def item(company: QuickBooksClient) -> str:
    return str(company.query("select * from Item")[0]["Id"])


def invoice(customer_id: str, item_id: str, number: str) -> dict[str, object]:
    return {
        "DocNumber": number,
        "CustomerRef": {"value": customer_id},
        "PrivateNote": f"qbp1:abc123:firm:invoice:{number}:g1",
        "Line": [
            {
                "Amount": 100.25,
                "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": {"ItemRef": {"value": item_id}},
            }
        ],
    }


def batch_of(*documents: dict[str, object]) -> tuple[bytes, list[str]]:
    b_ids = [str(number) for number in range(len(documents))]
    items = [{"bId": b, "operation": "create", "Invoice": each} for b, each in zip(b_ids, documents, strict=True)]
    return json.dumps({"BatchItemRequest": items}).encode(), b_ids


@pytest.fixture
def three(company: QuickBooksClient) -> tuple[bytes, list[str]]:
    customer_id, item_id = customer(company, "Ada Lovelace"), item(company)
    return batch_of(*(invoice(customer_id, item_id, f"INV-{number}") for number in range(3)))


def count_of(box: Box, realm: str, entity: str = "invoice") -> int:
    return len(box.ask("GET", f"companies/{realm}/{entity}"))


def test_the_companys_record_and_settings_are_read(company: QuickBooksClient):
    assert company.read_company_info()["CompanyName"] == "Firm"
    assert "SalesFormsPrefs" in company.read_preferences()


def test_an_invoice_lives_from_create_to_void(company: QuickBooksClient):
    customer_id, item_id = customer(company, "Ada Lovelace"), item(company)
    body = json.dumps(invoice(customer_id, item_id, "INV-1")).encode()

    made = QuickBooksWriter(company).create("Invoice", body, request_id="r-1").entity
    assert (made["TotalAmt"], made["DocNumber"]) == (Decimal("100.25"), "INV-1")

    changed = {"Id": made["Id"], "SyncToken": made["SyncToken"], "sparse": True, "CustomerMemo": {"value": "thanks"}}
    now = QuickBooksWriter(company).update("Invoice", json.dumps(changed).encode(), request_id="r-2").entity
    assert now["CustomerMemo"] == {"value": "thanks"}

    stale = company.read("Invoice", made["Id"])
    assert stale["SyncToken"] == now["SyncToken"]
    with pytest.raises(RequestRejectedError) as caught:
        QuickBooksWriter(company).update("Invoice", json.dumps(changed).encode(), request_id="r-3")
    assert caught.value.codes == ("5010",)

    void = {"Id": made["Id"], "SyncToken": now["SyncToken"]}
    assert (
        QuickBooksWriter(company).void("Invoice", json.dumps(void).encode(), request_id="r-4").entity["TotalAmt"] == 0
    )


def test_a_payment_is_voided_in_its_own_way(company: QuickBooksClient):
    customer_id = customer(company, "Ada Lovelace")
    body = json.dumps({"CustomerRef": {"value": customer_id}, "TotalAmt": 50}).encode()
    made = QuickBooksWriter(company).create("Payment", body, request_id="r-1").entity
    void = json.dumps({"Id": made["Id"], "SyncToken": made["SyncToken"], "sparse": True}).encode()
    assert QuickBooksWriter(company).void("Payment", void, request_id="r-2").entity["TotalAmt"] == 0


@pytest.mark.parametrize("name", ["O'Brien & Söhne", "back\\slash", "' OR Id > '0", "ütf – 日本", "per%cent_"])
def test_a_name_is_found_by_its_exact_text(company: QuickBooksClient, name: str):
    customer_id = customer(company, name)
    customer(company, "Somebody Else")
    assert [row["Id"] for row in company.find("Customer", "DisplayName", [name])] == [customer_id]


@pytest.mark.slow
def test_every_page_is_read(company: QuickBooksClient):
    ids = {customer(company, f"Client {number}") for number in range(7)}
    found = [row["Id"] for row in company.query_all("Customer", page=3)]
    assert (set(found), len(found)) == (ids, 7)
    assert {row["Id"] for row in company.find("Customer", "Id", ids)} == ids


def test_a_batch_is_answered_item_by_item(company: QuickBooksClient, box: Box, realm: str):
    customer_id, item_id = customer(company, "Ada Lovelace"), item(company)
    body, b_ids = batch_of(invoice(customer_id, item_id, "INV-1"), invoice("999999", item_id, "INV-2"))
    good, bad = QuickBooksWriter(company).batch(body, request_id="r-1", b_ids=b_ids).outcomes
    assert good.entity is not None
    assert (good.entity["DocNumber"], good.faults, good.is_unknown) == ("INV-1", (), False)
    assert (bad.entity, len(bad.faults), bad.is_unknown) == (None, 1, False)
    assert count_of(box, realm) == 1


UNKNOWN = [
    ("drop_before", 0),
    ("commit_then_drop", 3),
    ("commit_then_html_500", 3),
    ("html_500", 0),
    ("html_502", 0),
    ("json_500", 0),
    ("empty_500", 0),
    ("cut_json_at", 3),
    ("401", 0),
    ("401_after_commit", 3),
    ("redirect", 0),
    ("garbage", 3),
    ("empty_200", 3),
    ("bids_missing", 3),
    ("bids_doubled", 3),
    ("bids_swapped", 3),
    ("bids_unknown", 3),
    ("late_commit", 0),
    ("batch_stops_half_way", 1),
]


@pytest.mark.parametrize(("what", "landed"), UNKNOWN)
def test_whatever_goes_wrong_a_batch_reaches_quickbooks_once_and_is_called_unknown(
    company: QuickBooksClient, box: Box, realm: str, three: tuple[bytes, list[str]], what: str, landed: int
):
    body, b_ids = three
    at = 1 if what == "batch_stops_half_way" else 40
    box.ask(
        "POST", f"companies/{realm}/faults", [{"what": what, "at": at, "seconds": 60, "match": {"endpoint": "batch"}}]
    )
    box.ask("POST", f"companies/{realm}/statistics/reset")

    with pytest.raises(OutcomeUnknownError) as caught:
        QuickBooksWriter(company).batch(body, request_id="r-1", b_ids=b_ids)

    assert "INV-" not in str(caught.value)
    assert "Ada" not in str(caught.value)
    assert company.requests.batches == 1
    assert count_of(box, realm) == landed


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("429_xml", ThrottledError),
        ("429_json", ThrottledError),
        ("403", AuthorizationLostError),
        ("413", RequestRejectedError),
    ],
)
def test_a_refusal_did_nothing(
    company: QuickBooksClient,
    box: Box,
    realm: str,
    three: tuple[bytes, list[str]],
    what: str,
    kind: type[QuickBooksError],
):
    body, b_ids = three
    box.ask("POST", f"companies/{realm}/faults", [{"what": what, "match": {"endpoint": "batch"}}])
    with pytest.raises(kind) as caught:
        QuickBooksWriter(company).batch(body, request_id="r-1", b_ids=b_ids)
    assert not caught.value.sent
    assert count_of(box, realm) == 0


def test_a_drip_ends_at_the_deadline(connect, box: Box, realm: str, three: tuple[bytes, list[str]]):
    body, b_ids = three
    box.ask("POST", f"companies/{realm}/faults", [{"what": "slow_drip", "seconds": 10, "match": {"endpoint": "batch"}}])
    started = time.monotonic()
    with pytest.raises(OutcomeUnknownError, match="no complete answer within"):
        QuickBooksWriter(connect(batch_seconds=0.5)).batch(body, request_id="r-1", b_ids=b_ids)
    assert time.monotonic() - started < 3
    assert count_of(box, realm) == 3


@pytest.mark.parametrize("what", ["drop_before", "html_502", "empty_500", "cut_json_at", "garbage", "429_xml"])
def test_a_read_gets_through_a_bad_moment(connect, box: Box, realm: str, what: str):
    virtual = Time()
    company = connect(throttle=Throttle(clock=virtual.clock, sleep=virtual.sleep), sleep=virtual.sleep)
    box.ask("POST", f"companies/{realm}/faults", [{"what": what, "times": 2}])
    assert company.read_company_info()["CompanyName"] == "Firm"
    assert company.requests.reads == 3


def test_changes_tell_what_is_new_and_what_was_deleted(company: QuickBooksClient, box: Box, realm: str):
    customer_id, item_id = customer(company, "Ada Lovelace"), item(company)
    ids = [
        QuickBooksWriter(company)
        .create("Invoice", json.dumps(invoice(customer_id, item_id, number)).encode(), request_id=number)
        .entity["Id"]
        for number in ("INV-1", "INV-2")
    ]
    box.ask("POST", f"companies/{realm}/bookkeeper/delete", {"entity": "Invoice", "id": ids[1]})
    changes = company.changed_since(["Invoice", "Payment", "Customer"], datetime.now(UTC) - timedelta(hours=1))
    assert [row["Id"] for row in changes.objects["Invoice"]] == [ids[0]]
    assert changes.deleted_ids == {"Invoice": [ids[1]], "Payment": [], "Customer": []}
    assert changes.complete
    assert abs(changes.server_time - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.slow
def test_full_speed_meets_no_429(connect, box: Box, realm: str):
    """The emulator enforces Intuit's limits; 25 requests at 9 in 1.1 s."""
    company = connect()
    for _ in range(25):
        company.read_preferences()
    assert company.requests.throttled == 0


# Tokens


@pytest.fixture
def oauth(box: Box) -> OAuth:
    return OAuth(environment("emulator", api_url=box.url), client_id="emulator-client", client_secret="emulator-secret")


def test_a_refreshed_token_opens_the_company_and_a_revoked_one_does_not(connect, box: Box, realm: str, oauth: OAuth):
    granted = box.ask("POST", f"companies/{realm}/tokens")
    tokens = oauth.refresh(granted["refresh_token"])
    assert tokens.refresh_hard_expires_at is not None
    assert connect(access_token=lambda refused: tokens.access_token).read_company_info()["CompanyName"] == "Firm"

    oauth.revoke(tokens.refresh_token)

    with pytest.raises(AuthorizationLostError):
        oauth.refresh(tokens.refresh_token)
    company = connect(access_token=lambda refused: tokens.access_token, sleep=lambda seconds: None)
    with pytest.raises(AuthorizationLostError):
        company.read_company_info()


def test_a_spent_refresh_token_is_dead(box: Box, realm: str, oauth: OAuth):
    granted = box.ask("POST", f"companies/{realm}/tokens")
    oauth.refresh(granted["refresh_token"])
    with pytest.raises(AuthorizationLostError, match=r"invalid_grant; reconnect the company; intuit_tid="):
        oauth.refresh(granted["refresh_token"])


def test_an_expired_access_token_is_replaced_in_the_middle_of_a_run(connect, box: Box, realm: str, oauth: OAuth):
    granted = box.ask("POST", f"companies/{realm}/tokens")
    current = "eyJexpired"

    def access_token(refused: bool) -> str:
        nonlocal current
        if refused:
            current = oauth.refresh(granted["refresh_token"]).access_token
        return current

    company = connect(access_token=access_token, sleep=lambda seconds: None)
    assert company.read_company_info()["CompanyName"] == "Firm"
    assert company.requests.reads == 2
