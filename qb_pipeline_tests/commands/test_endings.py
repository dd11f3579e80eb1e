"""Every long-running command ends when it is told, where SIGINT is ignored too, and leaves no process behind."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests

from qb_pipeline import config
from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.embedded.homes import temporary_home
from qb_pipeline_tests.law_firm import LawFirm

pytestmark = [pytest.mark.slow, pytest.mark.signals]

GONE_SECONDS = 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def as_in_a_script() -> None:
    """Ignore SIGINT, as a shell makes ``command &`` of a script do; SIGHUP is heard, whatever started these tests."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def start(terminal: Terminal, *arguments: str) -> subprocess.Popen[str]:
    terminal.env["PYTHONFAULTHANDLER"] = "1"
    return terminal.start(*arguments, preexec_fn=as_in_a_script, stdin=subprocess.PIPE)


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[str, str]:
    """Send a signal, and give what was said by a process that is gone in time; else where it hung."""
    process.send_signal(number)
    try:
        return process.communicate(timeout=GONE_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # faulthandler then says where each thread stands
        out, err = process.communicate(timeout=60)
        raise AssertionError(f"it lives on after {GONE_SECONDS} s\n{out}\n{err}") from None


def family(home: Path) -> list[psutil.Process]:
    """What belongs to a home: what was told of it, or works in it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                continue
            told = [*process.cmdline(), process.environ().get(config.HOME, ""), process.cwd()]
        except psutil.Error:
            continue
        if any(str(home) in text for text in told):
            found.append(process)
    return found


def wait_until_gone(home: Path, seconds: float = GONE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while left := family(home):
        assert time.monotonic() < deadline, [(each.pid, each.cmdline()) for each in left if each.is_running()]
        time.sleep(0.2)


def wait_for_line(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return line
    raise AssertionError(f"it ended without saying {words!r}: {process.stderr and process.stderr.read()}")


def wait_for_mishap(law_firm: LawFirm, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not law_firm.books.statistics()["mishaps"].get("delay_after", 0):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "no request was under way"
        time.sleep(0.05)


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_sync_that_is_told_to_end_records_what_is_under_way_and_begins_nothing(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path, told: int, as_json: bool
) -> None:
    law_firm.activate()
    for number in range(300):
        law_firm.invoice(f"{number:03}", "1.00")
    law_firm.books.fault({"what": "delay_after", "seconds": 2.0, "match": "batch", "times": None})
    process = start(terminal, "sync", "one", *(["--json"] if as_json else []))
    wait_for_mishap(law_firm, process)

    out, err = end(process, told)

    said = f"the command was told to end ({signal.Signals(told).name})"
    assert process.returncode == 128 + told
    assert said in (json.loads(out)["error"]["message"] if as_json else err)
    states = [row["state"] for row in law_firm.query("select state from sync.attempt where endpoint = 'batch'")]
    assert 0 < states.count("done") <= law_firm.deployment.in_flight
    assert set(states) <= {"done", "not_sent"}  # what was written down and had not left yet
    assert "sending" not in {state for state, _ in law_firm.states().values()}
    assert family(tmp_path) == []
    law_firm.books.heal()
    law_firm.sync()
    assert law_firm.in_quickbooks("invoice") == {f"{number:03}": 1 for number in range(300)}


def test_a_single_request_under_way_is_recorded_too(law_firm: LawFirm, terminal: Terminal) -> None:
    """A customer is created in the main thread, which is where signals arrive."""
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="Bo", last_name="Chen")
    law_firm.invoice("1", "10.00", payer_id="P2")
    law_firm.books.fault({"what": "delay_after", "seconds": 2.0, "match": "customer", "times": None})
    process = start(terminal, "sync", "one")
    wait_for_mishap(law_firm, process)

    end(process)

    assert process.returncode == 128 + signal.SIGTERM
    assert law_firm.query("select state from sync.attempt") == [{"state": "done"}]
    [customer] = law_firm.query("select state, quickbooks_id from sync.document where kind = 'customer'")
    made = [row["Id"] for row in law_firm.books.all("Customer")]
    assert (customer["state"], [customer["quickbooks_id"]]) == ("synced", made)


@pytest.mark.parametrize("command", ["pull", "reconcile"])
def test_a_command_that_reads_ends_when_it_is_told(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path, command: str
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.sync()
    if command == "pull":
        law_firm.query_change("update sync.firm set model = 2, cut_over_at = now() - interval '1 day'")
    law_firm.books.fault({"what": "delay_after", "seconds": 1.0, "times": None})
    process = start(terminal, command, "one")
    wait_for_mishap(law_firm, process)

    _, err = end(process)

    assert (process.returncode, "told to end (SIGTERM)" in err) == (128 + signal.SIGTERM, True)
    assert family(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (["emulator", "--port", "0"], "ready http", 0),
        (["webhook", "--port", "0"], "webhooks: http", 0),
        (["connect", "one", "--no-browser", "--port", "0"], "Waiting for your consent", 143),
        (["connect", "one", "--redirect-uri", "https://example.com/back"], "Open this page", 143),
    ],
)
@pytest.mark.parametrize("is_killed", [False, True])
def test_a_command_that_waits_ends_when_it_is_told_and_when_it_is_killed(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path, arguments: list[str], says: str, code: int, is_killed: bool
) -> None:
    law_firm.activate()
    terminal.env[config.WEBHOOK_TOKEN] = "verifier"
    process = start(terminal, *arguments)
    wait_for_line(process, says)

    end(process, signal.SIGKILL if is_killed else signal.SIGTERM)

    assert process.returncode == (-signal.SIGKILL if is_killed else code)
    wait_until_gone(tmp_path)


@pytest.fixture
def fresh() -> Iterator[tuple[Path, Terminal]]:
    """An empty home and nothing configured: a command brings PostgreSQL and the emulator along."""
    with temporary_home() as home:
        unset = [name for name in os.environ if name.startswith(("QB_PIPELINE_", "QUICKBOOKS_", "DAGSTER_"))]
        yield home, Terminal(dict.fromkeys(unset, "") | {config.HOME: str(home), "COLUMNS": "200"})


def page_has_loaded(port: int) -> bool:
    query = "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }"
    answer = requests.post(f"http://127.0.0.1:{port}/graphql", json={"query": query}, timeout=30).json()
    [entry] = answer["data"]["workspaceOrError"]["locationEntries"]
    return bool(entry["locationOrLoadError"]["__typename"] == "RepositoryLocation")


def listening(home: Path) -> dict[str, psutil.Process]:
    """The processes of a home by what they are."""
    parts = {
        "code-server": "grpc",
        "webserver": "dagster_ui",
        "daemon": "dagster._daemon",
        "emulator": "qb_pipeline.emulator",
    }
    found = {}
    for each in family(home):
        with suppress(psutil.Error):
            text = " ".join(each.cmdline())
            found |= {name: each for name, words in parts.items() if words in text}
    return found


@pytest.mark.parametrize("is_killed", [False, True])
def test_dev_says_starting_until_its_page_answers_and_leaves_nothing_when_it_is_told_or_killed(
    fresh: tuple[Path, Terminal], is_killed: bool
) -> None:
    home, terminal = fresh
    port = free_port()
    process = start(terminal, "dev", "--port", str(port))
    wait_for_line(process, f"Dagster UI: starting on port {port}")
    wait_for_line(process, f"Dagster UI: http://127.0.0.1:{port}")
    assert page_has_loaded(port)
    parts = listening(home)
    assert set(parts) == {"code-server", "webserver", "daemon", "emulator"}
    assert all("SIGINT" not in ignored_by(each.pid) for each in parts.values())

    end(process, signal.SIGKILL if is_killed else signal.SIGTERM)

    assert process.returncode == (-signal.SIGKILL if is_killed else 0)
    if is_killed:  # what others may use lingers for 20 s, as after every command; what is its own does not
        psutil.wait_procs([parts[name] for name in ("code-server", "webserver", "daemon")], timeout=GONE_SECONDS)
        assert set(listening(home)) <= {"emulator"}
    wait_until_gone(home, GONE_SECONDS * (3 if is_killed else 1))


def test_a_demo_that_is_told_to_end_leaves_nothing(fresh: tuple[Path, Terminal]) -> None:
    home, terminal = fresh
    process = start(terminal, "demo", "--no-ui")
    wait_for_line(process, "billing database with two law firms")

    _, err = end(process)

    assert (process.returncode, "told to end (SIGTERM)" in err) == (128 + signal.SIGTERM, True)
    wait_until_gone(home)


def ignored_by(pid: int) -> set[str]:
    """The signals that a process ignores."""
    [mask] = [line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "SigIgn" in line]
    return {number.name for number in signal.Signals if int(mask, 16) >> (number - 1) & 1}
