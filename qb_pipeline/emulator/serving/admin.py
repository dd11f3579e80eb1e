"""The emulator's own API, ``/emulator/...``, for tests, the demo and the command line.

Belongs here: companies, their objects as they are stored, switches, plans, the clock, tokens, the bookkeeper. There is
no login, because the server listens on loopback only. Does not belong here: anything that QuickBooks has.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from qb_pipeline.emulator.books.clock import print_stamp, read_instant
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.tables import BY_PATH, decode, encode
from qb_pipeline.emulator.steering.bookkeeper import VERBS
from qb_pipeline.emulator.steering.state import EmulatorState, Tenant

Handler = Callable[[Request], Awaitable[Response]]


class Admin:
    """The endpoints of the admin API."""

    def __init__(self, state: EmulatorState) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """Return the routes of all endpoints."""
        one = "/emulator/companies/{realm}"
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/emulator/companies", self.list_companies),
            ("POST", "/emulator/companies", self.add_company),
            ("GET", "/emulator/clock", self.show_clock),
            ("POST", "/emulator/clock", self.move_clock),
            ("GET", f"{one}/statistics", self.show_statistics),
            ("POST", f"{one}/statistics/reset", self.reset_statistics),
            ("POST", f"{one}/reset", self.reset),
            ("GET", f"{one}/switches", self.show_switches),
            ("PATCH", f"{one}/switches", self.change_switches),
            ("GET", f"{one}/faults", self.show_faults),
            ("POST", f"{one}/faults", self.script_faults),
            ("DELETE", f"{one}/faults", self.clear_faults),
            ("GET", f"{one}/refusals", self.show_refusals),
            ("POST", f"{one}/tokens", self.give_tokens),
            ("DELETE", f"{one}/tokens", self.revoke_tokens),
            ("GET", f"{one}/webhooks", self.show_webhooks),
            ("POST", f"{one}/webhooks", self.point_webhooks),
            ("GET", f"{one}/books", self.show_books),
            ("POST", f"{one}/bookkeeper/{{verb}}", self.keep_books),
            ("GET", f"{one}/{{entity}}", self.show_objects),
            ("GET", f"{one}/{{entity}}/{{id}}", self.show_object),
        ]
        return [Route(path, _guarded(handler), methods=[method]) for method, path, handler in table]

    def _tenant(self, request: Request) -> Tenant:
        realm = request.path_params["realm"]
        if realm not in self.state.tenants:
            raise LookupError(f"there is no company {realm}; POST /emulator/companies makes one")
        self.state.settle()
        return self.state.tenants[realm]

    async def list_companies(self, _request: Request) -> Response:
        """Return the companies."""
        return _json([_describe(tenant) for tenant in self.state.tenants.values()])

    async def add_company(self, request: Request) -> Response:
        """Open a company: ``{"realm_id", "name", "switches"}``."""
        wanted = await _body(request)
        realm, name = str(wanted.get("realm_id") or ""), str(wanted.get("name") or "")
        if not realm or not name:
            raise ValueError("realm_id and name are needed")
        return _json(_describe(self.state.add_company(realm, name, wanted.get("switches"))), 201)

    async def show_clock(self, _request: Request) -> Response:
        """Return the emulator's time."""
        now = self.state.clock.now()
        return _json({"now": print_stamp(now), "epoch": now, "offset_seconds": self.state.clock.offset})

    async def move_clock(self, request: Request) -> Response:
        """Move the clock forward: ``{"advance_seconds"}`` or ``{"to": instant}``."""
        wanted = await _body(request)
        seconds = float(wanted.get("advance_seconds") or 0)
        if wanted.get("to"):
            seconds = read_instant(str(wanted["to"])) - self.state.clock.now()
        if seconds < 0:
            raise ValueError("the clock only goes forward")
        self.state.advance(seconds)
        return await self.show_clock(request)

    async def show_statistics(self, request: Request) -> Response:
        """Return the counts of a company's requests, their peaks, and the numbers of its objects."""
        tenant = self._tenant(request)
        counts = {
            entity: {"live": len(table.rows), "deleted": len(table.gone)}
            for entity, table in tenant.company.tables.items()
            if table.rows or table.gone
        }
        statistics = tenant.meter.statistics(self.state.clock.now())
        return _json({**statistics, "token_refreshes": self.state.authorizations.refreshes, "objects": counts})

    async def reset_statistics(self, request: Request) -> Response:
        """Reset the counts of a company's requests."""
        self._tenant(request).meter.reset()
        return _json({})

    async def reset(self, request: Request) -> Response:
        """Remove all objects of a company and open it again."""
        self.state.reset(self._tenant(request).company.realm)
        return _json(_describe(self._tenant(request)))

    async def show_switches(self, request: Request) -> Response:
        """Return a company's switches."""
        return _json(self._tenant(request).company.switches)

    async def change_switches(self, request: Request) -> Response:
        """Change some switches of a company; ``{"preset": "no_limits"}`` changes several."""
        tenant = self._tenant(request)
        return _json(self.state.set_switches(tenant.company.realm, _plain(await _body(request))))

    async def show_faults(self, request: Request) -> Response:
        """Return a company's plan of mishaps, with the number of times that each mishap has happened."""
        return _json(self._tenant(request).plan.mishaps)

    async def script_faults(self, request: Request) -> Response:
        """Set a company's plan of mishaps."""
        tenant = self._tenant(request)
        tenant.plan.script(_plain(await _body(request)))
        return _json(tenant.plan.mishaps)

    async def clear_faults(self, request: Request) -> Response:
        """Remove all mishaps from a company's plan."""
        self._tenant(request).plan.mishaps.clear()
        return _json([])

    async def show_refusals(self, request: Request) -> Response:
        """Return the last hundred refusals, with hints that QuickBooks does not give."""
        return _json(self._tenant(request).desk.refusals)

    async def give_tokens(self, request: Request) -> Response:
        """Create a pair of tokens for a company, without a consent page."""
        return _json(self.state.authorizations.grant(self._tenant(request).company))

    async def revoke_tokens(self, request: Request) -> Response:
        """End all connections of a company, as a person may do in QuickBooks."""
        self.state.authorizations.revoke_realm(self._tenant(request).company.realm)
        return _json({})

    async def show_webhooks(self, request: Request) -> Response:
        """Return the address of a company's webhooks, and the state of each delivery."""
        return _json(self._tenant(request).webhooks.report())

    async def point_webhooks(self, request: Request) -> Response:
        """Set the address of a company's webhooks: ``{"url", "verifier_token"}``."""
        tenant, wanted = self._tenant(request), await _body(request)
        url = str(wanted.get("url") or "")
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("url must be http or https")
        self.state.set_webhook(tenant.company.realm, url, str(wanted.get("verifier_token") or ""))
        return _json(tenant.webhooks.report())

    async def show_books(self, request: Request) -> Response:
        """Return the balance of each account and each customer, in cents. The accounts' balances sum to 0."""
        company = self._tenant(request).company
        accounts = {identifier: amount for identifier, amount in company.account_cents.items() if amount}
        customers = {identifier: amount for identifier, amount in company.customer_cents.items() if amount}
        return _json({"accounts": accounts, "customers": customers, "roles": company.roles})

    async def keep_books(self, request: Request) -> Response:
        """Run one of the bookkeeper's verbs, a person's work in QuickBooks, and return its result."""
        tenant, verb = self._tenant(request), request.path_params["verb"]
        if verb not in VERBS:
            raise ValueError(f"no such verb; choose one of {', '.join(VERBS)}")
        return _json(VERBS[verb](tenant.company, await _body(request)))

    async def show_objects(self, request: Request) -> Response:
        """Return all objects of an entity as they are stored, including those that switches and query lag hide.

        With ``?deleted=true`` the result includes deleted objects.
        """
        company, entity = self._tenant(request).company, _entity(request)
        table = company.tables[entity]
        records = list(table.rows.values())
        if request.query_params.get("deleted") in ("true", "1"):
            records += table.gone.values()
        return _json([msgspec.Raw(company.render(entity, record)) for record in records])

    async def show_object(self, request: Request) -> Response:
        """Return one object, live or deleted."""
        company, entity = self._tenant(request).company, _entity(request)
        identifier = request.path_params["id"]
        record = company.live(entity, identifier) or company.tables[entity].gone.get(identifier)
        if record is None:
            raise LookupError(f"there never was a {entity} {identifier}")
        return _json(msgspec.Raw(company.render(entity, record)))


def _guarded(handler: Handler) -> Handler:
    """Return a handler that answers a caller's mistake with a message that names it."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:  # the client was killed while it asked, so no answer can be sent
            return Response(status_code=400)
        except FaultError as error:
            return _json({"error": str(error), "Fault": error.envelope(), "hint": error.hint}, 400)
        except LookupError as error:
            return _json({"error": str(error)}, 404)
        except (ValueError, TypeError) as error:
            return _json({"error": str(error)}, 400)

    return answer


def _describe(tenant: Tenant) -> dict[str, Any]:
    company = tenant.company
    return {
        "realm_id": company.realm,
        "name": company.name,
        "customers": len(company.tables["Customer"].rows),
        "invoices": len(company.tables["Invoice"].rows),
        "payments": len(company.tables["Payment"].rows),
    }


def _entity(request: Request) -> str:
    asked = request.path_params["entity"].lower()
    entity = BY_PATH.get(asked) or BY_PATH.get(asked.removesuffix("s"))
    if entity is None:
        raise LookupError(f"there is no entity {asked}; they are {', '.join(BY_PATH.values())}")
    return entity


async def _body(request: Request) -> Any:
    text = await request.body()
    try:
        return decode(text) if text else {}
    except msgspec.DecodeError as error:
        raise ValueError(f"the body is not JSON: {error}") from error


def _plain(value: Any) -> Any:
    """Convert decimals to floats. Switches and plans contain no money."""
    return msgspec.json.decode(encode(value))


def _json(content: Any, status: int = 200) -> Response:
    return Response(encode(content), status, media_type="application/json")
