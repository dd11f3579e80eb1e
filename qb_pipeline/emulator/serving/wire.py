"""Answers on the wire, complete or broken.

Belongs here: headers, gzip, XML, and every way in which an answer fails to arrive. Does not belong here: the content of
an answer.
"""

import asyncio
import gzip
import socket
import uuid
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from qb_pipeline.emulator.books.tables import decode, encode
from qb_pipeline.emulator.steering.scripted_faults import Mishap

SMALLEST_ZIPPED = 1000
HTML = "<html><head><title>{code} {reason}</title></head><body><h1>{code} {reason}</h1><hr></body></html>\n"
REASONS = {
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    413: "Request Entity Too Large",
}
DRIPS = 20
CUT_AT = 100
NAMESPACE = "http://schema.intuit.com/finance/v3"
JSON = "application/json;charset=UTF-8"
XML = "application/xml;charset=UTF-8"


class Connections(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """The HTTP protocol of uvicorn, which also remembers each connection so that a mishap can cut it."""

    open: dict[Any, asyncio.Transport] = {}  # noqa: RUF012 - one table for all connections

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Record a new connection, keyed by the client's address."""
        self.peer = transport.get_extra_info("peername")[:2]
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open[self.peer] = transport
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove a connection that has ended."""
        self.open.pop(self.peer, None)
        super().connection_lost(exc)


@dataclass
class Reply:
    """An answer that has not been sent yet."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


def html(status: int) -> Reply:
    """Build an error page as a load balancer makes it."""
    return Reply(status, HTML.format(code=status, reason=REASONS[status]).encode(), "text/html")


def json(status: int, content: Any) -> Reply:
    """Build a JSON answer."""
    return Reply(status, encode(content))


def as_xml(reply: Reply) -> Reply:
    """Convert a JSON answer to XML, which Intuit sends when a request does not ask for JSON."""
    content = decode(reply.body)
    time = content.pop("time", "") if isinstance(content, dict) else ""
    inner = "".join(_element(name, value) for name, value in content.items())
    start = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><IntuitResponse xmlns="{NAMESPACE}" time="{time}">'
    return Reply(reply.status, f"{start}{inner}</IntuitResponse>".encode(), XML, reply.headers)


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, each) for each in value)
    if isinstance(value, dict):
        return f"<{name}>{''.join(_element(key, each) for key, each in value.items())}</{name}>"
    if isinstance(value, bool):
        return f"<{name}>{str(value).lower()}</{name}>"
    return f"<{name}>{'' if value is None else escape(str(value))}</{name}>"


async def drop(scope: Scope, receive: Receive) -> None:
    """Cut the connection without an answer."""
    transport = Connections.open.get(tuple(scope["client"] or ()))
    if transport is not None:
        transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_reply(scope: Scope, receive: Receive, send: Send, reply: Reply, mishap: Mishap | None = None) -> None:
    """Send an answer; a mishap may cut it off or slow it down."""
    what = mishap.what if mishap else ""
    body = reply.body
    headers = {"content-type": reply.content_type, "intuit_tid": f"1-{uuid.uuid4().hex[:8]}-{uuid.uuid4().hex[:24]}"}
    headers |= {"qbo-version": "2026.11", "cache-control": "max-age=0, no-cache, no-store, must-revalidate, private"}
    headers |= reply.headers
    if what != "cut_json_at" and len(body) >= SMALLEST_ZIPPED and _takes_gzip(scope):
        body = gzip.compress(body, compresslevel=1, mtime=0)
        headers["content-encoding"] = "gzip"
    headers["content-length"] = str(len(body))
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    if what == "cut_json_at" and mishap is not None:
        at = CUT_AT if mishap.at is None else mishap.at
        await send({"type": "http.response.body", "body": body[: min(at, len(body) - 1)], "more_body": True})
        await asyncio.sleep(0.005)
        transport = Connections.open.get(tuple(scope["client"] or ()))
        if transport is not None:
            transport.close()
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    if what == "slow_drip" and mishap is not None:
        size = max(1, len(body) // DRIPS)
        for place in range(0, len(body), size):
            await send({"type": "http.response.body", "body": body[place : place + size], "more_body": True})
            await asyncio.sleep(mishap.seconds / DRIPS)
        body = b""
    await send({"type": "http.response.body", "body": body})


def _takes_gzip(scope: Scope) -> bool:
    return any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"])
