"""The plan of what goes wrong, and each thing going wrong over HTTP."""

import time
from typing import Any

import pytest
import requests

from qb_pipeline.emulator.steering.scripted_faults import Plan
from qb_pipeline_tests.emulator.conftest import Body, Client, invoice_of


def batch_of(customer: str, count: int = 4) -> Body:
    items = [
        {"bId": str(each), "operation": "create", "Invoice": invoice_of(customer, DocNumber=f"B-{each}")}
        for each in range(count)
    ]
    return {"BatchItemRequest": items}


def live(books: Client) -> list[str]:
    return sorted(each.get("DocNumber", "") for each in books.admin("GET", "Invoice"))


def test_a_plan_counts_matching_requests() -> None:
    plan = Plan()
    plan.script(
        [
            {"match": "batch/2", "what": "drop_before"},
            {"match": {"endpoint": "*", "operation": "void"}, "what": "401", "times": None},
        ]
    )
    seen = [plan.pick("batch", "batch"), plan.pick("invoice", "void"), plan.pick("batch", "batch")]
    seen += [plan.pick("batch", "batch"), plan.pick("payment", "void")]

    assert [each.what if each else None for each in seen] == [None, "401", "drop_before", None, "401"]


def test_a_seed_makes_chance_repeatable() -> None:
    def run(seed: int) -> list[bool]:
        plan = Plan()
        chance = {"match": {"probability": 0.5}, "what": "drop_before", "times": None}
        plan.script({"seed": seed, "plan": [chance]})
        return [plan.pick("query", "query") is not None for _ in range(40)]

    assert run(1) == run(1) != run(2)


@pytest.mark.parametrize(
    "wanted", [[{"what": "meteor"}], [{"what": "401", "when": 3}], [{"match": {"url": "x"}, "what": "401"}]]
)
def test_an_unknown_word_is_an_error_and_not_ignored(wanted: Any) -> None:
    with pytest.raises(ValueError, match=r"\$"):
        Plan().script(wanted)


@pytest.mark.parametrize(
    ("what", "status", "kind", "made"),
    [
        ("commit_then_html_500", 500, "text/html", 1),
        ("html_500", 500, "text/html", 0),
        ("html_502", 502, "text/html", 0),
        ("html_503", 503, "text/html", 0),
        ("json_500", 500, "application/json", 0),
        ("empty_500", 500, "text/html", 0),
        ("429_xml", 429, "application/xml", 0),
        ("429_json", 429, "application/json", 0),
        ("6000_transient", 400, "application/json", 0),
        ("401", 401, "application/json", 0),
        ("401_after_commit", 401, "application/json", 1),
        ("403", 403, "application/json", 0),
        ("413", 413, "text/html", 0),
        ("garbage", 200, "application/json", 1),
        ("empty_200", 200, "application/json", 1),
        ("fault_in_200", 200, "application/json", 1),
        ("slow_drip", 200, "application/json", 1),
        ("delay", 200, "application/json", 1),
        ("delay_after", 200, "application/json", 1),
    ],
)
def test_a_single_write_goes_wrong(books: Client, what: str, status: int, kind: str, made: int) -> None:
    customer = books.customer()["Id"]
    books.go_wrong({"match": "invoice", "what": what, "seconds": 0.05})
    answer = books.post("invoice", invoice_of(customer))

    assert (answer.status_code, answer.headers["content-type"].split(";")[0], len(live(books))) == (status, kind, made)
    assert books.post("invoice", invoice_of(customer)).status_code == 200
    assert books.admin("GET", "statistics")["mishaps"] == {what: 1}


@pytest.mark.parametrize(("what", "made"), [("drop_before", 0), ("commit_then_drop", 1), ("cut_json_at", 1)])
def test_an_answer_never_arrives(books: Client, what: str, made: int) -> None:
    customer = books.customer()["Id"]
    books.go_wrong({"match": "invoice", "what": what, "at": 40})
    with pytest.raises(requests.RequestException):
        books.post("invoice", invoice_of(customer))

    assert len(live(books)) == made


def test_a_redirect_leads_away(books: Client) -> None:
    books.go_wrong({"match": "query", "what": "redirect", "location": "http://127.0.0.2:1/"})
    answer = books.get("query", params={"query": "select * from Item"}, allow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (302, "http://127.0.0.2:1/")


@pytest.mark.parametrize("what", ["bids_missing", "bids_doubled", "bids_swapped", "bids_unknown"])
def test_a_batch_answer_names_the_wrong_items(books: Client, what: str) -> None:
    customer = books.customer()["Id"]
    books.switch(batch_order="as_sent")
    books.go_wrong({"match": "batch", "what": what})
    items = books.post("batch", batch_of(customer)).json()["BatchItemResponse"]
    wanted = {
        "bids_missing": [("0", "B-0"), ("1", "B-1"), ("2", "B-2")],
        "bids_doubled": [("0", "B-0"), ("1", "B-1"), ("2", "B-2"), ("3", "B-3"), ("0", "B-0")],
        "bids_swapped": [("1", "B-0"), ("0", "B-1"), ("2", "B-2"), ("3", "B-3")],
        "bids_unknown": [("nobody", "B-0"), ("1", "B-1"), ("2", "B-2"), ("3", "B-3")],
    }

    assert [(item["bId"], item["Invoice"]["DocNumber"]) for item in items] == wanted[what]
    assert len(live(books)) == 4


def test_some_items_of_a_batch_meet_a_bad_moment(books: Client) -> None:
    customer = books.customer()["Id"]
    books.go_wrong({"match": "batch", "what": "6000_transient", "items": [1, 3]})
    items = books.post("batch", batch_of(customer)).json()["BatchItemResponse"]
    details = {item["bId"]: item["Fault"]["Error"][0]["Detail"] for item in items if "Fault" in item}

    assert set(details) == {"1", "3"}
    assert details["1"].startswith("Business Validation Error: An unexpected error occurred")
    assert live(books) == ["B-0", "B-2"]


def test_a_batch_stops_half_way_and_goes_on_later(books: Client) -> None:
    customer = books.customer()["Id"]
    books.switch(batch_order="as_sent")
    books.go_wrong({"match": "batch", "what": "batch_stops_half_way", "at": 3, "seconds": 60})
    with pytest.raises(requests.ConnectionError):
        books.post("batch", batch_of(customer))
    assert live(books) == ["B-0", "B-1", "B-2"]

    books.advance(61)
    assert live(books) == ["B-0", "B-1", "B-2", "B-3"]


def test_a_write_commits_after_the_client_has_given_up(books: Client) -> None:
    customer = books.customer()["Id"]
    books.go_wrong({"match": "batch", "what": "late_commit", "seconds": 300, "answer": "html_500"})
    assert books.post("batch", batch_of(customer)).status_code == 500
    assert live(books) == []

    books.advance(301)
    assert live(books) == ["B-0", "B-1", "B-2", "B-3"]


def test_a_late_commit_happens_by_itself_as_well(books: Client) -> None:
    customer = books.customer()["Id"]
    books.go_wrong({"match": "invoice", "what": "late_commit", "seconds": 0.2})
    with pytest.raises(requests.ConnectionError):
        books.post("invoice", invoice_of(customer))
    assert live(books) == []
    time.sleep(0.4)

    assert len(live(books)) == 1


def test_an_echo_and_the_links_may_differ_from_what_was_sent(books: Client) -> None:
    customer = books.customer()["Id"]
    books.go_wrong(
        {"match": "invoice", "what": "echo_changed", "field": "TotalAmt", "value": 1},
        {"match": "payment", "what": "links_dropped"},
    )
    invoice = books.invoice(customer, 50)
    assert invoice["TotalAmt"] == 1
    assert books.get(f"invoice/{invoice['Id']}").json()["Invoice"]["TotalAmt"] == 50

    paid = books.payment(customer, 50, (invoice["Id"], 50))
    assert (paid["Line"], paid["UnappliedAmt"]) == ([], 50)


def test_cdc_calls_a_live_object_deleted(books: Client) -> None:
    books.invoice(books.customer()["Id"])
    books.go_wrong({"match": "cdc", "what": "cdc_false_delete"})
    since = books.get("companyinfo/1").json()["CompanyInfo"]["MetaData"]["CreateTime"]
    answer = books.get("cdc", params={"entities": "Invoice", "changedSince": since}).json()
    found = answer["CDCResponse"][0]["QueryResponse"][0]["Invoice"]

    assert [each.get("status") for each in found] == [None, "Deleted"]
    assert books.get(f"invoice/{found[1]['Id']}").status_code == 200


def test_a_request_hangs_until_the_client_leaves(books: Client) -> None:
    customer = books.customer()["Id"]
    books.go_wrong({"match": "invoice", "what": "late_commit", "answer": "hang", "seconds": 60})
    url = f"{books.base}/v3/company/{books.realm}/invoice"
    headers = {"Authorization": f"Bearer {books.tokens['access_token']}"}
    with pytest.raises(requests.ReadTimeout):
        requests.post(url, json=invoice_of(customer), headers=headers, timeout=0.3)
    time.sleep(0.1)

    assert books.admin("GET", "statistics")["by_status"]["0"] == 1
    books.advance(61)
    assert len(live(books)) == 1
