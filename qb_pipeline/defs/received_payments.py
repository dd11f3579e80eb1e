"""Model 2 in Dagster: the asset of received payments, its check, its job, and the sensor that looks at QuickBooks.

A partition is a payment's date in QuickBooks × firm. A run that the sensor or the command line asked for posts what
they have read; one that a person launched, such as a backfill, reads its dates anew. The sensor is the only one that
reads QuickBooks: one request for a firm and a look, and no run for a firm without news.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from qb_pipeline import config
from qb_pipeline.defs.assets import OWNERS
from qb_pipeline.defs.metadata import dollars
from qb_pipeline.defs.partitions import DAYS_AHEAD, Scope, date_by_firm, firms, keys_of_run, range_tags, read_scopes
from qb_pipeline.ledger.firms import Firm
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.pulls import asked_at, reads_this_month
from qb_pipeline.ledger.received import ReceivedPayments
from qb_pipeline.sync.changes import needs_all
from qb_pipeline.sync.companies import Companies
from qb_pipeline.sync.pull import PullReport, look, pull_firm
from qb_pipeline.sync.pull_times import WantedPull, choose_pulls, first_pull, interval, is_due
from qb_pipeline.sync.run import FIRM_ERRORS

ASSET = "received_payments"
CHECK = "billing_holds_what_was_received"
ALREADY_READ = ("received_payments", "cli")
"""Triggers that have read QuickBooks before they asked for a run."""

TICK_SECONDS = min(config.load().pull_seconds, 60)
"""How often the sensor thinks about looking; a tick that does not look asks our own database only."""

SPEC = dg.AssetSpec(
    ASSET,
    description=(
        "Payments that QuickBooks received on our invoices, as billing holds them (Model 2).\n\n"
        "One row in billing per payment and invoice; a correction is a reversal and a new row. Materialize a range of "
        "dates to read the payments of these dates anew."
    ),
    group_name="billing",
    kinds={"quickbooks", "postgres"},
    owners=OWNERS,
    deps=["quickbooks_invoices"],
    metadata={"dagster/table_name": "reporting.received_payments"},
)

CHECK_SPEC = dg.AssetCheckSpec(
    CHECK, asset=ASSET, description="Billing took every posting, and still holds it with the same amount."
)


@dg.multi_asset(
    name="pull_firms",
    specs=[SPEC],
    check_specs=[CHECK_SPEC],
    partitions_def=date_by_firm,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def pull_firms(
    context: dg.AssetExecutionContext, companies: dg.ResourceParam[Companies]
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Pull the chosen dates of the chosen firms, firm by firm; one that fails is named when the others are done."""
    trigger = context.run.tags.get("trigger", "ui")
    run = Run(context.run.run_id, trigger, context.run.tags.get("actor", "dagster"))
    reports: list[PullReport] = []
    failures: dict[str, str] = {}
    keys = keys_of_run(context.run, context.partition_keys, context.instance)
    for scope in read_scopes(keys):
        by_date = trigger not in ALREADY_READ
        try:
            with companies.open(scope.firm_id, run) as place:
                bounds = (scope.first, scope.last) if by_date else _open_ended(scope, companies)
                reports.append(pull_firm(place, *bounds, by_date=by_date))
        except FIRM_ERRORS as error:
            failures[scope.firm_id] = str(error)
            context.log.error(f"{scope.firm_id}: {error}")
    if failures:
        raise dg.Failure(
            description="\n".join(failures.values()) + ("\nEvery other firm of this run is done." if reports else ""),
            metadata={firm_id: dg.MetadataValue.text(message) for firm_id, message in failures.items()},
            allow_retries=False,
        )
    for key in sorted(set(keys) - set(context.partition_keys)):
        context.log_event(dg.AssetMaterialization(ASSET, partition=key, metadata=_metadata(reports)))
    yield dg.MaterializeResult(ASSET, metadata=_metadata(reports))
    if context.selected_asset_check_keys:
        yield _check(reports)


def _open_ended(scope: Scope, companies: Companies) -> tuple[date | None, date | None]:
    """What is dated outside the partitions goes with the first or the last one."""
    latest = companies.clock().date() + timedelta(days=DAYS_AHEAD)
    return (
        None if scope.first <= companies.first_date else scope.first,
        None if scope.last >= latest else scope.last,
    )


pull_payments = dg.define_asset_job(
    "pull_payments",
    selection=[ASSET],
    description=(
        "Model 2: post to billing what QuickBooks received. Launched for a range of dates by a person, it reads the "
        "payments of these dates anew."
    ),
)


@dg.sensor(
    name="received_payments",
    job=pull_payments,
    minimum_interval_seconds=TICK_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        f"Model 2: looks at each firm's company every {config.PULL_SECONDS} (300) seconds, sooner when a webhook "
        "hints at a change, later as Intuit's monthly reads run out; asks for a run when there is something to post."
    ),
)
def received_payments(
    context: dg.SensorEvaluationContext, companies: dg.ResourceParam[Companies]
) -> dg.SensorResult | dg.SkipReason:
    """Look at the firms whose turn it is, and ask for runs that post what is new; one request per firm and look."""
    now = companies.clock()
    usual = timedelta(seconds=config.load().pull_seconds)
    ours = [
        firm
        for firm in companies.firms.all()
        if firm.state == "active" and firm.model == 2 and firm.environment == companies.environment.name
    ]
    every = interval(usual, firms=len(ours), reads=reads_this_month(companies.ledger, now=now), now=now)
    requests: list[dg.RunRequest] = []
    failures: list[str] = []
    looked = 0
    for firm in ours:
        try:
            inbox = ReceivedPayments(companies.ledger, firm)
            if needs_all(inbox.cursor(), now):  # minutes, and a tick has one
                requests.append(_request(firm, first_pull(firm.firm_id, now)))
                continue
            if is_due(now, *asked_at(companies.ledger, firm.firm_id), every):
                looked += 1
                with companies.open(firm.firm_id, Run("received_payments", "received_payments", "dagster")) as place:
                    look(place, wait_seconds=0)
            latest = now.date() + timedelta(days=DAYS_AHEAD)
            pulls = choose_pulls(firm.firm_id, inbox.due(), now, earliest=companies.first_date, latest=latest)
            requests += [_request(firm, wanted) for wanted in pulls]
        except FIRM_ERRORS as error:  # one firm keeps no other from being looked at
            failures.append(f"{firm.firm_id}: {error}")
            context.log.error(failures[-1])
    if requests:
        context.instance.add_dynamic_partitions(firms.name or "", [request.tags["firm"] for request in requests])
        return dg.SensorResult(run_requests=requests)
    if failures:
        raise dg.Failure("\n".join(failures))
    return dg.SkipReason(
        f"looked at {looked} of {len(ours)} firms of Model 2, every {every.total_seconds():.0f} s: nothing to post"
    )


def _request(firm: Firm, wanted: WantedPull) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"received_payments:{wanted.run_key}",
        tags={
            **range_tags(firm.firm_id, wanted.first, wanted.last),
            "trigger": "received_payments",
            "actor": "dagster",
        },
    )


KINDS = {
    "payment": "payments posted",
    "credit_application": "credit posted (no cash)",
    "reversal": "postings taken back",
}
STATES = {
    "done": "payments that billing holds",
    "waiting": "wait for an invoice whose answer was lost",
    "unapplied": "pay no invoice yet",
    "not_ours": "pay other invoices than ours",
    "echo": "were sent by a pipeline",
    "older": "from before the firm came to Model 2",
    "refused": "refused: a person must look",
}


def _metadata(reports: Sequence[PullReport]) -> dict[str, Any]:
    """Counts, sums, requests, and the visual clue: how many invoices have a recent payment. No client's data."""
    shown: dict[str, Any] = {}
    for kind, text in KINDS.items():
        shown[text] = sum(report.posted.get(kind, 0) for report in reports)
        shown[f"{text}: amount"] = dollars(sum(report.posted_cents.get(kind, 0) for report in reports))
    for state, text in STATES.items():
        shown[f"of these dates: {text}"] = sum(
            report.states[state].payments for report in reports if state in report.states
        )
    unapplied = sum(count.unapplied_cents for report in reports for count in report.states.values())
    return {
        **shown,
        "of these dates: unapplied in QuickBooks": dollars(unapplied),
        "invoices with a recent payment": sum(report.recent_invoices for report in reports),
        "recent payments": dg.MetadataValue.md("see the view `reporting.recent_quickbooks_payments`"),
        "requests: reads (metered)": sum(report.reads for report in reports),
    }


def _check(reports: Sequence[PullReport]) -> dg.AssetCheckResult:
    failed = sum(row["state"] == "failed" for report in reports for row in report.troubles)
    refused = sum(row["state"] == "refused" for report in reports for row in report.troubles)
    differing = [external_id for report in reports for external_id in report.differing]
    sentences = [
        f"billing refused {failed} payments" if failed else "",
        f"billing no longer holds {len(differing)} postings as they were made" if differing else "",
        f"{refused} payments cannot be taken over" if refused else "",
    ]
    said = "; ".join(sentence for sentence in sentences if sentence)
    return dg.AssetCheckResult(
        asset_key=ASSET,
        check_name=CHECK,
        passed=not said,
        severity=dg.AssetCheckSeverity.ERROR if failed or differing else dg.AssetCheckSeverity.WARN,
        description=f"{said}: see reporting.received_payments" if said else "billing holds what was received",
        metadata={"refused by billing": failed, "differing": len(differing), "not taken over": refused},
    )
