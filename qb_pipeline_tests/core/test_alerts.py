"""What people are told."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from qb_pipeline.core.alerts import Alert, FirmDay, Held, digest_message, failed_run

DAY = date(2026, 3, 2)
SOON = date(2026, 3, 16)
QUIET = FirmDay("one", "active", "", (), (), date(2026, 6, 1))


def test_a_failed_run_says_where_why_and_what_to_do() -> None:
    alert = failed_run(
        run_id="0123456789abcdef", job="sync", firms=["one"], trigger="schedule", reasons=["one: reconnect it"]
    )

    assert alert == Alert(
        "qb_pipeline: run failed (one)",
        "Run 01234567 of job sync failed (started by schedule).\n"
        "one: reconnect it\n"
        "\n"
        "What to do:\n"
        "1. qb-pipeline doctor\n"
        "2. qb-pipeline log one --run 0123456789abcdef --errors\n"
        "3. Start the sync again, or wait for the schedule: what is in QuickBooks already is not sent twice.",
        is_urgent=True,
    )


def test_a_long_reason_is_cut() -> None:
    alert = failed_run(run_id="r", job="sync", firms=[], trigger="ui", reasons=["x" * 10_000])

    assert alert.title == "qb_pipeline: run failed"
    assert len(alert.body) < 1_000


def test_a_good_morning() -> None:
    assert digest_message(DAY, [QUIET], soon=SOON) == Alert(
        "qb_pipeline, 2026-03-02: nothing to do",
        "one:\n  everything is in QuickBooks, nothing is held",
        is_urgent=False,
    )


def test_a_bad_morning_counts_sums_and_says_what_to_do_firm_by_firm() -> None:
    held = (
        Held("invoice", "NO_LINES", 3, Decimal("1234.50"), "Add its lines in billing."),
        Held("payment", "UNAPPLIED", 2, Decimal("10.00"), "Apply it."),
    )
    bad = FirmDay("two", "paused", "qb-pipeline firm resume two", held, ("0123456789",), DAY)

    assert digest_message(DAY, [QUIET, bad], soon=SOON) == Alert(
        "qb_pipeline, 2026-03-02: 5 held, 1 failed runs",
        "one:\n  everything is in QuickBooks, nothing is held\n"
        "\n"
        "two:\n"
        "  paused: nothing is sent. Next step: qb-pipeline firm resume two\n"
        "  failed runs: 01234567. Why: qb-pipeline log two --errors\n"
        "  the connection ends on 2026-03-02: qb-pipeline connect two\n"
        "  3 × invoice NO_LINES, 1,234.50: Add its lines in billing.\n"
        "  2 × payment UNAPPLIED, 10.00: Apply it.",
        is_urgent=True,
    )


def test_what_quickbooks_paid_by_itself_is_named() -> None:
    paid = replace(QUIET, paid_at_once=("invoice:1", "invoice:2"))

    assert digest_message(DAY, [paid], soon=SOON).body == (
        "one:\n  paid by QuickBooks at once, from money that others entered: invoice:1, invoice:2. Compare with billing"
    )
