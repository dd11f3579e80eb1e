"""One QuickBooks company over HTTP.

Belongs here: sending a request and interpreting its answer. The HTTP status decides, never the body alone. Does not
belong here: the content of a request (``core``), its record (``ledger``), and the storage of tokens (``ledger``).

A read is repeated until an answer comes or ``seconds_before_retry`` returns None. **A POST that writes leaves at most
once**, and the ledger records its outcome. The class of the error of a failed write tells which of three statements is
true:

* ``TransientError`` with ``sent`` False, ``ThrottledError`` among them: QuickBooks did nothing, and the request may be
  sent again.
* ``OutcomeUnknownError``: the request may have worked. A 401 raises it too. The gateway seems to answer 401 before
  anything is done, but nobody promises that, and a lost document costs more than a settled one (recovery).
* ``RequestRejectedError``: QuickBooks refused the whole request and did nothing.

After QuickBooks has refused the company itself, no further request leaves, and each call raises ``CompanyFaultError``.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote, urlencode

from qb_pipeline.core.planning.company_faults import COMPANY_FAULTS, find_company_fault
from qb_pipeline.crash_points import crash_point
from qb_pipeline.quickbooks import query as statements
from qb_pipeline.quickbooks.answers import (
    Answer,
    BatchAnswer,
    Changes,
    ContradictionError,
    Entity,
    read_changes,
    read_entity,
    read_items,
    read_outcomes,
    read_rows,
    read_time,
)
from qb_pipeline.quickbooks.environments import API_HOSTS, is_https, is_loopback
from qb_pipeline.quickbooks.errors import (
    AuthorizationLostError,
    CompanyFaultError,
    OutcomeUnknownError,
    RequestRejectedError,
    ThrottledError,
    TransientError,
    describe_faults,
    faults_of,
    read_faults,
)
from qb_pipeline.quickbooks.parsing import UnreadableError, read_json
from qb_pipeline.quickbooks.throttle import PAUSE_SECONDS, Throttle
from qb_pipeline.quickbooks.transport import Reply, exchange, open_session

T = TypeVar("T")

MINOR_VERSION = 75
"""The minor version of the API. QuickBooks reads smaller numbers as 75 since August 2025. Source: Intuit, "Minor
versions" (read 2026-11-21)."""

BATCH_ITEM_LIMIT = 30
"""The largest number of items in one batch. Source: Intuit's limits page and Batch reference (older pages say 10; read
2026-11-21)."""

B_ID_LENGTH = 10
REQUEST_ID_LENGTH = 36
"""In a batch, ``bId`` has at most 10 characters and ``requestid`` at most 36.

Source: Intuit field reference, clarified January 2025 (read 2026-11-21).
"""

SINGLE_SECONDS = 60.0
BATCH_SECONDS = 120.0
"""Deadlines of a whole exchange, in seconds. Intuit ends a request after 120 s. Batches of 30 are reported to run over
60 s."""

MAX_ATTEMPTS = 4
THROTTLED_WAIT_SECONDS = PAUSE_SECONDS

LOST_AUTHORIZATION_CODES = frozenset({"120", "3100", "3200", "3202"})
"""Codes for a user, app or token that may not access this company. Source: Intuit's table of error codes."""

VOID = {"invoice": {"operation": "void"}, "payment": {"operation": "update", "include": "void"}}
"""The parameters that void a document, keyed by kind. Source: Intuit's Invoice and Payment references, and their PHP
SDK (read 2026-11-21)."""

NOT_READ_STATUSES = frozenset({413, 414, 431})
"""Statuses of a request that some machine on the way refused unread because of its size. They count as a refusal even
without a Fault."""


Leaves = Callable[[], None]
"""A function that is called when a request leaves, directly before its first byte."""


def _unnoticed() -> None:
    """Do nothing when a request leaves."""


@dataclass(slots=True)
class Requests:
    """Counts of requests that left for a company. Intuit meters reads (CorePlus), but neither writes nor errors."""

    reads: int = 0
    writes: int = 0
    batches: int = 0
    throttled: int = 0
    by_endpoint: Counter[str] = field(default_factory=Counter)

    @property
    def writing(self) -> int:
        """The number of writing requests that left. A batch counts as one."""
        return self.writes + self.batches


def seconds_before_retry(attempt: int, status: int | None) -> float | None:
    """Return the seconds to wait before a read is sent again, or None when it is not sent again."""
    if attempt >= MAX_ATTEMPTS:
        return None
    return THROTTLED_WAIT_SECONDS if status == 429 else 2.0 ** (attempt - 1)


class QuickBooksClient:
    """The client that reads from one company, in one process. Threads may share it. ``QuickBooksWriter`` writes to the
    company.

    ``access_token(False)`` returns the token to use. ``access_token(True)`` returns a fresh one because the last was
    refused. ``guard`` is called after the throttle has let a request through and the connection is open, directly
    before the first byte leaves. An exception that it raises keeps the request from leaving and reaches the caller
    unchanged, for example when the process was told to end. ``guarded`` adds a guard for the length of a block, for
    example against a lost lease (distributed lock).
    """

    def __init__(
        self,
        *,
        api_url: str,
        realm_id: str,
        access_token: Callable[[bool], str],
        throttle: Throttle,
        single_seconds: float = SINGLE_SECONDS,
        batch_seconds: float = BATCH_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        guard: Callable[[], None] = lambda: None,
    ) -> None:
        if not (is_https(api_url, API_HOSTS) or is_loopback(api_url)):
            raise ValueError("api_url must be one of Intuit's API addresses, or an emulator on this machine")
        if not realm_id.isascii() or not realm_id.isdigit():
            raise ValueError("realm_id must be the digits that Intuit gave the company")
        self.realm_id = realm_id
        self.requests = Requests()
        self.last_intuit_tid = ""
        self._root = f"{api_url.rstrip('/')}/v3/company/{realm_id}"
        self._access_token = access_token
        self._throttle = throttle
        self._session = open_session()
        self._single_seconds = single_seconds
        self._batch_seconds = batch_seconds
        self._sleep = sleep
        self._guards = [guard]
        self._lock = threading.Lock()
        self._refused_token = ""
        self._unproven_token = ""
        self._is_lost = False
        self.company_fault: CompanyFaultError | None = None
        """The first fault about the company as a whole, or None."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    @contextmanager
    def guarded(self, guard: Callable[[], None]) -> Iterator[None]:
        """Add a guard for the length of the block. It is called before any request of this client leaves, in every
        thread."""
        self._guards.append(guard)
        try:
            yield
        finally:
            self._guards.remove(guard)

    def require_usable(self) -> None:
        """Refuse a request if QuickBooks has refused the company.

        Raises:
            CompanyFaultError: QuickBooks has refused the company. The request has not left.
        """
        fault = self.company_fault
        if fault is not None:
            raise CompanyFaultError(fault.code, intuit_tid=fault.intuit_tid)

    def _note_fault(self, fault: CompanyFaultError) -> None:
        with self._lock:
            self.company_fault = self.company_fault or fault

    # Reads

    def read_company_info(self) -> Entity:
        """Read the company's own record: name, country, time zone."""
        return self._read(f"companyinfo/{self.realm_id}", lambda payload: read_entity(payload, "CompanyInfo"))

    def read_preferences(self) -> Entity:
        """Read the company's settings."""
        return self._read("preferences", lambda payload: read_entity(payload, "Preferences"))

    def read(self, entity: str, entity_id: str) -> Entity:
        """Read one object.

        Raises:
            RequestRejectedError: QuickBooks refused the read. Code 610 means that the object is gone.
        """
        return self._read(f"{entity.lower()}/{quote(entity_id, safe='')}", lambda payload: read_entity(payload, entity))

    def query(self, statement: str) -> list[Entity]:
        """Read one page: the rows that the statement selects, at most 1,000. A failed read raises an error and never
        returns an empty list.

        The statement is posted and never put into the address, because it holds clients' names, and addresses end up in
        logs.
        """
        return self._read("query", read_rows, body=statement.encode())

    def query_all(
        self, entity: str, *, columns: str = "*", where: str = "", page: int = statements.PAGE_SIZE
    ) -> Iterator[Entity]:
        """Read every row of an entity, page by page in the order of Id, each Id once. ``columns`` must name Id.

        The pages are no snapshot. If a row of a page already read is deleted, the first row of the next page moves back
        into that page and would be missed. Therefore each page begins with the last row of the page before. When that
        row is gone, reading starts over.

        Raises:
            TransientError: rows kept moving, or a page could not be read. The rows yielded before are not all rows.
        """
        if not 1 < page <= statements.PAGE_SIZE:
            raise ValueError(f"a page holds 2 to {statements.PAGE_SIZE} rows")
        seen: set[str] = set()
        start, anchor, restarts = 1, "", 0
        while True:
            rows = self.query(statements.select(entity, columns=columns, where=where, start=start, page=page))
            ids = [row["Id"] for row in rows]
            if anchor and anchor not in ids:
                restarts += 1
                if restarts == MAX_ATTEMPTS:
                    raise TransientError(
                        f"rows of {entity} kept moving while they were read; nothing was concluded",
                        sent=True,
                        intuit_tid=self.last_intuit_tid,
                    )
                start, anchor = 1, ""
                continue
            for row in rows:
                if row["Id"] not in seen:
                    seen.add(row["Id"])
                    yield row
            if len(rows) < page:
                return
            start, anchor = start + page - 1, ids[-1]

    def find(
        self, entity: str, attribute: str, values: Iterable[str], *, columns: str = "*", where: str = ""
    ) -> Iterator[Entity]:
        """Read every row whose attribute is one of the values, with as few statements as their length allows."""
        for condition in statements.conditions_in(attribute, values):
            yield from self.query_all(entity, columns=columns, where=f"{condition} AND {where}" if where else condition)

    def changed_since(self, entities: Sequence[str], since: datetime) -> Changes:
        """Read the objects that changed or were deleted since a moment, at most 30 days ago."""
        if since.tzinfo is None:
            raise ValueError("since needs a time zone")
        moment = since.astimezone(UTC).isoformat(timespec="seconds")
        return self._read(
            "cdc",
            lambda payload: read_changes(payload, entities),
            {"entities": ",".join(entities), "changedSince": moment},
        )

    # One request

    def _read(
        self,
        endpoint: str,
        read: Callable[[object], T],
        parameters: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> T:
        """Send a read until a readable answer comes or ``seconds_before_retry`` returns None. Return the result of
        ``read`` on that answer."""
        method = "GET" if body is None else "POST"
        attempt = 0
        while True:
            attempt += 1
            try:
                reply = self._send(method, endpoint, parameters or {}, body, "application/text", _unnoticed)
                payload = read_success(reply)
                try:
                    return read(payload)
                except ContradictionError as error:
                    raise _unreadable(reply, str(error)) from error
            except CompanyFaultError as error:
                self._note_fault(error)
                raise
            except TransientError as error:
                wait = seconds_before_retry(attempt, error.http_status)
                if wait is None:
                    raise
                self._sleep(wait)

    def _send(
        self,
        method: str,
        endpoint: str,
        parameters: Mapping[str, str],
        body: bytes | None,
        content_type: str,
        leaves: Leaves,
    ) -> Reply:
        """Send one request and return its reply. Before it leaves, wait for its turn, take the token and call the
        guards."""
        name = method if method == "GET" else f"{method} {endpoint}"

        def guard() -> None:
            self.require_usable()
            for each in tuple(self._guards):
                each()
            leaves()
            crash_point(f"{name}: before it leaves")
            self._count(method, endpoint, is_write="requestid" in parameters)

        address = f"{self._root}/{endpoint}?" + urlencode(
            {**parameters, "minorversion": str(MINOR_VERSION)}, quote_via=quote
        )
        is_batch = endpoint == "batch"
        self.require_usable()
        with self._throttle.turn(batch=is_batch):
            token = self._take_token()
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
            if body is not None:
                headers["Content-Type"] = content_type
            reply = exchange(
                self._session,
                method,
                address,
                seconds=self._batch_seconds if is_batch else self._single_seconds,
                headers=headers,
                body=body,
                guard=guard,
            )
            crash_point(f"{name}: answered")
            if reply.status == 429:
                self._throttle.pause(read_pause(reply))
        self._note(reply, token)
        return reply

    def _take_token(self) -> str:
        """Return the current token, or a fresh one if QuickBooks has refused the current one."""
        with self._lock:
            if self._is_lost:
                raise AuthorizationLostError("a fresh access token was refused as well; reconnect the company")
            try:
                token = self._access_token(False)
                if token == self._refused_token:
                    token = self._unproven_token = self._access_token(True)
            except TransientError as error:  # of the authorization server; this request has not left
                raise TransientError(
                    f"no access token: {error.reason}",
                    sent=False,
                    http_status=error.http_status,
                    intuit_tid=error.intuit_tid,
                ) from error
            return token

    def _note(self, reply: Reply, token: str) -> None:
        """Record the tid of an answer, and a refusal of the token. The first refusal leads to one refresh. The refusal
        of a refreshed token is final."""
        with self._lock:
            self.last_intuit_tid = reply.intuit_tid
            self.requests.throttled += reply.status == 429
            if reply.status != 401:
                self._unproven_token = "" if token == self._unproven_token else self._unproven_token
            elif token == self._unproven_token:
                self._is_lost = True
            else:
                self._refused_token = token

    def _count(self, method: str, endpoint: str, *, is_write: bool) -> None:
        with self._lock:
            if endpoint == "batch":
                self.requests.batches += 1
            elif is_write:
                self.requests.writes += 1
            else:
                self.requests.reads += 1
            self.requests.by_endpoint[f"{method} {endpoint.partition('/')[0]}"] += 1


class QuickBooksWriter:
    """The part of a client that writes to its company. Threads may share it.

    ``leaves`` is called after a request has got its turn and all guards have let it pass, directly before its first
    byte leaves. An exception that it raises keeps the request from leaving.
    """

    def __init__(self, client: QuickBooksClient) -> None:
        self._client = client

    def create(self, entity: str, body: bytes, *, request_id: str, leaves: Leaves = _unnoticed) -> Answer:
        """Create one object."""
        return self._write(entity, body, request_id, {}, leaves)

    def update(self, entity: str, body: bytes, *, request_id: str, leaves: Leaves = _unnoticed) -> Answer:
        """Update one object. The body holds Id, SyncToken and, so that other fields stay unchanged,
        ``"sparse": true``."""
        return self._write(entity, body, request_id, {}, leaves)

    def void(self, entity: str, body: bytes, *, request_id: str, leaves: Leaves = _unnoticed) -> Answer:
        """Void one invoice or payment. The body holds Id, SyncToken and, for a payment, ``"sparse": true``."""
        return self._write(entity, body, request_id, VOID[entity.lower()], leaves)

    def batch(self, body: bytes, *, request_id: str, b_ids: Sequence[str], leaves: Leaves = _unnoticed) -> BatchAnswer:
        """Send a batch. Each item succeeds or fails by itself, and its outcome comes back under its bId.

        Raises:
            ValueError: the body breaks a limit or does not hold exactly these bIds. Nothing was sent.
            OutcomeUnknownError: the batch may have worked, for example because the answer does not match the bIds one
                to one.
            CompanyFaultError: every item was refused with a fault about the company. If only some items were, or if one
                item may have worked, the outcomes are returned and the next request raises this error.
        """
        items = read_items(body)
        if list(b_ids) != list(items):
            raise ValueError("b_ids are not the body's bIds in the body's order")
        if not 0 < len(items) <= BATCH_ITEM_LIMIT or max(map(len, b_ids)) > B_ID_LENGTH:
            raise ValueError(
                f"a batch holds 1 to {BATCH_ITEM_LIMIT} items with bIds of at most {B_ID_LENGTH} characters"
            )
        reply, payload = self._post("batch", body, request_id, {}, leaves)
        try:
            outcomes = read_outcomes(payload, items)
        except ContradictionError as error:
            raise _unknown(reply, str(error)) from error
        code = find_company_fault([[fault.code for fault in outcome.faults] for outcome in outcomes])
        if code:
            unknown = any(outcome.is_unknown for outcome in outcomes)
            fault = CompanyFaultError(code, http_status=reply.status, intuit_tid=reply.intuit_tid, sent=unknown)
            self._client._note_fault(fault)
            if not unknown and all(any(each.code in COMPANY_FAULTS for each in o.faults) for o in outcomes):
                raise fault
        return BatchAnswer(outcomes, reply.intuit_tid, reply.status, read_time(payload))

    def _write(
        self, entity: str, body: bytes, request_id: str, parameters: Mapping[str, str], leaves: Leaves
    ) -> Answer:
        reply, payload = self._post(entity.lower(), body, request_id, parameters, leaves)
        try:
            found = read_entity(payload, entity)
        except ContradictionError as error:
            raise _unknown(reply, str(error)) from error
        return Answer(found, reply.intuit_tid, reply.status, read_time(payload))

    def _post(
        self, endpoint: str, body: bytes, request_id: str, parameters: Mapping[str, str], leaves: Leaves
    ) -> tuple[Reply, object]:
        """Send a writing POST once, and return the reply and its parsed body if it succeeded."""
        if not 0 < len(request_id) <= REQUEST_ID_LENGTH:
            raise ValueError(f"request_id needs 1 to {REQUEST_ID_LENGTH} characters")
        try:
            reply = self._client._send(
                "POST", endpoint, {**parameters, "requestid": request_id}, body, "application/json", leaves
            )
            return reply, read_success(reply)
        except CompanyFaultError as error:
            self._client._note_fault(error)
            raise
        except TransientError as error:
            if not error.sent:
                raise
            raise OutcomeUnknownError(
                f"POST {endpoint}: {error.reason}", http_status=error.http_status, intuit_tid=error.intuit_tid
            ) from error


def read_success(reply: Reply) -> object:
    """Return the parsed body of a successful reply.

    Raises:
        ThrottledError: HTTP 429.
        AuthorizationLostError: QuickBooks' own fault says that we may not use this company.
        CompanyFaultError: QuickBooks' own fault is about the company as a whole.
        RequestRejectedError: QuickBooks answered with another fault of its own, or the request was too large for a
            machine on the way.
        TransientError: any other failure. Without a readable fault the sender of the answer and the effect of the
            request are not known.
    """
    status = reply.status
    if status == 429:
        raise ThrottledError(
            "HTTP 429: too many requests",
            seconds=read_pause(reply),
            http_status=status,
            intuit_tid=reply.intuit_tid,
        )
    if 200 <= status < 300:
        try:
            payload = read_json(reply.body)
        except UnreadableError as error:
            raise _unreadable(reply, "the answer is cut short or not JSON") from error
        faults = faults_of(payload)
        if not faults:
            return payload
    else:
        faults = read_faults(status, reply.body, reply.content_type)
    description = f"HTTP {status}, {describe_faults(faults)}"
    is_refusal = 200 <= status < 500 and not 300 <= status < 400 and status not in (401, 408)
    if not is_refusal:
        raise _unreadable(reply, describe_faults(faults))
    is_unknown = any(fault.leaves_outcome_unknown for fault in faults)
    is_lost = any(fault.code in LOST_AUTHORIZATION_CODES for fault in faults)
    code = find_company_fault([[fault.code for fault in faults]])
    if code and not is_lost:
        raise CompanyFaultError(code, http_status=status, intuit_tid=reply.intuit_tid, sent=is_unknown)
    if is_unknown:
        raise _unreadable(reply, describe_faults(faults))
    if is_lost:
        raise AuthorizationLostError(
            f"{description}; reconnect the company", http_status=status, intuit_tid=reply.intuit_tid
        )
    if faults or status in NOT_READ_STATUSES:
        raise RequestRejectedError(description, faults=faults, http_status=status, intuit_tid=reply.intuit_tid)
    raise _unreadable(reply, describe_faults(faults))


def read_pause(reply: Reply) -> float:
    """Return the seconds to wait after a 429: 60, or more when the header Retry-After asks for more (in seconds or as a
    date)."""
    wish = reply.headers.get("Retry-After", "")
    if wish.isascii() and wish.isdigit():
        return max(PAUSE_SECONDS, float(wish[:9]))
    try:
        asked = parsedate_to_datetime(wish) - parsedate_to_datetime(reply.headers.get("Date", ""))
    except (TypeError, ValueError):
        return PAUSE_SECONDS
    return max(PAUSE_SECONDS, asked.total_seconds())


def _unreadable(reply: Reply, reason: str) -> TransientError:
    return TransientError(
        f"HTTP {reply.status}: {reason}", sent=True, http_status=reply.status, intuit_tid=reply.intuit_tid
    )


def _unknown(reply: Reply, reason: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(f"HTTP {reply.status}: {reason}", http_status=reply.status, intuit_tid=reply.intuit_tid)
