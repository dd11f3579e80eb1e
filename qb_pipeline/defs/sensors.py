"""The sensors: some request runs by themselves, others send messages to people.

``sync_again`` and ``auto_sync_payments`` read billing and our own work list, decide in a pure function
(``sync.automation``) and request runs. They never call QuickBooks. ``received_payments`` is the only sensor that reads
QuickBooks: one request each time that it reads a firm, and no run for a firm without changes. No cursor of these three
holds facts: the work list and the inbox do, and run keys prevent equal work from starting twice.

``alert_on_failure`` and ``daily_digest`` send through ``QB_PIPELINE_ALERT_URLS`` and do nothing when it is not set.
When a server does not take a message, the tick fails in red. The digest is tried again at the next tick; it names the
runs that failed since yesterday.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from qb_pipeline import alerts, config
from qb_pipeline.core.alerts import Alert, digest_message, failed_run
from qb_pipeline.core.date_ranges import DAYS_AHEAD
from qb_pipeline.defs import partitions
from qb_pipeline.defs.each_firm import Failures
from qb_pipeline.defs.jobs import pull_payments, sync
from qb_pipeline.defs.metadata import RECEIVED_PAYMENTS
from qb_pipeline.defs.orphans import report_orphans
from qb_pipeline.defs.run_tags import failed_firms, why
from qb_pipeline.ledger.books.pulls import asked_at, reads_this_month
from qb_pipeline.ledger.books.received import ReceivedPayments
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.firms import Firm
from qb_pipeline.sync.automation import Wanted, choose_auto_payments, choose_sync_again
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.extract.scan import Selection, scan
from qb_pipeline.sync.people.digest import LAST_DAY, read_day
from qb_pipeline.sync.pull.intervals import WantedPull, choose_pulls, first_pull, interval, is_due
from qb_pipeline.sync.pull.received_payments import read_changes
from qb_pipeline.sync.remote.changes import needs_all
from qb_pipeline.sync.session.firm_session import FirmSession

ENDED_OR_NEVER_HANDED_ON = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
    dg.DagsterRunStatus.NOT_STARTED,
)

LONGEST_TICK_SECONDS = 60
"""The longest time between two ticks of ``received_payments``. A tick in which no firm is due asks only our own
database."""

AFTER_SYNC = timedelta(hours=1)
"""The time between a firm's daily sync and its digest. The sync is usually done by then."""

SOON = timedelta(days=14)
NOT_SET = f"{config.ALERT_URLS} is not set: nobody is told"


@dg.sensor(
    job=sync,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Invoices that billing revised or voided after they were sent are synced again.",
)
def sync_again(
    context: dg.SensorEvaluationContext, deployment: dg.ResourceParam[Deployment]
) -> dg.SensorResult | dg.SkipReason:
    """Request runs that name the invoices which billing revised or voided after they were sent."""

    def choose(session: FirmSession) -> Sequence[Wanted]:
        return choose_sync_again(session.firm, session.listing.pending(["invoice"]), session.clock())

    firms = _active(deployment)
    return _answer(context, deployment, "sync_again", firms, choose, "no invoice was revised since it was sent")


@dg.sensor(
    job=sync,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Where a firm has auto_sync_payments on: payments on invoices that are in QuickBooks go by themselves.",
)
def auto_sync_payments(
    context: dg.SensorEvaluationContext, deployment: dg.ResourceParam[Deployment]
) -> dg.SensorResult | dg.SkipReason:
    """Request runs that name the payments which may be sent. A firm that has not switched this on is not read."""

    def choose(session: FirmSession) -> Sequence[Wanted]:
        return choose_auto_payments(
            session.firm,
            session.listing.pending(["payment"]),
            session.clock(),
            last_invoice_at=session.listing.last_invoice_at(),
        )

    ours = [firm for firm in _active(deployment) if firm.model == 1]
    willing = [firm for firm in ours if firm.settings.auto_sync_payments]
    off = f"the setting auto_sync_payments is off for {len(ours) - len(willing)} of {len(ours)} firms of Model 1"
    nothing = f"no payment waits to go by itself; {off}"
    return _answer(context, deployment, "auto_sync_payments", willing, choose, nothing)


def build_received_payments(pull_seconds: int) -> dg.SensorDefinition:
    """Build the sensor ``received_payments``, which usually reads a company every ``pull_seconds`` seconds."""

    @dg.sensor(
        name=RECEIVED_PAYMENTS,
        job=pull_payments,
        minimum_interval_seconds=min(pull_seconds, LONGEST_TICK_SECONDS),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            f"Model 2: looks at each firm's company every {config.PULL_SECONDS} (300) seconds, sooner when a webhook "
            "hints at a change, later as Intuit's monthly reads run out; asks for a run when there is something to "
            "post."
        ),
    )
    def received_payments(
        context: dg.SensorEvaluationContext, deployment: dg.ResourceParam[Deployment]
    ) -> dg.SensorResult | dg.SkipReason:
        """Read the companies of the firms that are due, one request each, and request runs that post the new
        payments."""
        now = deployment.clock()
        usual = timedelta(seconds=pull_seconds)
        ours = [firm for firm in _active(deployment) if firm.model == 2]
        every = interval(usual, firms=len(ours), reads=reads_this_month(deployment.ledger, now=now), now=now)
        requests: list[dg.RunRequest] = []
        failures = Failures(context.log)
        looked = 0
        for firm in ours:
            with failures.of(firm.firm_id):
                inbox = ReceivedPayments(deployment.ledger, firm)
                if needs_all(inbox.cursor(), now):  # this read takes minutes, and a tick has one minute
                    requests.append(_pull_request(firm, first_pull(firm.firm_id, now)))
                    continue
                if is_due(now, *asked_at(deployment.ledger, firm.firm_id), every):
                    looked += 1
                    run = Run(RECEIVED_PAYMENTS, RECEIVED_PAYMENTS, RECEIVED_PAYMENTS)
                    with deployment.open(firm.firm_id, run) as session:
                        read_changes(session, wait_seconds=0)
                latest = now.date() + timedelta(days=DAYS_AHEAD)
                pulls = choose_pulls(firm.firm_id, inbox.due(), now, earliest=deployment.first_date, latest=latest)
                requests += [_pull_request(firm, wanted) for wanted in pulls]
        if requests:  # a run under way posts the payments that it finds; the rest is requested after its end
            busy = _under_way(context.instance, RECEIVED_PAYMENTS)
            requests = [request for request in requests if request.tags["firm"] not in busy]
        if requests:
            asked = [request.tags["firm"] for request in requests]
            context.instance.add_dynamic_partitions(partitions.firms.name or "", asked)
            return dg.SensorResult(run_requests=requests)
        if failures.by_firm:
            raise failures.failure()
        return dg.SkipReason(
            f"looked at {looked} of {len(ours)} firms of Model 2, every {every.total_seconds():.0f} s: nothing to post"
        )

    return received_payments


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Runs whose process is gone are reported failed, so that they hold no place in the queue.",
)
def orphaned_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Report runs failed whose processes are all dead. Requests no run."""
    orphans = report_orphans(context.instance)
    return dg.SkipReason(f"reported failed: {', '.join(orphans)}" if orphans else "every run has its process")


@dg.run_failure_sensor(
    name="alert_on_failure",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=f"Tells people of a failed run, through {config.ALERT_URLS}. Ids and our own words, no client data.",
)
def alert_on_failure(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Send an alert that names the failed run and the reason. An error of a library is given by its class only."""
    addresses = config.load().alert_urls
    if addresses is None:
        return dg.SkipReason(NOT_SET)
    alerts.send(_alert_of(context), addresses)
    return None


@dg.sensor(
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=f"An hour after a firm's daily sync: what is held, by reason, through {config.ALERT_URLS}.",
)
def daily_digest(context: dg.SensorEvaluationContext, deployment: dg.ResourceParam[Deployment]) -> dg.SkipReason:
    """Send one message about all firms whose digest is due. The cursor keeps the last date that was sent, keyed by
    firm."""
    addresses = config.load().alert_urls
    if addresses is None:
        return dg.SkipReason(NOT_SET)
    sent = json.loads(context.cursor or "{}")
    now = deployment.clock()
    due = [(firm, day) for firm in deployment.firms.all() if (day := _digest_day(firm, now, sent.get(firm.firm_id)))]
    if not due:
        return dg.SkipReason("no digest is due")
    failed = _failed_runs(context.instance, now - LAST_DAY)
    days = [read_day(deployment, firm, failed.get(firm.firm_id, [])) for firm, _ in due]
    alerts.send(digest_message(max(day for _, day in due), days, soon=now.date() + SOON), addresses)
    context.update_cursor(json.dumps(sent | {firm.firm_id: day.isoformat() for firm, day in due}))
    return dg.SkipReason(f"sent, for {', '.join(firm.firm_id for firm, _ in due)}")


def _active(deployment: Deployment) -> list[Firm]:
    return [
        firm
        for firm in deployment.firms.all()
        if firm.state == "active" and firm.environment == deployment.environment.name
    ]


def _answer(
    context: dg.SensorEvaluationContext,
    deployment: Deployment,
    trigger: str,
    firms: Sequence[Firm],
    choose: Callable[[FirmSession], Sequence[Wanted]],
    nothing: str,
) -> dg.SensorResult | dg.SkipReason:
    """Bring the work list of each of these firms up to date, and request the runs that ``choose`` wants.

    A firm with a run of this trigger under way gets no request. Billing's horizon (watermark) is asked for once for all
    firms, and nobody waits for billing's open transactions. ``nothing``: the reason of the skip when there is no
    request.
    """
    requests = []
    failures = Failures(context.log)
    horizon = deployment.billing_horizon() if firms else None
    for firm in firms:
        with failures.of(firm.firm_id):
            with deployment.open(firm.firm_id, Run(trigger, trigger, trigger)) as session:
                scan(session, Selection(), horizon=horizon)
                wanted = choose(session)
            if wanted:
                context.instance.add_dynamic_partitions(partitions.firms.name or "", [firm.firm_id])
            requests += [_sync_request(trigger, each) for each in wanted]
    busy = _under_way(context.instance, trigger) if requests else set()
    requests = [request for request in requests if request.tags["firm"] not in busy]
    if failures.by_firm and not requests:
        raise failures.failure()
    if not requests:
        return dg.SkipReason(nothing)
    return dg.SensorResult(run_requests=requests)


def _under_way(instance: dg.DagsterInstance, trigger: str) -> set[str]:
    """Return the firms that have a run of this trigger which waits or works.

    The work that such a run leaves undone is requested after its end.
    """
    statuses = [status for status in dg.DagsterRunStatus if status not in ENDED_OR_NEVER_HANDED_ON]
    runs = instance.get_runs(dg.RunsFilter(statuses=statuses, tags={"trigger": trigger}))
    return {run.tags.get("firm", "") for run in runs}


def _sync_request(trigger: str, wanted: Wanted) -> dg.RunRequest:
    chosen = {"invoice_ids": list(wanted.invoice_ids), "payment_ids": list(wanted.payment_ids)}
    return dg.RunRequest(
        run_key=f"{trigger}:{wanted.run_key}",
        run_config={"resources": {"chosen": {"config": chosen}}},
        tags={
            **partitions.range_tags(wanted.firm_id, wanted.first, wanted.last),
            "trigger": trigger,
            "actor": trigger,
        },
    )


def _pull_request(firm: Firm, wanted: WantedPull) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{RECEIVED_PAYMENTS}:{wanted.run_key}",
        tags={
            **partitions.range_tags(firm.firm_id, wanted.first, wanted.last),
            "trigger": RECEIVED_PAYMENTS,
            "actor": RECEIVED_PAYMENTS,
        },
    )


def _alert_of(context: dg.RunFailureSensorContext) -> Alert:
    run = context.dagster_run
    reasons = []
    for event in context.get_step_failure_events():
        ours = event.step_failure_data.user_failure_data
        error = event.step_failure_data.error
        if ours is not None and ours.description:
            reasons.append(ours.description)
        else:  # only the class: a library's message may quote a client's data
            cause = error.cause or error if error else None
            reasons.append(f"{(cause and cause.cls_name) or 'an error'} in step {event.step_key}")
    return failed_run(
        run_id=run.run_id,
        job=run.job_name,
        firms=failed_firms(run.tags),
        trigger=why(run)[0],
        reasons=reasons or ["The process of the run ended (see the run's page)."],
    )


def _digest_day(firm: Firm, now: datetime, sent: str | None) -> date | None:
    """Return the firm's local date when its digest is due and not sent, else None. Firms never activated have no
    digest."""
    local = now.astimezone(ZoneInfo(firm.time_zone))
    at = datetime.combine(local.date(), firm.settings.daily_sync_at) + AFTER_SYNC
    is_due = firm.activated_at is not None and local.replace(tzinfo=None) >= min(
        at, datetime.combine(local.date(), time.max)
    )
    return local.date() if is_due and sent != local.date().isoformat() else None


def _failed_runs(instance: dg.DagsterInstance, since: datetime) -> dict[str, list[str]]:
    """Return the ids of the runs that failed since the moment ``since``, keyed by firm."""
    records = instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since.astimezone(UTC))
    )
    found: dict[str, list[str]] = {}
    for record in records:
        for firm_id in failed_firms(record.dagster_run.tags):
            found.setdefault(firm_id, []).append(record.dagster_run.run_id)
    return found
