"""OAuth 2: exchanging a person's consent for tokens, refreshing tokens, and revoking them.

Belongs here: exchanges with Intuit's authorization server, through Authlib. Does not belong here: the storage of tokens
and the right to refresh them (``ledger``), and the page to which a person's browser returns (``web.callback``).
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from qb_pipeline.core.money import JsonObject
from qb_pipeline.quickbooks.environments import Environment
from qb_pipeline.quickbooks.errors import (
    AuthorizationLostError,
    OutcomeUnknownError,
    PermanentError,
    ThrottledError,
    TransientError,
    safe_word,
)
from qb_pipeline.quickbooks.parsing import UnreadableError, read_json
from qb_pipeline.quickbooks.throttle import PAUSE_SECONDS
from qb_pipeline.quickbooks.transport import exchange, harden, open_session, watched

SCOPE = "com.intuit.quickbooks.accounting"

SECONDS = 20.0
"""Deadline of an exchange. During a refresh the ledger keeps the row of the tokens locked."""

HARD_EXPIRY_HEADER = {"x-include-refresh-token-hard-expires-in": "true"}
"""The header that asks for the final end of the refresh token (after five years). Source: Intuit's .NET SDK, May 2026
(read 2026-11-21)."""

LOST_ERRORS = frozenset({"invalid_grant", "access_denied", "unauthorized_client"})

DISCOVERED = ("authorization_endpoint", "token_endpoint", "revocation_endpoint")

ACCESS_SECONDS = 3_600
REFRESH_SECONDS = 8_640_000
"""Lifetimes, in seconds, of tokens whose answer names none: one hour, 100 days. Source: Intuit's auth FAQ (read
2026-11-21)."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one connection. They must never be logged, so the repr holds only the times."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    access_expires_at: datetime
    refresh_expires_at: datetime
    refresh_hard_expires_at: datetime | None = None


class OAuth:
    """Our app at Intuit's authorization server. It keeps no token and repeats no exchange.

    The first call also reads the discovery document and keeps its addresses.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        client_id: str,
        client_secret: str,
        redirect_uri: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._environment = environment
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._endpoints: Mapping[str, str] = {}

    def authorization_url(self, state: str) -> str:
        """Return the address of the consent page. The answer to the consent must contain the same ``state``."""
        with self._session() as session:
            url, _ = session.create_authorization_url(self._endpoint("authorization_endpoint"), state, scope=SCOPE)
        return str(url)

    def exchange(self, code: str) -> Tokens:
        """Exchange the code of a consent for tokens. This is done once only, since a second exchange may invalidate the
        tokens of the first.

        Raises:
            AuthorizationLostError: the code is spent or too old. A person must consent again.
            TransientError: the exchange failed. With ``sent`` True the code may be spent.
        """
        return self._ask(
            "the exchange of the code",
            lambda session, url: session.fetch_token(
                url, grant_type="authorization_code", code=code, allow_redirects=False, timeout=SECONDS
            ),
        )

    def refresh(self, refresh_token: str) -> Tokens:
        """Request a fresh access token and the refresh token to use from now on. The caller must store them before
        anything else.

        Raises:
            AuthorizationLostError: the refresh token is no longer accepted. A person must reconnect the company.
            OutcomeUnknownError: the token may have been replaced and the new one lost. Try the old one once more.
        """
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
            **HARD_EXPIRY_HEADER,
        }
        return self._ask(
            "the refresh of the token",
            lambda session, url: session.refresh_token(
                url, refresh_token=refresh_token, headers=headers, allow_redirects=False, timeout=SECONDS
            ),
        )

    def revoke(self, token: str) -> None:
        """Revoke a refresh token, which ends the connection.

        Raises:
            AuthorizationLostError: the token was no longer accepted.
        """
        url = self._endpoint("revocation_endpoint")
        with open_session() as session:
            basic = b64encode(f"{self._client_id}:{self._client_secret}".encode()).decode()
            reply = exchange(
                session,
                "POST",
                url,
                seconds=SECONDS,
                headers={
                    "Authorization": f"Basic {basic}",
                    "Accept": "application/json",
                    "Content-Type": "application/json",
                },
                body=msgspec.json.encode({"token": token}),
            )
        if reply.status != 200:
            raise _refusal("the revocation of the token", reply.status, _error_of(reply.body), reply.intuit_tid)

    def _session(self) -> Any:
        session = OAuth2Session(  # type: ignore[no-untyped-call] # Authlib has no types
            self._client_id, self._client_secret, redirect_uri=self._redirect_uri, default_timeout=SECONDS
        )
        harden(session)
        return session

    def _ask(self, what: str, ask: Callable[[Any, str], JsonObject]) -> Tokens:
        """Send one request to the token endpoint and return the tokens. Raise our own errors, which name the exchange
        (``what``)."""
        url = self._endpoint("token_endpoint")
        asked_at = self._clock()
        with self._session() as session, watched(SECONDS) as watch:
            try:
                return _read_tokens(ask(session, url), asked_at)
            except OAuthError as error:
                raise _refusal(what, watch.status, safe_word(error.error), watch.intuit_tid) from error
            except (requests.RequestException, ValueError, TypeError, KeyError) as error:
                if watch.status == 429:
                    raise _refusal(what, 429, "", watch.intuit_tid) from error
                if watch.sent:
                    raise OutcomeUnknownError(
                        f"{what} was not answered with tokens ({type(error).__name__})",
                        http_status=watch.status,
                        intuit_tid=watch.intuit_tid,
                    ) from error
                raise

    def _endpoint(self, name: str) -> str:
        """Return an address of the discovery document, which is read once. Every address that we use must belong to the
        environment."""
        if not self._endpoints:
            with open_session() as session:
                url = self._environment.discovery_url
                reply = exchange(session, "GET", url, seconds=SECONDS, headers={"Accept": "application/json"})
            try:
                found = read_json(reply.body) if reply.status == 200 else None
            except UnreadableError:
                found = None
            if not isinstance(found, dict) or not all(isinstance(found.get(key), str) for key in DISCOVERED):
                raise TransientError(
                    f"HTTP {reply.status}: the discovery document cannot be read",
                    sent=False,
                    http_status=reply.status,
                    intuit_tid=reply.intuit_tid,
                )
            for key in DISCOVERED:
                if not self._environment.allows_oauth(found[key]):
                    raise PermanentError(
                        f"the discovery document's {key} is not on a host of {self._environment.name}; nothing was sent"
                    )
            self._endpoints = {key: found[key] for key in DISCOVERED}
        return self._endpoints[name]


def _read_tokens(answer: JsonObject, asked_at: datetime) -> Tokens:
    """Read the tokens of an answer. An unreadable lifetime counts as the usual one, so that no token is lost because of
    it."""
    hard = answer.get("x_refresh_token_hard_expires_in")
    return Tokens(
        access_token=_text(answer["access_token"]),
        refresh_token=_text(answer["refresh_token"]),
        access_expires_at=_later(asked_at, answer.get("expires_in"), ACCESS_SECONDS),
        refresh_expires_at=_later(asked_at, answer.get("x_refresh_token_expires_in"), REFRESH_SECONDS),
        refresh_hard_expires_at=None if hard is None else _later(asked_at, hard, REFRESH_SECONDS),
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a token must be a text")
    return value


def _later(moment: datetime, seconds: object, usual: int) -> datetime:
    """Return the moment plus ``seconds``, written as a number or as digits. If they cannot be read, ``usual`` seconds
    are added."""
    digits = str(seconds)
    return moment + timedelta(seconds=int(digits) if digits.isdecimal() and len(digits) < 10 else usual)


def _error_of(body: bytes) -> str:
    try:
        answer = read_json(body)
    except UnreadableError:
        return ""
    return safe_word(answer.get("error")) if isinstance(answer, dict) else ""


def _refusal(what: str, status: int | None, error: str, intuit_tid: str) -> Exception:
    """Return our error for an answer without tokens. The description in the answer is not repeated, because it may hold
    the token."""
    message = f"{what} was refused: HTTP {status}, {error or 'no readable error'}"
    if status == 429:
        return ThrottledError(message, seconds=PAUSE_SECONDS, http_status=status, intuit_tid=intuit_tid)
    if error in LOST_ERRORS:
        return AuthorizationLostError(f"{message}; reconnect the company", http_status=status, intuit_tid=intuit_tid)
    if error and status is not None and status < 500:
        return PermanentError(
            f"{message}; check QUICKBOOKS_CLIENT_ID and QUICKBOOKS_CLIENT_SECRET",
            http_status=status,
            intuit_tid=intuit_tid,
        )
    return OutcomeUnknownError(message, http_status=status, intuit_tid=intuit_tid)
