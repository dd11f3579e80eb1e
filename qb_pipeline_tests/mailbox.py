"""Where alerts arrive: a server on this machine that takes what apprise's ``json://`` posts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Mailbox:
    """What arrived, oldest first. While it ``is_full`` nothing is taken."""

    port: int
    messages: list[dict[str, Any]] = field(default_factory=list)
    is_full: bool = False

    @property
    def address(self) -> str:
        """As QB_PIPELINE_ALERT_URLS takes it."""
        return f"json://127.0.0.1:{self.port}/alerts"


@contextmanager
def open_mailbox() -> Iterator[Mailbox]:
    """Listen until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not mailbox.is_full:
                mailbox.messages.append(body)
            self.send_response(503 if mailbox.is_full else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    mailbox = Mailbox(server.server_port)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield mailbox
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
