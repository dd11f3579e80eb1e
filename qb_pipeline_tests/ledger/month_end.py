"""A small firm's first quarter of 2026, for the cookbook: every amount and instant is fixed, so its answers are too.

Belongs here: what happened. Does not belong here: what the reports must say of it (``docs/cookbook.md``).
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from qb_pipeline.core.documents.mirror import Settlement, Version, deleted_version
from qb_pipeline.core.planning.plan import Field
from qb_pipeline.ledger.books.documents import Decision
from qb_pipeline.ledger.books.mirror import Mirror
from qb_pipeline.ledger.log import Log, Run
from qb_pipeline.ledger.sending.attempts import ItemOutcome
from qb_pipeline_tests.ledger.desk import FIRM, FIRST_DATE, Desk, accepted, headers, invoice, payment

JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 3, 12, tzinfo=UTC) for month in (2, 3, 4))
"""When the sync after each month ran."""
RUNS = {
    moment: Run(f"00000000-0000-4000-8000-{moment:%Y%m%d}0000", "schedule", "dagster")
    for moment in (JANUARY, FEBRUARY, MARCH)
}
TODAY = date(2026, 4, 3)


def billed(number: int, amount_cents: int, day: str, payer: str, **values: Any) -> dict[str, Any]:
    plain = {"number": f"2026-{number:03}", "document_date": date.fromisoformat(day), "payer_id": payer}
    return invoice(f"inv-{number}", amount_cents, **plain | values)


def paid(number: int, amount_cents: int, day: str, payer: str, **values: Any) -> dict[str, Any]:
    plain = {"number": f"check {4000 + number}", "document_date": date.fromisoformat(day), "payer_id": payer}
    return payment(f"pay-{number}", amount_cents, **plain | values)


def happen(desk: Desk) -> None:
    """Bill, sync and keep books from January to March."""
    _january(desk)
    _february(desk)
    _march(desk)


def _january(desk: Desk) -> None:
    _see(desk, JANUARY, billed(1, 120_000, "2026-01-12", "diaz"), billed(2, 80_050, "2026-01-20", "acme"),
         billed(3, 45_000, "2026-01-31", "okafor"), paid(1, 120_000, "2026-01-30", "diaz"))  # fmt: skip
    _send(desk, JANUARY, "inv-1", "inv-2", "inv-3")
    _send(desk, JANUARY, "pay-1", pays=[("inv-1", 120_000)])


def _february(desk: Desk) -> None:
    _see(
        desk, FEBRUARY,
        billed(4, 245_000, "2026-02-10", "acme"), billed(5, 31_000, "2026-02-14", "diaz"),
        billed(6, 64_000, "2026-02-27", "lee"), paid(2, 50_000, "2026-02-12", "acme"),
        paid(3, 30_000, "2026-02-20", "lee", payment_kind="credit_deposit"),
    )  # fmt: skip
    desk.documents.record_decisions(
        [Decision(desk.id_of("inv-4"), "create", "", 245_000, 80_050)], run=RUNS[FEBRUARY], now=FEBRUARY
    )
    _send(desk, FEBRUARY, "inv-4", total_cents=164_950)
    _send(desk, FEBRUARY, "inv-5")
    _send(desk, FEBRUARY, "pay-2", pays=[("inv-2", 50_000)])
    _hold(desk, FEBRUARY, "inv-6", "UNMAPPED_FEE_ITEM")


def _march(desk: Desk) -> None:
    _see(
        desk, MARCH,
        billed(7, 90_000, "2026-03-05", "okafor"), billed(8, 15_500, "2026-03-19", "diaz"),
        billed(9, 72_000, "2026-03-31", "acme"), billed(5, 33_000, "2026-02-14", "diaz", updated_at=MARCH),
        paid(4, 15_500, "2026-03-25", "diaz"), paid(5, 20_000, "2026-03-28", "lee"),
        paid(6, 12_000, "2026-03-30", "diaz", payment_kind="rejection", reverses_payment_id="pay-1"),
    )  # fmt: skip
    _send(desk, MARCH, "inv-7")
    attempt = desk.attempts.reserve("batch", "create", b"{}", [desk.item("inv-8")], run=RUNS[MARCH], now=MARCH)
    taxed = accepted(
        attempt.items[0], quickbooks_id="Q-inv-8", customer_id="C-diaz", total_cents=15_501, state="held",
        reason="TOTAL_DIFFERS",
    )  # fmt: skip
    desk.attempts.record(attempt, [taxed], run=RUNS[MARCH], now=MARCH)
    _send(desk, MARCH, "pay-4", pays=[("inv-8", 15_500)])
    desk.documents.record_decisions(
        [Decision(desk.id_of("pay-5"), "wait", "INVOICE_NOT_SENT", 20_000)], run=RUNS[MARCH], now=MARCH
    )
    attempt = desk.attempts.reserve("batch", "create", b"{}", [desk.item("inv-9")], run=RUNS[MARCH], now=MARCH)
    refused = ItemOutcome(desk.id_of("inv-9"), "refused", "held", "PERIOD_CLOSED", fault_code="6210")
    desk.attempts.record(attempt, [refused], run=RUNS[MARCH], now=MARCH, intuit_tid="1-69cf0a11")
    _keep_books(desk)
    log = Log(desk.engine, FIRM)
    for moment, run in RUNS.items():
        log.begin(run, now=moment)
        log.end(run, outcome="done", error="", reads=2, writes=3, now=moment)


def _keep_books(desk: Desk) -> None:
    """What the bookkeeper did in QuickBooks in March, as the reconciliation of 3 April finds it."""
    credit = _settling("801", "acme", Settlement("Q-inv-2", "credit_memo", 5_050))
    by_hand = _settling("802", "okafor", Settlement("Q-inv-3", "payment", 20_000))
    drifted = {
        desk.id_of("inv-7"): [Field("TxnDate", "2026-03-05", "2026-03-06", "billing")],
        desk.id_of("inv-4"): [Field("CustomerMemo.value", "Thank you", "Second notice", "quickbooks")],
    }
    Mirror(desk.engine, FIRM).record_reading(
        [
            credit,
            by_hand,
            _found("inv-2", "acme", "2026-01-20", "2026-02-19", 80_050, 25_000),
            _found("inv-3", "okafor", "2026-01-31", "2026-03-02", 45_000, 25_000),
            _found("inv-7", "okafor", "2026-03-06", "2026-04-05", 95_000, 95_000),
            deleted_version("invoice", "Q-inv-5"),
        ],
        drifted, cursor=MARCH, now=MARCH,
    )  # fmt: skip
    _hold(desk, MARCH, "inv-5", "REMOTE_DELETED")


def _found(source_id: str, payer: str, day: str, due: str, total_cents: int, balance_cents: int) -> Version:
    return Version(
        "invoice", f"Q-{source_id}", "4", "live", "", day, due, f"C-{payer}", total_cents, balance_cents
    )  # fmt: skip


def _settling(quickbooks_id: str, payer: str, settlement: Settlement) -> Version:
    return Version(
        "payment", quickbooks_id, "0", "live", "", "2026-03-20", "", f"C-{payer}", 0, 0, (settlement,)
    )  # fmt: skip


def _see(desk: Desk, moment: datetime, *rows: dict[str, Any]) -> None:
    invoices = [row for row in rows if row["kind"] == "invoice"]
    payments = [row for row in rows if row["kind"] == "payment"]
    for each in (invoices, payments):
        if each:
            desk.documents.see([headers(*each)], today=TODAY, first_date=FIRST_DATE, run=RUNS[moment], now=moment)


def _send(desk: Desk, moment: datetime, *source_ids: str, pays: Sequence[tuple[str, int]] = (), **values: Any) -> None:
    items = [desk.item(source_id, pays=pays, **values) for source_id in source_ids]
    attempt = desk.attempts.reserve("batch", "create", b"{}", items, run=RUNS[moment], now=moment)
    outcomes = [
        accepted(item, quickbooks_id=f"Q-{source_id}", customer_id=f"C-{desk.row(source_id)['payer_id']}")
        for item, source_id in zip(items, source_ids, strict=True)
    ]
    desk.attempts.record(attempt, outcomes, run=RUNS[moment], now=moment)


def _hold(desk: Desk, moment: datetime, source_id: str, reason: str) -> None:
    row = desk.row(source_id)
    held = Decision(row["document_id"], "hold", reason, row["amount_cents"])
    desk.documents.record_decisions([held], run=RUNS[moment], now=moment)
