"""The command line of the emulator: serve a local QuickBooks company, or do a person's work in one.

python -m qb_pipeline.emulator [--port N] [--state FILE] [--config FILE]
python -m qb_pipeline.emulator bookkeeper http://127.0.0.1:PORT REALM VERB [name=value ...]

Belongs here: the command line. Does not belong here: anything else.
"""

import argparse
import json
import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from qb_pipeline.emulator.serving.app import LOOPBACK, make_state, serve
from qb_pipeline.emulator.steering.bookkeeper import VERBS

RAW = argparse.RawDescriptionHelpFormatter


def main(arguments: list[str]) -> int:
    """Run a command and return its exit code: 1 if QuickBooks refuses, 2 if the arguments make no sense."""
    return keep_books(arguments[1:]) if arguments[:1] == ["bookkeeper"] else run_server(arguments)


def run_server(arguments: list[str]) -> int:
    """Serve until the process is stopped, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m qb_pipeline.emulator", description=__doc__, formatter_class=RAW)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one and prints it")
    parser.add_argument("--host", default="127.0.0.1", help="loopback only")
    parser.add_argument("--state", type=Path, help="a file that keeps everything over a restart")
    parser.add_argument("--config", type=Path, help='JSON: {"companies": [{"realm_id", "name", "switches"}]}')
    chosen = parser.parse_args(arguments)
    try:
        listener = socket.create_server((chosen.host, chosen.port), backlog=512) if chosen.host in LOOPBACK else None
    except OSError as error:
        print(f"port {chosen.port}: {error.strerror}; take another one with --port", file=sys.stderr)  # noqa: T201
        return 1
    try:
        serve(make_state(chosen.state, chosen.config), host=chosen.host, port=chosen.port, listener=listener)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def keep_books(arguments: list[str]) -> int:
    """Send one of the bookkeeper's orders to a running emulator, print the answer, and return the exit code."""
    verbs = "\n\n".join(f"{name}\n    {(act.__doc__ or '').strip().splitlines()[0]}" for name, act in VERBS.items())
    parser = argparse.ArgumentParser(prog="... bookkeeper", description=verbs, formatter_class=RAW)
    parser.add_argument("url", help="http://127.0.0.1:PORT")
    parser.add_argument("realm")
    parser.add_argument("verb", choices=list(VERBS), metavar="verb")
    parser.add_argument("values", nargs="*", help="name=value; a value may be JSON")
    chosen = parser.parse_args(arguments)
    order = {name: _value(text) for name, _, text in (each.partition("=") for each in chosen.values)}
    url = f"{chosen.url}/emulator/companies/{chosen.realm}/bookkeeper/{chosen.verb}"
    request = urllib.request.Request(url, json.dumps(order).encode(), {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            print(json.dumps(json.load(answer), indent=2))  # noqa: T201
    except urllib.error.HTTPError as error:
        with error:
            print(error.read().decode(), file=sys.stderr)  # noqa: T201
        return 1
    except urllib.error.URLError as error:
        print(f"nothing answers at {chosen.url}: {error.reason}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _value(text: str) -> Any:
    """Read a value as JSON. An id, which has digits only, and a text that is not JSON stay text."""
    try:
        return text if text.isdigit() else json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
