"""The asset checks: what a green run must mean."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

import dagster as dg

from qb_pipeline.defs.metadata import KIND, dollars, held_table
from qb_pipeline.sync.run import PLAN, PUSH_INVOICES, PUSH_PAYMENTS, FirmReport

CONTROL_TOTALS = "control_totals_agree"
CENSUS = "one_document_each"
NOTHING_HELD = "nothing_held"
CONNECTION = "connection_lasts"

SPECS = [
    *(
        dg.AssetCheckSpec(
            CONTROL_TOTALS,
            asset=step,
            description="What was meant = accepted + refused, and QuickBooks holds what it accepted, to the cent.",
        )
        for step in (PUSH_INVOICES, PUSH_PAYMENTS)
    ),
    *(
        dg.AssetCheckSpec(
            CENSUS,
            asset=step,
            blocking=True,
            description=(
                "Counted in QuickBooks at the end of the run: exactly one living document per document of ours that "
                "was written, with the total that QuickBooks answered. A person's copy is a warning."
            ),
        )
        for step in (PUSH_INVOICES, PUSH_PAYMENTS)
    ),
    dg.AssetCheckSpec(
        CONNECTION,
        asset=PUSH_INVOICES,
        description="No person must connect a company again within 30 days (a warning; within 7 days an error).",
    ),
    dg.AssetCheckSpec(
        NOTHING_HELD, asset=PLAN, description="No document of this run needs a person (a warning, with the reasons)."
    ),
]


def results(reports: Sequence[FirmReport], selected: AbstractSet[dg.AssetCheckKey]) -> Iterator[dg.AssetCheckResult]:
    """The results of the checks that this run selected."""
    for step, kind in KIND.items():
        if dg.AssetCheckKey(dg.AssetKey(step), CONTROL_TOTALS) in selected:
            yield _control_totals(step, kind, reports)
        if dg.AssetCheckKey(dg.AssetKey(step), CENSUS) in selected:
            yield _census(step, kind, reports)
    if dg.AssetCheckKey(dg.AssetKey(PUSH_INVOICES), CONNECTION) in selected:
        yield _connection(reports)
    if dg.AssetCheckKey(dg.AssetKey(PLAN), NOTHING_HELD) in selected:
        held = sum(report.held for report in reports)
        yield dg.AssetCheckResult(
            asset_key=PLAN,
            check_name=NOTHING_HELD,
            passed=held == 0,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{held} documents need a person; the table says what clears each"
            if held
            else "nothing is held",
            metadata={"held": held, "what clears it": held_table(reports)},
        )


def _control_totals(step: str, kind: str, reports: Sequence[FirmReport]) -> dg.AssetCheckResult:
    wrong = [report.firm_id for report in reports if not report.totals_agree(kind)]
    rows = [row for report in reports for row in report.control_totals if row["kind"] == kind]
    return dg.AssetCheckResult(
        asset_key=step,
        check_name=CONTROL_TOTALS,
        passed=not wrong,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"totals differ for {', '.join(wrong)}" if wrong else "totals agree to the cent",
        metadata={
            "meant": dollars(sum(row["meant_cents"] for row in rows)),
            "in QuickBooks": dollars(sum(row["in_quickbooks_cents"] for row in rows)),
        },
    )


def _connection(reports: Sequence[FirmReport]) -> dg.AssetCheckResult:
    ending = [report for report in reports if report.connection[0]]
    advice = [f"{r.firm_id}: {r.connection[1]}; qb-pipeline connect {r.firm_id}" for r in ending]
    return dg.AssetCheckResult(
        asset_key=PUSH_INVOICES,
        check_name=CONNECTION,
        passed=not ending,
        severity=(
            dg.AssetCheckSeverity.ERROR
            if any(report.connection[0] > 1 for report in ending)
            else dg.AssetCheckSeverity.WARN
        ),
        description="\n".join(advice) or "every connection is good for 30 days",
    )


def _census(step: str, kind: str, reports: Sequence[FirmReport]) -> dg.AssetCheckResult:
    """A duplicate never comes here: it fails the run before anything is marked green."""
    wrong = [report.firm_id for report in reports if not report.census_is_sound(kind)]
    rows = [row for report in reports for row in report.counted(kind)]
    counts = {
        name: sum(row[name] for row in rows)
        for name in ("documents", "living", "duplicates", "copies", "missing", "differing", "changed", "reads")
    }
    if wrong:
        said = f"QuickBooks does not hold each document once, as it answered, for {', '.join(wrong)}: they are held"
    elif counts["copies"]:
        said = f"{counts['copies']} documents were copied by a person in QuickBooks: they are held"
    else:
        said = f"{counts['living']} of {counts['documents']} written documents stand once, totals equal"
    return dg.AssetCheckResult(
        asset_key=step,
        check_name=CENSUS,
        passed=not wrong and not counts["copies"],
        severity=dg.AssetCheckSeverity.ERROR if wrong else dg.AssetCheckSeverity.WARN,
        description=said,
        metadata=counts,
    )
