"""The ASGI application with all endpoints, and the server.

Belongs here: routes, the server, and the background work beside it. Does not belong here: the work of an endpoint.
"""

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from qb_pipeline.emulator.serving.admin import Admin
from qb_pipeline.emulator.serving.api import Api
from qb_pipeline.emulator.serving.oauth_pages import OAuthPages
from qb_pipeline.emulator.serving.pages import companies_page, company_page, page
from qb_pipeline.emulator.serving.wire import Connections
from qb_pipeline.emulator.steering.state import EmulatorState

TICK_SECONDS = 0.05
STOP_SECONDS = 3
IDLE_SECONDS = 60
"""The time after which idle connections are closed, about the same as in gateways.

uvicorn's own 5 seconds would hide the effects of a pause.
"""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """The content of a ``--config`` file."""

    companies: list[dict[str, Any]] = []
    clients: dict[str, str] = {}


class App:
    """The ASGI application. Accounting and token requests go directly to their endpoint, all others through routes."""

    def __init__(self, state: EmulatorState) -> None:
        self.state = state
        self.api = Api(state)
        self.pages = pages = OAuthPages(state)
        self.others: ASGIApp = Starlette(
            routes=[
                Route("/", self.home),
                Route("/company/{realm}", self.company),
                Route("/.well-known/openid_configuration", pages.discovery),
                Route("/.well-known/openid_configuration/", pages.discovery),
                Route("/.well-known/openid_sandbox_configuration", pages.discovery),
                Route("/connect/oauth2", pages.consent, methods=["GET", "POST"]),
                Route("/v2/oauth2/tokens/revoke", pages.revoke, methods=["POST"]),
                *Admin(state).routes(),
            ],
            lifespan=self.lifespan,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request to its endpoint."""
        if scope["type"] == "http" and scope["path"].startswith("/v3/company/"):
            await self.api(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == "/oauth2/v1/tokens/bearer":
            await self.pages.token(scope, receive, send)
        else:
            await self.others(scope, receive, send)

    async def home(self, request: Request) -> Response:
        """Show the list of companies."""
        companies = [tenant.company for tenant in self.state.tenants.values()]
        return HTMLResponse(companies_page(companies, str(request.base_url).rstrip("/")))

    async def company(self, request: Request) -> Response:
        """Show one company."""
        found = self.state.company_of(request.path_params["realm"])
        if found is None:
            return HTMLResponse(page("No such company", "<h1>There is no such company</h1>"), 404)
        return HTMLResponse(company_page(found))

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Run the background work while the server runs."""
        task = asyncio.create_task(self.tick())
        yield
        task.cancel()
        self.state.journal.close()

    async def tick(self) -> None:
        """Run the actions that are due, and send webhooks, every ``TICK_SECONDS``."""
        while True:
            self.state.settle()
            for tenant in list(self.state.tenants.values()):
                for delivery in tenant.webhooks.due():
                    status = await asyncio.to_thread(tenant.webhooks.send, delivery)
                    tenant.webhooks.note(delivery, status)
            await asyncio.sleep(TICK_SECONDS)


def make_state(path: Path | None, config: Path | None) -> EmulatorState:
    """Load the state from the file ``path``, and add the clients and the missing companies of the file ``config``.

    Raises:
        ValueError: the file does not fit ``Settings``, or a company in it is incomplete or has an unknown switch.
    """
    state = EmulatorState(path)
    if config is not None:
        try:
            settings = msgspec.json.decode(config.read_bytes(), type=Settings)
        except msgspec.MsgspecError as error:
            raise ValueError(f"{config}: {error}") from error
        state.authorizations.clients.update(settings.clients)
        for company in settings.companies:
            missing = [name for name in ("realm_id", "name") if name not in company]
            if missing:
                raise ValueError(f"{config}: a company has no {' and no '.join(missing)}")
            if str(company["realm_id"]) not in state.tenants:
                state.add_company(str(company["realm_id"]), str(company["name"]), company.get("switches"))
    return state


def serve(
    state: EmulatorState, *, host: str = "127.0.0.1", port: int = 0, listener: socket.socket | None = None
) -> None:
    """Serve until SIGINT or SIGTERM, on ``listener`` if there is one, and print one line when the server is ready.

    Afterwards the signal is delivered once more, to its former handler.

    Raises:
        ValueError: the address is not this machine's own.
        OSError: the port is taken.
    """
    if host not in LOOPBACK:
        raise ValueError("the emulator has no login: it listens on loopback only")
    listener = listener or socket.create_server((host, port), backlog=512)
    address = f"http://{host}:{listener.getsockname()[1]}"
    gc.set_threshold(50_000, 20, 100)  # a large company has many small objects, which are never freed
    settings = uvicorn.Config(
        App(state),
        http=Connections,
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = Announcing(settings, address)
    server.run(sockets=[listener])


class Announcing(uvicorn.Server):
    """A server that prints a line when it is ready."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self.address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and print the server's address."""
        await super().startup(sockets=sockets)
        if self.started:
            print(f"ready {self.address}", flush=True)  # noqa: T201 - callers wait for this line
