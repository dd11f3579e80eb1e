"""Checks of the firms (set-up, agreement with billing, connection to the right company) and of the clock."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from qb_pipeline.commands.checkup.finding import BROKEN, OK, WARNING, Finding

if TYPE_CHECKING:
    from qb_pipeline.ledger.setup.firms import Firm
    from qb_pipeline.sync.deployment import Deployment

SKEW_WARNING, SKEW_BROKEN = timedelta(minutes=1), timedelta(minutes=5)
"""The differences between our clock and QuickBooks' clock from which the check warns, and from which it fails. Five
minutes are the margin that tokens have (``ledger.setup.tokens.EARLY``)."""

NAMED = 5
"""The greatest number of documents that one finding names."""

ASKING = "doctor"
"""The run, trigger and actor of the doctor's requests. The doctor writes nothing, so no row of the log carries this
name."""


def firms(deployment: "Deployment") -> Iterator[Finding]:
    """Check every firm, and the clock when a firm is connected.

    QuickBooks is asked nothing about a firm that has no usable tokens or belongs to another environment.
    """
    found = deployment.firms.all()
    answers = True
    if any(firm.connected_at for firm in found):
        clock = _clock(deployment)
        yield clock
        answers = clock.part == "clock"
    for firm in found:
        yield from _set_up(deployment, firm)
        if firm.connected_at is None:
            continue
        if firm.environment != deployment.environment.name:
            yield _of_another_environment(firm, deployment.environment.name)
            continue
        tokens = _tokens(deployment, firm)
        yield tokens
        if answers and tokens.verdict != BROKEN:
            yield from _company(deployment, firm)
        yield from _company_fault(deployment, firm)
        yield from _identity_numbers(deployment, firm)


def missing_key(added: "Sequence[Firm]") -> Finding | None:
    """Return the finding that tokens of connected firms need the missing key; None when no firm is connected.

    A new key would not open these tokens.
    """
    connected = [firm.firm_id for firm in added if firm.connected_at]
    if not connected:
        return None
    remedy = f"Bring back secret_key or QB_PIPELINE_SECRET_KEY; if it is lost: qb-pipeline connect {connected[0]}"
    return Finding("key", BROKEN, f"missing, and the tokens of {len(connected)} firms need it", remedy)


def _set_up(deployment: "Deployment", firm: "Firm") -> Iterator[Finding]:
    from qb_pipeline.billing.source import fetch_firm
    from qb_pipeline.ledger.setup.bindings import Bindings

    part, again = f"firm {firm.firm_id}", f"qb-pipeline firm add {firm.firm_id} --super-user NAME"
    if firm.next_step:
        yield Finding(part, WARNING, f"{firm.state}: nothing is sent", firm.next_step)
    bound = Bindings(deployment.ledger, firm.firm_id).read()
    if bound is not None and bound.reconcile_first:
        yield Finding(part, BROKEN, bound.reconcile_first, f"qb-pipeline db reconcile-first {firm.firm_id}")
    try:
        ZoneInfo(firm.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        remedy = f"Correct firms.time_zone in billing (America/New_York), then: {again}"
        yield Finding(f"time zone of {firm.firm_id}", BROKEN, f"{firm.time_zone!r} is no time zone", remedy)
    known = fetch_firm(deployment.billing, firm.firm_id)
    if known is None:
        remedy = "Correct QB_PIPELINE_BILLING_URL, or bring the firm's row back."
        yield Finding(part, BROKEN, "billing does not know this firm", remedy)
        return
    here, there = (firm.time_zone, firm.currency), (known.time_zone, known.currency)
    if here != there:
        found = f"billing says {' and '.join(there)}, we have {' and '.join(here)}"
        yield Finding(f"time zone of {firm.firm_id}", WARNING, found, again)


def _of_another_environment(firm: "Firm", ours: str) -> Finding:
    found = f"it is a company in {firm.environment}, and QUICKBOOKS_ENVIRONMENT is {ours}"
    remedy = f"QUICKBOOKS_ENVIRONMENT={firm.environment}; each environment wants a deployment of its own."
    return Finding(f"company of {firm.firm_id}", BROKEN, found, remedy)


def _tokens(deployment: "Deployment", firm: "Firm") -> Finding:
    from qb_pipeline.ledger.setup.firms import SetUpError
    from qb_pipeline.ledger.setup.tokens import describe_end

    part, remedy = f"tokens of {firm.firm_id}", f"qb-pipeline connect {firm.firm_id}"
    try:
        tokens = deployment.tokens.load(firm.firm_id)
    except SetUpError as error:
        return Finding(part, BROKEN, str(error), remedy)
    level, found = describe_end(tokens.ends_at, tokens.lost_at, now=deployment.clock())
    return Finding(part, (OK, WARNING, WARNING, BROKEN)[level], found, remedy if level else "")


def _company(deployment: "Deployment", firm: "Firm") -> Iterator[Finding]:
    """Check a firm's company with the firm's tokens.

    Reads from QuickBooks the company's record, its settings and the objects that mappings point at.
    """
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.ledger.setup.firms import SetUpError
    from qb_pipeline.quickbooks.errors import AuthorizationLostError, CompanyFaultError, QuickBooksError
    from qb_pipeline.sync.verify.preflight import examine

    part = f"company of {firm.firm_id}"
    try:
        with deployment.open(firm.firm_id, Run(ASKING, ASKING, ASKING), setting_up=True) as session:
            looked = examine(session)
    except AuthorizationLostError as error:
        remedy = f"qb-pipeline connect {firm.firm_id}, and choose {firm.company_name} ({firm.realm_id})"
        yield Finding(part, BROKEN, f"these tokens do not open it: {error}", remedy)
        return
    except CompanyFaultError:
        return  # the session has stored the fault, and ``_company_fault`` reports it
    except SetUpError as error:  # such as other databases than those of the firm's binding
        yield Finding(part, BROKEN, str(error), "Do what the message says.")
        return
    except QuickBooksError as error:
        yield Finding(part, BROKEN, str(error), "Try again later; status.developer.intuit.com knows more.")
        return
    name = looked.company_name
    if name != firm.company_name:
        remedy = f"If it was renamed: qb-pipeline connect {firm.firm_id}. Else: qb-pipeline firm pause {firm.firm_id}"
        yield Finding(part, WARNING, f"QuickBooks calls it {name!r}, we know it as {firm.company_name!r}", remedy)
    else:
        yield Finding(part, found=f"{name} ({firm.realm_id})")
    fences = ", ".join(f"{fence.name}: {fence.state}" for fence in looked.fences)
    yield Finding(f"fences against duplicates of {firm.firm_id}", found=fences)
    for finding in looked.findings:
        verdict = BROKEN if finding.severity == "blocking" else WARNING
        yield Finding(f"{finding.code} of {firm.firm_id}", verdict, finding.sentence, finding.remedy)


def _company_fault(deployment: "Deployment", firm: "Firm") -> Iterator[Finding]:
    """Yield the last fault of QuickBooks that concerns the company as a whole, unless a write has succeeded since."""
    from qb_pipeline.ledger.books import company_faults

    fault = company_faults.standing(deployment.ledger, firm.firm_id)
    if fault is not None:
        yield Finding(f"company of {firm.firm_id}", BROKEN, str(fault), fault.remedy)


def _identity_numbers(deployment: "Deployment", firm: "Firm") -> Iterator[Finding]:
    """Yield a finding about the documents in QuickBooks that carry an identity number.

    They were sent before this release, which searches all fields.
    """
    from qb_pipeline.billing.source import BillingSource
    from qb_pipeline.ledger.books.history import History
    from qb_pipeline.sync.verify.identity_numbers import find_sent_identity_numbers

    ours = BillingSource(deployment.billing, firm.firm_id), History(deployment.ledger, firm.firm_id)
    found = find_sent_identity_numbers(*ours)
    if found:
        named = ", ".join(map(str, found[:NAMED])) + (f" and {len(found) - NAMED} more" if len(found) > NAMED else "")
        remedy = (
            "Take the number out in billing: the next sync sends the document again, a customer with the payer's next "
            "invoice. What billing leaves empty, clear in QuickBooks."
        )
        yield Finding(
            f"identity numbers of {firm.firm_id}", WARNING, f"{len(found)} documents in QuickBooks: {named}", remedy
        )


def _clock(deployment: "Deployment") -> Finding:
    from qb_pipeline.quickbooks.errors import QuickBooksError
    from qb_pipeline.quickbooks.server_clock import read_server_time

    try:
        asked = deployment.clock()
        theirs = read_server_time(deployment.environment)
    except QuickBooksError as error:
        remedy = "Let this machine reach QuickBooks (firewall, DNS); the emulator: qb-pipeline emulator"
        return Finding("QuickBooks", BROKEN, str(error), remedy)
    skew = _skew(asked, theirs, deployment.clock())
    text = f"{'ahead of' if skew > timedelta(0) else 'behind'} QuickBooks by {abs(skew).total_seconds():.0f} s"
    remedy = "Let this machine keep time (timedatectl set-ntp true)."
    if abs(skew) >= SKEW_BROKEN:
        return Finding("clock", BROKEN, text, remedy)
    return Finding("clock", WARNING, text, remedy) if abs(skew) >= SKEW_WARNING else Finding("clock", found="right")


def _skew(asked: datetime, theirs: datetime, answered: datetime) -> timedelta:
    """Return the lead of our clock over QuickBooks' clock; it is negative when our clock is behind.

    It is 0 while QuickBooks' time, in whole seconds, lies between the time of the question and that of the answer.
    """
    if theirs < asked - timedelta(seconds=1):
        return asked - theirs
    return answered - theirs if theirs > answered else timedelta(0)
