"""Where Intuit says that something changed: a hint, and nothing more.

What a notification says is never trusted. One that carries the right signature only has the sensor look sooner at the
company that it names (``ledger.pulls.record_hints``); a lost, doubled, late or replayed one changes nothing, because
the sensor looks anyway. So a forged one, or one of a company that nobody knows, does nothing at all.

Belongs here: the endpoint. Does not belong here: pulling (``sync.pull``), TLS, which a reverse proxy in front brings.
"""

import asyncio
import hmac
import json
from base64 import b64encode
from collections.abc import Callable, Collection
from hashlib import sha256
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PATH = "/webhook"

MAX_BODY_BYTES = 1_000_000
"""Intuit names no limit; a notification of a thousand changes is a tenth of this."""

PATIENCE_SECONDS = 2.0
"""Intuit wants an answer within three seconds. Source: Intuit, "Webhooks" (read 2026-11-21)."""

MOST_REALMS = 1_000

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def sign(token: str, body: bytes) -> str:
    """What ``intuit-signature`` must say of a body: its HMAC-SHA256 in base64, keyed with the app's verifier token."""
    return b64encode(hmac.new(token.encode(), body, sha256).digest()).decode()


def read_realms(body: bytes) -> set[str]:
    """The companies that a notification is about, in both of Intuit's formats (CloudEvents, and the one before 2026).

    Raises:
        ValueError: it is neither.
    """
    payload = json.loads(body)
    if isinstance(payload, list):
        realms = [_text(event, "intuitaccountid") for event in payload]
    elif isinstance(payload, dict) and isinstance(payload.get("eventNotifications"), list):
        realms = [_text(notification, "realmId") for notification in payload["eventNotifications"]]
    else:
        raise ValueError("not a notification")
    return {realm for realm in realms if realm.isascii() and realm.isdigit() and len(realm) <= 32}


def _text(entry: Any, name: str) -> str:
    return str(entry.get(name, "")) if isinstance(entry, dict) else ""


def make_app(token: str, hint: Callable[[Collection[str]], object]) -> Starlette:
    """The endpoint as an ASGI app. ``hint`` is told the companies (realm Ids, known or not) of each true notification.

    Answers: 200 noted, 400 signed and unreadable, 401 not signed by the app, 413 too long, 503 try again.

    Raises:
        ValueError: there is no token; then anybody could sign.
    """
    if not token:
        raise ValueError("the verifier token of the Intuit app is needed")

    async def receive(request: Request) -> Response:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await _answer(request)
        except TimeoutError:
            return Response(status_code=503, headers=HEADERS)

    async def _answer(request: Request) -> Response:
        body = await _read(request)
        if body is None:
            return Response(status_code=413, headers=HEADERS)
        given = request.headers.get("intuit-signature", "").encode("latin-1", "replace")
        if not hmac.compare_digest(given, sign(token, body).encode()):
            return Response(status_code=401, headers=HEADERS)
        try:
            realms = read_realms(body)
        except ValueError:
            return Response(status_code=400, headers=HEADERS)
        if realms:
            await run_in_threadpool(hint, sorted(realms)[:MOST_REALMS])
        return Response(status_code=200, headers=HEADERS)

    return Starlette(routes=[Route(PATH, receive, methods=["POST"])])


async def _read(request: Request) -> bytes | None:
    """The raw body, byte for byte; None when it is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)
