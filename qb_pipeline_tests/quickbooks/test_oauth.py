"""From consent to tokens: what is sent to the authorization server, and what each refusal means."""

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from qb_pipeline.quickbooks.environments import environment
from qb_pipeline.quickbooks.errors import (
    AuthorizationLostError,
    OutcomeUnknownError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from qb_pipeline.quickbooks.oauth import OAuth, Tokens
from qb_pipeline_tests.quickbooks.wire import TID, Server, answer, say, say_and_close, say_and_reset, serving

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "client-secret-canary"
OLD, NEW, ACCESS, CODE = "AB11old-canary", "AB11new-canary", "eyJaccess-canary", "L011code-canary"
GRANTED = {
    "token_type": "bearer",
    "access_token": ACCESS,
    "refresh_token": NEW,
    "expires_in": 3600,
    "x_refresh_token_expires_in": 8726400,
}
TOKENS = Tokens(
    access_token=ACCESS,
    refresh_token=NEW,
    access_expires_at=NOON + timedelta(hours=1),
    refresh_expires_at=NOON + timedelta(days=101),
)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        document = {
            "authorization_endpoint": f"{running.url}/connect/oauth2",
            "token_endpoint": f"{running.url}/oauth2/v1/tokens/bearer",
            "revocation_endpoint": f"{running.url}/v2/oauth2/tokens/revoke",
        }
        running.will(say(answer(document)))
        yield running


@pytest.fixture
def oauth(server: Server) -> OAuth:
    return OAuth(
        environment("emulator", api_url=server.url),
        client_id="client id",
        client_secret=SECRET,
        redirect_uri="http://localhost:8000/callback",
        clock=lambda: NOON,
    )


def test_the_consent_page_is_asked_for_accounting_only(server: Server, oauth: OAuth):
    url = oauth.authorization_url("state-1")
    assert url.startswith(f"{server.url}/connect/oauth2?")
    assert parse_qs(urlsplit(url).query) == {
        "client_id": ["client id"],
        "response_type": ["code"],
        "scope": ["com.intuit.quickbooks.accounting"],
        "redirect_uri": ["http://localhost:8000/callback"],
        "state": ["state-1"],
    }
    assert server.requests[0].target == "/.well-known/openid_configuration"


def test_a_code_becomes_tokens(server: Server, oauth: OAuth):
    server.will(say(answer(GRANTED)))

    assert oauth.exchange(CODE) == TOKENS

    [_, request] = server.requests
    assert (request.method, request.path) == ("POST", "/oauth2/v1/tokens/bearer")
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["authorization_code"],
        "code": [CODE],
        "redirect_uri": ["http://localhost:8000/callback"],
    }
    assert request.headers["authorization"] == "Basic " + b64encode(f"client id:{SECRET}".encode()).decode()
    assert request.headers["accept"] == "application/json"


def test_a_refresh_gives_the_token_to_use_from_now_on_and_its_last_day(server: Server, oauth: OAuth):
    server.will(say(answer({**GRANTED, "x_refresh_token_hard_expires_in": 157680000})))

    tokens = oauth.refresh(OLD)

    assert tokens == Tokens(
        ACCESS, NEW, NOON + timedelta(hours=1), NOON + timedelta(days=101), NOON + timedelta(days=1825)
    )
    request = server.requests[1]
    assert parse_qs(request.body.decode()) == {"grant_type": ["refresh_token"], "refresh_token": [OLD]}
    assert request.headers["x-include-refresh-token-hard-expires-in"] == "true"


def test_the_discovery_document_is_read_once(server: Server, oauth: OAuth):
    server.will(say(answer(GRANTED)), say(answer(GRANTED)))
    oauth.refresh(OLD)
    oauth.refresh(NEW)
    assert [request.method for request in server.requests] == ["GET", "POST", "POST"]


@pytest.mark.parametrize("life", [None, "soon", "", -1, [], "9" * 40, 3600.5])
def test_a_life_that_cannot_be_read_is_the_usual_one(server: Server, oauth: OAuth, life: object):
    """A rotated token must never be lost over a detail."""
    server.will(say(answer({"access_token": ACCESS, "refresh_token": NEW, "x_refresh_token_expires_in": life})))
    tokens = oauth.refresh(OLD)
    assert tokens == Tokens(ACCESS, NEW, NOON + timedelta(hours=1), NOON + timedelta(days=100))


def test_tokens_stay_out_of_a_repr():
    assert "canary" not in repr(TOKENS)


REFUSALS = [
    (400, {"error": "invalid_grant"}, AuthorizationLostError),
    (400, {"error": "invalid_grant", "error_description": f"Incorrect refresh token {OLD}"}, AuthorizationLostError),
    (401, {"error": "invalid_client"}, PermanentError),
    (429, {"error": "slow_down"}, ThrottledError),
]


@pytest.mark.parametrize(("status", "body", "kind"), REFUSALS)
def test_a_refusal_says_what_to_do(server: Server, oauth: OAuth, status: int, body: object, kind: type[Exception]):
    server.will(say(answer(body, status=status)))
    with pytest.raises(kind) as caught:
        oauth.refresh(OLD)
    assert type(caught.value) is kind
    assert str(caught.value).endswith(f"; intuit_tid={TID}")
    assert "canary" not in str(caught.value)
    assert len(server.requests) == 2


UNKNOWN = {
    "html 500": say(answer(b"<html>", status=500)),
    "json 500": say(answer({"error": "server_error"}, status=500)),
    "empty 503": say(answer(b"", status=503)),
    "empty 200": say(answer(b"")),
    "html 404": say(answer(b"<html>", status=404)),
    "no token": say(answer({"expires_in": 3600})),
    "no text": say(answer({**GRANTED, "access_token": 5})),
    "cut": say_and_close(answer(GRANTED)[:-10]),
    "reset": say_and_reset(),
    "redirect": say(answer(b"", status=302, headers={"Location": "http://127.0.0.2:9/"})),
}


@pytest.mark.parametrize("behaviour", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_lost_answer_may_have_replaced_the_token_and_is_not_asked_for_again(server: Server, oauth: OAuth, behaviour):
    server.will(behaviour)
    with pytest.raises(OutcomeUnknownError) as caught:
        oauth.refresh(OLD)
    assert "canary" not in str(caught.value)
    assert len(server.requests) == 2


def test_a_throttle_page_of_the_gateway_is_a_throttle(server: Server, oauth: OAuth):
    server.will(say(answer(b"<html>", status=429)))
    with pytest.raises(ThrottledError) as caught:
        oauth.refresh(OLD)
    assert (caught.value.sent, caught.value.seconds) == (False, 60.0)


def test_a_server_that_is_down_was_told_nothing(server: Server, oauth: OAuth):
    oauth.authorization_url("state")
    server.close()
    with pytest.raises(TransientError) as caught:
        oauth.refresh(OLD)
    assert (type(caught.value), caught.value.sent) == (TransientError, False)


def test_a_connection_is_given_back(server: Server, oauth: OAuth):
    server.will(say(answer(b"")))
    oauth.revoke(OLD)
    request = server.requests[1]
    assert (request.method, request.path, json.loads(request.body)) == (
        "POST",
        "/v2/oauth2/tokens/revoke",
        {"token": OLD},
    )
    assert request.headers["authorization"].startswith("Basic ")


def test_giving_back_a_dead_connection_says_so(server: Server, oauth: OAuth):
    server.will(say(answer({"error": "invalid_grant"}, status=400)))
    with pytest.raises(AuthorizationLostError):
        oauth.revoke(OLD)


@pytest.mark.parametrize("body", [b"", b"<html>", [], {}, {"token_endpoint": 5}])
def test_a_discovery_document_that_cannot_be_read_sends_nothing(oauth: OAuth, server: Server, body: object):
    server.next.clear()
    server.usual = say(answer(body))
    with pytest.raises(TransientError) as caught:
        oauth.refresh(OLD)
    assert not caught.value.sent
    assert [request.method for request in server.requests] == ["GET"]


@pytest.mark.parametrize("host", ["https://evil.example", "http://127.0.0.1@evil.example", "http://[::1", "//x", ""])
def test_a_secret_goes_to_no_host_outside_the_environment(oauth: OAuth, server: Server, host: str):
    server.next.clear()
    document = {f"{name}_endpoint": f"{server.url}/" for name in ("authorization", "revocation")}
    server.will(say(answer({**document, "token_endpoint": f"{host}/token"})))
    with pytest.raises(PermanentError, match="token_endpoint is not on a host of emulator"):
        oauth.refresh(OLD)
