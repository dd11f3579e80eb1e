"""A server that misbehaves on purpose, byte by byte, and a clock that never waits.

Belongs here: what no real HTTP server can be made to do. Does not belong here: QuickBooks' behaviour (the emulator).
"""

import gzip
import json
import socket
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, urlsplit

TID = "1-abc-123"


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def parameters(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}


Behaviour = Callable[[socket.socket, Request], None]
"""What the server does with a request; returning keeps the connection, OSError or ConnectionAbortedError ends it."""


class Time:
    """A clock that jumps when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def answer(
    body: object,
    *,
    status: int = 200,
    content_type: str = "application/json;charset=UTF-8",
    headers: dict[str, str] | None = None,
    zipped: bool = False,
) -> bytes:
    """Write a whole HTTP answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    extra = {"intuit_tid": TID, "Content-Type": content_type, **(headers or {})}
    if zipped:
        raw, extra["Content-Encoding"] = gzip.compress(raw), "gzip"
    extra["Content-Length"] = str(len(raw))
    head = "".join(f"{name}: {value}\r\n" for name, value in extra.items())
    return f"HTTP/1.1 {status} Word\r\n{head}\r\n".encode() + raw


def say(message: bytes) -> Behaviour:
    return lambda connection, request: connection.sendall(message)


def say_and_close(message: bytes) -> Behaviour:
    """Cut: send what there is and close the connection politely."""

    def behave(connection: socket.socket, request: Request) -> None:
        connection.sendall(message)
        raise ConnectionAbortedError

    return behave


def say_and_reset(message: bytes = b"") -> Behaviour:
    """Send what there is, then reset the connection."""

    def behave(connection: socket.socket, request: Request) -> None:
        connection.sendall(message)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionAbortedError

    return behave


def drip(message: bytes, *, seconds: float) -> Behaviour:
    """Send one byte after another, so that no pause between two bytes is ever long."""

    def behave(connection: socket.socket, request: Request) -> None:
        for byte in message:
            connection.sendall(bytes([byte]))
            time.sleep(seconds)

    return behave


class Server:
    """Listens on loopback; each request takes the next behaviour of the queue, or the usual one."""

    def __init__(self, usual: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.next: deque[Behaviour] = deque()
        self.usual = usual
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def will(self, *behaviours: Behaviour) -> Self:
        self.next.extend(behaviours)
        return self

    def close(self) -> None:
        shut(self._listener)
        self._listener.close()
        for connection in list(self._open):
            shut(connection)
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: Callable[..., None], *args: socket.socket) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._open.add(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._tls is not None:
                self._open.discard(connection)
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.add(connection)
        except OSError:
            connection.close()
            return
        with connection, connection.makefile("rb") as reader:
            try:
                while (request := read_request(reader)) is not None:
                    self.requests.append(request)
                    behave = self.next.popleft() if self.next else self.usual
                    behave(connection, request)
            except OSError:
                pass
            finally:
                self._open.discard(connection)


def shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def read_request(reader) -> Request | None:  # type: ignore[no-untyped-def] # a socket's file
    first = reader.readline().decode()
    if not first:
        return None
    method, target, _ = first.split(" ", 2)
    headers: dict[str, str] = {}
    while line := reader.readline().decode().strip():
        name, value = line.split(":", 1)
        headers[name.lower()] = value.strip()
    body = reader.read(int(headers.get("content-length", 0)))
    return Request(method, target, headers, body)


@contextmanager
def serving(usual: Behaviour | None = None, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(usual or say(answer({})), tls)
    try:
        yield server
    finally:
        server.close()
