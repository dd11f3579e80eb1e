"""See and send: ``list``, ``sync``, ``log``."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from qb_pipeline.commands.console import FAILED, HELD, As, Firm, Json, fail, say, table, who, working

if TYPE_CHECKING:
    from qb_pipeline.sync.companies import Companies

From = Annotated[str, typer.Option("--from", metavar="DATE", help="First document date, inclusive.")]
To = Annotated[str, typer.Option("--to", metavar="DATE", help="Last document date, inclusive.")]
Invoice = Annotated[list[str], typer.Option("--invoice", metavar="ID", help="Only this invoice; may be repeated.")]
Payment = Annotated[list[str], typer.Option("--payment", metavar="ID", help="Only this payment; may be repeated.")]


LISTED = ("kind", "id", "number", "document_date", "amount", "state", "action", "recent_payment", "reason", "remedy")


def read_date(text: str, option: str) -> date | None:
    """Read a date option; ends the command with exit code 2 when it is none."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise fail(f"{option} {text!r} is no date; write it as 2026-01-31", code=2) from None


def read_dates(first: str, last: str) -> tuple[date | None, date | None]:
    """Read ``--from`` and ``--to``; ends the command with exit code 2 when they are no range."""
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
    """Show the work list: what is not in QuickBooks yet. Changes nothing there."""
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.scan import Selection, scan

    if kind not in ("", "invoice", "payment"):
        raise fail(f"--kind {kind!r}: use invoice or payment", code=2)
    days = read_dates(first, last)
    with working() as (_, _, companies):
        with companies.open(key, Run("list", "cli", who(""))) as place:
            scan(place, Selection(*days))
            rows = [
                _shown(row)
                for row in place.documents.listing(kind or None, first=days[0], last=days[1], state=state or None)
            ]
        table(rows, LISTED, as_json=as_json, empty="Everything is in QuickBooks.")
        if not as_json and rows:
            total = sum(row["amount"] for row in rows)
            say(f"{len(rows)} documents, {total:,.2f}")


def sync(
    key: Firm,
    first: From = "",
    last: To = "",
    invoice: Invoice = [],  # noqa: B006 - typer reads the default, nobody changes it
    payment: Payment = [],  # noqa: B006
    as_json: Json = False,
    actor: As = "",
) -> None:
    """Send to QuickBooks: everything that waits, a range of dates, or chosen documents (Sync Now)."""
    days = read_dates(first, last)
    with working() as (_, _, companies):
        outcome = sync_now(
            companies, key, first=days[0], last=days[1], invoice_ids=invoice, payment_ids=payment, actor=who(actor)
        )
        if as_json:
            say(json.dumps(outcome, default=str, indent=2))
        else:
            show_outcome(outcome)
        if outcome["failed"]:
            raise typer.Exit(FAILED)
        if outcome["held"]:
            raise typer.Exit(HELD)


def sync_now(
    companies: "Companies",
    firm_id: str,
    *,
    first: date | None = None,
    last: date | None = None,
    invoice_ids: Sequence[str] = (),
    payment_ids: Sequence[str] = (),
    actor: str,
) -> dict[str, Any]:
    """Scan, then launch the job over the dates that have work, and gather what the log says of its runs.

    Returns:
        firm, runs (ids), failed (messages), activities (kind, activity, reason, documents, amount), held (every
        document of the selection that needs a person, this run's or not), notices, control_totals, census, reads,
        writes.
    """
    from qb_pipeline.core.scopes import spans
    from qb_pipeline.ledger.documents import DAYS_AHEAD
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.scan import Selection, scan

    selection = Selection(first, last, invoice_ids, payment_ids)
    kinds = [kind for kind in ("invoice", "payment") if selection.includes(kind)]
    with companies.open(firm_id, Run("scan", "cli", actor)) as place:
        scan(place, selection)
        documents = place.documents
        if selection.is_chosen:
            ranges = [documents.date_range(kind, selection.ids(kind)) for kind in kinds]
            days = [day for found in ranges if found for day in found]
            asked = [(min(days), max(days))] if days else []
        else:
            asked = spans(
                day
                for day in documents.dates_with_work(kinds)
                if (first is None or day >= first) and (last is None or day <= last)
            )
    outcome: dict[str, Any] = {
        "firm": firm_id, "runs": [], "failed": [], "activities": [], "held": [], "notices": [], "control_totals": [],
        "census": [], "reads": 0, "writes": 0,
    }  # fmt: skip
    # Dates outside the partitions are held or wait: nothing there is for a run.
    earliest, latest = companies.first_date, companies.clock().date() + timedelta(days=DAYS_AHEAD)
    asked = [(max(begin, earliest), min(end, latest)) for begin, end in asked if begin <= latest and end >= earliest]
    if not asked:
        outcome["notices"] = [
            documents.why_not_chosen(kind, source_id, first, last)
            for kind in kinds
            for source_id in selection.ids(kind)
        ]
    for begin, end in asked:
        from qb_pipeline.defs.launch import launch_sync

        launched = launch_sync(firm_id, begin, end, actor=actor, invoice_ids=invoice_ids, payment_ids=payment_ids)
        run = Run(launched.run_id, "cli", actor)
        outcome["runs"].append(launched.run_id)
        outcome["activities"] += [
            {**row, "amount": _dollars(row["cents"])} for row in companies.log(firm_id).summary(run)
        ]
        rows = companies.log(firm_id).rows(run_id=launched.run_id, limit=1000)
        outcome["notices"] += [
            row["detail"]
            for row in rows
            if (row["activity"] == "skipped" and not row["source_id"])
            or (row["activity"] == "preflight" and row["reason"])
        ]
        outcome["control_totals"] += [dict(row) for row in companies.log(firm_id).control_totals(run)]
        outcome["census"] += [dict(row) for row in companies.censuses(firm_id).of_run(run)]
        ended = companies.log(firm_id).ended(run)
        outcome["reads"] += ended.reads
        outcome["writes"] += ended.writes
        if not launched.succeeded:
            outcome["failed"].append(ended.error or launched.error)
    outcome["held"] = [
        _shown(row)
        for kind in kinds
        for state in ("held", "refused")
        for row in documents.listing(kind, first=first, last=last, state=state)
        if not selection.is_chosen or row["source_id"] in selection.ids(kind)
    ]
    return outcome


def show_outcome(outcome: dict[str, Any]) -> None:
    """Print what a sync did, for a person."""
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
    """One line: what was counted, and what is wrong with it."""
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
    """Count everything that we ever sent in QuickBooks: each document once, with its total. Holds what is wrong."""
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.census import is_sound, take_census

    with (
        working() as (_, _, companies),
        companies.open(key, Run(f"census-{uuid4()}", "census", who("")), setting_up=True) as place,
    ):
        rows = take_census(place, whole=True)
        if as_json:
            say(json.dumps(rows, indent=2))
        for row in rows if not as_json else ():
            say(describe_census(row))
        if not all(is_sound(row) for row in rows):
            raise typer.Exit(FAILED)
        if any(row["copies"] for row in rows):
            raise typer.Exit(HELD)


def log(
    key: Firm,
    invoice: Annotated[str, typer.Option(help="Only this invoice, by billing's id.")] = "",
    run: Annotated[str, typer.Option(help="Only this Dagster run.")] = "",
    errors: Annotated[bool, typer.Option("--errors", help="Only what is held, refused, unknown or failed.")] = False,
    as_json: Json = False,
) -> None:
    """Show the sync log of a firm, newest first."""
    with working() as (_, _, companies):
        companies.firms.get(key)
        rows = [
            {**row, "amount": None if row["amount_cents"] is None else _dollars(row["amount_cents"]), "id": _id(row)}
            for row in companies.log(key).rows(source_id=invoice, run_id=run, errors=errors)
        ]
        columns = [
            "at", "trigger", "actor", "kind", "id", "number", "activity", "reason", "detail", "amount",
            "quickbooks_id", "run_id",
        ]  # fmt: skip
        table(rows, columns, as_json=as_json, empty="The log has no such rows.")


def _shown(row: Any) -> dict[str, Any]:
    """A document of the work list in the columns of ``LISTED``."""
    values = {**row, "id": _id(row), "amount": _dollars(row["amount_cents"])}
    return {name: values[name] for name in LISTED}


def _id(row: Any) -> str:
    return f"{row['source_id']}@{row['part']}" if row["part"] else str(row["source_id"])


def _dollars(cents: int) -> Any:
    from qb_pipeline.core.money import to_dollars

    return to_dollars(cents)
