"""The admin API: raw truth, and mistakes that are answered in words."""

from typing import Any

import pytest
import requests

from qb_pipeline_tests.emulator.conftest import Client, invoice_of


def test_raw_truth_knows_no_lag_no_limits_and_shows_the_dead(books: Client) -> None:
    customer = books.customer()["Id"]
    books.switch(query_lag_seconds=60)
    made = books.invoice(customer)
    books.switch(requests_per_minute=0)
    assert [each["Id"] for each in books.admin("GET", "Invoice")] == [made["Id"]]
    assert books.admin("GET", "invoices") == books.admin("GET", "invoice")

    books.admin("POST", "bookkeeper/delete", {"entity": "Invoice", "id": made["Id"]})
    assert books.admin("GET", "Invoice") == []
    assert [each["status"] for each in books.admin("GET", "Invoice?deleted=true")] == ["Deleted"]


def test_companies_are_listed_and_reset(books: Client) -> None:
    books.invoice(books.customer()["Id"])
    listed: Any = requests.get(f"{books.base}/emulator/companies", timeout=5).json()
    mine = next(each for each in listed if each["realm_id"] == books.realm)
    assert mine == {"realm_id": books.realm, "name": "Law Firm", "customers": 1, "invoices": 1, "payments": 0}

    assert books.admin("POST", "reset")["invoices"] == 0
    assert books.get("companyinfo/1").status_code == 200


def test_the_books_sum_to_nothing(books: Client) -> None:
    books.invoice(books.customer()["Id"], 75)
    found = books.admin("GET", "books")

    assert sum(found["accounts"].values()) == 0
    assert found["customers"] == {"1": 7500}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "companies", {"name": "x"}, 400, "realm_id and name are needed"),
        ("POST", "companies", {"realm_id": "x", "name": "x"}, 400, "digits"),
        ("GET", "companies/0/switches", None, 404, "there is no company 0"),
        ("PATCH", "companies/{realm}/switches", {"requestid": "maybe"}, 400, "requestid"),
        ("PATCH", "companies/{realm}/switches", {"colour": 1}, 400, "colour"),
        ("PATCH", "companies/{realm}/switches", {"preset": "best"}, 400, "unknown preset"),
        ("POST", "companies/{realm}/faults", [{"what": "meteor"}], 400, "meteor"),
        ("POST", "companies/{realm}/bookkeeper/dance", {}, 400, "choose one of edit"),
        ("GET", "companies/{realm}/Wish", None, 404, "there is no entity wish"),
        ("GET", "companies/{realm}/Invoice/99", None, 404, "never was"),
        ("POST", "clock", {"advance_seconds": -1}, 400, "only goes forward"),
        ("POST", "companies/{realm}/webhooks", {"url": "file:///x"}, 400, "http"),
    ],
)
def test_mistakes_are_answered_in_words(
    books: Client, method: str, path: str, body: Any, status: int, words: str
) -> None:
    url = f"{books.base}/emulator/{path.format(realm=books.realm)}"
    answer = requests.request(method, url, json=body, timeout=5)

    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_the_plan_can_be_seen_and_cleared(books: Client) -> None:
    books.go_wrong({"match": "invoice", "what": "401", "times": 2})
    books.post("invoice", invoice_of("1"))
    shown = books.admin("GET", "faults")[0]
    assert (shown["seen"], shown["done"]) == (1, 1)

    assert books.admin("DELETE", "faults") == []
    assert books.post("customer", {"DisplayName": "x"}).status_code == 200


def test_disconnecting_in_quickbooks_ends_all_tokens(books: Client) -> None:
    books.admin("DELETE", "tokens")

    assert books.get("companyinfo/1").status_code == 401


def test_the_clock_goes_to_an_instant(books: Client) -> None:
    before = requests.get(f"{books.base}/emulator/clock", timeout=5).json()
    to = {"to": before["epoch"] + 5}
    after = requests.post(f"{books.base}/emulator/clock", json={"advance_seconds": 5}, timeout=5).json()

    assert 5 <= after["epoch"] - before["epoch"] < 7
    assert to["to"] <= after["epoch"]
