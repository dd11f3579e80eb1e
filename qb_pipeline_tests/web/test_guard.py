"""Who may ask the Dagster UI for something."""

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from qb_pipeline.web.guard import Guard, loopback_hosts


async def page(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("dagster")


async def stream(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("dagster")
    await socket.close()


ROUTES = [Route("/", page), Route("/graphql", page, methods=["GET", "POST"]), WebSocketRoute("/graphql", stream)]


def ask(kind: str, method: str, address: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    """Speak ASGI to the guarded page; gives what it answered."""
    path, _, query = address.partition("?")
    given = {"host": "127.0.0.1:3000", **headers}
    scope = {
        "type": kind, "method": method, "path": path, "query_string": query.encode(), "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()], "subprotocols": [],
    }  # fmt: skip
    sent: list[dict[str, Any]] = []
    first = {"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request", "body": b"{}"}

    async def receive() -> dict[str, Any]:
        return first

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Guard(Starlette(routes=ROUTES), loopback_hosts(3000))(scope, receive, send))
    return sent


def fetch(method: str, address: str, headers: dict[str, str]) -> tuple[int, str]:
    """Status and text of an HTTP answer."""
    start, *bodies = ask("http", method, address, headers)
    return start["status"], b"".join(message.get("body", b"") for message in bodies).decode()


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/", {"host": "localhost:3000"}),
        ("GET", "/graphql", {}),
        ("POST", "/graphql", JSON),
        ("POST", "/graphql?op=RootWorkspaceQuery", JSON),
        ("POST", "/graphql", JSON | {"origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-origin"}),
    ],
)
def test_the_page_itself_is_served(method: str, path: str, headers: dict[str, str]) -> None:
    assert fetch(method, path, headers) == (200, "dagster")


@pytest.mark.parametrize(
    ("method", "path", "headers", "why"),
    [
        ("GET", "/graphql?query=mutation{launchRun}", {}, "GraphQL is asked by POST, in the body"),
        (
            "GET",
            "/graphql?query=mutation{launchRun}",
            {"sec-fetch-dest": "image"},
            "GraphQL is asked by POST, in the body",
        ),
        ("POST", "/graphql?query=mutation{launchRun}", JSON, "GraphQL is asked by POST, in the body"),
        (
            "POST",
            "/graphql?query=mutation{launchRun}",
            {"content-type": "text/plain"},
            "GraphQL is asked by POST, in the body",
        ),
        ("HEAD", "/graphql?query=mutation{launchRun}", {}, "GraphQL is asked by POST, in the body"),
        ("POST", "/graphql", {}, "GraphQL is asked in JSON"),
        ("GET", "/", {"host": "evil.example:3000"}, "this page is served to its own address only"),
        ("GET", "/", {"host": "127.0.0.1:3001"}, "this page is served to its own address only"),
        ("POST", "/graphql", JSON | {"origin": "https://evil.example"}, "another site asked"),
        ("POST", "/graphql", JSON | {"origin": "null"}, "another site asked"),
        ("POST", "/graphql", JSON | {"sec-fetch-site": "cross-site"}, "another site asked"),
        ("GET", "/graphql", {"sec-fetch-site": "cross-site"}, "another site asked"),
        ("POST", "/graphql", {"content-type": "text/plain"}, "GraphQL is asked in JSON"),
        ("POST", "/graphql/", {"content-type": "application/x-www-form-urlencoded"}, "GraphQL is asked in JSON"),
    ],
)
def test_what_a_foreign_page_could_send_is_refused(method: str, path: str, headers: dict[str, str], why: str) -> None:
    assert fetch(method, path, headers) == (403, f"Refused: {why}\n")


def test_a_websocket_of_our_own_page_is_served_and_a_foreign_one_is_not() -> None:
    ours = ask("websocket", "GET", "/graphql", {"origin": "http://localhost:3000"})
    foreign = ask("websocket", "GET", "/graphql", {"origin": "https://evil.example"})
    nameless = ask("websocket", "GET", "/graphql", {})
    rebound = ask("websocket", "GET", "/graphql", {"host": "evil.example", "origin": "http://localhost:3000"})

    assert [message.get("text") for message in ours if message["type"] == "websocket.send"] == ["dagster"]
    assert foreign == [{"type": "websocket.close", "code": 1008, "reason": "another site asked"}]
    assert [message["type"] for message in nameless + rebound] == ["websocket.close", "websocket.close"]


def test_what_is_neither_http_nor_websocket_passes() -> None:
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(Guard(app, loopback_hosts(3000))({"type": "lifespan"}, None, None))  # type: ignore[arg-type]

    assert seen == ["lifespan"]
