"""The main job on the embedded default, from nothing to a reconciled QuickBooks company."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qb_pipeline.commands.console import FAILED, errors, fail, say, table, working
from qb_pipeline.commands.launching import sync_now
from qb_pipeline.commands.services import run_dagster

if TYPE_CHECKING:
    import requests

    from qb_pipeline.billing.demo import QuickBooksCompany
    from qb_pipeline.sync.companies import Companies

SUPER_USER = "demo"
MODELS = {"rivera-law": 1, "chen-partners": 2}
REALMS = {"rivera-law": "9130357849372001", "chen-partners": "9130357849372002"}


def demo(
    ui: Annotated[
        bool | None, typer.Option("--ui/--no-ui", help="Leave the Dagster UI up afterwards. Default: on a terminal.")
    ] = None,
) -> None:
    """Show the main job: two law firms, a QuickBooks emulator, a sync in Dagster, and what came of it."""
    import sys

    with working() as (settings, found, companies), errors():
        if found.emulator_url is None or settings.environment != "emulator":
            raise fail("the demo writes to the emulator only. Try: unset QUICKBOOKS_ENVIRONMENT")
        with stage("billing database with two law firms"):
            load_billing(companies)
        with stage("QuickBooks companies in the emulator"):
            seed_companies(found.emulator_url, companies.clock().date())
        with stage("firms subscribed, connected and active"):
            for firm_id in MODELS:
                set_up(companies, firm_id)
        outcomes = {}
        for firm_id in MODELS:
            with stage(f"sync of {firm_id} in Dagster"):
                outcomes[firm_id] = sync_now(companies, firm_id, actor=SUPER_USER)
        agrees = [show_summary(companies, found.emulator_url, firm_id, outcomes[firm_id]) for firm_id in MODELS]
        say(f"QuickBooks as a bookkeeper sees it: {found.emulator_url}")
        say("Again: qb-pipeline sync rivera-law   Why: qb-pipeline log rivera-law --errors   Screen: qb-pipeline dev")
        if not all(agrees) or any(outcome["failed"] for outcome in outcomes.values()):
            raise typer.Exit(FAILED)
        if ui or (ui is None and sys.stdout.isatty()):
            run_dagster(found)


@contextmanager
def stage(what: str) -> Iterator[None]:
    """Name a stage and say how long it took."""
    start = monotonic()
    yield
    say(f"  {monotonic() - start:5.1f} s  {what}")


def load_billing(companies: "Companies") -> None:
    """The reference schema and the demo's rows, unless they are there."""
    from qb_pipeline.billing import contract
    from qb_pipeline.billing.demo import load_demo
    from qb_pipeline.billing.source import firms

    if any(violation.relation == "billing" for violation in contract.check_contract(companies.billing)):
        contract.install(companies.billing)
    if not {firm.firm_id for firm in firms(companies.billing)} & MODELS.keys():
        load_demo(companies.billing, today=companies.clock().date())


def seed_companies(emulator_url: str, today: date) -> None:
    """What the firms' bookkeepers entered before the first sync, over HTTP as any program would."""
    import requests

    from qb_pipeline.billing.demo import DEMO_QUICKBOOKS

    with requests.Session() as session:
        session.trust_env = False
        known = {row["realm_id"] for row in session.get(f"{emulator_url}/emulator/companies", timeout=10).json()}
        for firm_id, company in DEMO_QUICKBOOKS.items():
            if REALMS[firm_id] not in known:
                _seed(session, emulator_url, REALMS[firm_id], company, today)


def _seed(
    session: "requests.Session", emulator_url: str, realm_id: str, company: "QuickBooksCompany", today: date
) -> None:
    admin = f"{emulator_url}/emulator/companies"
    _post(session, admin, {"realm_id": realm_id, "name": company.name})
    switches = session.get(f"{admin}/{realm_id}/switches", timeout=10).json()
    session.patch(f"{admin}/{realm_id}/switches", json={"preset": "no_limits"}, timeout=10).raise_for_status()
    token = _post(session, f"{admin}/{realm_id}/tokens", {})["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    api = f"{emulator_url}/v3/company/{realm_id}"
    accounts = session.get(f"{admin}/{realm_id}/Account", timeout=10).json()
    income = next(account["Id"] for account in accounts if account["Name"] == "Legal Fees")
    customers: dict[str, str] = {}
    for customer in company.customers:
        body = {
            "DisplayName": customer.display_name,
            "GivenName": customer.given_name,
            "FamilyName": customer.family_name,
            "CompanyName": customer.company_name,
        }
        if customer.parent:
            body |= {"Job": True, "ParentRef": {"value": customers[customer.parent]}}  # type: ignore[dict-item]
        made = _post(session, f"{api}/customer", {name: value for name, value in body.items() if value})["Customer"]
        customers[customer.display_name] = made["Id"]
        if not customer.is_active:
            gone = {"Id": made["Id"], "SyncToken": made["SyncToken"], "sparse": True, "Active": False}
            _post(session, f"{api}/customer", gone)
    for name in company.vendors:
        _post(session, f"{api}/vendor", {"DisplayName": name})
    items = {}
    for item in company.items:
        body = {"Name": item.name, "Type": "Service", "IncomeAccountRef": {"value": income}}  # type: ignore[dict-item]
        items[item.name] = _post(session, f"{api}/item", body | ({"Sku": item.sku} if item.sku else {}))["Item"]["Id"]
    for invoice in company.invoices:
        line = {
            "Amount": Decimal(invoice.amount),
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {"ItemRef": {"value": items[invoice.item]}},
        }
        _post(
            session,
            f"{api}/invoice",
            {
                "DocNumber": invoice.doc_number,
                "TxnDate": (today - timedelta(days=invoice.days_ago)).isoformat(),
                "CustomerRef": {"value": customers[invoice.customer]},
                "Line": [line],
            },
        )
    # As most bookkeepers have it: a number that is used already is refused, tax is what the invoice says.
    session.patch(
        f"{admin}/{realm_id}/switches", json={**switches, "duplicate_numbers": "refused", "tax": "as_sent"}, timeout=10
    ).raise_for_status()
    del session.headers["Authorization"]
    _post(session, f"{admin}/{realm_id}/statistics/reset", {})  # the minute's limit is for the sync, not for us


def _post(session: "requests.Session", url: str, body: dict[str, Any]) -> Any:
    from qb_pipeline.core.money import dumps

    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    answer = session.post(url, data=dumps(body), headers=headers, timeout=30)
    if not answer.ok:
        raise fail(f"the emulator refused {url.rsplit('/', 1)[-1]}: {answer.text[:300]}")
    return answer.json()


def set_up(companies: "Companies", firm_id: str) -> None:
    """Every step of set-up, as a person would take it; the consent page is clicked for you."""
    import requests

    from qb_pipeline.billing.demo import DEMO_SETTINGS
    from qb_pipeline.billing.source import fetch_firm
    from qb_pipeline.defs.launch import add_firm_partition
    from qb_pipeline.sync.connect import connect_firm
    from qb_pipeline.sync.models import choose_model
    from qb_pipeline.web.callback import read_redirect

    known = fetch_firm(companies.billing, firm_id)
    assert known is not None  # noqa: S101 - load_billing put it there
    now = companies.clock()
    firms = companies.firms
    firm = firms.add(
        firm_id,
        name=known.name,
        time_zone=known.time_zone,
        currency=known.currency,
        super_user=SUPER_USER,
        actor=SUPER_USER,
        now=now,
    )
    add_firm_partition(firm_id)
    if firm.state == "active":
        return
    firms.subscribe(firm_id, actor=SUPER_USER, now=now)
    choose_model(companies, firm_id, MODELS[firm_id], actor=SUPER_USER)
    oauth = companies.oauth("http://localhost:8723/callback")
    page = oauth.authorization_url("demo")
    with requests.Session() as session:
        session.trust_env = False
        form = session.get(page, timeout=10).text
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
        answer = session.post(
            page.split("?")[0],
            data={**fields, "company": REALMS[firm_id], "answer": "allow"},
            allow_redirects=False,
            timeout=10,
        )
    granted = read_redirect(answer.headers.get("Location", ""), state="demo")
    connect_firm(companies, firm_id, oauth, granted.code, granted.realm_id, actor=SUPER_USER)
    settings = {name: value for name, value in DEMO_SETTINGS[firm_id].items() if name != "eligible_since"}
    if settings:
        firms.change_settings(firm_id, settings, actor=SUPER_USER, now=now)
    firms.activate(firm_id, eligible_since=None, actor=SUPER_USER, now=now)


def show_summary(companies: "Companies", emulator_url: str, firm_id: str, outcome: dict[str, Any]) -> bool:
    """Print what was sent and held, and compare the ledger with the emulator's own books; says whether they agree."""
    firm = companies.firms.get(firm_id)
    say()
    say(f"{firm.name} · model {firm.model} · {firm.company_name} ({firm.realm_id})")
    by_activity: dict[tuple[str, str], list[Any]] = {}
    for row in outcome["activities"]:
        if row["activity"] not in ("seen", "notice"):
            total = by_activity.setdefault((row["kind"], row["activity"]), [0, Decimal(0)])
            total[0] += row["documents"]
            total[1] += row["amount"]
    table(
        [
            {"kind": kind, "what became of it": activity, "documents": count, "amount": amount}
            for (kind, activity), (count, amount) in sorted(by_activity.items())
        ],
        ["kind", "what became of it", "documents", "amount"],
        empty="nothing was to be done: QuickBooks has everything that billing has",
    )
    with companies.open(firm_id, _run()) as place:
        held = place.documents.held_by_reason()
        table(held, ["kind", "reason", "documents", "amount", "remedy"], title="held: a person must act")
        rows, agree = _compare(place.documents.in_quickbooks_totals(), _truth(emulator_url, firm.realm_id or ""))
    table(rows, ["kind", "documents", "sent", "in QuickBooks", "difference"], title="control totals")
    say(f"requests: {outcome['reads']} reads (metered by Intuit), {outcome['writes']} writes")
    for message in outcome["failed"]:
        say(f"FAILED: {message}")
    return agree


def _run() -> Any:
    from qb_pipeline.ledger.log import Run

    return Run("demo", "cli", SUPER_USER)


def _truth(emulator_url: str, realm_id: str) -> dict[str, tuple[int, Decimal]]:
    """Count and money of our documents, from the emulator's own books and not through our client."""
    import json

    import requests

    found = {}
    for kind, entity in (("invoice", "Invoice"), ("payment", "Payment")):
        url = f"{emulator_url}/emulator/companies/{realm_id}/{entity}"
        text = requests.get(url, timeout=30).text
        ours = [row for row in json.loads(text, parse_float=Decimal) if "qbp1:" in row.get("PrivateNote", "")]
        found[kind] = (len(ours), sum((Decimal(row["TotalAmt"]) for row in ours), Decimal(0)))
    return found


def _compare(ledger: dict[str, Any], truth: dict[str, tuple[int, Decimal]]) -> tuple[list[dict[str, Any]], bool]:
    rows = []
    for kind, (count, amount) in truth.items():
        documents, sent = ledger.get(kind, (0, Decimal(0)))
        rows.append(
            {
                "kind": kind,
                "documents": f"{documents} of {count}",
                "sent": sent,
                "in QuickBooks": amount,
                "difference": sent - amount,
            }
        )
    agree = all(ledger.get(kind, (0, Decimal(0))) == truth[kind] for kind in truth)
    return rows, agree
