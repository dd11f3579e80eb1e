"""A small firm's first quarter of 2026, for the cookbook: every amount and instant is fixed, so its answers are too.

Belongs here: what happened. Does not belong here: what the reports must say of it (``docs/cookbook.md``).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from qb_pipeline.core.documents.bank_deposits import BankDeposit, DepositLine
from qb_pipeline.core.documents.invoice_lines import InvoiceLine
from qb_pipeline.core.documents.mirror import PaymentDetail, Settlement, Version, deleted_version
from qb_pipeline.core.documents.shares import Applied, divide_applied
from qb_pipeline.core.planning.plan import Field
from qb_pipeline.ledger.books import invoice_lines
from qb_pipeline.ledger.books.documents import Decision
from qb_pipeline.ledger.books.invoice_lines import LinesOfInvoice
from qb_pipeline.ledger.books.mappings import Mapping, Mappings
from qb_pipeline.ledger.books.mirror import Mirror
from qb_pipeline.ledger.books.shares import Shares
from qb_pipeline.ledger.log import Log, Run
from qb_pipeline.ledger.sending.attempts import ItemOutcome
from qb_pipeline_tests.ledger.desk import FIRM, FIRST_DATE, PARTNER, Desk, accepted, headers, invoice, payment

JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 3, 12, tzinfo=UTC) for month in (2, 3, 4))
"""When the sync after each month ran."""
RUNS = {
    moment: Run(f"00000000-0000-4000-8000-{moment:%Y%m%d}0000", "schedule", "dagster")
    for moment in (JANUARY, FEBRUARY, MARCH)
}
TODAY = date(2026, 4, 3)
APPLIED = {
    "pay-1": ("inv-1", 120_000, date(2026, 1, 30)), "pay-2": ("inv-2", 50_000, date(2026, 2, 12)),
    "pay-4": ("inv-8", 15_500, date(2026, 3, 25)), "pay-5": ("inv-6", 20_000, date(2026, 3, 28)),
}  # fmt: skip
"""What billing applies of its payments: to which invoice, cents, and on which day."""
NAMES = {"diaz": "Ana Diaz", "acme": "Acme Corporation", "okafor": "Okafor Holdings"}
"""The payers who are customers of QuickBooks; lee is none yet."""

WORK = {"F1": "Consultation", "F2": "Filing fee"}
SOLD: dict[str, list[tuple[str, str, str, int]]] = {
    "inv-1": [("Naturalization", "F1", "4", 100_000), ("Naturalization", "F2", "1", 20_000)],
    "inv-2": [("Licence", "F1", "3.2", 80_050)],
    "inv-3": [("Petition", "F1", "1.5", 37_500), ("Petition", "F2", "1", 7_500)],
    "inv-4": [("Licence", "F1", "6.5", 162_450), ("Licence", "F2", "1", 2_500)],
    "inv-5": [("Naturalization", "F1", "1.24", 31_000)],
    "inv-7": [("Petition", "F1", "3.6", 90_000)],
    "inv-8": [("Naturalization", "F1", "0.6", 15_000), ("Naturalization", "", "", 500)],
}
"""What the lines of invoices are, in cents: matter, fee item, quantity; without a fee item it is tax."""


def billed(number: int, amount_cents: int, day: str, payer: str, **values: Any) -> dict[str, Any]:
    plain = {"number": f"2026-{number:03}", "document_date": date.fromisoformat(day), "payer_id": payer}
    return invoice(f"inv-{number}", amount_cents, **plain | values)


def paid(number: int, amount_cents: int, day: str, payer: str, **values: Any) -> dict[str, Any]:
    plain = {"number": f"check {4000 + number}", "document_date": date.fromisoformat(day), "payer_id": payer}
    return payment(f"pay-{number}", amount_cents, **plain | values)


def happen(desk: Desk) -> None:
    """Bill, sync and keep books from January to March."""
    items = [Mapping("fee_item", fee_item, f"I-{fee_item}", name, "person") for fee_item, name in WORK.items()]
    Mappings(desk.engine, FIRM).remember(items, actor=PARTNER, now=JANUARY)
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
    desk.attempts.record(attempt, [_seen(desk, taxed, "inv-8")], run=RUNS[MARCH], now=MARCH)
    _tell_lines(desk, "inv-8")
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
    memo = Version("credit_memo", "800", "0", "live", "", "2026-03-20", "", "C-acme", 5_050, 0)
    credit = _settling("801", "acme", Settlement("Q-inv-2", "credit_memo", 5_050, "800"), 0)
    by_hand = _settling("802", "okafor", Settlement("Q-inv-3", "payment", 20_000), 25_000)
    brought = (DepositLine("Q-pay-1", 120_000), DepositLine("Q-pay-2", 50_000), DepositLine("", -1_500))
    deposit = BankDeposit("810", "0", "live", "2026-02-13", "35", "Checking", 168_500, brought)
    drifted = {
        desk.id_of("inv-7"): [Field("TxnDate", "2026-03-05", "2026-03-06", "billing")],
        desk.id_of("inv-4"): [Field("CustomerMemo.value", "Thank you", "Second notice", "quickbooks")],
    }
    Mirror(desk.engine, FIRM).record_reading(
        [
            memo,
            credit,
            by_hand,
            _found("inv-2", "acme", "2026-01-20", "2026-02-19", 80_050, 25_000),
            _found("inv-3", "okafor", "2026-01-31", "2026-03-02", 45_000, 25_000),
            _found("inv-7", "okafor", "2026-03-06", "2026-04-05", 95_000, 95_000),
            deleted_version("invoice", "Q-inv-5"),
        ],
        drifted, deposits=[deposit], cursor=MARCH, now=MARCH,
    )  # fmt: skip
    _hold(desk, MARCH, "inv-5", "REMOTE_DELETED")


def _found(source_id: str, payer: str, day: str, due: str, total_cents: int, balance_cents: int) -> Version:
    return Version(
        "invoice", f"Q-{source_id}", "4", "live", "", day, due, f"C-{payer}", total_cents, balance_cents
    )  # fmt: skip


def _settling(quickbooks_id: str, payer: str, settlement: Settlement, total_cents: int) -> Version:
    plain = Version("payment", quickbooks_id, "0", "live", "", "2026-03-20", "", f"C-{payer}", total_cents, 0)
    return replace(plain, settlements=(settlement,), detail=PaymentDetail("Check", "4", "Undeposited Funds"))


def _see(desk: Desk, moment: datetime, *rows: dict[str, Any]) -> None:
    invoices = [row for row in rows if row["kind"] == "invoice"]
    payments = [row for row in rows if row["kind"] == "payment"]
    for each in (invoices, payments):
        if each:
            desk.documents.see([headers(*each)], today=TODAY, first_date=FIRST_DATE, run=RUNS[moment], now=moment)
    kept = Shares(desk.engine, FIRM)
    seen = kept.undivided(limit=99)
    applied = [Applied(row.document_id, *APPLIED[row.source_id]) for row in seen if row.source_id in APPLIED]
    kept.record(
        seen, divide_applied(applied, {}, {}, {}), payments=[row.document_id for row in applied], forwarded={},
        now=moment,
    )  # fmt: skip


def _send(desk: Desk, moment: datetime, *source_ids: str, pays: Sequence[tuple[str, int]] = (), **values: Any) -> None:
    items = [desk.item(source_id, pays=pays, **values) for source_id in source_ids]
    attempt = desk.attempts.reserve("batch", "create", b"{}", items, run=RUNS[moment], now=moment)
    outcomes = [
        accepted(item, quickbooks_id=f"Q-{source_id}", customer_id=f"C-{desk.row(source_id)['payer_id']}")
        for item, source_id in zip(items, source_ids, strict=True)
    ]
    seen = [_seen(desk, outcome, source_id) for outcome, source_id in zip(outcomes, source_ids, strict=True)]
    desk.attempts.record(attempt, seen, run=RUNS[moment], now=moment)
    for source_id in set(source_ids) & SOLD.keys():
        _tell_lines(desk, source_id)


def _seen(desk: Desk, outcome: ItemOutcome, source_id: str) -> ItemOutcome:
    """The answer with what it says beside amounts: the date, the client's name, how a payment came."""
    row = desk.row(source_id)
    assert outcome.version is not None
    detail = PaymentDetail("Check", "4", "Undeposited Funds") if row["kind"] == "payment" else None
    told = {"document_date": str(row["document_date"]), "customer_name": NAMES[row["payer_id"]], "detail": detail}
    return replace(outcome, version=replace(outcome.version, **told))


def _tell_lines(desk: Desk, source_id: str) -> None:
    """Store the lines of an invoice as its plan does."""
    lines = [
        InvoiceLine(
            number, "fee" if fee_item else "tax", fee_item, f"I-{fee_item}" if fee_item else "", matter,
            Decimal(quantity) if quantity else None, None, cents if fee_item else 0, 0 if fee_item else cents,
        )
        for number, (matter, fee_item, quantity, cents) in enumerate(SOLD[source_id], start=1)
    ]  # fmt: skip
    row = desk.row(source_id)
    told = LinesOfInvoice(row["document_id"], row["sent_fingerprint"], tuple(lines))
    invoice_lines.store(desk.engine, FIRM, [told])


def _hold(desk: Desk, moment: datetime, source_id: str, reason: str) -> None:
    row = desk.row(source_id)
    held = Decision(row["document_id"], "hold", reason, row["amount_cents"])
    desk.documents.record_decisions([held], run=RUNS[moment], now=moment)
