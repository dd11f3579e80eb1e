"""Take payments back from QuickBooks (Model 2): ``pull``, ``webhook``."""

import json
import socket
from typing import Annotated, Any

import typer

from qb_pipeline.commands.console import FAILED, HELD, As, Firm, Json, fail, say, table, who, working


def pull(key: Firm, as_json: Json = False, actor: As = "") -> None:
    """Model 2: fetch the payments that QuickBooks received on our invoices, and post them to billing, now."""
    from datetime import timedelta

    from qb_pipeline.core.money import to_dollars
    from qb_pipeline.defs.launch import launch_pull
    from qb_pipeline.defs.partitions import DAYS_AHEAD
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.pull import look
    from qb_pipeline.sync.pull_times import choose_pulls

    with working() as (_, _, companies):
        with companies.open(key, Run("pull", "cli", who(actor))) as place:
            changed, due = look(place)
            inbox, reads = place.received, place.quickbooks.requests.reads
        latest = companies.clock().date() + timedelta(days=DAYS_AHEAD)
        outcome: dict[str, Any] = {"firm": key, "runs": [], "failed": [], "changed": changed, "posted": []}
        for wanted in choose_pulls(key, due, companies.clock(), earliest=companies.first_date, latest=latest):
            launched = launch_pull(key, wanted.first, wanted.last, actor=who(actor))
            outcome["runs"].append(launched.run_id)
            outcome["posted"] += [
                {"kind": row["kind"], "rows": row["rows"], "amount": to_dollars(row["cents"])}
                for row in inbox.posted_in_run(launched.run_id)
            ]
            if not launched.succeeded:
                outcome["failed"].append(launched.error)
        outcome["states"] = [
            {"state": state, "payments": count.payments, "unapplied": to_dollars(count.unapplied_cents)}
            for state, count in inbox.counts().items()
        ]
        outcome["troubles"] = [dict(row) for row in inbox.troubles()]
        outcome["reads"] = reads
        if as_json:
            say(json.dumps(outcome, default=str, indent=2))
        else:
            show(outcome)
        if outcome["failed"]:
            raise typer.Exit(FAILED)
        if outcome["troubles"]:
            raise typer.Exit(HELD)


def show(outcome: dict[str, Any]) -> None:
    """Print what a pull did, for a person."""
    table(outcome["posted"], ["kind", "rows", "amount"], title=outcome["firm"], empty="Billing has everything.")
    table(outcome["states"], ["state", "payments", "unapplied"], title="payments in QuickBooks")
    table(outcome["troubles"], ["payment_id", "payment_date", "state", "error"], title="a person must act")
    runs = f" · run {', '.join(outcome['runs'])}" if outcome["runs"] else ""
    say(f"{outcome['changed']} payments are new or changed · requests: {outcome['reads']} reads{runs}")
    for message in outcome["failed"]:
        say(f"FAILED: {message}")


def webhook(port: Annotated[int, typer.Option(help="Port on this machine; 0 takes a free one.")] = 8724) -> None:
    """Model 2: receive Intuit's webhooks, until Ctrl-C; each makes the sensor look sooner, and nothing more."""
    import uvicorn

    from qb_pipeline.config import WEBHOOK_TOKEN
    from qb_pipeline.ledger.pulls import record_hints
    from qb_pipeline.web.webhook import PATH, make_app

    with working() as (settings, _, companies):
        if not settings.webhook_token:
            raise fail(f"{WEBHOOK_TOKEN} is not set: copy the verifier token from the Intuit app's Webhooks page")

        def hint(realm_ids: Any) -> None:
            record_hints(companies.ledger, companies.environment.name, realm_ids, now=companies.clock())

        listener = socket.create_server(("127.0.0.1", port))
        served = uvicorn.Server(
            uvicorn.Config(
                make_app(settings.webhook_token, hint), log_level="warning", access_log=False, server_header=False,
                limit_concurrency=64, timeout_keep_alive=5,
            )
        )  # fmt: skip
        say(f"webhooks: http://127.0.0.1:{listener.getsockname()[1]}{PATH} (a reverse proxy with TLS goes in front)")
        served.run(sockets=[listener])
