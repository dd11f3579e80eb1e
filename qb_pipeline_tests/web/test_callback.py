"""The browser comes back once, with our own question's answer, and nobody else's."""

import logging
import threading
import time
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.web.callback import HEADERS, Callback, Consent, ConsentError, ForeignAnswerError, read_redirect

STATE = "state-canary"
GOOD = f"code=L011code-canary&state={STATE}&realmId=4620816365"


@pytest.fixture
def callback() -> Iterator[Callback]:
    with Callback(state=STATE) as running:
        yield running


def come_back(
    callback: Callback, query: str, *, path: str = "/callback", method: str = "GET", host: str = ""
) -> requests.Response:
    port = urlsplit(callback.redirect_uri).port
    headers = {"Host": host} if host else {}
    return requests.request(method, f"http://127.0.0.1:{port}{path}?{query}", headers=headers, timeout=5)


def test_the_waiting_caller_gets_code_and_company_and_the_person_a_page(callback: Callback):
    pages: list[requests.Response] = []
    browser = threading.Thread(target=lambda: pages.append(come_back(callback, GOOD)))
    browser.start()
    consent = callback.wait(5)
    browser.join()
    assert consent == Consent("L011code-canary", "4620816365")
    assert "canary" not in repr(consent)
    assert pages[0].status_code == 200
    assert "You can close this window" in pages[0].text
    assert "canary" not in pages[0].text


def test_the_page_arrives_although_the_caller_leaves_at_once():
    pages: list[requests.Response] = []
    with Callback(state=STATE) as callback:
        browser = threading.Thread(target=lambda: pages.append(come_back(callback, GOOD)))
        browser.start()
        callback.wait(5)
    browser.join()
    assert [page.status_code for page in pages] == [200]


def test_the_address_is_the_one_to_register_at_intuit(callback: Callback):
    parts = urlsplit(callback.redirect_uri)
    assert (parts.scheme, parts.hostname, parts.path) == ("http", "localhost", "/callback")


@pytest.mark.parametrize(
    "query", ["", GOOD.replace(STATE, "other"), GOOD.replace(STATE, ""), "error=access_denied", GOOD + "&state=x"]
)
def test_an_answer_to_another_question_is_refused_and_waiting_goes_on(callback: Callback, query: str):
    assert come_back(callback, query).status_code == 400
    assert come_back(callback, GOOD).status_code == 200
    assert callback.wait(5).realm_id == "4620816365"


def test_an_answer_counts_once(callback: Callback):
    come_back(callback, GOOD)
    assert come_back(callback, GOOD.replace("4620816365", "999")).status_code == 409
    assert callback.wait(5).realm_id == "4620816365"


def test_a_refusal_reaches_the_caller(callback: Callback):
    page = come_back(callback, f"error=access_denied&state={STATE}")
    assert page.status_code == 400
    with pytest.raises(ConsentError, match=r"\(access_denied\); run `qb-pipeline connect` again"):
        callback.wait(5)


def test_waiting_ends(callback: Callback):
    started = time.monotonic()
    with pytest.raises(ConsentError, match=r"nobody came back within 0\.1 s"):
        callback.wait(0.1)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("path", "method", "host", "status"),
    [
        ("/callback", "GET", "", 200),
        ("/callback", "GET", "evil.example", 400),
        ("/callback", "HEAD", "", 405),
        ("/callback", "POST", "", 405),
        ("/callback", "TRACE", "", 405),
        ("/", "GET", "", 404),
        ("/callback/x", "GET", "", 404),
    ],
)
def test_every_answer_carries_the_headers_and_only_a_get_from_here_counts(
    callback: Callback, path: str, method: str, host: str, status: int
):
    page = come_back(callback, GOOD, path=path, method=method, host=host)
    assert page.status_code == status
    assert {name: page.headers[name] for name in HEADERS} == HEADERS
    if status != 200:
        with pytest.raises(ConsentError, match="nobody"):
            callback.wait(0.01)


def test_nothing_secret_is_logged(
    callback: Callback, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    with caplog.at_level(logging.DEBUG):
        come_back(callback, GOOD)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")]
    assert "canary" not in " ".join([*ours, *capfd.readouterr()])


def test_a_pasted_address_is_read_like_the_pages():
    assert read_redirect(f"  https://firm.example/callback?{GOOD}\n", state=STATE) == Consent(
        "L011code-canary", "4620816365"
    )


@pytest.mark.parametrize(
    "query",
    [
        f"state={STATE}",
        f"state={STATE}&code=x",
        f"state={STATE}&code=x&realmId=1/2",
        f"state={STATE}&code=x&realmId=²",
        f"state={STATE}&code={'x' * 513}&realmId=1",
        f"state={STATE}&realmId=1",
    ],
)
def test_an_address_that_is_not_whole_is_refused(query: str):
    with pytest.raises(ConsentError, match="not whole"):
        read_redirect(f"http://localhost/callback?{query}", state=STATE)


def test_an_odd_error_word_is_not_repeated():
    with pytest.raises(ConsentError, match="an unknown error"):
        read_redirect(f"http://localhost/callback?state={STATE}&error={quote('<b>canary')}", state=STATE)


@given(text=st.text())
def test_only_our_state_is_ever_accepted(text: str):
    with pytest.raises(ForeignAnswerError):
        read_redirect(f"http://localhost/callback?{GOOD.replace(STATE, quote('x' + text))}", state=STATE)
