"""The page to which Intuit sends a person's browser back after the consent.

Belongs here: waiting on loopback for one answer, checking that it belongs to our question, and reading a pasted answer.
Does not belong here: asking for consent, or exchanging the code for tokens (``quickbooks.oauth``).
"""

import hmac
import re
import socket
import threading
import time
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_CODE_CHARACTERS = 512
"""The length of the longest code. Source: Intuit, "OAuth 2.0" (read 2026-11-21)."""

REALM_ID = re.compile(r"[0-9]{1,32}")

STYLE = "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem;color:#222}"

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class ConsentError(Exception):
    """The person did not consent, or did not come back in time. The message states the remedy."""


class ForeignAnswerError(ConsentError):
    """The answer does not carry our ``state``, so it belongs to another question or comes from an attacker."""


@dataclass(frozen=True, slots=True)
class Consent:
    """The answer of the consent page: a code that can be exchanged once, and the company that it is for."""

    code: str = field(repr=False)
    realm_id: str


def read_redirect(url: str, *, state: str) -> Consent:
    """Read the consent from the address that the browser was sent back to, or that a person pasted.

    Raises:
        ForeignAnswerError: ``state`` is not ours.
        ConsentError: consent was refused, or the address is incomplete.
    """
    answers = {name: values[-1] for name, values in parse_qs(urlsplit(url.strip()).query).items()}
    if not hmac.compare_digest(answers.get("state", "").encode(), state.encode()):
        raise ForeignAnswerError("the answer does not belong to this question; run `qb-pipeline connect` again")
    if "error" in answers:
        word = answers["error"] if re.fullmatch(r"[a-z_]{1,40}", answers["error"]) else "an unknown error"
        raise ConsentError(f"QuickBooks did not connect the company ({word}); run `qb-pipeline connect` again")
    code, realm_id = answers.get("code", ""), answers.get("realmId", "")
    if not 0 < len(code) <= MAX_CODE_CHARACTERS or not REALM_ID.fullmatch(realm_id):
        raise ConsentError("the address is not whole; copy all of it, or run `qb-pipeline connect` again")
    return Consent(code, realm_id)


class Callback:
    """A server on this machine that waits for one answer, on the socket ``listener`` or on a free port.

    Use it as a context manager, and call ``wait`` in the block.
    """

    def __init__(self, *, state: str, listener: socket.socket | None = None) -> None:
        self._state = state
        self._socket = listener or socket.create_server(("127.0.0.1", 0))
        self._answer: Consent | ConsentError | None = None
        self._answered = threading.Event()
        self.redirect_uri = f"http://localhost:{self._socket.getsockname()[1]}/callback"
        # No access log: it would hold the code.
        config = uvicorn.Config(
            self._app(),
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        while self._thread.is_alive() and not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def wait(self, seconds: float) -> Consent:
        """Wait until the browser has come back, and return the consent.

        Raises:
            ConsentError: the browser did not come back within ``seconds``, or the person refused.
        """
        if not self._answered.wait(seconds):
            raise ConsentError(f"nobody came back within {seconds:g} s; run `qb-pipeline connect` again")
        if isinstance(self._answer, Consent):
            return self._answer
        raise self._answer or ConsentError("no answer")

    def _app(self) -> ASGIApp:
        return Starlette(
            routes=[Route("/callback", self._come_back)],
            middleware=[
                Middleware(_SecurityHeaders),
                # A web page can make its own name point to this machine (DNS rebinding); the Host header shows it.
                Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"], www_redirect=False),
            ],
            exception_handlers={HTTPException: _show_error},
        )

    async def _come_back(self, request: Request) -> Response:
        if request.method != "GET":
            return _page("Nothing to see here.", 405)
        if self._answered.is_set():
            return _page("This page was used already. You can close this window.", 409)
        try:
            self._answer = read_redirect(str(request.url), state=self._state)
        except ForeignAnswerError:
            return _page("This answer does not belong to our question. Please start again from the terminal.", 400)
        except ConsentError as error:
            self._answer = error
        self._answered.set()
        if isinstance(self._answer, ConsentError):
            return _page("QuickBooks is not connected. You can close this window; the terminal says what to do.", 400)
        return _page("QuickBooks said yes. You can close this window and go back to the terminal.", 200)


class _SecurityHeaders:
    """The ASGI middleware that adds the same headers to every answer, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                ours = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *ours]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


async def _show_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _page("Nothing to see here.", status)


def _page(sentence: str, status: int) -> HTMLResponse:
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<meta name=viewport content='width=device-width'><title>qb_pipeline</title><style>{STYLE}</style>"
        f"<h1>qb_pipeline</h1><p>{sentence}</p></html>",
        status_code=status,
    )
