"""The command ``demo``: the main job with the embedded services, from nothing to a reconciled QuickBooks company."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple
from datetime import date, timedelta
from decimal import Decimal
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from qb_pipeline.commands.processes.launching import sync_now
from qb_pipeline.commands.pull import pull_now
from qb_pipeline.commands.pull import show as show_pull
from qb_pipeline.commands.reconcile import CLASSES
from qb_pipeline.commands.services import UI_PORT, run_dagster
from qb_pipeline.commands.terminal.console import FAILED, errors, fail, listen, say, table, working

if TYPE_CHECKING:
    import requests

    from qb_pipeline.billing.demo import QuickBooksCompany
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.deployment import Deployment

SUPER_USER = "demo"
MODELS = {"rivera-law": 1, "chen-partners": 2}
REALMS = {"rivera-law": "9130357849372001", "chen-partners": "9130357849372002"}


def demo(
    ui: Annotated[
        bool | None, typer.Option("--ui/--no-ui", help="Leave the Dagster UI up afterwards. Default: on a terminal.")
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of the Dagster UI.")] = UI_PORT,
) -> None:
    """Show the main job: two law firms, a QuickBooks emulator, a sync in Dagster, and its outcome."""
    import sys

    leaves_ui = sys.stdout.isatty() if ui is None else ui
    if leaves_ui:
        listen(port).close()
    with working() as (settings, found, deployment), errors():
        if found.emulator_url is None or settings.environment != "emulator":
            raise fail("the demo writes to the emulator only. Try: unset QUICKBOOKS_ENVIRONMENT")
        prepare(deployment, found.emulator_url)
        done = do_main_job(deployment, found.emulator_url)
        agrees = show_everything(deployment, found.emulator_url, done)
        say(f"QuickBooks as a bookkeeper sees it: {found.emulator_url}")
        say("Again: qb-pipeline sync rivera-law   Why: qb-pipeline log rivera-law --errors   Screen: qb-pipeline dev")
        if done.failed or not agrees:
            raise typer.Exit(FAILED)
        if leaves_ui:
            run_dagster(found, port)


class Done(NamedTuple):
    """The outcome of the main job.

    ``synced``: the outcome of each firm's sync, keyed by firm. ``pulled``: the outcomes of the pulls. ``unreconciled``:
    the errors of failed runs of ``reconcile``.
    """

    synced: dict[str, dict[str, Any]]
    pulled: list[dict[str, Any]]
    unreconciled: list[str]

    @property
    def failed(self) -> list[str]:
        """The messages of failed runs, of all three jobs."""
        outcomes = (*self.synced.values(), *self.pulled)
        return [message for outcome in outcomes for message in outcome["failed"]] + self.unreconciled


def prepare(deployment: "Deployment", emulator_url: str) -> None:
    """Prepare both firms for their first sync: fill billing and the QuickBooks companies, then set the firms up."""
    with stage("billing database with two law firms"):
        load_billing(deployment)
    with stage("QuickBooks companies in the emulator"):
        seed_companies(emulator_url, deployment.clock().date())
    with stage("firms subscribed, connected and active"):
        for firm_id in MODELS:
            set_up(deployment, firm_id)


def do_main_job(deployment: "Deployment", emulator_url: str) -> Done:
    """Sync both firms, fetch clients' payments from QuickBooks, and reconcile both sides."""
    synced = {}
    for firm_id in MODELS:
        with stage(f"sync of {firm_id} in Dagster"):
            synced[firm_id] = sync_now(deployment, firm_id, actor=SUPER_USER)
    with stage("clients pay some invoices in QuickBooks; these payments come back to billing"):
        receive_payments(emulator_url, deployment.clock().date())
        pulled = [pull_now(deployment, firm_id, actor=SUPER_USER) for firm_id, model in MODELS.items() if model == 2]
    with stage("reconciliation of both firms"):
        unreconciled = [message for firm_id in MODELS for message in reconcile_now(firm_id)]
    return Done(synced, pulled, unreconciled)


def show_everything(deployment: "Deployment", emulator_url: str, done: Done) -> bool:
    """Print the outcome of each firm and of both together. Return whether ledger and QuickBooks agree."""
    agrees = [show_summary(deployment, emulator_url, firm_id, done.synced[firm_id]) for firm_id in MODELS]
    say()
    for outcome in done.pulled:
        show_pull(outcome)
    show_differences(deployment)
    for message in done.unreconciled:
        say(f"FAILED: {message}")
    return all(agrees)


@contextmanager
def stage(what: str) -> Iterator[None]:
    """Run the block; then print its duration in seconds and its name ``what``."""
    start = monotonic()
    yield
    say(f"  {monotonic() - start:5.1f} s  {what}")


def load_billing(deployment: "Deployment") -> None:
    """Load the reference schema and the demo's rows, unless they exist already."""
    from qb_pipeline.billing import contract
    from qb_pipeline.billing.demo import load_demo
    from qb_pipeline.billing.source import firms

    if any(violation.relation == "billing" for violation in contract.check_contract(deployment.billing)):
        contract.install(deployment.billing)
    if not {firm.firm_id for firm in firms(deployment.billing)} & MODELS.keys():
        load_demo(deployment.billing, today=deployment.clock().date())


def seed_companies(emulator_url: str, today: date) -> None:
    """Create the companies with the data that bookkeepers have before the first sync, over HTTP like any program."""
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


def set_up(deployment: "Deployment", firm_id: str) -> None:
    """Take every step of a firm's set-up, as a person would. This function answers the consent page itself."""
    import requests

    from qb_pipeline.billing.demo import DEMO_SETTINGS
    from qb_pipeline.billing.source import fetch_firm
    from qb_pipeline.defs.launch import add_firm_partition
    from qb_pipeline.sync.people.connect import connect_firm
    from qb_pipeline.sync.people.model_switch import choose_model
    from qb_pipeline.web.callback import read_redirect

    known = fetch_firm(deployment.billing, firm_id)
    assert known is not None  # noqa: S101 - load_billing put it there
    now = deployment.clock()
    firms = deployment.firms
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
    choose_model(deployment, firm_id, MODELS[firm_id], actor=SUPER_USER)
    oauth = deployment.oauth("http://localhost:8723/callback")
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
    connect_firm(deployment, firm_id, oauth, granted.code, granted.realm_id, actor=SUPER_USER)
    settings = {name: value for name, value in DEMO_SETTINGS[firm_id].items() if name != "eligible_since"}
    if settings:
        firms.change_settings(firm_id, settings, actor=SUPER_USER, now=now)
    firms.activate(firm_id, eligible_since=None, actor=SUPER_USER, now=now)


def receive_payments(emulator_url: str, today: date) -> None:
    """Record payments of clients in QuickBooks, as the bookkeeper does; each only once.

    A payment is left out unless all its invoices are in QuickBooks and entirely open.
    """
    import requests

    from qb_pipeline.billing.demo import DEMO_QUICKBOOKS

    with requests.Session() as session:
        session.trust_env = False
        for firm_id, company in DEMO_QUICKBOOKS.items():
            admin = f"{emulator_url}/emulator/companies/{REALMS[firm_id]}"
            invoices = {row["DocNumber"]: row for row in _rows(session, f"{admin}/Invoice") if "DocNumber" in row}
            methods = {row["Name"]: row["Id"] for row in _rows(session, f"{admin}/PaymentMethod")}
            for received in company.received:
                paid = [(invoices[number], amount) for number, amount in received.invoices if number in invoices]
                if len(paid) < len(received.invoices) or any(row["Balance"] != row["TotalAmt"] for row, _ in paid):
                    continue  # received before, or an invoice of it is not there
                order = {
                    "customer_id": paid[0][0]["CustomerRef"]["value"],
                    "invoices": [{"id": row["Id"], "amount": amount} for row, amount in paid],
                    "method_id": methods[received.method],
                    "reference": received.reference,
                    "date": (today - timedelta(days=received.days_ago)).isoformat(),
                }
                _post(session, f"{admin}/bookkeeper/receive-payment", order)


def reconcile_now(firm_id: str) -> list[str]:
    """Run the job ``reconcile`` for a firm. Return a list with the error of the run; it is empty after a success."""
    from qb_pipeline.defs.launch import launch_reconcile

    launched = launch_reconcile(firm_id, actor=SUPER_USER)
    return [] if launched.succeeded else [launched.error]


def show_differences(deployment: "Deployment") -> None:
    """Print the differences between billing and QuickBooks by class, all firms in one table."""
    rows = [
        {"firm": firm_id, **dict(zip(CLASSES, astuple(row), strict=True))}
        for firm_id in MODELS
        for row in deployment.reconciliation(firm_id).classes()
    ]
    table(rows, ["firm", *CLASSES], title="reconciliation: differences by class", empty="both sides agree")


def show_summary(deployment: "Deployment", emulator_url: str, firm_id: str, outcome: dict[str, Any]) -> bool:
    """Print the documents that a firm's sync sent and held; compare the ledger with the emulator's own books.

    Returns:
        Whether ledger and books agree.
    """
    firm = deployment.firms.get(firm_id)
    say()
    say(f"{firm.name} · model {firm.model} · {firm.company_name} ({firm.realm_id})")
    by_activity: dict[tuple[str, str], tuple[int, Decimal]] = {}
    for row in outcome["activities"]:
        if row["activity"] not in ("seen", "notice"):
            documents, amount = by_activity.get((row["kind"], row["activity"]), (0, Decimal(0)))
            by_activity[row["kind"], row["activity"]] = documents + row["documents"], amount + row["amount"]
    table(
        [
            {"kind": kind, "what became of it": activity, "documents": count, "amount": amount}
            for (kind, activity), (count, amount) in sorted(by_activity.items())
        ],
        ["kind", "what became of it", "documents", "amount"],
        empty="nothing was to be done: QuickBooks has everything that billing has",
    )
    with deployment.open(firm_id, _run()) as session:
        held = session.listing.held_by_reason()
        table(
            [asdict(row) for row in held],
            ["kind", "reason", "documents", "amount", "remedy"],
            title="held: a person must act",
        )
        rows, agree = _compare(session.listing.in_quickbooks_totals(), _truth(emulator_url, firm.realm_id or ""))
    table(rows, ["kind", "documents", "sent", "in QuickBooks", "difference"], title="control totals")
    say(f"requests: {outcome['reads']} reads (metered by Intuit), {outcome['writes']} writes")
    for message in outcome["failed"]:
        say(f"FAILED: {message}")
    return agree


def _run() -> "Run":
    from qb_pipeline.ledger.log import Run

    return Run("demo", "cli", SUPER_USER)


def _truth(emulator_url: str, realm_id: str) -> dict[str, tuple[int, Decimal]]:
    """Return the number and the total in dollars of our documents, keyed by kind.

    They are read from the emulator's own books, not through our client.
    """
    import requests

    found = {}
    with requests.Session() as session:
        session.trust_env = False
        for kind, entity in (("invoice", "Invoice"), ("payment", "Payment")):
            rows = _rows(session, f"{emulator_url}/emulator/companies/{realm_id}/{entity}")
            ours = [row for row in rows if "qbp1:" in row.get("PrivateNote", "")]
            found[kind] = (len(ours), sum((Decimal(row["TotalAmt"]) for row in ours), Decimal(0)))
    return found


def _rows(session: "requests.Session", url: str) -> list[dict[str, Any]]:
    """Read objects from the emulator's own books. Amounts are Decimal."""
    import json

    answer = session.get(url, timeout=30)
    answer.raise_for_status()
    rows: list[dict[str, Any]] = json.loads(answer.text, parse_float=Decimal)
    return rows


def _compare(
    ledger: dict[str, tuple[int, Decimal]], truth: dict[str, tuple[int, Decimal]]
) -> tuple[list[dict[str, str | Decimal]], bool]:
    rows: list[dict[str, str | Decimal]] = []
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
