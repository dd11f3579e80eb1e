"""The command ``reconcile``: the comparison of billing with QuickBooks."""

import json
from dataclasses import asdict, astuple
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from qb_pipeline.commands.sync import read_date
from qb_pipeline.commands.terminal.console import FAILED, USAGE, As, Firm, Json, fail, say, table, who, working

if TYPE_CHECKING:
    from qb_pipeline.sync.deployment import Deployment

AsOf = Annotated[
    str, typer.Option("--as-of", metavar="DATE", help="As it stood at the end of this day; asks QuickBooks nothing.")
]

MEASURES = ("measure", "ours", "theirs", "difference", "explained", "residual")
CLASSES = ("measure", "class", "documents", "amount", "oldest")


def reconcile(key: Firm, as_of: AsOf = "", as_json: Json = False, actor: As = "") -> None:
    """Compare billing with QuickBooks, and show each difference with its class. Exit code 1 when they do not add up."""
    with working() as (_, _, deployment):
        moment = _end_of(deployment, key, as_of) if as_of else None
        found = deployment.reconciliation(key)
        if moment is not None and (note := found.note(moment)):
            raise fail(f"nothing is known of {key} as of {as_of}: {note}", code=USAGE)
        reads, run_id = 0, ""
        if moment is None:
            from qb_pipeline.defs.launch import launch_reconcile
            from qb_pipeline.ledger.log import Run

            deployment.firms.get(key).require_active()
            launched = launch_reconcile(key, actor=who(actor))
            run_id = launched.run_id
            if not launched.succeeded:
                raise fail(launched.error)
            reads = deployment.log(key).ended(Run(run_id, "cli", who(actor))).reads
        outcome: dict[str, Any] = {
            "firm": key,
            "as_of": (moment or deployment.clock()).isoformat(timespec="seconds"),
            "run": run_id,
            "reads": reads,
            "measures": [{name: asdict(row)[name] for name in MEASURES} for row in found.measures(moment)],
            "classes": [dict(zip(CLASSES, astuple(row), strict=True)) for row in found.classes(moment)],
            "unexplained": [asdict(row) for row in found.unexplained(moment)],
        }
        if as_json:
            say(json.dumps(outcome, default=str, indent=2))
        else:
            _show(outcome)
        if outcome["unexplained"] or any(row["residual"] for row in outcome["measures"]):
            raise typer.Exit(FAILED)


def _end_of(deployment: "Deployment", key: str, text: str) -> datetime:
    """The midnight that ends a day of the firm; ends the command with exit code 2 for a day in the future."""
    day = read_date(text, "--as-of")
    assert day is not None  # noqa: S101 - the text is not empty
    zone = ZoneInfo(deployment.firms.get(key).time_zone)
    if day > deployment.clock().astimezone(zone).date():
        raise fail(f"--as-of {text} is in the future", code=USAGE)
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=zone)


def _show(outcome: dict[str, Any]) -> None:
    table(
        outcome["measures"], MEASURES, title=f"{outcome['firm']} as of {outcome['as_of']}", empty="nothing is known yet"
    )
    table(outcome["classes"], CLASSES, title="differences by class", empty="Billing and QuickBooks agree.")
    table(
        outcome["unexplained"],
        ("measure", "kind", "source_id", "part", "amount"),
        title="NOT EXPLAINED: a fault of this pipeline; please report it",
    )
    if outcome["run"]:
        say(f"requests: {outcome['reads']} reads · run {outcome['run']}")
