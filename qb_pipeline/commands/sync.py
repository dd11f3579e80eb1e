"""The commands that show and send documents: ``list``, ``sync``, ``census``, ``log``."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any
from uuid import uuid4

import typer

from qb_pipeline.commands.processes.launching import LISTED, apply_plan, id_of, shown, sync_now
from qb_pipeline.commands.terminal.console import (
    FAILED,
    HELD,
    USAGE,
    As,
    Firm,
    Json,
    errors,
    fail,
    say,
    table,
    who,
    working,
)
from qb_pipeline.core.states import DOCUMENTS, State

From = Annotated[str, typer.Option("--from", metavar="DATE", help="First document date, inclusive.")]
To = Annotated[str, typer.Option("--to", metavar="DATE", help="Last document date, inclusive.")]
Invoice = Annotated[
    list[str],
    typer.Option("--invoice", metavar="INVOICE", help="Only this invoice, by number or billing's id; may be repeated."),
]
Payment = Annotated[
    list[str],
    typer.Option(
        "--payment", metavar="PAYMENT", help="Only this payment, by reference or billing's id; may be repeated."
    ),
]


def read_date(text: str, option: str) -> date | None:
    """Read a date option, written as 2026-01-31; None for "". Any other text ends the command with exit code 2."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise fail(f"{option} {text!r} is no date; write it as 2026-01-31", code=2) from None


def read_dates(first: str, last: str) -> tuple[date | None, date | None]:
    """Read ``--from`` and ``--to``; None for each that is not given.

    Values that are not dates, or not a range, end the command with exit code 2.
    """
    days = read_date(first, "--from"), read_date(last, "--to")
    if days[0] and days[1] and days[0] > days[1]:
        raise fail(f"--from {first} is after --to {last}", code=2)
    return days


def list_documents(
    key: Firm,
    kind: Annotated[str, typer.Option(help="invoice or payment; default: both.")] = "",
    first: From = "",
    last: To = "",
    state: Annotated[str, typer.Option(help="Only this state, such as held or synced.")] = "",
    as_json: Json = False,
) -> None:
    """Show the documents of the work list that are not in QuickBooks yet. Changes nothing there."""
    from qb_pipeline.core.words import choose_word
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.extract.scan import Selection, scan

    days = read_dates(first, last)
    with errors():
        only = choose_word("kind", kind, DOCUMENTS) if kind else None
        standing = choose_word("state", state, tuple(State)) if state else None
    with working() as (_, _, deployment):
        with deployment.open(key, Run("list", "cli", who(""))) as session:
            scan(session, Selection(*days))
            rows = [shown(row) for row in session.listing.listing(only, first=days[0], last=days[1], state=standing)]
        if as_json:
            table(rows, LISTED, as_json=True)
        else:
            _print_list(rows)
        if not as_json and rows:
            total = sum(row["amount"] for row in rows)
            say(f"{len(rows)} documents, {total:,.2f}")


def _print_list(rows: list[dict[str, Any]]) -> None:
    """Print the list for a terminal: one line per document, then the remedy of each reason once."""
    names = ["document", "number", "document_date", "amount", "state", "reason"]
    names += [name for name in ("recent_payment", "refused_at") if any(row[name] for row in rows)]
    table(
        [
            {
                **row,
                "document": f"{row['kind']}:{row['id']}",
                "refused_at": f"{row['refused_at']:%Y-%m-%d %H:%M}" if row["refused_at"] else "",
            }
            for row in rows
        ],
        names,
        empty="Everything is in QuickBooks.",
    )
    remedies = sorted({(row["reason"], row["remedy"]) for row in rows if row["remedy"]})
    table([{"reason": reason, "what clears it": remedy} for reason, remedy in remedies], ["reason", "what clears it"])


def sync(
    key: Firm,
    first: From = "",
    last: To = "",
    invoice: Invoice = [],  # noqa: B006 - typer reads the default, nobody changes it
    payment: Payment = [],  # noqa: B006
    plan: Annotated[str, typer.Option("--plan", metavar="PLAN_ID", help="Send exactly what this plan says.")] = "",
    as_json: Json = False,
    actor: As = "",
) -> None:
    """Send to QuickBooks: everything that waits, a range of dates, chosen documents (Sync Now), or a plan."""
    days = read_dates(first, last)
    if plan and (first or last or invoice or payment):
        raise fail("--plan names its documents itself; leave out --from, --to, --invoice and --payment", code=USAGE)
    with working() as (_, _, deployment):
        if plan:
            outcome = apply_plan(deployment, key, plan, actor=who(actor))
        else:
            outcome = sync_now(
                deployment, key, first=days[0], last=days[1], invoices=invoice, payments=payment, actor=who(actor)
            )
        if as_json:
            say(json.dumps(outcome, default=str, indent=2))
        else:
            show_outcome(outcome)
        if outcome["failed"]:
            raise typer.Exit(FAILED)
        if outcome["held"]:
            raise typer.Exit(HELD)


def show_outcome(outcome: dict[str, Any]) -> None:
    """Print the outcome of a sync, for a person."""
    if outcome["runs"]:
        table(
            outcome["activities"],
            ["kind", "activity", "reason", "documents", "amount"],
            title=outcome["firm"],
            empty=f"{outcome['firm']}: nothing was to be done.",
        )
        say(f"requests: {outcome['reads']} reads, {outcome['writes']} writes · run {', '.join(outcome['runs'])}")
    elif outcome["held"] or outcome["notices"]:
        say(f"{outcome['firm']}: nothing to send.")
    else:
        say(f"{outcome['firm']}: nothing to send. QuickBooks has everything that billing has.")
    for row in outcome["census"]:
        say(describe_census(row))
    if outcome["held"]:
        by_remedy = Counter((row["kind"], row["reason"], row["remedy"] or "") for row in outcome["held"])
        table(
            [
                {"kind": kind, "reason": reason, "documents": count, "what clears it": remedy}
                for (kind, reason, remedy), count in sorted(by_remedy.items())
            ],
            ["kind", "reason", "documents", "what clears it"],
            title="held: a person must act",
        )
    for notice in outcome["notices"]:
        say(notice)
    for message in outcome["failed"]:
        say(f"FAILED: {message}")


def describe_census(row: Mapping[str, Any]) -> str:
    """Describe a census in one line: the counts, and the deviations that were found."""
    wrong = {
        "duplicates": "there twice", "copies": "copied by a person", "missing": "missing or void",
        "differing": "with another total", "foreigners": "with another mark", "strays": "unknown to the ledger",
        "changed": "changed by a person since",
    }  # fmt: skip
    found = [f"{row[name]} {words}" for name, words in wrong.items() if row[name]]
    reads = f"{row['reads']} read{'' if row['reads'] == 1 else 's'}"
    said = ", ".join(found) if found else "each once, totals equal"
    return f"census: {row['living']} of {row['documents']} {row['kind']}s stand in QuickBooks, {said} ({reads})"


def census(key: Firm, as_json: Json = False) -> None:
    """Count in QuickBooks the documents that we ever sent: each once, with its total. Holds each document at fault."""
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.verify.census import take_census

    with (
        working() as (_, _, deployment),
        deployment.open(key, Run(f"census-{uuid4()}", "census", who("")), setting_up=True) as session,
    ):
        rows = take_census(session, whole=True)
        if as_json:
            say(json.dumps([asdict(row) for row in rows], indent=2))
        for row in rows if not as_json else ():
            say(describe_census(asdict(row)))
        if not all(row.is_sound for row in rows):
            raise typer.Exit(FAILED)
        if any(row.copies for row in rows):
            raise typer.Exit(HELD)


def _seconds(started_at: datetime, finished_at: datetime | None) -> str:
    """Return the duration of a stage in seconds; "" while the stage runs."""
    return "" if finished_at is None else f"{(finished_at - started_at).total_seconds():.1f}"


def log(
    key: Firm,
    invoice: Annotated[str, typer.Option(metavar="INVOICE", help="Only this invoice, by number or billing's id.")] = "",
    payment: Annotated[
        str, typer.Option(metavar="PAYMENT", help="Only this payment, by reference or billing's id.")
    ] = "",
    run: Annotated[str, typer.Option(metavar="RUN", help="Only this run; how its id begins will do.")] = "",
    only_errors: Annotated[bool, typer.Option("--errors", help="Only held, refused, unknown, failed.")] = False,
    as_json: Json = False,
) -> None:
    """Show the sync log of a firm, newest first."""
    from qb_pipeline.core.money import to_dollars
    from qb_pipeline.sync.people.naming import bystander, find_listed, read_words

    with working() as (_, _, deployment):
        sides = bystander(deployment, key)
        if invoice and payment:
            raise fail("--invoice and --payment name one document; give one of them", code=USAGE)
        words = read_words(filter(None, [invoice]), filter(None, [payment]))
        document_id = find_listed(sides, words[0]) if words else None
        written = deployment.log(key)
        run_id = written.find_run(run) if run else ""
        rows = [
            asdict(row)
            | {"amount": None if row.amount_cents is None else to_dollars(row.amount_cents), "id": id_of(row)}
            for row in written.rows(document_id=document_id, run_id=run_id, errors=only_errors)
        ]
        columns = [
            "at", "trigger", "actor", "kind", "id", "number", "activity", "reason", "detail", "amount",
            "quickbooks_id", "run_id",
        ]  # fmt: skip
        if as_json:
            table(rows, columns, as_json=True)
            return
        told = [
            {
                "at": f"{row['at']:%Y-%m-%d %H:%M}",
                "activity": row["activity"],
                "document": f"{row['kind']}:{row['id']}" if row["kind"] else "",
                "why": " ".join(filter(None, (row["reason"], row["detail"]))),
                "amount": "" if row["amount"] is None else row["amount"],
                "by": row["actor"],
                "run": row["run_id"],
            }
            for row in rows
        ]
        if run_id:
            table(
                [
                    {
                        **asdict(row),
                        "began": f"{row.started_at:%H:%M:%S}",
                        "seconds": _seconds(row.started_at, row.finished_at),
                        "what stopped it": row.error,
                    }
                    for row in written.stages(run_id)
                ],
                ["stage", "outcome", "began", "seconds", "reads", "writes", "what stopped it"],
                title="How far the run came",
            )
        columns = ["at", "activity", "document", "why", "amount", "by", "run"]
        table(told, columns, by="run", empty="The log has no such rows.")
