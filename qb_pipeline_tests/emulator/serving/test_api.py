"""The accounting API over HTTP: access, limits, single operations."""

import concurrent.futures
from typing import Any

import pytest

from qb_pipeline_tests.emulator.conftest import Client, code_of, invoice_of


def test_a_write_answers_with_the_object_and_the_time(books: Client) -> None:
    answer = books.post("customer", {"DisplayName": "Ada", "PrimaryEmailAddr": {"Address": "ada@example.com"}})
    body = answer.json()

    assert set(body) == {"Customer", "time"}
    assert body["Customer"]["MetaData"]["CreateTime"][-6:] in ("-08:00", "-07:00")
    assert books.get(f"customer/{body['Customer']['Id']}").json()["Customer"] == body["Customer"]


def test_a_full_update_forgets_what_is_left_out_and_a_sparse_one_does_not(books: Client) -> None:
    first = books.make("Customer", {"DisplayName": "Ada", "Notes": "x", "CompanyName": "Engines"})
    own = {"Id": first["Id"], "SyncToken": "0"}
    second = books.make("Customer", {**own, "sparse": True, "CompanyName": ""})
    assert (second["Notes"], "CompanyName" in second, second["SyncToken"]) == ("x", False, "1")

    third = books.make("Customer", {**own, "SyncToken": "1", "DisplayName": "Ada L."})
    assert ("Notes" in third, third["DisplayName"], third["SyncToken"]) == (False, "Ada L.", "2")


def test_tokens_are_compared_and_asked_for(books: Client) -> None:
    made = books.customer()
    stale = books.post("customer", {"Id": made["Id"], "SyncToken": "7", "sparse": True})
    assert code_of(stale) == "5010"
    assert "Jane Doe" in stale.json()["Fault"]["Error"][0]["Detail"]
    without = books.post("customer", {"Id": made["Id"], "sparse": True})
    assert (code_of(without), without.json()["Fault"]["Error"][0]["element"]) == ("2020", "SyncToken")
    assert code_of(books.post("customer", {"Id": "abc", "SyncToken": "0"})) == "2030"


def test_deleted_and_unknown_objects(books: Client) -> None:
    made = books.invoice(books.customer()["Id"])
    gone = books.post("invoice", {"Id": made["Id"], "SyncToken": "0"}, params={"operation": "delete"}).json()

    assert gone["Invoice"] == {"status": "Deleted", "domain": "QBO", "Id": made["Id"]}
    assert code_of(books.get(f"invoice/{made['Id']}")) == "610"
    assert code_of(books.get("invoice/99")) == "610"
    assert code_of(books.post("wish", {})) == "2000"
    assert books.admin("GET", f"Invoice/{made['Id']}")["status"] == "Deleted"


def test_an_echoed_extension_block_is_refused_on_delete(books: Client) -> None:
    made = books.invoice(books.customer()["Id"])
    body = {"Id": made["Id"], "SyncToken": "0", "InvoiceEx": {}}

    assert code_of(books.post("invoice", body, params={"operation": "delete"})) == "2010"


def test_queries_come_by_get_and_by_post_with_the_right_type(books: Client) -> None:
    statement = "select count(*) from Item"
    assert books.query(statement) == {"totalCount": 3}
    for kind, status in (("application/text", 200), ("application/json", 400)):
        answer = books.call("POST", "query", headers={"Content-Type": kind}, data=statement)
        assert answer.status_code == status
    assert answer.json()["Fault"]["Error"][0]["Detail"] == "QueryParserError: null"


def test_the_gateway_refuses_in_lower_case(books: Client) -> None:
    books.tokens["access_token"] = "nonsense"
    answer = books.get("companyinfo/1")
    error = answer.json()["fault"]["error"][0]

    assert (answer.status_code, error["code"], answer.json()["fault"]["type"]) == (401, "3200", "AUTHENTICATION")
    assert answer.headers["www-authenticate"] == 'Bearer realm="Intuit", error="invalid_token"'
    assert isinstance(answer.json()["time"], int)


def test_a_token_opens_one_company_only(books: Client) -> None:
    other = Client(books.base, f"{books.realm}9")
    books.tokens = other.tokens
    answer = books.get("companyinfo/1")
    other.session.close()

    assert (answer.status_code, answer.json()["fault"]["error"][0]["code"]) == (403, "3100")


def test_an_ended_subscription_and_lost_access(books: Client) -> None:
    books.switch(subscription="ended")
    assert code_of(books.post("customer", {"DisplayName": "x"})) == "6190"
    books.switch(subscription="active", user_access="lost")
    answer = books.get("companyinfo/1")
    assert (answer.status_code, answer.json()["Fault"]["Error"][0]["code"]) == (401, "120")


def test_closed_books_take_nothing_dated_before(books: Client) -> None:
    customer = books.customer()["Id"]
    made = books.invoice(customer, TxnDate="2026-01-15")
    books.admin("POST", "bookkeeper/close-books", {"date": "2026-01-31"})
    assert books.get("preferences").json()["Preferences"]["AccountingInfoPrefs"]["BookCloseDate"] == "2026-01-31"

    assert code_of(books.post("invoice", invoice_of(customer, TxnDate="2026-01-31"))) == "6210"
    for operation in ("delete", "void"):
        own = {"Id": made["Id"], "SyncToken": "0"}
        assert code_of(books.post("invoice", own, params={"operation": operation})) == "6210"
    books.admin("POST", "bookkeeper/close-books", {"date": None})
    assert "BookCloseDate" not in books.get("preferences").json()["Preferences"]["AccountingInfoPrefs"]


@pytest.mark.parametrize(
    ("limits", "path", "allowed", "count"),
    [
        ({"requests_per_second": 5}, "companyinfo/1", 5, "requests_per_second"),
        ({"requests_per_minute": 6}, "companyinfo/1", 6, "requests_per_minute"),
        ({"monthly_reads": 4}, "companyinfo/1", 4, "monthly_reads"),
    ],
)
def test_too_many_requests(books: Client, limits: dict[str, int], path: str, allowed: int, count: str) -> None:
    books.switch(**limits)
    statuses = [books.get(path).status_code for _ in range(allowed + 2)]

    assert statuses == [200] * allowed + [429] * 2
    assert books.admin("GET", "statistics")["throttled"] == {count: 2}


def test_a_throttle_answer_is_xml_and_says_no_when_to_come_back(books: Client) -> None:
    books.switch(batches_per_minute=1)
    batch = {"BatchItemRequest": [{"bId": "1", "Query": "select * from Item"}]}
    assert books.post("batch", batch).status_code == 200
    refused = books.post("batch", batch)

    assert refused.status_code == 429
    assert "retry-after" not in refused.headers
    assert '<Fault type="SERVICE">' in refused.text
    books.switch(throttle_body="json", retry_after_seconds=30)
    refused = books.post("batch", batch)
    assert (refused.headers["retry-after"], refused.json()["Fault"]["Error"][0]["code"]) == ("30", "3001")
    books.advance(61)
    assert books.post("batch", batch).status_code == 200


def test_parallel_names_are_refused(books: Client) -> None:
    books.switch(latency_ms=600)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda name: books.post("customer", {"DisplayName": name}), ["a", "b", "c"]))
    texts = [answer.text for answer in answers if answer.status_code == 400]

    assert len(texts) == 2
    assert all("one name at a time" in text for text in texts)


def test_latency_counts_requests_and_batch_items(books: Client) -> None:
    books.switch(latency_ms=50, batch_item_latency_ms=100)
    batch = {"BatchItemRequest": [{"bId": str(n), "Query": "select * from Item"} for n in range(2)]}

    assert books.post("batch", batch).elapsed.total_seconds() >= 0.25
    assert 0.05 <= books.get("companyinfo/1").elapsed.total_seconds() < 0.2


def test_statistics_tell_reads_from_writes(books: Client) -> None:
    books.admin("POST", "statistics/reset")
    books.customer()
    books.query("select * from Customer")
    books.get("companyinfo/1")
    found: Any = books.admin("GET", "statistics")

    assert found["metered"] == {"reads": 2, "writes": 1}
    assert found["by_endpoint"] == {"POST customer": 1, "GET query": 1, "GET companyinfo": 1}
    assert (found["posts"], found["peak_concurrency"], found["peak_per_minute"]) == (1, 1, 3)
    assert found["objects"]["Customer"] == {"live": 1, "deleted": 0}


def test_sending_an_invoice_marks_it(books: Client) -> None:
    made = books.invoice(books.customer()["Id"])
    headers = {"Content-Type": "application/octet-stream"}
    assert code_of(books.call("POST", f"invoice/{made['Id']}/send", headers=headers)) == "6420"
    sent = books.call("POST", f"invoice/{made['Id']}/send", headers=headers, params={"sendTo": "ada@example.com"})

    assert sent.json()["Invoice"]["EmailStatus"] == "EmailSent"


def test_broken_bodies(books: Client) -> None:
    json = {"Content-Type": "application/json"}
    assert code_of(books.call("POST", "invoice", headers=json, data=b'{"a":')) == "2010"
    assert code_of(books.call("POST", "invoice", headers=json, data=b"[]")) == "2010"
    assert books.call("POST", "invoice", headers={"Content-Type": "text/csv"}, data=b"{}").status_code == 415
    assert books.call("POST", "invoice", headers=json, data=b'{"PrivateNote": "\xff"}').status_code == 400


def test_refusals_can_be_looked_up_with_a_hint(books: Client) -> None:
    books.post("customer", {"DisplayName": "x", "Nickname": "y"})

    assert books.admin("GET", "refusals")[-1]["hint"] == "the property is Nickname"
