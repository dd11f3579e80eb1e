"""The commands that take payments back from QuickBooks (Model 2): ``pull``, ``webhook``."""

import json
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from qb_pipeline.commands.terminal.console import (
    FAILED,
    HELD,
    As,
    Firm,
    Json,
    Port,
    fail,
    listen,
    say,
    table,
    who,
    working,
)

if TYPE_CHECKING:
    from qb_pipeline.sync.deployment import Deployment


def pull(key: Firm, as_json: Json = False, actor: As = "") -> None:
    """Model 2: fetch the payments that QuickBooks received on our invoices, and post them to billing, now."""
    with working() as (_, _, deployment):
        outcome = pull_now(deployment, key, actor=who(actor))
        if as_json:
            say(json.dumps(outcome, default=str, indent=2))
        else:
            show(outcome)
        if outcome["failed"]:
            raise typer.Exit(FAILED)
        if outcome["troubles"]:
            raise typer.Exit(HELD)


def pull_now(deployment: "Deployment", key: str, *, actor: str) -> dict[str, Any]:
    """Read the payments that changed in the company, then run the job ``pull_payments`` over the dates with work.

    Returns:
        firm, runs (ids), failed (messages), changed, posted (kind, rows, amount in dollars), states (state, payments,
        unapplied in dollars), troubles, reads.
    """
    from datetime import timedelta

    from qb_pipeline.core.date_ranges import DAYS_AHEAD
    from qb_pipeline.core.money import to_dollars
    from qb_pipeline.defs.launch import launch_pull
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.pull.intervals import choose_pulls
    from qb_pipeline.sync.pull.received_payments import read_changes

    with deployment.open(key, Run("pull", "cli", actor)) as session:
        changed, due = read_changes(session)
        inbox, reads = session.received, session.quickbooks.requests.reads
    latest = deployment.clock().date() + timedelta(days=DAYS_AHEAD)
    outcome: dict[str, Any] = {"firm": key, "runs": [], "failed": [], "changed": changed, "posted": []}
    for wanted in choose_pulls(key, due, deployment.clock(), earliest=deployment.first_date, latest=latest):
        launched = launch_pull(key, wanted.first, wanted.last, actor=actor)
        outcome["runs"].append(launched.run_id)
        outcome["posted"] += [
            {"kind": row.kind, "rows": row.rows, "amount": to_dollars(row.cents)}
            for row in inbox.posted_in_run(launched.run_id)
        ]
        if not launched.succeeded:
            outcome["failed"].append(launched.error)
    outcome["states"] = [
        {"state": state, "payments": count.payments, "unapplied": to_dollars(count.unapplied_cents)}
        for state, count in inbox.counts().items()
    ]
    outcome["troubles"] = [asdict(row) for row in inbox.troubles()]
    outcome["reads"] = reads
    return outcome


def show(outcome: dict[str, Any]) -> None:
    """Print the outcome of a pull, for a person."""
    table(outcome["posted"], ["kind", "rows", "amount"], title=outcome["firm"], empty="Billing has everything.")
    table(outcome["states"], ["state", "payments", "unapplied"], title="payments in QuickBooks")
    table(outcome["troubles"], ["payment_id", "payment_date", "state", "error"], title="a person must act")
    runs = f" · run {', '.join(outcome['runs'])}" if outcome["runs"] else ""
    say(f"{outcome['changed']} payments are new or changed · requests: {outcome['reads']} reads{runs}")
    for message in outcome["failed"]:
        say(f"FAILED: {message}")


def webhook(port: Port = 8724) -> None:
    """Model 2: receive Intuit's webhooks, until Ctrl-C. A webhook only makes the sensor read the company sooner."""
    from qb_pipeline.config import WEBHOOK_TOKEN
    from qb_pipeline.ledger.books.pulls import record_hints
    from qb_pipeline.stopping import Told
    from qb_pipeline.web.webhook import make_app, serve

    with listen(port) as listener, working() as (settings, _, deployment):
        if not settings.webhook_token:
            raise fail(f"{WEBHOOK_TOKEN} is not set: copy the verifier token from the Intuit app's Webhooks page")

        def hint(realm_ids: Any) -> None:
            record_hints(deployment.ledger, deployment.environment.name, realm_ids, now=deployment.clock())

        def ready(url: str) -> None:
            say(f"webhooks: {url} (a reverse proxy with TLS goes in front)")

        with suppress(Told):
            serve(make_app(settings.webhook_token, hint), listener, ready=ready)
