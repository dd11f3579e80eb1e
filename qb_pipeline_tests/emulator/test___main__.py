"""The command line of the emulator: what it serves, what it orders, and how it says that something is wrong."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from qb_pipeline.emulator.__main__ import keep_books, main
from qb_pipeline.emulator.steering.bookkeeper import VERBS
from qb_pipeline_tests.emulator.conftest import Client

COMMAND = [sys.executable, "-m", "qb_pipeline.emulator"]


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """The emulator in a process of its own; gives its address, and ends it as a person would."""
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[1]
        finally:
            process.terminate()


def order(books: Client, *words: str) -> int:
    """Give the bookkeeper an order, as a person types it."""
    return main(["bookkeeper", books.base, books.realm, *words])


def test_an_order_is_done_and_its_answer_is_printed(books: Client, capsys: pytest.CaptureFixture[str]) -> None:
    customer = books.customer()["Id"]
    books.invoice(customer, 100)

    code = order(books, "receive-payment", f"customer_id={customer}", "amount=12.5", "reference=00771", "note=a=b")

    printed, errors = capsys.readouterr()
    answer = json.loads(printed)
    assert (code, errors) == (0, "")
    assert (answer["TotalAmt"], answer["PaymentRefNum"], answer["PrivateNote"]) == (12.5, "00771", "a=b")
    assert books.admin("GET", "Payment")[0]["Id"] == answer["Id"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("17", "17"), ("00771", "00771"), ("12.5", 12.5), ("true", True), ("null", None), ('"7"', "7"), ("Ada", "Ada"),
        ("a=b", "a=b"), ("", ""), ("[1", "[1"), ('{"DisplayName": "Ada"}', {"DisplayName": "Ada"}),
        ('["3", "4"]', ["3", "4"]),
    ],
)  # fmt: skip
def test_an_id_stays_text_and_everything_else_may_be_json(
    capsys: pytest.CaptureFixture[str], typed: str, meant: Any
) -> None:
    """A server that echoes shows what was sent to it."""
    with echoing() as url:
        code = keep_books([url, "7", "edit", f"name={typed}", "other=1"])

    assert (code, json.loads(capsys.readouterr().out)) == (
        0,
        {"path": "/emulator/companies/7/bookkeeper/edit", "order": {"name": meant, "other": "1"}},
    )


@contextmanager
def echoing() -> Iterator[str]:
    """A server that answers with the path and the body that it got."""

    class Echo(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = json.dumps({"path": self.path, "order": json.loads(body)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_quickbooks_refuses_changes_nothing_and_says_why(
    books: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    code = order(books, "merge", "loser_id=1", "survivor_id=1")

    assert (code, capsys.readouterr()) == (1, ("", '{"error":"both customers must exist and differ"}\n'))
    assert order(books, "void", "entity=Invoice", "id=999") == 1
    assert books.admin("GET", "Invoice") == []


@pytest.mark.parametrize(
    "words", [["bookkeeper", "http://127.0.0.1:1", "7", "borrow"], ["bookkeeper"], ["--port", "many"], ["--colour"]]
)
def test_words_that_make_no_sense_are_refused_before_anything_is_done(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)

    assert (caught.value.code, capsys.readouterr().out) == (2, "")


def test_the_help_names_every_order_with_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["bookkeeper", "--help"])

    told = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert caught.value.code == 0
    assert [(verb, told[told.index(verb) + 1]) for verb in VERBS] == [
        (verb, (act.__doc__ or "").splitlines()[0]) for verb, act in VERBS.items()
    ]


def test_a_port_that_is_taken_is_named_with_the_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code = main(["--port", str(port)])

    printed, errors = capsys.readouterr()
    assert (code, printed, errors.startswith(f"port {port}: Address already in use")) == (1, "", True)
    assert errors.endswith("; take another one with --port\n")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "config.json: "),
        ('{"company": []}', "unknown field `company`"),
        ('{"companies": [{"name": "x"}]}', "config.json: a company has no realm_id"),
        (None, "No such file"),
    ],
)
def test_settings_that_cannot_be_read_start_no_server(tmp_path: Path, content: str | None, says: str) -> None:
    config = tmp_path / "config.json"
    if content is not None:
        config.write_text(content)

    done = subprocess.run([*COMMAND, "--config", str(config)], capture_output=True, text=True, check=False, timeout=20)

    assert (done.returncode, done.stdout, says in done.stderr) == (2, "", True)
    assert "Traceback" not in done.stderr


def test_what_is_done_is_there_after_a_restart_and_settings_make_no_company_twice(tmp_path: Path) -> None:
    config, state = tmp_path / "config.json", tmp_path / "state"
    config.write_text('{"companies": [{"realm_id": "77", "name": "Prepared"}]}')
    arguments = ("--state", str(state), "--config", str(config))
    with serving(*arguments) as url:
        edited = keep_books([url, "77", "edit", "entity=Customer", 'changes={"DisplayName": "Ada"}'])
    with serving(*arguments, "--host", "localhost") as url:
        companies = requests.get(f"{url}/emulator/companies", timeout=5).json()
        customers = requests.get(f"{url}/emulator/companies/77/Customer", timeout=5).json()

    assert (edited, [company["name"] for company in companies]) == (0, ["Prepared"])
    assert [customer["DisplayName"] for customer in customers] == ["Ada"]
