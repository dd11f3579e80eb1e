"""A proxy before the emulator that writes down each request that writes: what left, in order, byte for byte.

Belongs here: listening, and putting aside what differs from one world to the next (ids, dates, the installation). Does
not belong here: which stories are told (``test_trace``). It speaks plain HTTP and knows nothing of ours.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
READS = ("/query", "/cdc")
REQUEST_ID = "requestid"
NAMED = re.compile(r"qbp1:[a-z0-9]{6}:")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
IDENTITIES = {"Id", "value", "TxnId"}
"""Fields of QuickBooks' JSON that hold an Id which QuickBooks gave."""


@dataclass
class Wiretap:
    """What was heard: method, address with its query, and body of each request that writes, oldest first."""

    heard: list[tuple[str, str, bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def hear(self, method: str, address: str, body: bytes) -> None:
        path = urlsplit(address).path
        if method == "POST" and path.startswith("/v3/company/") and not path.endswith(READS):
            with self.lock:
                self.heard.append((method, address, body))

    def told(self, today: date) -> list[dict[str, Any]]:
        """The requests, ids in the order of their first appearance, dates as days from ``today``."""
        names: dict[tuple[str, str], str] = {}

        def name(kind: str, value: str) -> str:
            mine = [key for key in names if key[0] == kind]
            return names.setdefault((kind, value), f"<{kind} {len(mine) + 1}>")

        def plain(value: Any, entity: str, key: str = "") -> Any:
            """``entity``: what an Id in this value is one of. Two entities may have the same number."""
            if isinstance(value, dict):
                inside = str(value.get("TxnType") or (key if key[:1].isupper() else "") or entity).removesuffix("Ref")
                return {each: plain(inner, inside, each) for each, inner in value.items()}
            if isinstance(value, list):
                return [plain(inner, entity, key) for inner in value]
            if not isinstance(value, str):
                return value
            if key in IDENTITIES and value.isdigit():
                return name(entity, value)
            said = NAMED.sub("qbp1:<installation>:", value)
            return DAY.sub(lambda day: f"<day {(date.fromisoformat(day[0]) - today).days:+d}>", said)

        requests = []
        for method, address, body in self.heard:
            parts = urlsplit(address)
            asked = {key: name(key, value) if key == REQUEST_ID else value for key, value in parse_qsl(parts.query)}
            requests.append(
                {
                    "method": method,
                    "address": re.sub(r"/company/\d+/", "/company/<realm>/", parts.path),
                    "query": asked,
                    # as text, so that 10 and 10.0 are not the same
                    "body": plain(
                        json.loads(body, parse_float=_as_written, parse_int=_as_written),
                        parts.path.rpartition("/")[2].capitalize(),
                    ),
                }
            )
        return requests


def _as_written(number: str) -> dict[str, str]:
    return {"number": number}


@contextmanager
def tapped(upstream: str) -> Iterator[tuple[str, Wiretap]]:
    """Listen before ``upstream``; gives the address to use instead, and what is heard."""
    tap = Wiretap()
    target = urlsplit(upstream)

    class Line(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._pass_on(b"")

        def do_POST(self) -> None:
            self._pass_on(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def _pass_on(self, body: bytes) -> None:
            tap.hear(self.command, self.path, body)
            headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP_BY_HOP}
            there = HTTPConnection(target.hostname or "", target.port, timeout=60)
            try:
                there.request(self.command, self.path, body=body or None, headers=headers)
                answer = there.getresponse()
                content = answer.read()
            except (HTTPException, OSError):  # what hangs up there hangs up here
                self.close_connection = True
                return
            finally:
                there.close()
            self.send_response(answer.status)
            for key, value in answer.getheaders():
                if key.lower() not in HOP_BY_HOP:
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the test tells."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Line)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", tap
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
