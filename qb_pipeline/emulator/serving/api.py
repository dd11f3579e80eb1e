"""The accounting API: ``/v3/company/{realm}/...``.

Belongs here: authorization, limits, mishaps in transit, and the choice of the operation, from the request to its
answer. Does not belong here: the operations.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec
from starlette.datastructures import Headers, QueryParams
from starlette.types import Receive, Scope, Send

from qb_pipeline.emulator.books import faults
from qb_pipeline.emulator.books.batch import ONE_NAME, check_batch, read_options, run_batch
from qb_pipeline.emulator.books.cdc import run_cdc
from qb_pipeline.emulator.books.clock import print_stamp
from qb_pipeline.emulator.books.company import Event
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.query import read_query
from qb_pipeline.emulator.books.reports import run_report
from qb_pipeline.emulator.books.request_ids import SINGLE_LENGTH, check_request_id
from qb_pipeline.emulator.books.select import run_query
from qb_pipeline.emulator.books.tables import BY_PATH, TRANSACTIONS, decode, encode
from qb_pipeline.emulator.books.writes import fault_of_company, is_name, write
from qb_pipeline.emulator.serving import wire
from qb_pipeline.emulator.serving.wire import Reply
from qb_pipeline.emulator.steering.meter import READ, WRITE
from qb_pipeline.emulator.steering.scripted_faults import BEFORE, Mishap
from qb_pipeline.emulator.steering.state import EmulatorState, Tenant

LATE = ("late_commit", "batch_stops_half_way")
HANG_SECONDS = 120
"""The time after which Intuit cuts a request off (limits page)."""
SYSTEM_FAILURE = FaultError(
    "10000",
    "An application error has occurred while processing your request",
    "System Failure Error: unexpected",
    status=500,
    kind="SystemFault",
)


@dataclass
class Call:
    """One request, divided into its parts."""

    tenant: Tenant
    method: str
    path: list[str]
    params: QueryParams
    headers: Headers
    body: bytes
    receive: Receive
    mishap: Mishap | None = None

    @property
    def endpoint(self) -> str:
        """The object that the request is for: batch, query, cdc, invoice …"""
        return self.path[0].lower() if self.path else ""

    @property
    def operation(self) -> str:
        """The operation that the request asks for: read, create, update, void, send, batch …"""
        if self.method == "GET":
            return "read"
        if self.endpoint in ("batch", "query", "cdc"):
            return self.endpoint
        if len(self.path) > 2 and self.path[2] == "send":
            return "send"
        if "void" in read_options(self.params.get("include")):
            return "void"
        named = self.params.get("operation", "")
        return named or ("update" if b'"Id"' in self.body else "create")

    @property
    def kind(self) -> str:
        """The kind as which Intuit meters the request: ``READ`` or ``WRITE``."""
        return READ if self.method == "GET" or self.endpoint == "query" else WRITE


class Api:
    """The ASGI application of the accounting API."""

    def __init__(self, state: EmulatorState) -> None:
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or cut its connection."""
        self.state.settle()
        parts = [part for part in scope["path"].split("/") if part][2:]
        realm = parts[0] if parts else ""
        headers = Headers(scope=scope)
        body = await _read_body(receive)
        tenant = self.state.tenants.get(realm)
        if tenant is None:
            await wire.send_reply(scope, receive, send, refuse_gateway(self.state, 403, ""))
            return
        params = QueryParams(scope["query_string"])
        call = Call(tenant, scope["method"], parts[1:], params, headers, body, receive)
        call.mishap = tenant.plan.pick(call.endpoint, call.operation)
        if call.mishap is not None:
            tenant.meter.mishaps[call.mishap.what] += 1
        tenant.meter.begin(f"{call.method} {call.endpoint}")
        status = 0
        try:
            reply = await self._answer(call)
            if reply is None:
                await wire.drop(scope, receive)
            else:
                status = reply.status
                await wire.send_reply(scope, receive, send, reply, call.mishap)
        finally:
            tenant.meter.end(status)

    async def _answer(self, call: Call) -> Reply | None:
        """Do the work of a request and return the answer, or None when the client gets no answer."""
        mishap = call.mishap
        what = mishap.what if mishap else ""
        if mishap is not None and what in BEFORE:
            return refuse_before(self.state, mishap)
        if mishap is not None and what == "delay":
            await asyncio.sleep(mishap.seconds)
        refusal = self._admit(call)
        if refusal is not None:
            return refusal
        alone = call.method == "POST" and is_name(BY_PATH.get(call.endpoint, ""))
        if alone and call.tenant.naming:
            return self._refuse(faults.business(ONE_NAME))
        call.tenant.naming += alone
        try:
            await self._take_time(call)
        finally:
            call.tenant.naming -= alone
        if mishap is not None and what in LATE:
            return await self._answer_late(call, mishap)
        try:
            reply = wire.json(200, self._handle(call))
        except FaultError as error:
            call.tenant.desk.note(error, f"{call.method} {call.endpoint}")
            reply = self._refuse(error)
        if mishap is not None:
            changed = await self._spoil(call, mishap, reply)
            if changed is None:
                return None
            reply = changed
        if "json" not in call.headers.get("accept", "") and reply.content_type == wire.JSON:
            reply = wire.as_xml(reply)
        return reply

    def _admit(self, call: Call) -> Reply | None:
        tenant, switches = call.tenant, call.tenant.company.switches
        status, detail = self.state.authorizations.find_problem(
            call.headers.get("authorization", ""), tenant.company.realm
        )
        if status != 200:
            return refuse_gateway(self.state, status, detail)
        if switches.user_access == "lost":
            text = ": -11014-You do not have access to use QuickBooks Online Plus."
            return self._refuse(FaultError("120", "Authorization Failure", text, status=401, kind="AuthorizationFault"))
        items = call.body.count(b'"bId"') if call.endpoint == "batch" else None
        broken = tenant.meter.admit(switches, self.state.clock.now(), batch_items=items, kind=call.kind)
        if not broken:
            return None
        after = switches.retry_after_seconds
        return throttle(self.state, switches.throttle_body, after)

    async def _take_time(self, call: Call) -> None:
        switches = call.tenant.company.switches
        seconds = switches.latency_ms / 1000
        if call.endpoint == "batch":
            seconds += switches.batch_item_latency_ms / 1000 * call.body.count(b'"bId"')
        if seconds:
            await asyncio.sleep(seconds)

    def _refuse(self, error: FaultError) -> Reply:
        return wire.json(error.status, {"Fault": error.envelope(), "time": print_stamp(self.state.clock.now())})

    def _handle(self, call: Call) -> dict[str, Any]:
        company, endpoint = call.tenant.company, call.endpoint
        self._refuse_whole(call)
        if endpoint == "reports" and call.method == "GET":  # the one answer that says its time in its head
            return run_report(company, "".join(call.path[1:2]), call.params)
        if endpoint == "batch":
            answer: dict[str, Any] = {"BatchItemResponse": list(self._batch(call))}
        elif endpoint == "query":
            answer = {"QueryResponse": run_query(company, read_query(_statement(call), company.clock.today()))}
        elif endpoint == "cdc":
            lies = 1 if call.mishap is not None and call.mishap.what == "cdc_false_delete" else 0
            since = call.params.get("changedSince", call.params.get("changedsince", ""))
            answer = {"CDCResponse": [run_cdc(company, call.params.get("entities", ""), since, false_deletes=lies)]}
        else:
            entity = BY_PATH.get(endpoint)
            if entity is None:
                raise FaultError("2000", "Invalid or unsupported object name", f"Unsupported object {endpoint}")
            answer = self._read(call, entity) if call.method == "GET" else self._write(call, entity)
        answer["time"] = print_stamp(self.state.clock.now())
        return answer

    def _refuse_whole(self, call: Call) -> None:
        """Refuse a request before its content is read, because of the company's state or of a mishap.

        Raises:
            FaultError: the request is refused.
        """
        mishap, switches = call.mishap, call.tenant.company.switches
        is_batch = call.endpoint == "batch"
        if mishap is not None and mishap.what == "refused" and (mishap.whole or not is_batch):
            raise faults.scripted(mishap.code, mishap.detail)
        reading = call.kind == READ or call.endpoint == "cdc"
        code = fault_of_company(switches, reading=reading)
        if code and (reading or (is_batch and switches.company_fault_in_batch == "request")):
            raise faults.of_company(code)

    def _batch(self, call: Call) -> Any:
        if call.method != "POST":
            raise faults.unsupported(call.method)
        desk, mishap = call.tenant.desk, call.mishap
        request_id = call.params.get("requestid", "")
        items = check_batch(desk.company, read_json(call), request_id)
        failing: dict[int, FaultError] = {}
        if mishap is not None and mishap.what in ("6000_transient", "refused"):
            fault = (
                faults.scripted(mishap.code, mishap.detail)
                if mishap.what == "refused"
                else faults.business(faults.UNEXPECTED)
            )
            failing = dict.fromkeys(mishap.items if mishap.items is not None else range(len(items)), fault)
        drop_links = mishap is not None and mishap.what == "links_dropped"
        for answer in run_batch(desk, items, request_id, failing=failing, drop_links=drop_links):
            self.state.keep_answers(call.tenant)
            yield answer

    def _read(self, call: Call, entity: str) -> dict[str, Any]:
        company = call.tenant.company
        identifier = call.path[1] if len(call.path) > 1 else ""
        if entity in ("CompanyInfo", "Preferences"):
            identifier = "1"
        if not identifier:
            raise faults.missing("Id")
        record = company.live(entity, identifier)
        if record is None:
            if not identifier.isdigit() and entity != "TaxCode":
                raise faults.invalid_id(identifier)
            raise faults.deleted() if entity in TRANSACTIONS else faults.inactive_reference("610")
        return {entity: msgspec.Raw(company.render(entity, record))}

    def _write(self, call: Call, entity: str) -> dict[str, Any]:
        desk = call.tenant.desk
        if call.mishap is not None and call.mishap.what == "6000_transient":
            raise faults.business(faults.UNEXPECTED)
        if call.operation == "send":
            return self._send(call, entity)
        body = read_json(call)
        request_id = call.params.get("requestid", "")
        check_request_id(request_id, longest=SINGLE_LENGTH)
        include = read_options(call.params.get("include"))
        operation = call.params.get("operation", "create").lower()
        if call.mishap is not None and call.mishap.what == "links_dropped" and isinstance(body, dict):
            body = {**body, "Line": []}
        answer = desk.write(entity, operation, body, request_id=request_id, include=include)
        self.state.keep_answers(call.tenant)
        content = msgspec.Raw(answer.content) if isinstance(answer.content, bytes) else answer.content
        return {entity: content}

    def _send(self, call: Call, entity: str) -> dict[str, Any]:
        """Mark an invoice as sent by e-mail, and return it. No e-mail is sent.

        Raises:
            FaultError: the object is gone, or there is no e-mail address.
        """
        company = call.tenant.company
        record = company.live(entity, call.path[1])
        if record is None:
            raise faults.deleted()
        body: dict[str, Any] = {
            "Id": record.id,
            "SyncToken": str(record.token),
            "sparse": True,
            "EmailStatus": "EmailSent",
        }
        address = call.params.get("sendTo") or (record.decode().get("BillEmail") or {}).get("Address")
        if not address:
            raise FaultError(
                "6420", "Email address is required", "An e-mail address is required to send the transaction."
            )
        body["BillEmail"] = {"Address": address}
        content, _ = write(company, entity, "update", body)
        company.tell(Event(entity, record.id, "Emailed", int(company.clock.now())))
        return {entity: msgspec.Raw(content) if isinstance(content, bytes) else content}

    async def _answer_late(self, call: Call, mishap: Mishap) -> Reply | None:
        """Schedule the work for later, and return a wrong answer, or None for no answer.

        For ``batch_stops_half_way`` the first half of a batch is done at once, and only the second half later.
        """
        finish = self._begin_half(call, mishap) if call.endpoint == "batch" and mishap.what == LATE[1] else None

        def rest() -> None:
            try:
                if finish is None:
                    self._handle(call)
                else:
                    finish()
            except FaultError as error:
                call.tenant.desk.note(error, f"late {call.endpoint}")

        self.state.later(mishap.seconds, rest)
        if mishap.answer == "hang":
            await _wait_for_the_client_to_leave(call.receive)
            return None
        return wire.html(500) if mishap.answer == "html_500" else None

    def _begin_half(self, call: Call, mishap: Mishap) -> Callable[[], None]:
        answers = iter(self._batch(call))
        try:
            list(islice(answers, mishap.at if mishap.at is not None else call.body.count(b'"bId"') // 2))
        except FaultError as error:
            call.tenant.desk.note(error, "batch")

        def finish() -> None:
            list(answers)

        return finish

    async def _spoil(self, call: Call, mishap: Mishap, reply: Reply) -> Reply | None:
        """Return the answer that replaces the right one, or None for no answer. The work is already done."""
        what = mishap.what
        now = self.state.clock.now()
        if what == "delay_after":
            await asyncio.sleep(mishap.seconds)
        if what == "echo_changed" or what.startswith("bids_"):
            return Reply(reply.status, encode(_change_echo(decode(reply.body), mishap)))
        instead: dict[str, Callable[[], Reply | None]] = {
            "commit_then_drop": lambda: None,
            "commit_then_html_500": lambda: wire.html(500),
            "401_after_commit": lambda: refuse_gateway(self.state, 401, "Token expired: eyJxxxxxxxx"),
            "garbage": lambda: Reply(200, call.tenant.plan.random.randbytes(200)),
            "empty_200": lambda: Reply(200, b""),
            "fault_in_200": lambda: wire.json(200, {"Fault": SYSTEM_FAILURE.envelope(), "time": print_stamp(now)}),
        }
        return instead[what]() if what in instead else reply


async def _wait_for_the_client_to_leave(receive: Receive) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HANG_SECONDS):
            while (await receive())["type"] != "http.disconnect":
                pass


async def _read_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def read_json(call: Call) -> Any:
    """Read the body of a write.

    Raises:
        FaultError: the body is not JSON.
    """
    if "json" not in call.headers.get("content-type", ""):
        raise FaultError("500", "Unsupported Operation", "Content-Type must be application/json", status=415)
    try:
        return decode(call.body)
    except msgspec.DecodeError:
        raise faults.unknown_property("JSON") from None
    except UnicodeDecodeError:
        text = "MalformedByteSequenceException: Invalid byte 1 of 1-byte UTF-8 sequence."
        raise FaultError("500", "Unsupported Operation", text) from None


def _statement(call: Call) -> str:
    if call.method == "GET":
        return call.params.get("query", "")
    if call.headers.get("content-type", "").split(";")[0].strip() not in ("application/text", "text/plain"):
        raise faults.bad_query("null")
    return call.body.decode("utf-8", "replace")


def _change_echo(content: Any, mishap: Mishap) -> Any:
    """Change an answer as the mishap demands, after the work is done."""
    items: list[dict[str, Any]] = content.get("BatchItemResponse") or []
    if mishap.what == "echo_changed":
        targets = [value for item in items or [content] for value in item.values() if isinstance(value, dict)]
        for target in targets[:1]:
            target[mishap.field] = mishap.value
    elif mishap.what == "bids_missing" and items:
        items.pop()
    elif mishap.what == "bids_doubled" and items:
        items.append(items[0])
    elif mishap.what == "bids_swapped" and len(items) > 1:
        items[0]["bId"], items[1]["bId"] = items[1]["bId"], items[0]["bId"]
    elif mishap.what == "bids_unknown" and items:
        items[0]["bId"] = "nobody"
    return content


def refuse_gateway(state: EmulatorState, status: int, detail: str) -> Reply:
    """Build the gateway's 401 or 403."""
    if status == 401:
        body = faults.gateway(401, "3200", "AuthenticationFailed", detail, "AUTHENTICATION")
    else:
        body = faults.gateway(403, "3100", "ApplicationAuthorizationFailed", None, "SERVICE")
    body["time"] = int(state.clock.now() * 1000)
    headers = {"www-authenticate": 'Bearer realm="Intuit", error="invalid_token"'} if status == 401 else {}
    return Reply(status, encode(body), headers=headers)


def throttle(state: EmulatorState, form: str, after: int | None) -> Reply:
    """Build a 429, whose body is XML or JSON. ``after`` is the ``Retry-After`` header in seconds; None omits it."""
    now = print_stamp(state.clock.now())
    headers = {} if after is None else {"retry-after": str(after)}
    if form == "xml":
        return Reply(429, faults.THROTTLED_XML.format(time=now).encode(), "application/xml;charset=UTF-8", headers)
    detail = "The request limit was reached."
    message = "message=ThrottleExceeded; errorCode=003001; statusCode=429"
    error = FaultError("3001", message, detail, kind="SERVICE")
    return Reply(429, encode({"Fault": error.envelope(), "time": now}), headers=headers)


def refuse_before(state: EmulatorState, mishap: Mishap) -> Reply | None:
    """Build the answer of a mishap that comes before any work; None stands for a dropped connection."""
    now = print_stamp(state.clock.now())
    answers: dict[str, Callable[[], Reply | None]] = {
        "drop_before": lambda: None,
        "429_xml": lambda: throttle(state, "xml", None),
        "429_json": lambda: throttle(state, "json", None),
        "401": lambda: refuse_gateway(state, 401, "Token expired: eyJxxxxxxxx"),
        "403": lambda: refuse_gateway(state, 403, ""),
        "413": lambda: wire.html(413),
        "html_500": lambda: wire.html(500),
        "html_502": lambda: wire.html(502),
        "html_503": lambda: wire.html(503),
        "json_500": lambda: wire.json(500, {"Fault": SYSTEM_FAILURE.envelope(), "time": now}),
        "empty_500": lambda: Reply(500, b"", "text/html"),
        "redirect": lambda: Reply(302, b"", "text/html", {"location": mishap.location}),
        "invalid_grant": lambda: wire.json(400, {"error": "invalid_grant"}),
    }
    return answers[mishap.what]()
