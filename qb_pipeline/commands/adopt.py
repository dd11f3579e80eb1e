"""The command ``adopt`` (match): it links documents that an earlier integration put into QuickBooks. None is sent
again."""

import csv
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from qb_pipeline.commands.terminal.console import FAILED, USAGE, As, Firm, Json, fail, say, table, who, working
from qb_pipeline.core.states import DOCUMENTS

if TYPE_CHECKING:
    from qb_pipeline.sync.people.duplicate_answers import AnswerRow
    from qb_pipeline.sync.session.firm_session import FirmSession
    from qb_pipeline.sync.verify.adoption import Proposal

VERDICTS = ("match", "ambiguous", "near", "none")
COLUMNS = ("verdict", "kind", "source_id", "part", "number", "date", "amount", "quickbooks_id", "differs")
ANSWER = "answer"


def adopt(
    key: Firm,
    is_approved: Annotated[bool, typer.Option("--approve", help="Link every match; a super user's decision.")] = False,
    csv_file: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE.csv", dir_okay=False, help="Write what a person is asked about to a file."),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(
            "--answers", metavar="FILE.csv", dir_okay=False, exists=True,
            help="Store the answers (same, new) of such a file: all of them, or none; a super user's.",
        ),
    ] = None,
    as_json: Json = False,
    actor: As = "",
) -> None:  # fmt: skip
    """Show the invoices and payments of billing that others have put into QuickBooks; link them, or tell them apart."""
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.verify.adoption import approve, propose

    if sum(map(bool, (is_approved, csv_file, answers))) > 1:
        raise fail("--approve, --csv and --answers are three commands: give one of them", code=USAGE)
    with working() as (_, _, deployment):
        run = Run(f"adopt-{uuid4()}", "cli", who(actor))
        with deployment.open(key, run, setting_up=True) as session:
            if is_approved or answers:
                deployment.firms.require_super_user(key, run.actor)
            if answers:
                _store_answers(session, answers, as_json=as_json)
                return
            proposals = propose(session)
            linked = approve(session, proposals) if is_approved else Counter[str]()
            reads = session.quickbooks.requests.reads
        if csv_file:
            _write_questions(csv_file, proposals)
        shown = [row for proposal in proposals if proposal.verdict != "none" for row in evidence(proposal)]
        table(shown, COLUMNS, as_json=as_json, empty="")
        if not as_json:
            _say_counts(key, proposals, linked if is_approved else None, reads)
            if questions := sum(len(proposal.asked) for proposal in proposals):
                _say_how_to_answer(key, questions, csv_file)


def _say_counts(key: str, proposals: "Sequence[Proposal]", linked: Counter[str] | None, reads: int) -> None:
    """Print the number of documents of each kind and verdict.

    When ``linked`` is None (nothing was to be linked), print also the next step for the matches.
    """
    counts: Counter[tuple[str, str]] = Counter((row.document.kind, row.verdict) for row in proposals)
    for kind in DOCUMENTS:
        verdicts = ", ".join(f"{counts[kind, verdict]} {verdict}" for verdict in VERDICTS)
        done = "" if linked is None else f"; {linked[kind]} linked"
        say(f"{kind}s of billing that we did not send: {verdicts}{done}")
    say(f"requests: {reads} reads, 0 writes")
    if linked is None and any(verdict == "match" for _, verdict in counts):
        say(f"Look at each match, then: qb-pipeline adopt {key} --approve")


def _say_how_to_answer(key: str, questions: int, written: Path | None) -> None:
    if written:
        say(f"Pairs to be judged by a person: {questions}, in {written}. Fill its column answer (same or new), then:")
        say(f"qb-pipeline adopt {key} --answers {written}")
    else:
        say(
            f"Pairs to be judged by a person: {questions}. Write them to a file: qb-pipeline adopt {key} --csv FILE.csv"
        )


def _write_questions(file: Path, proposals: "Sequence[Proposal]") -> None:
    """Write a CSV file with a row for each document and each candidate that a person is asked about.

    The column ``answer`` is empty. The file appears whole or not at all.
    """
    from qb_pipeline.core.csv_cells import to_cell

    rows = [row for proposal in proposals for row in evidence(proposal) if row["quickbooks_id"] in proposal.asked]
    draft = file.with_name(file.name + ".new")
    try:
        with draft.open("w", newline="", encoding="utf-8") as output:
            writer = csv.writer(output)
            writer.writerow([*COLUMNS, ANSWER])
            for row in rows:
                writer.writerow([*(to_cell(str(row[name])) for name in COLUMNS), ""])
        os.replace(draft, file)
    except OSError as error:
        raise fail(f"{file} cannot be written: {error.strerror}", remedy="name another file") from error


def _store_answers(session: "FirmSession", file: Path, *, as_json: bool) -> None:
    """Store the answers of a file and print the outcome. A wrong row ends the command with exit code 1; no answer is
    stored."""
    from qb_pipeline.sync.people.duplicate_answers import store_answers

    rows = _read_answers(file)
    stored, errors = store_answers(session, rows)
    if errors or as_json:
        table([asdict(error) for error in errors], ["line", "reason", "remedy"], as_json=as_json)
    if errors:
        raise typer.Exit(FAILED) if as_json else fail(f"{len(errors)} rows of {file} are wrong; nothing was stored")
    if not as_json:
        left = sum(not row.answer for row in rows)
        say(f"{stored['same']} documents are linked, {stored['new']} pairs are told apart; {left} rows have no answer")
        say(f"Next step: qb-pipeline sync {session.firm.firm_id}")


def _read_answers(file: Path) -> "list[AnswerRow]":
    """Read a file of answers. A file that cannot be read or lacks a column ends the command with exit code 2."""
    from qb_pipeline.core.csv_cells import from_cell
    from qb_pipeline.sync.people.duplicate_answers import AnswerRow

    wanted = ("kind", "source_id", "part", "quickbooks_id", ANSWER)
    try:
        with file.open(newline="", encoding="utf-8-sig") as source:
            reader = csv.DictReader(source)
            missing = ", ".join(name for name in wanted if name not in (reader.fieldnames or ()))
            if missing:
                raise fail(f"{file} has no column {missing}", remedy="adopt KEY --csv FILE.csv writes one", code=USAGE)
            return [AnswerRow(*(from_cell(line[name] or "").strip() for name in wanted)) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise fail(f"{file} cannot be read: {why}", remedy="save the sheet as CSV in UTF-8", code=USAGE) from error


def evidence(proposal: "Proposal") -> list[dict[str, Any]]:
    """Return the rows that show one document of billing: a row for its match in QuickBooks, or for each candidate.

    ``differs`` describes the differences of a candidate; ``amount`` is in dollars.
    """
    from qb_pipeline.core.money import to_dollars

    document = proposal.document
    differs = proposal.differs or ("",) * len(proposal.quickbooks_ids)
    return [
        {
            "verdict": proposal.verdict,
            "kind": document.kind,
            "source_id": document.source_id,
            "part": document.part,
            "number": document.number,
            "date": document.document_date,
            "amount": to_dollars(proposal.total_cents),
            "quickbooks_id": quickbooks_id,
            "differs": how,
        }
        for quickbooks_id, how in zip(proposal.quickbooks_ids, differs, strict=True)
    ]
