"""How bytes travel: one pooled session, no proxies, no redirects, no repeats, and a deadline for the whole exchange.

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
"""A connection that idled longer is replaced: a POST that meets a closing one would leave its outcome unknown."""

FRESH_SECONDS = 5.0
"""A guard's permission to send expires after this: a process that was suspended after it got one may have a successor
by now."""

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
        """Intuit's name for this exchange; their support asks for it."""
        return safe_word(self.headers.get("intuit_tid"))

    @property
    def content_type(self) -> str:
        """The Content-Type header, "" when there is none."""
        return self.headers.get("Content-Type", "")


def open_session() -> requests.Session:
    """Open a session that takes from the environment only which authorities to trust."""
    session = requests.Session()
    harden(session)
    return session


def harden(session: requests.Session) -> None:
    """Make a session keep the rules of this module; an OAuth library brings its own session."""
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

    ``guard`` is called when the connection stands, directly before the first byte leaves; an exception that it raises
    keeps the request here and reaches the caller unchanged.

    Raises:
        TransientError: no complete answer; ``sent`` says whether a byte may have left.
        PermanentError: the server's certificate is not to be trusted; nothing was sent.
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
    """The facts about the request that this thread is sending, and the alarm that ends it at its deadline.

    A socket's timeout counts from the last byte, so a server that drips would hold us for ever. The alarm shuts the
    socket down instead, whatever the reader waits for: status line, headers or body.
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
        """Note that bytes are about to leave, and ask the guard before the first; refuse when it is too late.

        Raises:
            TimeoutError: connecting took the whole time, or the guard's permission is not fresh any more.
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
        """Stop the alarm; the connection may now serve another request."""
        self._alarm.cancel()
        with self._lock:
            self._connection = None

    def failure(self, error: Exception | None = None) -> TransientError:
        """Make the error for a request without a complete answer, from the facts known about it."""
        is_late = self.rang or time.monotonic() >= self._deadline  # the socket's own timeout may be first by a hair
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
                    return  # already gone, which is what we wanted


_current = threading.local()


def _note_head(response: requests.Response, **_: Any) -> None:
    """Keep status and tid as soon as they are here: a body that breaks off must still be traceable."""
    _current.watch.status = response.status_code
    _current.watch.intuit_tid = safe_word(response.headers.get("intuit_tid"))


@contextmanager
def watched(seconds: float, guard: Callable[[], None] = lambda: None) -> Iterator[Watch]:
    """Give all requests that this thread sends in the block one deadline, and turn their errors into ours.

    Raises:
        TransientError: no complete answer; ``sent`` says whether a byte may have left.
        PermanentError: the server's certificate is not to be trusted; nothing was sent.
    """
    watch = Watch(seconds, guard)
    _current.watch = watch
    try:
        yield watch
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        if watch.refusal is not None:  # the guard's own, which the layers between may have wrapped
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
    """Look for the TLS library's own verdict below the layers that wrap it."""
    while error is not None:
        reasons = [error, *error.args, *(getattr(reason, "reason", None) for reason in error.args)]
        if any(isinstance(reason, ssl.SSLCertVerificationError) for reason in reasons):
            return True
        error = error.__cause__ or error.__context__
    return False


class Connection(HTTPConnection):
    """A connection that knows when its last byte left, and asks its thread's watch before bytes leave."""

    used_at = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether the pool may use it again: one that idled long may be closing at the other end this very moment."""
        return super().is_connected and time.monotonic() - self.used_at < IDLE_SECONDS

    def send(self, data: Any) -> None:
        """Send; every byte of a request goes through here, so before this none has left."""
        if self.sock is None:
            self.connect()
        _current.watch.leave(self)
        super().send(data)
        self.used_at = time.monotonic()


class SecureConnection(Connection, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = SecureConnection


class _Adapter(HTTPAdapter):
    """requests' adapter with connections that know their deadline."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"https": _SecurePool, "http": _Pool}
