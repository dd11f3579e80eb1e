"""The firms: set up, as billing knows them, connected to the company that they belong to, on a clock that is right."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from qb_pipeline.commands.checkup.finding import BROKEN, OK, WARNING, Finding

if TYPE_CHECKING:
    from qb_pipeline.ledger.firms import Firm
    from qb_pipeline.sync.companies import Companies

SKEW_WARNING, SKEW_BROKEN = timedelta(minutes=1), timedelta(minutes=5)
"""Five minutes are the room that tokens have (``ledger.tokens.EARLY``)."""

ASKING = "doctor"
"""The name under which the doctor asks; it writes nothing, so no row of the log carries it."""


def firms(companies: "Companies") -> Iterator[Finding]:
    """Look at every firm. One without tokens, or of another environment, is not asked about at QuickBooks."""
    found = companies.firms.all()
    answers = True
    if any(firm.connected_at for firm in found):
        clock = _clock(companies)
        yield clock
        answers = clock.part == "clock"
    for firm in found:
        yield from _set_up(companies, firm)
        if firm.connected_at is None:
            continue
        if firm.environment != companies.environment.name:
            yield _of_another_environment(firm, companies.environment.name)
            continue
        tokens = _tokens(companies, firm)
        yield tokens
        if answers and tokens.verdict != BROKEN:
            yield from _company(companies, firm)


def missing_key(added: "Sequence[Firm]") -> Finding | None:
    """Say so when there is no key and tokens wait for one; a new key would open none of them."""
    connected = [firm.firm_id for firm in added if firm.connected_at]
    if not connected:
        return None
    remedy = f"Bring back secret_key or QB_PIPELINE_SECRET_KEY; if it is lost: qb-pipeline connect {connected[0]}"
    return Finding("key", BROKEN, f"missing, and the tokens of {len(connected)} firms need it", remedy)


def _set_up(companies: "Companies", firm: "Firm") -> Iterator[Finding]:
    from qb_pipeline.billing.source import fetch_firm
    from qb_pipeline.ledger.bindings import Bindings

    part, again = f"firm {firm.firm_id}", f"qb-pipeline firm add {firm.firm_id} --super-user NAME"
    if firm.next_step:
        yield Finding(part, WARNING, f"{firm.state}: nothing is sent", firm.next_step)
    bound = Bindings(companies.ledger, firm.firm_id).read()
    if bound is not None and bound.reconcile_first:
        yield Finding(part, BROKEN, bound.reconcile_first, f"qb-pipeline db reconcile-first {firm.firm_id}")
    try:
        ZoneInfo(firm.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        remedy = f"Correct firms.time_zone in billing (America/New_York), then: {again}"
        yield Finding(f"time zone of {firm.firm_id}", BROKEN, f"{firm.time_zone!r} is no time zone", remedy)
    known = fetch_firm(companies.billing, firm.firm_id)
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


def _tokens(companies: "Companies", firm: "Firm") -> Finding:
    from qb_pipeline.ledger.firms import SetUpError
    from qb_pipeline.ledger.tokens import describe_end

    part, remedy = f"tokens of {firm.firm_id}", f"qb-pipeline connect {firm.firm_id}"
    try:
        tokens = companies.tokens.load(firm.firm_id)
    except SetUpError as error:
        return Finding(part, BROKEN, str(error), remedy)
    level, found = describe_end(tokens.ends_at, tokens.lost_at, now=companies.clock())
    return Finding(part, (OK, WARNING, WARNING, BROKEN)[level], found, remedy if level else "")


def _company(companies: "Companies", firm: "Firm") -> Iterator[Finding]:
    """Ask QuickBooks for the company's record and settings, and for what mappings point at, with the firm's tokens."""
    from qb_pipeline.ledger.firms import SetUpError
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.quickbooks.errors import AuthorizationLostError, QuickBooksError
    from qb_pipeline.sync.preflight import examine

    part = f"company of {firm.firm_id}"
    try:
        with companies.open(firm.firm_id, Run(ASKING, ASKING, ASKING), setting_up=True) as place:
            looked = examine(place)
    except AuthorizationLostError as error:
        remedy = f"qb-pipeline connect {firm.firm_id}, and choose {firm.company_name} ({firm.realm_id})"
        yield Finding(part, BROKEN, f"these tokens do not open it: {error}", remedy)
        return
    except SetUpError as error:  # its databases are others than those that it was connected with
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


def _clock(companies: "Companies") -> Finding:
    from qb_pipeline.quickbooks.errors import QuickBooksError
    from qb_pipeline.quickbooks.server_clock import read_server_time

    try:
        asked = companies.clock()
        theirs = read_server_time(companies.environment)
    except QuickBooksError as error:
        remedy = "Let this machine reach QuickBooks (firewall, DNS); the emulator: qb-pipeline emulator"
        return Finding("QuickBooks", BROKEN, str(error), remedy)
    skew = _skew(asked, theirs, companies.clock())
    text = f"{'ahead of' if skew > timedelta(0) else 'behind'} QuickBooks by {abs(skew).total_seconds():.0f} s"
    remedy = "Let this machine keep time (timedatectl set-ntp true)."
    if abs(skew) >= SKEW_BROKEN:
        return Finding("clock", BROKEN, text, remedy)
    return Finding("clock", WARNING, text, remedy) if abs(skew) >= SKEW_WARNING else Finding("clock", found="right")


def _skew(asked: datetime, theirs: datetime, answered: datetime) -> timedelta:
    """How far we are ahead: nothing while their time, of whole seconds, lies between question and answer."""
    if theirs < asked - timedelta(seconds=1):
        return asked - theirs
    return answered - theirs if theirs > answered else timedelta(0)
