"""Set up firms: ``firm …``, ``connect``, ``disconnect``."""

import secrets
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from qb_pipeline.commands.console import As, Firm, Json, fail, say, table, who, working

if TYPE_CHECKING:
    from qb_pipeline.ledger import firms
    from qb_pipeline.sync.companies import Companies

CONSENT_SECONDS = 600.0

app = typer.Typer(help="Add firms and set them up, step by step.", no_args_is_help=True)


@app.command()
def add(
    key: Firm,
    super_user: Annotated[str, typer.Option("--super-user", help="Who may subscribe, choose the model and activate.")],
    actor: As = "",
) -> None:
    """Add a firm of the billing database."""
    from qb_pipeline.billing.source import fetch_firm
    from qb_pipeline.defs.launch import add_firm_partition

    with working() as (_, _, companies):
        known = fetch_firm(companies.billing, key)
        if known is None:
            raise fail(f"billing has no firm {key}. Try: look at billing.firms, or qb-pipeline billing check")
        firm = companies.firms.add(
            key,
            name=known.name,
            time_zone=known.time_zone,
            currency=known.currency,
            super_user=super_user,
            actor=who(actor),
            now=companies.clock(),
        )
        add_firm_partition(key)
        say(f"{firm.name} is added. Next step: {firm.next_step}")


@app.command("list")
def list_firms(as_json: Json = False) -> None:
    """Show every firm, its state and its next step."""
    with working() as (_, _, companies):
        rows = [
            {
                "firm": firm.firm_id,
                "name": firm.name,
                "state": firm.state,
                "model": firm.model or "",
                "company": firm.company_name or "",
                "next_step": firm.next_step,
            }
            for firm in companies.firms.all()
        ]
        table(
            rows,
            ["firm", "name", "state", "model", "company", "next_step"],
            as_json=as_json,
            empty="No firm yet. Next step: qb-pipeline firm add KEY --super-user YOUR-NAME",
        )


@app.command()
def show(key: Firm, as_json: Json = False) -> None:
    """Show one firm: its state, its next step, its settings."""
    import json
    from dataclasses import asdict

    from qb_pipeline.core.settings import to_json
    from qb_pipeline.ledger.tokens import look_at_end
    from qb_pipeline.sync.preflight import recall

    with working() as (_, _, companies):
        firm = companies.firms.get(key)
        looked = recall(companies.ledger, firm)
        history = companies.firms.history(key)
        values = {
            "firm": firm.firm_id,
            "name": firm.name,
            "state": firm.state,
            "next_step": firm.next_step,
            "model": firm.model,
            "company": firm.company_name,
            "company_id": firm.realm_id,
            "environment": firm.environment,
            "connection": look_at_end(companies.ledger, key, now=companies.clock())[1],
            "cut_over_at": firm.cut_over_at,
            "activated_at": firm.activated_at,
            "eligible_since": firm.eligible_since or "all",
            **{k: v for k, v in json.loads(to_json(firm.settings)).items() if k != "eligible_since"},
        }
        fences = [asdict(fence) for fence in looked.fences] if looked else []
        findings = [
            {"code": finding.code, "severity": finding.severity, "sentence": finding.sentence, "remedy": finding.remedy}
            for finding in (looked.findings if looked else ())
        ]
        if as_json:
            more = {"findings": findings, "fences": fences, "history": history}
            say(json.dumps(values | more, default=str, indent=2))
            return
        for name, value in values.items():
            say(f"{name.replace('_', ' '):20} {'' if value is None else value}")
        table(findings, ["severity", "code", "sentence", "remedy"], title="pre-flight")
        table(fences, ["name", "state", "remedy"], title="fences against duplicates")
        table(history, ["at", "actor", "event", "detail"], title="set-up: who did what")


@app.command()
def subscribe(key: Firm, actor: As = "") -> None:
    """Subscribe a firm; unsubscribed firms are never touched."""
    with working() as (_, _, companies):
        firm = companies.firms.subscribe(key, actor=who(actor), now=companies.clock())
        say(f"{key} is subscribed. Next step: {firm.next_step}")


@app.command()
def model(key: Firm, number: Annotated[int, typer.Argument(min=1, max=2, metavar="1|2")], actor: As = "") -> None:
    """Choose the model: 1 sends invoices and payments; 2 sends invoices and takes payments back from QuickBooks.

    An active firm is switched when its payments are settled: those created from then on go by the new model.
    """
    from qb_pipeline.sync.models import choose_model

    with working() as (_, _, companies):
        before = companies.firms.get(key)
        firm = choose_model(companies, key, number, actor=who(actor))
        switched = (
            f" for payments created since {_local(firm, firm.cut_over_at)}" if before.is_switched_by(number) else ""
        )
        say(f"{key} uses model {number}{switched}. Next step: {firm.next_step or f'qb-pipeline sync {key}'}")


@app.command()
def activate(
    key: Firm,
    eligible_since: Annotated[
        str, typer.Option("--eligible-since", metavar="DATE|all", help="Sync documents created since. Default: now.")
    ] = "",
    actor: As = "",
) -> None:
    """Activate a firm: from now on its documents are synced."""
    from qb_pipeline.core.settings import parse_setting

    with working() as (_, _, companies):
        firm = companies.firms.get(key)
        now = companies.clock()
        since = parse_setting("eligible_since", eligible_since, time_zone=firm.time_zone) if eligible_since else now
        firm = companies.firms.activate(key, eligible_since=since, actor=who(actor), now=now)
        say(f"{key} is active for documents created since {_local(firm, since)}. Next step: qb-pipeline sync {key}")
        _say_findings(companies, key, actor)


@app.command("set")
def set_settings(
    key: Firm,
    assignments: Annotated[list[str], typer.Argument(metavar="name=value …")],
    actor: As = "",
) -> None:
    """Change settings, such as unmapped_fee_item=create income_account=79."""
    parsed = {}
    for assignment in assignments:
        name, sign, value = assignment.partition("=")
        if not sign:
            raise fail(f"{assignment!r} is not name=value", code=2)
        parsed[name.strip()] = value.strip()
    with working() as (_, _, companies):
        companies.firms.change_settings(key, parsed, actor=who(actor), now=companies.clock())
        say(f"{key}: {', '.join(f'{name} = {value}' for name, value in parsed.items())}")


@app.command()
def pause(key: Firm, actor: As = "") -> None:
    """Stop sending for a firm at once; everything under way stays recoverable."""
    with working() as (_, _, companies):
        companies.firms.pause(key, actor=who(actor), now=companies.clock())
        say(f"{key} is paused. Next step: qb-pipeline firm resume {key}")


@app.command()
def resume(key: Firm, actor: As = "") -> None:
    """Let a paused firm send again."""
    with working() as (_, _, companies):
        firm = companies.firms.resume(key, actor=who(actor), now=companies.clock())
        say(f"{key} is {firm.state}.")


def connect(
    key: Firm,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the consent page, or print it.")] = True,
    port: Annotated[int, typer.Option(help="Port of the callback on this machine; 0 takes a free one.")] = 8723,
    redirect_uri: Annotated[
        str, typer.Option("--redirect-uri", help="A registered https address; its final URL is pasted at the prompt.")
    ] = "",
    actor: As = "",
) -> None:
    """Connect a firm to its QuickBooks company (OAuth 2)."""
    import webbrowser

    from qb_pipeline.sync.connect import connect_firm
    from qb_pipeline.web.callback import Callback, read_redirect

    with working() as (_, _, companies):
        companies.firms.require_model(key)
        state = secrets.token_urlsafe(24)
        if redirect_uri:
            oauth = companies.oauth(redirect_uri)
            say(f"Open this page and allow the connection:\n\n  {oauth.authorization_url(state)}\n")
            granted = read_redirect(typer.prompt("Paste the address that you were sent to"), state=state)
        else:
            with Callback(state=state, port=port) as callback:
                oauth = companies.oauth(callback.redirect_uri)
                address = oauth.authorization_url(state)
                say(f"Waiting for your consent on this page:\n\n  {address}\n")
                if browser:
                    webbrowser.open(address)
                granted = callback.wait(CONSENT_SECONDS)
        firm = connect_firm(companies, key, oauth, granted.code, granted.realm_id, actor=who(actor))
        say(
            f"{key} is connected to {firm.company_name} ({firm.realm_id}). "
            f"Next step: {firm.next_step or f'qb-pipeline sync {key}'}"
        )
        _say_findings(companies, key, actor)


def disconnect(key: Firm, actor: As = "") -> None:
    """Revoke the tokens of a firm; its links to QuickBooks are kept."""
    from qb_pipeline.quickbooks.errors import AuthorizationLostError

    with working() as (_, _, companies):
        with suppress(AuthorizationLostError):  # dead already: a person disconnected the app in QuickBooks, say
            companies.oauth().revoke(companies.tokens.load(key).refresh_token)
        companies.firms.disconnect(key, actor=who(actor), now=companies.clock())
        say(f"{key} is disconnected; its links are kept. Next step: qb-pipeline connect {key}")


def _say_findings(companies: "Companies", key: str, actor: str) -> None:
    """Look at the company and say what to know of it; a step that was taken stands, whatever comes of this."""
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.quickbooks.errors import QuickBooksError
    from qb_pipeline.sync.preflight import examine

    try:
        with companies.open(key, Run("pre-flight", "cli", who(actor)), setting_up=True) as place:
            looked = examine(place)
    except QuickBooksError as error:
        say(f"Pre-flight: the company could not be looked at ({error}); the next sync does it.")
        return
    for finding in looked.findings:
        say(str(finding))


def _local(firm: "firms.Firm", moment: datetime | None) -> str:
    """A moment as the firm's clocks show it."""
    return moment.astimezone(ZoneInfo(firm.time_zone)).strftime("%Y-%m-%d %H:%M") if moment else "ever"
