"""The endpoint for Intuit's notifications of changes, which serve only as hints.

The content of a notification is never trusted. With the right signature it only makes the sensor read the company that
it names sooner (``ledger.books.pulls.record_hints``). A lost, doubled, late or replayed notification changes nothing,
because the sensor reads every company regularly. A forged notification, or one about an unknown company, has no effect.

Belongs here: the endpoint, and its server. Does not belong here: pulling (``sync.pull.received_payments``), and TLS,
which is the work of a reverse proxy in front.
"""

import asyncio
import hmac
import json
import socket
from base64 import b64encode
from collections.abc import Callable, Collection
from hashlib import sha256
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PATH = "/webhook"

MAX_BODY_BYTES = 1_000_000
"""The size of the largest body.

Intuit states no limit; a notification of a thousand changes is a tenth of this size.
"""

PATIENCE_SECONDS = 2.0
"""The time after which the endpoint answers 503; Intuit expects an answer within three seconds.

Source: Intuit, "Webhooks" (read 2026-11-21).
"""

MOST_REALMS = 1_000

STOP_SECONDS = 3

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def sign(token: str, body: bytes) -> str:
    """Return the right ``intuit-signature`` of a body.

    It is the body's HMAC-SHA256 in base64, keyed with the verifier token of the Intuit app.
    """
    return b64encode(hmac.new(token.encode(), body, sha256).digest()).decode()


def read_realms(body: bytes) -> set[str]:
    """Return the realm Ids of the companies that a notification is about.

    Both of Intuit's formats are read: CloudEvents, and the format before 2026.

    Raises:
        ValueError: the body is in neither format.
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
    """Build the endpoint as an ASGI app, which calls ``hint`` with the companies of each signed notification.

    The companies are realm Ids, of companies that we know or do not know. The endpoint answers 200 for a notification
    that was noted, 400 for a signed notification that cannot be read, 401 for a notification that the app did not sign,
    413 for a body that is too long, and 503 for an answer that would be too late.

    Raises:
        ValueError: the token is empty, so anybody could sign.
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


def serve(app: Starlette, listener: socket.socket, *, ready: Callable[[str], object]) -> None:
    """Serve the endpoint until SIGINT or SIGTERM, and call ``ready`` with the endpoint's address once it answers.

    Afterwards the signal is delivered once more, to its former handler.
    """

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            ready(f"http://127.0.0.1:{listener.getsockname()[1]}{PATH}")

    settings = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, limit_concurrency=64, timeout_keep_alive=5,
        timeout_graceful_shutdown=STOP_SECONDS,
    )  # fmt: skip
    Announcing(settings).run(sockets=[listener])


async def _read(request: Request) -> bytes | None:
    """Read the raw body of a request; return None when it is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)
