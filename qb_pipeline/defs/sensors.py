"""The sensors: what changed in billing goes again, and payments go by themselves where a firm wants it.

A sensor asks billing and our own work list, decides in a pure function (``sync.automation``) and requests runs; it
never calls QuickBooks. Its cursor holds no truth: the work list does, and run keys keep equal work from starting twice.
"""

from collections.abc import Callable, Sequence

import dagster as dg

from qb_pipeline.defs.jobs import sync
from qb_pipeline.defs.orphans import report_orphans
from qb_pipeline.defs.partitions import firms, range_tags
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.automation import Pending, Wanted, choose_auto_payments, choose_sync_again
from qb_pipeline.sync.companies import Companies
from qb_pipeline.sync.run import FIRM_ERRORS
from qb_pipeline.sync.scan import Selection, scan
from qb_pipeline.sync.workplace import Workplace


@dg.sensor(
    job=sync,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Invoices that billing revised or voided after they were sent are synced again.",
)
def sync_again(
    context: dg.SensorEvaluationContext, companies: dg.ResourceParam[Companies]
) -> dg.SensorResult | dg.SkipReason:
    """Look for revised and voided invoices, and ask for runs that name them."""

    def choose(place: Workplace) -> Sequence[Wanted]:
        return choose_sync_again(place.firm, _pending(place, "invoice"), place.clock())

    return _answer(context, companies, "sync_again", choose, "no invoice was revised since it was sent")


@dg.sensor(
    job=sync,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Where a firm has auto_sync_payments on: payments on invoices that are in QuickBooks go by themselves.",
)
def auto_sync_payments(
    context: dg.SensorEvaluationContext, companies: dg.ResourceParam[Companies]
) -> dg.SensorResult | dg.SkipReason:
    """Look for payments that may go, and ask for runs that name them."""

    def choose(place: Workplace) -> Sequence[Wanted]:
        if not place.firm.settings.auto_sync_payments:
            return []
        return choose_auto_payments(
            place.firm, _pending(place, "payment"), place.clock(), last_invoice_at=place.documents.last_invoice_at()
        )

    return _answer(context, companies, "auto_sync_payments", choose, "no payment waits to go by itself")


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Runs whose process is gone are reported failed, so that they hold no place in the queue.",
)
def orphaned_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Look for runs that nobody works on any more; asks for none."""
    orphans = report_orphans(context.instance)
    return dg.SkipReason(f"reported failed: {', '.join(orphans)}" if orphans else "every run has its process")


def _pending(place: Workplace, kind: str) -> list[Pending]:
    return [Pending(*row) for row in place.documents.pending([kind])]


def _answer(
    context: dg.SensorEvaluationContext,
    companies: Companies,
    trigger: str,
    choose: Callable[[Workplace], Sequence[Wanted]],
    nothing: str,
) -> dg.SensorResult | dg.SkipReason:
    """Bring each active firm's work list up to date, and ask for what ``choose`` wants."""
    requests = []
    failures = []
    for firm in companies.firms.all():
        if firm.state != "active" or firm.environment != companies.environment.name:
            continue
        try:
            with companies.open(firm.firm_id, Run(trigger, trigger, "dagster")) as place:
                scan(place, Selection())
                wanted = choose(place)
        except FIRM_ERRORS as error:  # one firm keeps no other from being looked at
            failures.append(f"{firm.firm_id}: {error}")
            context.log.error(failures[-1])
            continue
        if wanted:
            context.instance.add_dynamic_partitions(firms.name or "", [firm.firm_id])
        requests += [_request(trigger, each) for each in wanted]
    if failures and not requests:
        raise dg.Failure("\n".join(failures))
    if not requests:
        return dg.SkipReason(nothing)
    return dg.SensorResult(run_requests=requests)


def _request(trigger: str, wanted: Wanted) -> dg.RunRequest:
    chosen = {"invoice_ids": list(wanted.invoice_ids), "payment_ids": list(wanted.payment_ids)}
    return dg.RunRequest(
        run_key=f"{trigger}:{wanted.run_key}",
        run_config={"resources": {"chosen": {"config": chosen}}},
        tags={**range_tags(wanted.firm_id, wanted.first, wanted.last), "trigger": trigger, "actor": "dagster"},
    )
