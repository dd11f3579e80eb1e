"""Faults are read out of anything, and nothing of a client gets into a message."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.quickbooks import errors
from qb_pipeline.quickbooks.errors import Fault, describe_faults, faults_of, read_faults, safe_word

THROTTLE_XML = (
    b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    b'<IntuitResponse time="2016-06-03T09:24:52.345-07:00" xmlns="http://schema.intuit.com/finance/v3">'
    b'<Fault type="SERVICE"><Error code="3001">'
    b"<Message>message=ThrottleExceeded; errorCode=003001; statusCode=429</Message>"
    b"<Detail>The request limit was reached.  Try again &amp; later</Detail></Error></Fault></IntuitResponse>"
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["Fault", "fault", "Error", "error", "code"]), inner)
    ),
)


def fault_body(*, upper: bool, **error: object) -> bytes:
    outer, inner = ("Fault", "Error") if upper else ("fault", "error")
    return json.dumps({outer: {inner: [error], "type": "ValidationFault"}, "time": 1730024394085}).encode()


@pytest.mark.parametrize(
    "body",
    [
        fault_body(upper=True, Message="Duplicate", Detail="TxnId=3632", code="6140", element="DocNumber"),
        fault_body(upper=False, message="Duplicate", detail="TxnId=3632", code="6140", element="DocNumber"),
        fault_body(upper=True, Message="Duplicate", Detail="TxnId=3632", code=6140, element="DocNumber"),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 401])
def test_both_casings_say_the_same(status: int, body: bytes):
    assert read_faults(status, body, "application/json") == (
        Fault("6140", "ValidationFault", "DocNumber", "TxnId=3632", "Duplicate"),
    )


def test_several_errors_of_one_fault_are_all_read():
    body = json.dumps({"Fault": {"Error": [{"code": "2020", "element": "Line"}, {"code": "6140"}], "type": "V"}})
    assert read_faults(400, body.encode(), "") == (Fault("2020", "V", "Line"), Fault("6140", "V"))


def test_the_gateways_xml_is_read():
    assert read_faults(429, THROTTLE_XML, "application/xml") == (
        Fault(
            "3001",
            "SERVICE",
            "",
            "The request limit was reached.  Try again & later",
            "message=ThrottleExceeded; errorCode=003001; statusCode=429",
        ),
    )


@pytest.mark.parametrize("body", [b"", b"<html><body>no</body></html>", b"[]", b"{}", b"null", b"\xff", b"<" * 100_000])
def test_what_holds_no_fault_gives_none(body: bytes):
    assert read_faults(400, body, "text/html") == ()


def test_a_5xx_may_come_from_any_machine_and_is_not_asked_for_faults():
    assert read_faults(500, fault_body(upper=True, code="6140"), "application/json") == ()


@pytest.mark.parametrize(
    "fault", [[], "x", {}, {"Error": []}, {"Error": "x"}, {"Error": [5]}, {"Error": [{}]}, {"Error": [{"code": "a b"}]}]
)
def test_a_fault_without_a_code_is_still_a_fault(fault: object):
    read = faults_of({"Fault": fault})
    assert [(entry.code, entry.leaves_outcome_unknown) for entry in read] == [("unreadable", True)]


@given(status=st.integers(100, 599), body=st.binary(), content_type=st.text())
def test_no_bytes_break_the_reader(status: int, body: bytes, content_type: str):
    read_faults(status, body, content_type)


@given(payload=ANY_JSON, cut=st.integers(0, 30))
def test_no_json_breaks_the_reader_and_nothing_odd_gets_into_a_message(payload: object, cut: int):
    text = json.dumps({"Fault": payload}).encode()
    for fault in (*faults_of({"Fault": payload}), *read_faults(400, text[: len(text) - cut], "application/json")):
        assert re.fullmatch(r"fault [\w.:-]{1,64}( on [\w.:-]{1,64})?", describe_faults([fault]), re.ASCII)


@given(middle=st.text())
def test_no_xml_breaks_the_reader(middle: str):
    read_faults(400, f'<Fault type="S"><Error code="{middle}">{middle}</Error></Fault>'.encode(), "text/xml")


@pytest.mark.parametrize("value", ["a b", "a\nb", "\x1b[31m", "", None, [], "x" * 65, "é", 1.5])
def test_an_outsiders_word_is_kept_out_unless_it_is_plain(value: object):
    assert safe_word(value) == ""


def test_a_fault_shows_neither_message_nor_detail():
    canary = "Ada Lovelace 1,234.56"
    fault = Fault("6240", "ValidationFault", "", canary, canary)
    assert canary not in repr(fault) + describe_faults([fault])


@pytest.mark.parametrize(
    ("fault", "unknown", "later"),
    [
        (Fault("10000", "SystemFault"), True, False),
        (Fault("500", "SystemFault"), True, False),
        (Fault("600", "ValidationFault"), True, False),
        (
            Fault(
                "6000",
                "V",
                "",
                "Business Validation Error: An unexpected error occurred while accessing or saving your data.",
            ),
            True,
            False,
        ),
        (Fault("6000", "V", "", "You can only add or edit one name at a time. Please try again."), False, True),
        (Fault("6000", "V", "", "Business Validation Error: You must set a transaction amount."), False, False),
        (Fault("5010", "V", "", "Stale Object Error : You and J were working on this at the same time."), False, True),
        (Fault("6140", "V", "", "Duplicate; INV locked"), False, False),
    ],
)
def test_a_fault_says_whether_the_request_may_have_worked_or_may_pass_later(fault: Fault, unknown: bool, later: bool):
    assert (fault.leaves_outcome_unknown, fault.may_pass_later) == (unknown, later)


def test_the_tree_is_the_one_that_is_drawn():
    drawn = {
        "TransientError": "QuickBooksError",
        "OutcomeUnknownError": "TransientError",
        "ThrottledError": "TransientError",
        "PermanentError": "QuickBooksError",
        "AuthorizationLostError": "PermanentError",
        "CompanyFaultError": "PermanentError",
        "RequestRejectedError": "PermanentError",
    }
    assert {name: getattr(errors, name).__base__.__name__ for name in drawn} == drawn
    assert re.findall(r"\w+Error", errors.__doc__ or "") == [
        "QuickBooksError",
        "TransientError",
        "OutcomeUnknownError",
        "ThrottledError",
        "PermanentError",
        "AuthorizationLostError",
        "CompanyFaultError",
        "RequestRejectedError",
    ]
