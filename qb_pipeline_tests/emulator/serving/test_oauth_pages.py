"""Connecting: discovery, the consent page in a browser, tokens over HTTP."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from qb_pipeline_tests.emulator.conftest import RECORDINGS, Client

CLIENT = ("emulator-client", "emulator-secret")
ASK = {
    "client_id": "emulator-client",
    "response_type": "code",
    "scope": "com.intuit.quickbooks.accounting",
    "redirect_uri": "http://localhost:9/callback",
    "state": "s 1",
}


def token(books: Client, **form: str) -> requests.Response:
    return requests.post(f"{books.base}/oauth2/v1/tokens/bearer", data=form, auth=CLIENT, timeout=5)


def answer(books: Client, choice: str, **more: str) -> dict[str, list[str]]:
    form = {**ASK, "company": books.realm, "answer": choice, **more}
    back = requests.post(f"{books.base}/connect/oauth2", data=form, allow_redirects=False, timeout=5)
    assert back.status_code == 302, back.text
    assert back.headers["location"].startswith("http://localhost:9/callback?")
    return parse_qs(urlsplit(back.headers["location"]).query)


def test_discovery_leads_to_working_endpoints(books: Client) -> None:
    found = requests.get(f"{books.base}/.well-known/openid_configuration", timeout=5).json()
    got = answer(books, "allow")
    assert (got["state"], got["realmId"]) == (["s 1"], [books.realm])

    form = {"grant_type": "authorization_code", "code": got["code"][0], "redirect_uri": ASK["redirect_uri"]}
    tokens = requests.post(found["token_endpoint"], data=form, auth=CLIENT, timeout=5).json()
    books.tokens = tokens
    assert books.get("companyinfo/1").status_code == 200

    gone = requests.post(found["revocation_endpoint"], json={"token": tokens["refresh_token"]}, auth=CLIENT, timeout=5)
    assert gone.status_code == 200
    assert books.get("companyinfo/1").status_code == 401


def test_a_person_may_refuse(books: Client) -> None:
    assert answer(books, "deny") == {"error": ["access_denied"], "state": ["s 1"]}
    assert answer(books, "allow", scope="everything") == {"error": ["invalid_scope"], "state": ["s 1"]}


@pytest.mark.parametrize(
    "wrong",
    [{"client_id": "x"}, {"response_type": "token"}, {"state": ""}, {"redirect_uri": "https://example.com/callback"}],
)
def test_a_broken_request_stays_on_the_page(books: Client, wrong: dict[str, str]) -> None:
    found = requests.get(f"{books.base}/connect/oauth2", params={**ASK, **wrong}, timeout=5)

    assert (found.status_code, "Can&#x27;t connect" in found.text or "Can't connect" in found.text) == (400, True)


def test_the_token_endpoint_refuses_in_the_recorded_words(books: Client) -> None:
    refused = token(books, grant_type="refresh_token", refresh_token="AB11nonsense")
    assert (refused.status_code, refused.json()) == (
        400,
        json.loads((RECORDINGS / "oauth_invalid_grant.json").read_text()),
    )

    form = {"grant_type": "refresh_token", "refresh_token": books.tokens["refresh_token"]}
    stranger = requests.post(f"{books.base}/oauth2/v1/tokens/bearer", data=form, auth=("x", "y"), timeout=5)
    assert (stranger.status_code, stranger.json()) == (401, {"error": "invalid_client"})
    assert token(books, grant_type="password").json() == {"error": "unsupported_grant_type"}


def test_a_refresh_may_rotate_and_then_fail(books: Client) -> None:
    form: Any = {"grant_type": "refresh_token", "refresh_token": books.tokens["refresh_token"]}
    books.go_wrong({"match": "token", "what": "commit_then_html_500"})
    assert token(books, **form).status_code == 500
    assert token(books, **form).json()["error"] == "invalid_grant"

    books.connect()
    form["refresh_token"] = books.tokens["refresh_token"]
    books.go_wrong({"match": "token/1", "what": "commit_then_drop"}, {"match": "token", "what": "429_xml"})
    with pytest.raises(requests.ConnectionError):
        token(books, **form)
    books.connect()
    form["refresh_token"] = books.tokens["refresh_token"]
    assert token(books, **form).status_code == 429
    assert token(books, **form).status_code == 200


@pytest.mark.browser
def test_a_person_clicks_connect(books: Client) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        tab = browser.new_page()
        tab.route("http://localhost:9/**", lambda route: route.fulfill(body="connected"))
        query = "&".join(f"{name}={requests.utils.quote(value, safe='')}" for name, value in ASK.items())
        tab.goto(f"{books.base}/connect/oauth2?{query}")
        tab.select_option("#company", books.realm)
        tab.click("#allow")
        tab.wait_for_url("http://localhost:9/**")
        got = parse_qs(urlsplit(tab.url).query)
        browser.close()

    assert (got["realmId"], got["state"]) == ([books.realm], ["s 1"])
