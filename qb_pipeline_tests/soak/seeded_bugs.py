"""Does the harness bite? Each bug is one place of the code said otherwise, in a copy; a check must notice.

    python -m qb_pipeline_tests.soak.seeded_bugs [NAME ...]

Belongs here: the bugs, and how each is hunted. Does not belong here: the checks (``checker``, and tests named here).
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qb_pipeline.config import PROJECT

HUNT_SECONDS = 300
CAUGHT, MISSED = 1, 0


@dataclass(frozen=True)
class Bug:
    """``old`` stands once in ``path`` and is replaced by ``new``. ``hunt``: crash points, ``zombies`` or a test."""

    name: str
    path: str
    old: str
    new: str
    hunt: tuple[str, ...]


ANSWERED = ("POST batch: answered", "record: before its commit")

BUGS = (
    Bug(
        "what a dead run left counts as never sent", "sync/send/settle.py",
        "        _wait_out(session, sender, attempt.last_sent_at)\n"
        "        known |= _settle(session, sender, attempt, known)\n",
        "        sender.record(attempt, [restore_state(item, 'not_sent') for item in attempt.items])\n",
        ANSWERED,
    ),
    Bug(
        "a lost request is repeated without asking", "sync/send/settle.py",
        "    found, learned = _find(session, attempt, bodies, known)\n",
        "    found, learned = {item.document_id: None for item in attempt.items}, NOTHING\n",
        ANSWERED,
    ),
    Bug(
        "no quarantine before asking", "sync/send/settle.py",
        "        _wait_out(session, sender, attempt.last_sent_at)\n", "",
        ("POST batch: before it leaves", "unknown: committed"),
    ),
    Bug(
        "the quarantine counts from the first send", "sync/send/settle.py",
        "_wait_out(session, sender, attempt.last_sent_at)", "_wait_out(session, sender, attempt.first_sent_at)",
        ("sync/send/test_settle.py::test_a_request_that_arrives_during_its_repetition_is_waited_for",),
    ),
    Bug(
        "a document is adopted by its number, whoever made it", "sync/send/settle.py",
        "if item.kind == Kind.ITEM else is_ours(item, row)",
        'if item.kind == Kind.ITEM else row.get("DocNumber", 0) == body.get("DocNumber") or is_ours(item, row)',
        ANSWERED,
    ),
    Bug(
        "a batch of which half arrived is repeated whole", "sync/send/settle.py",
        "nothing_landed = len(missing) == size_of(attempt)", "nothing_landed = bool(attempt)",
        ("unknown: committed", *ANSWERED),
    ),
    Bug(
        "a repetition is not written down", "sync/send/settle.py",
        "    sender.reserve_again(attempt)\n    with suppress", "    with suppress",
        ANSWERED,
    ),
    Bug(
        "an update counts as done when the token moved", "sync/send/settle.py",
        "    return str(row.get(\"SyncToken\")) != str(body[\"SyncToken\"]) and not [\n"
        "        difference for difference in compare(body, row) if difference.owner == \"billing\"\n    ]\n",
        "    return str(row.get(\"SyncToken\")) != str(body[\"SyncToken\"])\n",
        ("POST batch: before it leaves", "leaving: committed"),
    ),
    Bug(
        "a lost answer counts as not sent", "sync/send/push.py",
        "        sender.note_lost()\n",
        '        _nothing_was_done(sender, attempt, "not_sent")\n        return [], NOTHING\n',
        ("see a chunk: committed", "record: committed"),
    ),
    Bug(
        "an answer in which two items are swapped is believed", "quickbooks/answers.py",
        "    _refuse_swapped(outcomes, items)\n", "",
        ("sync/send/test_settle.py::test_the_same_run_finds_out_what_became_of_a_batch",),
    ),
    Bug(
        "a replayed success is believed", "sync/send/push.py",
        "        outcomes = _look_again(session, attempt, outcomes, bodies)\n", "        pass\n",
        ("sync/send/test_settle.py::test_a_replayed_success_of_a_deleted_document_is_no_success",),
    ),
    Bug(
        "a query decides that something is deleted", "sync/remote/current.py",
        "        return session.quickbooks.read(ENTITY[kind], quickbooks_id)\n",
        "        return next(iter(session.quickbooks.find(ENTITY[kind], 'Id', [quickbooks_id])), None)\n",
        ("POST batch: before it leaves", "POST payment: before it leaves"),
    ),
    Bug(
        "a holder that was succeeded may record", "ledger/sending/lease.py",
        "    if found != epoch:\n", "    if found is None:\n",
        ("ledger/sending/test_lease.py::test_a_holder_that_was_succeeded_neither_reserves_nor_records",),
    ),
    Bug(
        "a holder that was cut off lives on", "ledger/sending/lease.py",
        "    if former is None or former.released_at is not None:\n", "    if True:\n",
        ("zombies",),
    ),
    Bug(
        "the HTTP library repeats by itself", "quickbooks/transport.py",
        "max_retries=0)", "max_retries=urllib3.Retry(2, allowed_methods=None))",
        ("see a chunk: committed", "record: committed"),
    ),
    Bug(
        "the cursor is the clock, whatever is still uncommitted", "billing/source.py",
        "            return _instant(self._oldest_start(connection, state.now, patience_seconds)) - self._overlap\n",
        "            return _instant(state.now)\n",
        ("billing/test_source.py::test_a_late_commit_is_seen_by_the_next_read",),
    ),
    Bug(
        "names of clients in the log", "sync/send/push.py",
        "unknown(attempt, type(error).__name__,", "unknown(attempt, attempt.body.decode(),",
        ("record: committed",),
    ),
    Bug(
        "a plan sends", "sync/make_plan.py",
        "        work = session.documents.read(list(work[\"document_id\"]))\n    return plan\n",
        "        work = session.documents.read(list(work[\"document_id\"]))\n"
        "    from qb_pipeline.sync.send.push import send_batches\n"
        "    if is_early and plan.ready:\n"
        "        with session.sending() as sender:\n"
        "            send_batches(session, sender, plan.ready, known)\n"
        "    return plan\n",
        ("sync/test_stages.py::test_planning_alone_sends_nothing",),
    ),
    Bug(
        "a stage skips settling", "sync/load.py",
        "from qb_pipeline.sync.send.settle import settle\n",
        "def settle(_session, _sender, known):\n    return 0, known\n\n\n",
        ANSWERED,
    ),
    Bug(
        "a stage trusts a plan that has moved", "sync/plan/keep.py",
        "        and basis.epoch + 1 == epoch\n", "",
        ("sync/test_stages.py::test_what_another_run_has_paid_meanwhile_is_not_paid_again",),
    ),
    Bug(
        "a token is refreshed without reading it again", "ledger/setup/tokens.py",
        "            if tokens.access_token != refused and _is_usable(row, now()):\n                if row",
        "            if tokens.access_token == refused and _is_usable(row, now()):\n                if row",
        ("ledger/setup/test_tokens.py::test_eight_processes_refresh_once_each_time",),
    ),
)  # fmt: skip


@contextmanager
def copy_with(bug: Bug) -> Iterator[Path]:
    """A copy of the project in which one place says something else.

    Raises:
        ValueError: the place is gone, or there are several: the bug must be seeded anew.
    """
    with tempfile.TemporaryDirectory(prefix="bug") as name:
        folder = Path(name)
        for room in ("qb_pipeline", "sql"):
            shutil.copytree(PROJECT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(PROJECT / "pyproject.toml", folder)
        (folder / "qb_pipeline_tests").symlink_to(PROJECT / "qb_pipeline_tests")
        place = folder / "qb_pipeline" / bug.path
        text = place.read_text()
        if text.count(bug.old) != 1:
            raise ValueError(f"'{bug.name}': its place stands {text.count(bug.old)} times in {bug.path}; seed it anew")
        place.write_text(text.replace(bug.old, bug.new))
        yield folder


def hunt(bug: Bug) -> tuple[str, float]:
    """What caught a bug, and after how many seconds; "" when nothing did."""
    began = time.monotonic()
    with copy_with(bug) as folder:
        tests = [f"qb_pipeline_tests/{target}" for target in bug.hunt if ".py" in target]
        command = (
            ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "--tb=line", *tests]
            if tests
            else ["-m", "qb_pipeline_tests.soak.hunt", *bug.hunt]
        )
        done = subprocess.run(
            [sys.executable, *command], cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True, text=True, timeout=HUNT_SECONDS, check=False,
        )  # fmt: skip
    caught = [line for line in done.stdout.splitlines() if line.startswith(("CAUGHT ", "FAILED "))]
    if done.returncode == CAUGHT and caught:
        return caught[0].removeprefix("CAUGHT ").removeprefix("FAILED ")[:110], time.monotonic() - began
    if done.returncode != MISSED:
        raise RuntimeError(f"'{bug.name}': the hunt itself failed\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return "", time.monotonic() - began


def hunt_all(bugs: Sequence[Bug]) -> tuple[bool, str]:
    """Hunt these, two at a time, and print what caught each; gives whether one got away, and the figures."""
    began, missed = time.monotonic(), 0
    with ThreadPoolExecutor(2) as pool:
        for bug, (caught, seconds) in zip(bugs, pool.map(hunt, bugs), strict=True):
            missed += not caught
            print(
                f"{'caught' if caught else 'MISSED'}  {bug.name}  ({seconds:.0f} s)\n        by {caught or 'nothing'}",
                flush=True,
            )
    figures = f"{len(bugs) - missed} of {len(bugs)} caught, {time.monotonic() - began:.0f} s"
    print(figures)
    return missed > 0, figures


def main(arguments: list[str]) -> int:
    """Hunt them all, or those that are named; 1 when one got away."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    chosen = parser.parse_args(arguments).names
    missed, _ = hunt_all([bug for bug in BUGS if not chosen or bug.name in chosen])
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
