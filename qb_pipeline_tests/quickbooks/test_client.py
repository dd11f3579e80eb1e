"""A company over HTTP: what leaves, how often, and what each kind of answer means."""

import json
import logging
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from qb_pipeline.quickbooks.answers import Answer, ItemAnswer
from qb_pipeline.quickbooks.client import QuickBooksClient, QuickBooksWriter, Requests, read_pause, seconds_before_retry
from qb_pipeline.quickbooks.errors import (
    AuthorizationLostError,
    Fault,
    OutcomeUnknownError,
    RequestRejectedError,
    ThrottledError,
    TransientError,
)
from qb_pipeline.quickbooks.query import select
from qb_pipeline.quickbooks.throttle import Throttle
from qb_pipeline.quickbooks.transport import Reply
from qb_pipeline_tests.quickbooks.wire import (
    TID,
    Server,
    answer,
    drip,
    say,
    say_and_close,
    say_and_reset,
    serving,
)

TIME = "2026-11-21T10:00:00.000-08:00"
CREATED = {"Invoice": {"Id": "145", "SyncToken": "0", "TotalAmt": 100.25}, "time": TIME}
BODY = b'{"DocNumber":"INV-1"}'
CLIENT_NAME = "Ada Lovelace 1234.56"
REFUSAL = {
    "Fault": {
        "Error": [{"Message": "Duplicate", "Detail": f"{CLIENT_NAME} TxnId=3632", "code": "6140", "element": ""}],
        "type": "ValidationFault",
    },
    "time": TIME,
}
SYSTEM_FAILURE = {
    "Fault": {"Error": [{"Message": CLIENT_NAME, "Detail": "", "code": "10000"}], "type": "SystemFault"},
    "time": TIME,
}
EXPIRED = {
    "fault": {
        "error": [{"message": "message=AuthenticationFailed", "detail": "Token expired", "code": "3200"}],
        "type": "AUTHENTICATION",
    },
    "time": 1730024394085,
}
WRONG_APP = {"fault": {"error": [{"message": "m", "detail": None, "code": "3100"}], "type": "SERVICE"}}
HTML = b"<html><body>502 Bad Gateway</body></html>"
THROTTLED = (
    b'<?xml version="1.0"?><IntuitResponse xmlns="http://schema.intuit.com/finance/v3"><Fault type="SERVICE">'
    b'<Error code="3001"><Message>message=ThrottleExceeded; errorCode=003001; statusCode=429</Message>'
    b"<Detail>The request limit was reached.  Try again later</Detail></Error></Fault></IntuitResponse>"
)


def batch_body(*items: dict[str, object]) -> bytes:
    return json.dumps({"BatchItemRequest": list(items)}).encode()


TWO = batch_body(
    {"bId": "1", "operation": "create", "Invoice": {"DocNumber": "INV-1"}},
    {"bId": "2", "operation": "update", "Payment": {"Id": "7", "SyncToken": "1"}},
)
TWO_ANSWERS = {
    "BatchItemResponse": [
        {"Payment": {"Id": "7", "SyncToken": "2"}, "bId": "2"},
        {"Invoice": {"Id": "145", "SyncToken": "0"}, "bId": "1"},
    ],
    "time": TIME,
}


# What leaves


def test_a_create_leaves_once_as_the_bytes_that_were_frozen(server: Server, company: QuickBooksClient):
    server.will(say(answer(CREATED)))

    made = QuickBooksWriter(company).create("Invoice", BODY, request_id="r-1")

    assert made == Answer(
        entity={"Id": "145", "SyncToken": "0", "TotalAmt": Decimal("100.25")},
        intuit_tid=TID,
        http_status=200,
        time=TIME,
    )
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/v3/company/4620816365/invoice")
    assert request.parameters == {"requestid": "r-1", "minorversion": "75"}
    assert request.body == BODY
    assert request.headers["authorization"] == "Bearer token-1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept"] == "application/json"
    assert request.headers["accept-encoding"] == "gzip"
    assert company.last_intuit_tid == TID


@pytest.mark.parametrize(
    ("entity", "parameters"),
    [("Invoice", {"operation": "void"}), ("Payment", {"operation": "update", "include": "void"})],
)
def test_each_kind_is_voided_in_its_own_way(
    server: Server, company: QuickBooksClient, entity: str, parameters: dict[str, str]
):
    server.will(say(answer({entity: {"Id": "1"}, "time": TIME})))
    QuickBooksWriter(company).void(entity, BODY, request_id="r-1")
    assert server.requests[0].parameters == {**parameters, "requestid": "r-1", "minorversion": "75"}


def test_a_batch_comes_back_by_bid_in_the_order_of_sending(server: Server, company: QuickBooksClient):
    server.will(say(answer(TWO_ANSWERS)))

    made = QuickBooksWriter(company).batch(TWO, request_id="r-1", b_ids=["1", "2"])

    assert made.outcomes == (
        ItemAnswer("1", entity={"Id": "145", "SyncToken": "0"}),
        ItemAnswer("2", entity={"Id": "7", "SyncToken": "2"}),
    )
    assert (made.intuit_tid, made.http_status, made.time) == (TID, 200, TIME)
    assert server.requests[0].body == TWO
    assert made["2"].entity == {"Id": "7", "SyncToken": "2"}


def test_one_item_of_a_batch_fails_alone(server: Server, company: QuickBooksClient):
    server.will(
        say(
            answer(
                {
                    "BatchItemResponse": [
                        {"bId": "1", **SYSTEM_FAILURE},
                        {"bId": "2", "Fault": REFUSAL["Fault"]},
                    ],
                    "time": TIME,
                }
            )
        )
    )
    first, second = QuickBooksWriter(company).batch(TWO, request_id="r-1", b_ids=["1", "2"]).outcomes
    assert (first.entity, [fault.code for fault in first.faults], first.is_unknown) == (None, ["10000"], True)
    assert (second.entity, [fault.code for fault in second.faults], second.is_unknown) == (None, ["6140"], False)


def test_a_zipped_answer_is_read(server: Server, company: QuickBooksClient):
    server.will(say(answer(CREATED, zipped=True)))
    assert QuickBooksWriter(company).create("Invoice", BODY, request_id="r-1").entity["Id"] == "145"


@pytest.mark.parametrize(
    ("body", "b_ids", "request_id"),
    [
        (TWO, ["2", "1"], "r-1"),
        (TWO, ["1", "2"], "r" * 37),
        (TWO, ["1", "2"], ""),
        (b"{}", ["1"], "r-1"),
        (b"not json", ["1"], "r-1"),
        (batch_body(), [], "r-1"),
        (batch_body(*({"bId": str(n), "Invoice": {}} for n in range(31))), [str(n) for n in range(31)], "r-1"),
        (batch_body({"bId": "12345678901", "Invoice": {}}), ["12345678901"], "r-1"),
        (batch_body({"bId": "1", "Invoice": {}}, {"bId": "1", "Invoice": {}}), ["1"], "r-1"),
        (batch_body({"bId": "1", "operation": "create"}), ["1"], "r-1"),
    ],
)
def test_a_batch_that_breaks_a_limit_never_leaves(
    server: Server, company: QuickBooksClient, body: bytes, b_ids: list[str], request_id: str
):
    with pytest.raises(ValueError, match=r"bId|characters|batch"):
        QuickBooksWriter(company).batch(body, request_id=request_id, b_ids=b_ids)
    assert server.requests == []


@pytest.mark.parametrize(
    ("api_url", "realm_id"),
    [
        ("http://quickbooks.api.intuit.com", "1"),
        ("https://quickbooks.api.intuit.com.evil.example", "1"),
        ("https://evil.example", "1"),
        ("https://user@quickbooks.api.intuit.com", "1"),
        ("https://quickbooks.api.intuit.com@evil.example", "1"),
        ("http://127.0.0.1@evil.example", "1"),
        ("http://2130706433", "1"),
        ("ftp://127.0.0.1", "1"),
        ("http://127.0.0.1:1", "1/../2"),
        ("http://127.0.0.1:1", ""),
    ],
)
def test_a_token_goes_to_no_other_host(api_url: str, realm_id: str, virtual):
    with pytest.raises(ValueError, match="must be"):
        QuickBooksClient(api_url=api_url, realm_id=realm_id, access_token=lambda refused: "t", throttle=Throttle())


def test_the_environment_cannot_send_us_through_a_proxy(server: Server, open_company, monkeypatch: pytest.MonkeyPatch):
    with serving() as trap:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, trap.url)
        server.will(say(answer(CREATED)))
        QuickBooksWriter(open_company()).create("Invoice", BODY, request_id="r-1")
    assert trap.requests == []


# A write leaves exactly once, whatever happens


def write_once(company: QuickBooksClient) -> None:
    QuickBooksWriter(company).create("Invoice", BODY, request_id="r-1")


def batch_once(company: QuickBooksClient) -> None:
    QuickBooksWriter(company).batch(TWO, request_id="r-1", b_ids=["1", "2"])


def update_once(company: QuickBooksClient) -> None:
    QuickBooksWriter(company).update("Invoice", BODY, request_id="r-1")


def void_once(company: QuickBooksClient) -> None:
    QuickBooksWriter(company).void("Invoice", BODY, request_id="r-1")


WRITES = [write_once, batch_once, update_once, void_once]

UNKNOWN = {
    "reset before a byte": say_and_reset(),
    "closed before a byte": say_and_close(b""),
    "reset inside the body": say_and_reset(answer(CREATED)[:-20]),
    "garbage instead of HTTP": say_and_close(b"\x00\x01garbage\r\n\r\n"),
    "html 500": say(answer(HTML, status=500, content_type="text/html")),
    "json 500": say(answer(SYSTEM_FAILURE, status=500)),
    "empty 502": say(answer(b"", status=502)),
    "html 503": say(answer(HTML, status=503)),
    "empty 504": say(answer(b"", status=504)),
    "html 200": say(answer(HTML)),
    "empty 200": say(answer(b"")),
    "empty 204": say(answer(b"", status=204)),
    "another object": say(answer({"Customer": {"Id": "1"}})),
    "no Id": say(answer({"Invoice": {"SyncToken": "0"}, "BatchItemResponse": []})),
    "not an object": say(answer([1])),
    "not zipped": say(answer(b"plain", headers={"Content-Encoding": "gzip"})),
    "not UTF-8": say(answer(b'{"Invoice": {"Id": "\xff"}}')),
    "deep nesting": say(answer(b"[" * 100_000)),
    "NaN": say(answer(b'{"Invoice": {"Id": "1", "TotalAmt": NaN}}')),
    "401 of the gateway": say(answer(EXPIRED, status=401)),
    "408": say(answer(HTML, status=408)),
    "404 of nobody": say(answer(HTML, status=404)),
    "redirect": say(answer(b"", status=307, headers={"Location": "http://127.0.0.2:9/"})),
    "system failure": say(answer(SYSTEM_FAILURE, status=400)),
    "system failure in a 200": say(answer(SYSTEM_FAILURE)),
    "duplicate request id": say(answer({"Fault": {"Error": [{"code": "600"}], "type": "ValidationFault"}}, status=400)),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("behaviour", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_lost_answer_leaves_the_outcome_unknown_and_is_never_repeated(
    server: Server, company: QuickBooksClient, write, behaviour
):
    server.will(behaviour)
    with pytest.raises(OutcomeUnknownError) as caught:
        write(company)
    assert len(server.requests) == 1
    assert caught.value.sent
    assert CLIENT_NAME not in str(caught.value)
    assert "; intuit_tid=" in str(caught.value)


def test_an_answer_cut_at_any_byte_is_unknown(server: Server, company: QuickBooksClient):
    whole = answer(TWO_ANSWERS)
    for length in range(len(whole)):
        server.will(say_and_close(whole[:length]))
        with pytest.raises(OutcomeUnknownError):
            batch_once(company)
    assert len(server.requests) == len(whole)


def test_a_body_cut_at_any_byte_is_unknown_even_when_the_length_agrees(server: Server, company: QuickBooksClient):
    whole = json.dumps(TWO_ANSWERS).encode()
    for length in range(len(whole)):
        server.will(say(answer(whole[:length])))
        with pytest.raises(OutcomeUnknownError):
            batch_once(company)
    assert len(server.requests) == len(whole)


B_IDS = {
    "missing": [{"bId": "1", "Invoice": {"Id": "1"}}],
    "doubled": [{"bId": "1", "Invoice": {"Id": "1"}}, {"bId": "1", "Invoice": {"Id": "2"}}],
    "unknown": [{"bId": "1", "Invoice": {"Id": "1"}}, {"bId": "9", "Payment": {"Id": "7"}}],
    "extra": [{"bId": b, "Invoice": {"Id": "1"}} for b in "123"],
    "swapped": [{"bId": "2", "Invoice": {"Id": "1"}}, {"bId": "1", "Payment": {"Id": "7"}}],
    "another Id": [{"bId": "1", "Invoice": {"Id": "1"}}, {"bId": "2", "Payment": {"Id": "8"}}],
    "without": [{"Invoice": {"Id": "1"}}, {"bId": "2", "Payment": {"Id": "7"}}],
    "a list": [{"bId": ["1"], "Invoice": {"Id": "1"}}, {"bId": "2", "Payment": {"Id": "7"}}],
    "nothing": [{"bId": "1"}, {"bId": "2", "Payment": {"Id": "7"}}],
    "both": [{"bId": "1", "Invoice": {"Id": "1"}, **REFUSAL}, {"bId": "2", "Payment": {"Id": "7"}}],
    "no object": [1, 2],
}


@pytest.mark.parametrize("responses", B_IDS.values(), ids=B_IDS.keys())
def test_bids_that_do_not_match_make_the_whole_batch_unknown(server: Server, company: QuickBooksClient, responses):
    server.will(say(answer({"BatchItemResponse": responses, "time": TIME})))
    with pytest.raises(OutcomeUnknownError):
        batch_once(company)
    assert len(server.requests) == 1


@pytest.mark.parametrize("part", ["head", "body"])
def test_an_answer_that_drips_ends_at_the_deadline(server: Server, open_company, part: str):
    company = open_company(single_seconds=0.3)
    whole = answer(CREATED)
    head = whole.index(b"\r\n\r\n") + 4
    behaviour = drip(whole, seconds=0.05) if part == "head" else drip_after(whole[:head], whole[head:])
    server.will(behaviour)
    started = time.monotonic()
    with pytest.raises(OutcomeUnknownError, match="no complete answer within"):
        write_once(company)
    assert time.monotonic() - started < 1.5
    assert len(server.requests) == 1


def drip_after(head: bytes, body: bytes):
    def behave(connection, request) -> None:
        connection.sendall(head)
        drip(body, seconds=0.05)(connection, request)

    return behave


def test_a_silent_server_ends_at_the_deadline_of_its_kind(server: Server, open_company):
    company = open_company(single_seconds=30, batch_seconds=0.2)
    server.will(lambda connection, request: time.sleep(0.6))
    with pytest.raises(OutcomeUnknownError, match=r"within 0\.2 s"):
        batch_once(company)
    assert len(server.requests) == 1


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(server: Server, company: QuickBooksClient):
    server.usual = say_and_close(answer(CREATED))
    for _ in range(5):
        write_once(company)
        time.sleep(0.01)
    assert (len(server.requests), server.connections) == (5, 5)


def test_a_refused_connection_sent_nothing(server: Server, open_company):
    server.close()
    with pytest.raises(TransientError) as caught:
        write_once(open_company())
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert (caught.value.sent, str(caught.value)) == (
        False,
        "no complete answer (ConnectionError); nothing was sent; intuit_tid=none",
    )


@pytest.mark.parametrize("status", [200, 400])
def test_a_fault_refuses_the_whole_request(server: Server, company: QuickBooksClient, status: int):
    server.will(say(answer(REFUSAL, status=status)))
    with pytest.raises(RequestRejectedError) as caught:
        write_once(company)
    assert str(caught.value) == f"HTTP {status}, fault 6140; intuit_tid={TID}"
    assert caught.value.codes == ("6140",)
    [fault] = caught.value.faults
    assert fault == Fault("6140", "ValidationFault", "", f"{CLIENT_NAME} TxnId=3632", "Duplicate")
    assert CLIENT_NAME not in repr(caught.value.faults)
    assert len(server.requests) == 1


def test_a_request_too_large_for_a_machine_on_the_way_is_refused(server: Server, company: QuickBooksClient):
    server.will(say(answer(HTML, status=413)))
    with pytest.raises(RequestRejectedError) as caught:
        batch_once(company)
    assert caught.value.http_status == 413


@pytest.mark.parametrize("body", [THROTTLED, HTML, b"", b"{}"])
def test_after_a_429_nothing_leaves_for_a_minute_and_nothing_was_done(
    server: Server, company: QuickBooksClient, virtual, body
):
    server.will(say(answer(body, status=429, content_type="application/xml")), say(answer(CREATED)))
    with pytest.raises(ThrottledError) as caught:
        write_once(company)
    assert (caught.value.sent, caught.value.seconds) == (False, 60.0)

    write_once(company)

    assert virtual.now == 1_060.0
    assert len(server.requests) == 2
    assert company.requests == Requests(writes=2, throttled=1, by_endpoint={"POST invoice": 2})


def test_a_quota_that_opens_next_month_does_not_hold_a_run(server: Server, company: QuickBooksClient, virtual):
    server.will(say(answer(b"", status=429, headers={"Retry-After": "86400"})))
    with pytest.raises(ThrottledError):
        write_once(company)
    with pytest.raises(ThrottledError) as caught:
        write_once(company)
    assert (caught.value.seconds, virtual.slept, len(server.requests)) == (86_400, [], 1)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 60),
        ({"Retry-After": "5"}, 60),
        ({"Retry-After": "90"}, 90),
        ({"Retry-After": "soon"}, 60),
        ({"Retry-After": "²"}, 60),
        ({"Retry-After": "Sat, 21 Nov 2026 10:02:00 GMT", "Date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 120),
        ({"Retry-After": "Sat, 21 Nov 2026 10:02:00 GMT"}, 60),
        ({"Retry-After": "Sat, 21 Nov 2026 10:02:00", "Date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 60),
    ],
)
def test_retry_after_may_only_make_the_pause_longer(headers: dict[str, str], seconds: float):
    assert read_pause(Reply(429, headers, b"")) == seconds


def test_a_guard_keeps_a_request_here(server: Server, open_company):
    def refuse() -> None:
        raise InterruptedError("paused")

    company = open_company(guard=refuse)
    for act in (write_once, batch_once, QuickBooksClient.read_company_info):
        with pytest.raises(InterruptedError, match="paused"):
            act(company)
    assert (server.requests, company.requests) == ([], Requests())


def test_ten_requests_at_most_are_in_flight(server: Server, open_company):
    """Real threads and real time: the throttle's own limits per second are lifted by a fast clock."""
    flying, most, lock = 0, 0, threading.Lock()

    def behave(connection, request) -> None:
        nonlocal flying, most
        with lock:
            flying += 1
            most = max(most, flying)
        time.sleep(0.05)
        with lock:
            flying -= 1
        connection.sendall(answer(CREATED))

    server.usual = behave
    started = time.monotonic()
    company = open_company(throttle=Throttle(clock=lambda: (time.monotonic() - started) * 100, sleep=time.sleep))
    threads = [threading.Thread(target=write_once, args=(company,)) for _ in range(25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 25
    assert 2 <= most <= 10
    assert server.connections <= 10


# Tokens


def test_a_read_goes_again_with_a_fresh_token(server: Server, company: QuickBooksClient):
    server.will(say(answer(EXPIRED, status=401)), say(answer({"CompanyInfo": {"Id": "1"}})))
    assert company.read_company_info() == {"Id": "1"}
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer token-1", "Bearer token-2"]


def test_a_refused_write_is_not_repeated_but_the_next_one_has_a_fresh_token(server: Server, company: QuickBooksClient):
    server.will(say(answer(EXPIRED, status=401)), say(answer(CREATED)))
    with pytest.raises(OutcomeUnknownError, match="HTTP 401"):
        write_once(company)
    write_once(company)
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer token-1", "Bearer token-2"]


def test_a_fresh_token_that_is_refused_ends_it(server: Server, company: QuickBooksClient):
    server.usual = say(answer(EXPIRED, status=401))
    for _ in range(3):
        with pytest.raises(AuthorizationLostError):
            company.read_company_info()
    assert len(server.requests) == 2


def test_many_threads_ask_for_one_fresh_token(server: Server, open_company):
    token, asked = "old", []

    def access_token(refused: bool) -> str:
        nonlocal token
        if refused:
            asked.append(token)
            token = "new"
        return token

    def behave(connection, request) -> None:
        good = request.headers["authorization"] == "Bearer new"
        connection.sendall(answer({"CompanyInfo": {"Id": "1"}}) if good else answer(EXPIRED, status=401))

    server.usual = behave
    company = open_company(access_token=access_token)
    threads = [threading.Thread(target=company.read_company_info) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == ["old"]


def test_a_token_that_cannot_be_had_sends_nothing(server: Server, open_company):
    """The authorization server's lost answer is not the company's: the POST never left."""

    def access_token(refused: bool) -> str:
        raise OutcomeUnknownError("the refresh of the token was not answered", http_status=503, intuit_tid="t-9")

    company = open_company(access_token=access_token)
    for act in WRITES:
        with pytest.raises(TransientError) as caught:
            act(company)
        assert (type(caught.value), caught.value.sent, str(caught.value)) == (
            TransientError,
            False,
            "no access token: the refresh of the token was not answered; intuit_tid=t-9",
        )
    assert server.requests == []


@pytest.mark.parametrize("code", ["120", "3100"])
def test_a_fault_of_authorization_asks_to_reconnect(server: Server, company: QuickBooksClient, code: str):
    fault = {"fault": {"error": [{"message": "m", "detail": CLIENT_NAME, "code": code}], "type": "SERVICE"}}
    server.usual = say(answer(fault, status=403))
    for act in (write_once, QuickBooksClient.read_company_info):
        with pytest.raises(AuthorizationLostError) as caught:
            act(company)
        assert str(caught.value) == f"HTTP 403, fault {code}; reconnect the company; intuit_tid={TID}"


# Reads


def test_the_rule_of_repeats_has_no_clock_in_it():
    assert [seconds_before_retry(attempt, 503) for attempt in (1, 2, 3, 4, 5)] == [1.0, 2.0, 4.0, None, None]
    assert seconds_before_retry(1, None) == 1.0
    assert [seconds_before_retry(attempt, 429) for attempt in (1, 3, 4)] == [60.0, 60.0, None]


def test_a_read_is_repeated_until_it_answers(server: Server, company: QuickBooksClient, virtual):
    server.will(
        say(answer(HTML, status=503)),
        say_and_reset(),
        say(answer(b'{"CompanyInfo": {"I')),
        say(answer({"CompanyInfo": {"Id": "1"}})),
    )
    assert company.read_company_info() == {"Id": "1"}
    assert virtual.slept == [1.0, 2.0, 4.0]
    assert company.requests == Requests(reads=4, by_endpoint={"GET companyinfo": 4})


@pytest.mark.parametrize("name", [name for name in UNKNOWN if not name.startswith("401")])
def test_a_read_that_fails_raises_and_is_never_empty(server: Server, company: QuickBooksClient, name: str):
    server.usual = UNKNOWN[name]
    with pytest.raises(TransientError) as caught:
        company.query("select * from Invoice")
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert len(server.requests) == 4


def test_a_redirect_is_not_followed(server: Server, company: QuickBooksClient):
    with serving() as elsewhere:
        server.usual = say(answer(b"", status=302, headers={"Location": elsewhere.url}))
        with pytest.raises(TransientError, match="HTTP 302"):
            company.read_company_info()
    assert elsewhere.requests == []


def test_a_read_waits_out_a_429(server: Server, company: QuickBooksClient, virtual):
    server.will(say(answer(THROTTLED, status=429)), say(answer({"Preferences": {"Id": "1"}})))
    assert company.read_preferences() == {"Id": "1"}
    assert virtual.now == 1_060.0


def test_a_deleted_object_is_told_by_its_code(server: Server, company: QuickBooksClient):
    gone = {"Fault": {"Error": [{"Message": "m", "Detail": "d", "code": "610"}], "type": "ValidationFault"}}
    server.will(say(answer(gone, status=400)))
    with pytest.raises(RequestRejectedError) as caught:
        company.read("Invoice", "1/2")
    assert caught.value.codes == ("610",)
    assert server.requests[0].path == "/v3/company/4620816365/invoice/1%2F2"


def test_a_statement_is_posted_so_that_no_name_stands_in_an_address(server: Server, company: QuickBooksClient, caplog):
    statement = r"select * from Customer where DisplayName = 'Ada O\'Brien + Söhne'"
    server.will(say(answer({"QueryResponse": {"Customer": [{"Id": "1"}], "maxResults": 1}})))

    with caplog.at_level(logging.DEBUG):
        assert company.query(statement) == [{"Id": "1"}]

    [request] = server.requests
    assert (request.method, request.body.decode()) == ("POST", statement)
    assert request.parameters == {"minorversion": "75"}
    assert request.headers["content-type"] == "application/text"
    assert company.requests == Requests(reads=1, by_endpoint={"POST query": 1})
    assert "Ada" not in caplog.text


def test_an_empty_result_is_empty(server: Server, company: QuickBooksClient):
    server.will(say(answer({"QueryResponse": {}, "time": TIME})))
    assert company.query("select * from Invoice") == []


@pytest.mark.parametrize("page", [0, 1, 1001])
def test_a_page_has_room_for_its_anchor(company: QuickBooksClient, page: int):
    with pytest.raises(ValueError, match="a page holds"):
        list(company.query_all("Invoice", page=page))


def rows_of(ids: list[int], removals: dict[int, int]):
    """A table that pages like QuickBooks; at the n-th query the row ``removals[n]`` vanishes."""
    table, asked = list(ids), 0

    def behave(connection, request) -> None:
        nonlocal asked
        if removals.get(asked) in table:
            table.remove(removals[asked])
        asked += 1
        words = request.body.decode().split()
        start, page = int(words[words.index("STARTPOSITION") + 1]), int(words[words.index("MAXRESULTS") + 1])
        rows = [{"Id": str(number)} for number in table[start - 1 : start - 1 + page]]
        connection.sendall(answer({"QueryResponse": {"Invoice": rows} if rows else {}}))

    return behave


def test_every_page_is_read_and_each_id_given_once(server: Server, company: QuickBooksClient):
    server.usual = rows_of(list(range(1, 8)), {})
    assert [row["Id"] for row in company.query_all("Invoice", where="Active = true", page=3)] == list("1234567")
    assert [request.body.decode() for request in server.requests] == [
        select("Invoice", where="Active = true", start=start, page=3) for start in (1, 3, 5, 7)
    ]


@pytest.mark.parametrize("removed", range(1, 8))
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_row_deleted_while_pages_are_read_hides_no_other(
    server: Server, company: QuickBooksClient, removed: int, at: int
):
    server.usual = rows_of(list(range(1, 8)), {at: removed})
    found = [int(row["Id"]) for row in company.query_all("Invoice", page=3)]
    assert len(found) == len(set(found))
    assert set(found) >= set(range(1, 8)) - {removed}


def test_rows_that_never_hold_still_decide_nothing(server: Server, company: QuickBooksClient):
    server.usual = rows_of(list(range(1, 100)), {n: n for n in range(1, 100)})
    with pytest.raises(TransientError, match="kept moving"):
        list(company.query_all("Invoice", page=3))


def test_many_values_are_asked_for_in_few_statements(server: Server, company: QuickBooksClient):
    server.usual = say(answer({"QueryResponse": {}}))
    assert list(company.find("Invoice", "DocNumber", [f"INV-{n}" for n in range(301)], where="Balance > '0'")) == []
    first, second = server.requests
    assert first.body.startswith(b"SELECT * FROM Invoice WHERE DocNumber IN ('INV-0', 'INV-1', ")
    assert second.body.decode() == (
        "SELECT * FROM Invoice WHERE DocNumber IN ('INV-300') AND Balance > '0' "
        "ORDERBY Id STARTPOSITION 1 MAXRESULTS 1000"
    )


# Changes

CHANGES = {
    "CDCResponse": [
        {
            "QueryResponse": [
                {
                    "Payment": [
                        {"Id": "7", "TotalAmt": 10.5},
                        {"domain": "QBO", "status": "Deleted", "Id": "9", "MetaData": {}},
                    ],
                    "startPosition": 1,
                    "maxResults": 2,
                },
                {},
            ]
        }
    ],
    "time": TIME,
}


def test_changes_come_sorted_with_the_servers_own_time(server: Server, company: QuickBooksClient):
    server.will(say(answer(CHANGES)))
    since = datetime(2026, 11, 20, 8, 30, 15, 999, tzinfo=timezone(timedelta(hours=-8)))

    changes = company.changed_since(["Payment", "Invoice"], since)

    assert changes.objects == {"Payment": [{"Id": "7", "TotalAmt": Decimal("10.5")}], "Invoice": []}
    assert changes.deleted_ids == {"Payment": ["9"], "Invoice": []}
    assert changes.server_time == datetime(2026, 11, 21, 18, tzinfo=UTC)
    assert changes.complete
    assert server.requests[0].parameters == {
        "entities": "Payment,Invoice",
        "changedSince": "2026-11-20T16:30:15+00:00",
        "minorversion": "75",
    }
    assert "+" not in server.requests[0].target


@pytest.mark.parametrize(("count", "complete"), [(999, True), (1000, False)])
def test_a_full_answer_may_not_be_everything(server: Server, company: QuickBooksClient, count: int, complete: bool):
    rows = [{"Id": str(n)} for n in range(count)]
    server.will(say(answer({"CDCResponse": [{"QueryResponse": [{"Payment": rows}]}], "time": TIME})))
    assert company.changed_since(["Payment"], datetime(2026, 11, 20, tzinfo=UTC)).complete is complete


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"CDCResponse": {}, "time": TIME},
        {"CDCResponse": [], "time": 1730024394085},
        {"CDCResponse": []},
        {"CDCResponse": [], "time": "2026-11-21T10:00:00"},
        {"CDCResponse": [{}], "time": TIME},
        {"CDCResponse": [{"QueryResponse": [1]}], "time": TIME},
        {"CDCResponse": [{"QueryResponse": [REFUSAL]}], "time": TIME},
        {"CDCResponse": [{"QueryResponse": [{"Payment": [{}]}]}], "time": TIME},
        {"CDCResponse": [{"QueryResponse": [{"Vendor": [{"Id": "1"}]}]}], "time": TIME},
    ],
)
def test_an_answer_without_changes_is_not_taken_for_no_change(server: Server, company: QuickBooksClient, payload):
    server.usual = say(answer(payload))
    with pytest.raises(TransientError):
        company.changed_since(["Payment"], datetime(2026, 11, 20, tzinfo=UTC))


def test_a_moment_needs_a_time_zone(company: QuickBooksClient):
    with pytest.raises(ValueError, match="time zone"):
        company.changed_since(["Payment"], datetime(2026, 11, 20))  # noqa: DTZ001 - the mistake itself
