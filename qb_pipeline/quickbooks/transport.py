"""The transport of requests: one pooled session, no proxies, no redirects, no repeats, and a deadline for the whole
exchange.

Belongs here: the rules for every HTTP request of ours, to the company and to the OAuth server alike. Does not belong
here: the meaning of an answer (``client``, ``oauth``).
"""

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from qb_pipeline.quickbooks.errors import PermanentError, TransientError, safe_word

POOL_CONNECTIONS = 10
CONNECT_SECONDS = 10.0

IDLE_SECONDS = 20.0
"""A connection that was idle for longer is replaced. On a connection that the server is closing, the outcome of a POST
would stay unknown."""

FRESH_SECONDS = 5.0
"""A guard's permission to send expires after this time. A process that was suspended after it got the permission may
have a successor by now."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""A page of 1,000 invoices is about 5 MB. A larger answer than this counts as no answer."""

CA_BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def intuit_tid(self) -> str:
        """Intuit's id of this exchange, for which their support asks, or "" without one."""
        return safe_word(self.headers.get("intuit_tid"))

    @property
    def content_type(self) -> str:
        """The Content-Type header, or "" without one."""
        return self.headers.get("Content-Type", "")


def open_session() -> requests.Session:
    """Open a session that takes nothing from the environment except the authorities to trust."""
    session = requests.Session()
    harden(session)
    return session


def harden(session: requests.Session) -> None:
    """Set the rules of this module on a session, such as the one that an OAuth library brings."""
    session.trust_env = False  # a proxy or a .netrc of the machine must never see a bearer token
    session.verify = next((os.environ[name] for name in CA_BUNDLE_VARIABLES if os.environ.get(name)), True)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["Accept-Encoding"] = "gzip"
    session.hooks["response"].append(_note_head)
    adapter = _Adapter(pool_connections=POOL_CONNECTIONS, pool_maxsize=POOL_CONNECTIONS, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)


def exchange(
    session: requests.Session,
    method: str,
    url: str,
    *,
    seconds: float,
    headers: Mapping[str, str],
    body: bytes | None = None,
    guard: Callable[[], None] = lambda: None,
) -> Reply:
    """Send one request once and read its whole answer within ``seconds``.

    ``guard`` is called after the connection is open, directly before the first byte leaves. An exception that it raises
    keeps the request from leaving and reaches the caller unchanged.

    Raises:
        TransientError: no complete answer came. ``sent`` tells whether a byte may have left.
        PermanentError: the server's certificate cannot be trusted. Nothing was sent.
    """
    with watched(seconds, guard):
        request = requests.Request(method, url, headers=dict(headers), data=body)
        response = session.send(
            session.prepare_request(request),
            timeout=(min(CONNECT_SECONDS, seconds), seconds),
            allow_redirects=False,
            stream=True,
            verify=session.verify,
        )
        with response:
            return Reply(response.status_code, response.headers, _read_body(response))


def _read_body(response: requests.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in response.iter_content(64 * 1024):
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise OSError(f"answer is larger than {MAX_ANSWER_BYTES} bytes; it was not read")
        parts.append(part)
    return b"".join(parts)


class Watch:
    """The facts about the request that this thread is sending, and the alarm that ends the request at its deadline.

    A socket's timeout counts from the last byte, so that a server which sends single bytes could keep us waiting for
    ever. The alarm shuts the socket down instead, whatever the reader waits for: status line, headers or body.
    """

    def __init__(self, seconds: float, guard: Callable[[], None]) -> None:
        self.sent = False
        self.rang = False
        self.refusal: Exception | None = None
        self.status: int | None = None
        self.intuit_tid = ""
        self._seconds = seconds
        self._guard = guard
        self._deadline = time.monotonic() + seconds
        self._connection: HTTPConnection | None = None
        self._lock = threading.Lock()
        self._alarm = threading.Timer(seconds, self._ring)
        self._alarm.daemon = True
        self._alarm.start()

    def leave(self, connection: HTTPConnection) -> None:
        """Record that bytes are about to leave. Before the first byte, call the guard. Refuse to send when it is too
        late.

        Raises:
            TimeoutError: connecting took the whole time, or the guard's permission is older than ``FRESH_SECONDS``.
        """
        if not self.sent:
            asked_at = time.monotonic()
            try:
                self._guard()
            except Exception as error:
                self.refusal = error
                raise
            if time.monotonic() - asked_at > FRESH_SECONDS:
                raise TimeoutError("the permission to send is too old")
        with self._lock:
            if self.rang or time.monotonic() >= self._deadline:
                raise TimeoutError("no time left to send")
            self._connection = connection
            self.sent = True

    def end(self) -> None:
        """Stop the alarm. The connection may now serve another request."""
        self._alarm.cancel()
        with self._lock:
            self._connection = None

    def failure(self, error: Exception | None = None) -> TransientError:
        """Return the error for a request without a complete answer, built from the facts known about the request."""
        is_late = self.rang or time.monotonic() >= self._deadline  # the socket's own timeout may fire a little earlier
        reason = f"within {self._seconds:g} s" if is_late else f"({type(error).__name__})"
        return TransientError(
            f"no complete answer {reason}; " + ("the request may have arrived" if self.sent else "nothing was sent"),
            sent=self.sent,
            http_status=self.status,
            intuit_tid=self.intuit_tid,
        )

    def _ring(self) -> None:
        with self._lock:
            self.rang = True
            sock = self._connection.sock if self._connection is not None else None
            if sock is not None:
                try:
                    # This bypasses the TLS layer, which must not be closed while another thread reads from it.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
                except OSError:
                    return  # the connection is closed already


_current = threading.local()


def _note_head(response: requests.Response, **_: Any) -> None:
    """Record status and tid as soon as the headers have come, so that a request whose body breaks off can still be
    traced."""
    _current.watch.status = response.status_code
    _current.watch.intuit_tid = safe_word(response.headers.get("intuit_tid"))


@contextmanager
def watched(seconds: float, guard: Callable[[], None] = lambda: None) -> Iterator[Watch]:
    """Set one deadline, in ``seconds`` from now, that all requests of this thread in the block share.

    ``guard`` is called before each request leaves; the error that it raises stops the request. Network errors are
    raised as the errors below.

    Raises:
        TransientError: no complete answer came. ``sent`` tells whether a byte may have left.
        PermanentError: the server's certificate cannot be trusted. Nothing was sent.
    """
    watch = Watch(seconds, guard)
    _current.watch = watch
    try:
        yield watch
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        if watch.refusal is not None:  # the guard's error, which other layers may have wrapped
            raise watch.refusal from error
        if not watch.rang and not watch.sent and _is_bad_certificate(error):
            raise PermanentError(
                "the server's certificate is not trusted; nothing was sent. Check the clock and the CA bundle"
            ) from error
        raise watch.failure(error) from error
    finally:
        watch.end()
        _current.watch = None
    if watch.rang:
        raise watch.failure()


def _is_bad_certificate(error: BaseException | None) -> bool:
    """Return whether an error, or an error that it wraps, is the TLS library's rejection of the certificate."""
    while error is not None:
        reasons = [error, *error.args, *(getattr(reason, "reason", None) for reason in error.args)]
        if any(isinstance(reason, ssl.SSLCertVerificationError) for reason in reasons):
            return True
        error = error.__cause__ or error.__context__
    return False


class Connection(HTTPConnection):
    """A connection that records when its last byte left, and calls the ``Watch`` of its thread before bytes leave."""

    used_at = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether the pool may use the connection again. A connection that was idle for long may be closing at the
        other end at this moment."""
        return super().is_connected and time.monotonic() - self.used_at < IDLE_SECONDS

    def send(self, data: Any) -> None:
        """Send bytes after calling the ``Watch``. Every byte of a request passes through this method, so that none has
        left before it."""
        if self.sock is None:
            self.connect()
        _current.watch.leave(self)
        super().send(data)
        self.used_at = time.monotonic()


class SecureConnection(Connection, HTTPSConnection):
    """A ``Connection`` over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = SecureConnection


class _Adapter(HTTPAdapter):
    """The adapter of requests, with connections that call the ``Watch`` of their thread."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"https": _SecurePool, "http": _Pool}
