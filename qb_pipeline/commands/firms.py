"""The commands that set up firms: ``firm …``, ``connect``, ``disconnect``."""

import secrets
from contextlib import ExitStack, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from qb_pipeline.commands.terminal.console import As, Firm, Json, fail, listen, say, table, who, working

if TYPE_CHECKING:
    from qb_pipeline.core.mapping.mapping_targets import Target
    from qb_pipeline.ledger.setup import firms
    from qb_pipeline.sync.deployment import Deployment

CONSENT_SECONDS = 600.0

app = typer.Typer(help="Add firms and set them up, step by step.", no_args_is_help=True, suggest_commands=False)


@app.command()
def add(
    key: Firm,
    super_user: Annotated[str, typer.Option("--super-user", help="Who may subscribe, choose the model and activate.")],
    actor: As = "",
) -> None:
    """Add a firm of the billing database."""
    from qb_pipeline.billing.source import fetch_firm, firms
    from qb_pipeline.core.words import nearest
    from qb_pipeline.defs.launch import add_firm_partition

    with working() as (_, _, deployment):
        known = fetch_firm(deployment.billing, key)
        if known is None:
            keys = [firm.firm_id for firm in firms(deployment.billing)]
            near = nearest(key, keys) or keys[:5]
            meant = f" It has: {', '.join(near)}." if near else ""
            raise fail(f"billing has no firm {key}.{meant} Try: look at billing.firms, or qb-pipeline billing check")
        firm = deployment.firms.add(
            key,
            name=known.name,
            time_zone=known.time_zone,
            currency=known.currency,
            super_user=super_user,
            actor=who(actor),
            now=deployment.clock(),
        )
        add_firm_partition(key)
        say(f"{firm.name} is added. Next step: {firm.next_step}")


@app.command("list")
def list_firms(as_json: Json = False) -> None:
    """Show every firm, its state and its next step."""
    with working() as (_, _, deployment):
        rows = [
            {
                "firm": firm.firm_id,
                "name": firm.name,
                "state": firm.state,
                "model": firm.model or "",
                "company": firm.company_name or "",
                "next_step": firm.next_step,
            }
            for firm in deployment.firms.all()
        ]
        table(
            rows,
            ["firm", "name", "state", "model", "company", "next_step"],
            as_json=as_json,
            empty="No firm yet. Next step: qb-pipeline firm add KEY --super-user YOUR-NAME",
        )


@app.command()
def show(key: Firm, as_json: Json = False) -> None:
    """Show one firm: its state, its next step, its settings as firm set takes them."""
    import json
    from dataclasses import asdict, replace

    from qb_pipeline.core.settings import to_text
    from qb_pipeline.ledger.books import company_faults
    from qb_pipeline.ledger.setup.tokens import look_at_end
    from qb_pipeline.sync.verify.preflight import recall

    with working() as (_, _, deployment):
        firm = deployment.firms.get(key)
        looked = recall(deployment.ledger, firm)
        history = deployment.firms.history(key)
        values = {
            "firm": firm.firm_id,
            "name": firm.name,
            "state": firm.state,
            "next_step": firm.next_step,
            "model": firm.model,
            "company": firm.company_name,
            "company_id": firm.realm_id,
            "environment": firm.environment,
            "company_fault": str(fault) if (fault := company_faults.standing(deployment.ledger, key)) else "",
            "connection": look_at_end(deployment.ledger, key, now=deployment.clock())[1],
            "cut_over_at": firm.cut_over_at,
            "activated_at": firm.activated_at,
            **to_text(replace(firm.settings, eligible_since=firm.eligible_since)),
        }
        fences = [asdict(fence) for fence in looked.fences] if looked else []
        findings = [
            {"code": finding.code, "severity": finding.severity, "sentence": finding.sentence, "remedy": finding.remedy}
            for finding in (looked.findings if looked else ())
        ]
        if as_json:
            more = {"findings": findings, "fences": fences, "history": [asdict(row) for row in history]}
            say(json.dumps(values | more, default=str, indent=2))
            return
        for name, value in values.items():
            say(f"{name.replace('_', ' '):20} {'' if value is None else value}")
        table(findings, ["severity", "code", "sentence", "remedy"], title="pre-flight")
        table(fences, ["name", "state", "remedy"], title="fences against duplicates")
        table([asdict(row) for row in history], ["at", "actor", "event", "detail"], title="set-up: who did what")


@app.command()
def subscribe(key: Firm, actor: As = "") -> None:
    """Subscribe a firm; unsubscribed firms are never touched."""
    with working() as (_, _, deployment):
        firm = deployment.firms.subscribe(key, actor=who(actor), now=deployment.clock())
        say(f"{key} is subscribed. Next step: {firm.next_step}")


@app.command()
def model(key: Firm, number: Annotated[int, typer.Argument(min=1, max=2, metavar="1|2")], actor: As = "") -> None:
    """Choose the model: 1 sends invoices and payments; 2 sends invoices and takes payments back from QuickBooks.

    An active firm is switched when its payments are settled. The new model applies to payments created since then.
    """
    from qb_pipeline.sync.people.model_switch import choose_model

    with working() as (_, _, deployment):
        before = deployment.firms.get(key)
        firm = choose_model(deployment, key, number, actor=who(actor))
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

    with working() as (_, _, deployment):
        firm = deployment.firms.get(key)
        now = deployment.clock()
        since = parse_setting("eligible_since", eligible_since, time_zone=firm.time_zone) if eligible_since else now
        firm = deployment.firms.activate(key, eligible_since=since, actor=who(actor), now=now)
        say(f"{key} is active for documents created since {_local(firm, since)}. Next step: qb-pipeline sync {key}")
        _say_findings(deployment, key, actor)
        _say_questions(deployment, key, actor)


@app.command("set")
def set_settings(
    key: Firm,
    assignments: Annotated[list[str], typer.Argument(metavar="name=value …")],
    actor: As = "",
) -> None:
    """Change settings, such as unmapped_fee_item=create income_account='Legal Fees' (its Id, name or full name)."""
    from qb_pipeline.core.mapping.mapping_targets import ACCOUNTS
    from qb_pipeline.core.settings import parse_setting

    parsed = {}
    for assignment in assignments:
        name, sign, value = assignment.partition("=")
        if not sign:
            raise fail(f"{assignment!r} is not name=value", code=2)
        parsed[name.strip()] = value.strip()
    with working() as (_, _, deployment):
        firm = deployment.firms.get(key)
        shown = dict(parsed)
        accounts = {name: value for name, value in parsed.items() if name in ACCOUNTS and value}
        if accounts and firm.connected_at:  # a connected company can be asked for them
            for name, value in parsed.items():
                if name not in accounts:
                    parse_setting(name, value, time_zone=firm.time_zone)
            found = _find_accounts(deployment, key, accounts, actor)
            parsed |= {name: account.quickbooks_id for name, account in found.items()}
            shown |= {name: f"{account.quickbooks_id} ({account.full_name})" for name, account in found.items()}
        changed = deployment.firms.change_settings(key, parsed, actor=who(actor), now=deployment.clock())
        say(f"{key}: {', '.join(f'{name} = {value}' for name, value in shown.items())}")
        _say_staying_items(deployment, firm, changed)
        if "matter_in" in parsed and firm.connected_at:
            _say_findings(deployment, key, actor, of_matters=True)


@app.command()
def pause(key: Firm, actor: As = "") -> None:
    """Stop sending for a firm at once; everything under way stays recoverable."""
    with working() as (_, _, deployment):
        deployment.firms.pause(key, actor=who(actor), now=deployment.clock())
        say(f"{key} is paused. Next step: qb-pipeline firm resume {key}")


@app.command()
def resume(key: Firm, actor: As = "") -> None:
    """Let a paused firm send again."""
    with working() as (_, _, deployment):
        firm = deployment.firms.resume(key, actor=who(actor), now=deployment.clock())
        say(f"{key} is {firm.state}.")


def connect(
    key: Firm,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the consent page, or print it.")] = True,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of the callback on this machine; 0 takes a free one.")
    ] = 8723,
    redirect_uri: Annotated[
        str, typer.Option("--redirect-uri", help="A registered https address; its final URL is pasted at the prompt.")
    ] = "",
    actor: As = "",
) -> None:
    """Connect a firm to its QuickBooks company (OAuth 2)."""
    import webbrowser

    from qb_pipeline.sync.people.connect import connect_firm
    from qb_pipeline.web.callback import Callback, read_redirect

    with ExitStack() as stack:
        listener = None if redirect_uri else stack.enter_context(listen(port))
        _, _, deployment = stack.enter_context(working())
        deployment.firms.require_model(key)
        state = secrets.token_urlsafe(24)
        if redirect_uri:
            oauth = deployment.oauth(redirect_uri)
            say(f"Open this page and allow the connection:\n\n  {oauth.authorization_url(state)}\n")
            granted = read_redirect(typer.prompt("Paste the address that you were sent to"), state=state)
        else:
            with Callback(state=state, listener=listener) as callback:
                oauth = deployment.oauth(callback.redirect_uri)
                address = oauth.authorization_url(state)
                say(f"Waiting for your consent on this page:\n\n  {address}\n")
                if browser:
                    webbrowser.open(address)
                granted = callback.wait(CONSENT_SECONDS)
        firm = connect_firm(deployment, key, oauth, granted.code, granted.realm_id, actor=who(actor))
        say(
            f"{key} is connected to {firm.company_name} ({firm.realm_id}). "
            f"Next step: {firm.next_step or f'qb-pipeline sync {key}'}"
        )
        if firm.activated_at is None:
            say(f"To map payers and fee items before: qb-pipeline mapping suggest {key}")
        _say_findings(deployment, key, actor)


def disconnect(key: Firm, actor: As = "") -> None:
    """Revoke the tokens of a firm; its links to QuickBooks are kept."""
    from qb_pipeline.quickbooks.errors import AuthorizationLostError

    with working() as (_, _, deployment):
        deployment.firms.get(key)
        with suppress(AuthorizationLostError):  # the tokens are lost: a person may have disconnected the app
            deployment.oauth().revoke(deployment.tokens.load(key).refresh_token)
        deployment.firms.disconnect(key, actor=who(actor), now=deployment.clock())
        say(f"{key} is disconnected; its links are kept. Next step: qb-pipeline connect {key}")


def _find_accounts(deployment: "Deployment", key: str, wanted: dict[str, str], actor: str) -> "dict[str, Target]":
    """Return the accounts that a person names, keyed by setting.

    Raises:
        ValueError: no account of the company, or more than one, fits a setting; the message lists the accounts that
            fit.
    """
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.mapping.csv_file import choose_income_account

    with deployment.open(key, Run("settings", "cli", who(actor)), setting_up=True) as session:
        return {name: choose_income_account(session, text, name) for name, text in wanted.items()}


def _say_staying_items(deployment: "Deployment", before: "firms.Firm", after: "firms.Firm") -> None:
    """Print the names of the items that we created and that keep their account although its setting has changed."""
    from qb_pipeline.core.mapping.mapping_targets import NAMED
    from qb_pipeline.sync.people.item_accounts import find_staying_items

    items = find_staying_items(deployment, before, after)
    if items:
        named = ", ".join(f"{item.quickbooks_name} (Id {item.quickbooks_id})" for item in items[:NAMED])
        more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
        say(f"New items go there. These stay with their account, until you change it in QuickBooks: {named}{more}")


def _say_findings(deployment: "Deployment", key: str, actor: str, *, of_matters: bool = False) -> None:
    """Check the company (pre-flight) and print the findings. A failure is printed, and undoes no step of the set-up.

    With ``of_matters``, print only the findings about the place of matters that the firm chose.
    """
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.quickbooks.errors import QuickBooksError
    from qb_pipeline.sync.verify.preflight import examine, examine_matters

    try:
        with deployment.open(key, Run("pre-flight", "cli", who(actor)), setting_up=True) as session:
            findings = examine_matters(session) if of_matters else examine(session).findings
    except QuickBooksError as error:
        say(f"Pre-flight: the company could not be looked at ({error}); the next sync does it.")
        return
    for finding in findings:
        say(str(finding))


def _say_questions(deployment: "Deployment", key: str, actor: str) -> None:
    """Print the number of payers about which a person will be asked. A failure is printed, and undoes no step of the
    set-up."""
    from qb_pipeline.billing.errors import BillingError
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.quickbooks.errors import QuickBooksError
    from qb_pipeline.sync.people.payer_questions import count_questions

    try:
        with deployment.open(key, Run("activate", "cli", who(actor)), setting_up=True) as session:
            asked, new = count_questions(session)
    except (BillingError, QuickBooksError) as error:
        say(f"Payers were not compared with customers ({error}); the next plan or sync does it.")
        return
    if new:
        said = f"Payers that a person will be asked about: {asked} of {new} that have no customer yet"
        more = f"; QuickBooks may have them under other names. To see and answer them: qb-pipeline plan {key}"
        say(said + (more if asked else ""))


def _local(firm: "firms.Firm", moment: datetime | None) -> str:
    """Return a moment as text in the firm's time zone (2026-01-31 17:00); "ever" for None."""
    return moment.astimezone(ZoneInfo(firm.time_zone)).strftime("%Y-%m-%d %H:%M") if moment else "ever"
