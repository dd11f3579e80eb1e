"""Payments that a bookkeeper receives in QuickBooks: what QuickBooks holds, what billing holds, and a pull between.

Both looks are independent of the pipeline: the emulator is asked by its own door, billing by plain SQL.
"""

from collections import defaultdict
from decimal import Decimal
from typing import Any
from uuid import uuid4

import requests
import sqlalchemy as sa

from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.pull.received_payments import PullReport, pull_firm, read_changes
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

ByPair = dict[tuple[str, str], Decimal]
"""Dollars by QuickBooks' payment and invoice Id."""


def set_up(law_firm: LawFirm, *amounts: str) -> list[str]:
    """An active Model 2 firm whose invoices 1, 2, … are in QuickBooks; gives their Ids there."""
    law_firm.model = 2
    law_firm.activate()
    return send(law_firm, *amounts)


def send(law_firm: LawFirm, *amounts: str, start: int = 1) -> list[str]:
    """Send invoices of these amounts; gives their Ids in QuickBooks."""
    sent = [str(number) for number, _ in enumerate(amounts, start=start)]
    for invoice_id, amount in zip(sent, amounts, strict=True):
        law_firm.invoice(invoice_id, amount, total_amount=amount)
    law_firm.sync()
    numbers = {row["DocNumber"]: str(row["Id"]) for row in law_firm.books.ours("Invoice")}
    return [numbers[f"N-{invoice_id}"] for invoice_id in sent]


def receive(law_firm: LawFirm, *invoices: Any, **values: Any) -> str:
    """The bookkeeper receives a payment; an invoice without an amount is paid whole. Gives its Id."""
    customer = law_firm.books.ours("Invoice")[0]["CustomerRef"]["value"]
    return str(law_firm.books.do("receive-payment", customer_id=customer, invoices=invoices, **values)["Id"])


def link(law_firm: LawFirm, payment: str, total: str, **shares: str) -> None:
    """The bookkeeper changes what a payment pays: ``_12="50.00"`` for invoice 12."""
    lines = [
        {"Amount": amount, "LinkedTxn": [{"TxnId": invoice.removeprefix("_"), "TxnType": "Invoice"}]}
        for invoice, amount in shares.items()
    ]
    law_firm.books.do("edit", entity="Payment", id=payment, changes={"TotalAmt": total, "Line": lines})


def pull(law_firm: LawFirm) -> PullReport:
    """Look and post, as the sensor and its run do."""
    with law_firm.deployment.open(FIRM, Run(f"look-{uuid4()}", "test", PARTNER)) as session:
        read_changes(session)
    return post(law_firm)


def post(law_firm: LawFirm, **options: Any) -> PullReport:
    """Post what is due, without looking."""
    first, last = options.pop("first", None), options.pop("last", None)
    with law_firm.deployment.open(FIRM, Run(f"pull-{uuid4()}", "test", PARTNER)) as session:
        return pull_firm(session, first, last, **options)


def in_quickbooks(law_firm: LawFirm) -> ByPair:
    """What payments in QuickBooks pay on our invoices, those that we sent left out."""
    ours = {str(row["Id"]) for row in law_firm.books.ours("Invoice")}
    shares: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for payment in law_firm.books.all("Payment"):
        if "qbp1:" in payment.get("PrivateNote", ""):
            continue
        for line in payment["Line"]:
            for linked in line["LinkedTxn"]:
                if linked["TxnType"] == "Invoice" and linked["TxnId"] in ours:
                    shares[str(payment["Id"]), linked["TxnId"]] += Decimal(line["Amount"])
    return {pair: amount for pair, amount in shares.items() if amount}


def billed_rows(law_firm: LawFirm) -> list[dict[str, Any]]:
    """What billing holds of QuickBooks' payments, in the order of their ids."""
    statement = (
        "select p.*, a.invoice_id, a.amount as applied, a.applied_date from billing.payments p"
        " left join billing.payment_applications a using (firm_id, payment_id)"
        " where p.origin = 'quickbooks' order by p.external_id"
    )
    with law_firm.billing.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(statement)).mappings()]


def in_billing(law_firm: LawFirm) -> ByPair:
    """What billing holds, by QuickBooks' payment and invoice: reversals taken off, nothing where they cancel out."""
    shares: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in billed_rows(law_firm):
        _, realm, payment, invoice, _ = row["external_id"].split(":")
        assert realm == law_firm.books.realm_id
        amount = Decimal(str(row["amount"]))  # SQLite hands over floats
        shares[payment, invoice] += -amount if row["kind"] == "reversal" else amount
    return {pair: amount for pair, amount in shares.items() if amount}


def state_of(law_firm: LawFirm, payment: str) -> str:
    """The state of a payment in the inbox."""
    [row] = law_firm.query(
        "select state from sync.received_payment where payment_id = :payment and state <> 'superseded'", payment=payment
    )
    return str(row["state"])


def advance(law_firm: LawFirm, seconds: float) -> None:
    """Let time pass, here and in QuickBooks."""
    law_firm.time.sleep(seconds)


def quickbooks_now(law_firm: LawFirm) -> float:
    """QuickBooks' clock, in seconds."""
    return float(requests.get(f"{law_firm.books.url}/emulator/clock", timeout=10).json()["epoch"])
