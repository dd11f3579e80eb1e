"""A guard in front of the Dagster UI, which only the UI's own page on this machine passes.

The UI listens on loopback, but any web page that the operator opens can send requests there: Dagster checks neither
Host nor Origin, and accepts a mutation by GET (measured with 1.13.27). Without a guard a foreign page could launch
runs.

The guard refuses a Host that is not ours (DNS rebinding), an Origin or a ``Sec-Fetch-Site`` of another site, GraphQL in
an address, and a GraphQL POST whose content type a foreign form could send. A WebSocket must have the same Host and
must name its Origin, as every browser does. A proxy in front rewrites Host and Origin (``deploy/nginx.conf``).
"""

from collections.abc import Collection
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

OWN_FETCHES = frozenset({"", "same-origin", "none"})
"""The values of ``Sec-Fetch-Site`` that the guard accepts.

A browser sends ``none`` when a person typed the address or opened a bookmark. The empty text stands for a request
without the header.
"""


class Guard:
    """The ASGI middleware. ``hosts`` are the names under which a person opens the page, each with its port."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if not refusal:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        else:
            answer = PlainTextResponse(f"Refused: {refusal}\n", status_code=403)
            await answer(scope, receive, send)

    def _refusal(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        if headers.get("host", "") not in self._hosts:
            return "this page is served to its own address only"
        origin = headers.get("origin", "")
        if origin and urlsplit(origin).netloc not in self._hosts:
            return "another site asked"
        if scope["type"] == "websocket" and not origin:
            return "a browser names its page when it opens a websocket"
        if scope["type"] == "http" and scope["path"].rstrip("/").endswith("/graphql"):
            return self._graphql_refusal(scope, headers)
        return ""

    def _graphql_refusal(self, scope: Scope, headers: Headers) -> str:
        if headers.get("sec-fetch-site", "") not in OWN_FETCHES:
            return "another site asked"
        asked = parse_qs(scope.get("query_string", b""), keep_blank_values=True)
        if b"query" in asked or (asked and scope["method"] != "POST"):  # the page itself posts with ?op=NAME, for logs
            return "GraphQL is asked by POST, in the body"
        content_type = headers.get("content-type", "").split(";")[0].strip().lower()
        if scope["method"] == "POST" and content_type != "application/json":
            return "GraphQL is asked in JSON"
        return ""


def loopback_hosts(port: int) -> frozenset[str]:
    """Return the names of this machine, each with the port."""
    return frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))
