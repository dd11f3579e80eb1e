"""Refunds and rejections, recorded in QuickBooks where the firm wants it (``record_refunds=on``).

Each becomes one journal entry, sent alone and once like every document (reserved, marked, settled by asking); then its
payment is planned again, and lets go of the invoices that it does not pay any more. What cannot be recorded stays on
the list of hand entries, and the run says why. Only what billing created since the setting was switched on is recorded:
the bookkeeper entered the rest.
"""

from datetime import datetime
from typing import Any

from qb_pipeline.core.markers import marker
from qb_pipeline.core.refunds import refund_content
from qb_pipeline.ledger.documents import Refund
from qb_pipeline.ledger.log import Entry
from qb_pipeline.sync.frames import rows
from qb_pipeline.sync.push import Ready, send_one
from qb_pipeline.sync.scan import Selection
from qb_pipeline.sync.workplace import Workplace


def record_refunds(place: Workplace, selection: Selection) -> None:
    """Record what is to be recorded of this selection; payments that let go of invoices are planned again."""
    since = place.documents.refunds_since() if place.firm.settings.record_refunds and place.firm.model == 1 else None
    if since is not None:
        _record_all(place, selection, since)
    # Also where the answer to an entry was lost, and found since.
    if place.documents.plan_payments_again(now=place.clock()):
        place.try_again = True


def _record_all(place: Workplace, selection: Selection, since: datetime) -> None:
    refunds = place.documents.refunds_to_record(
        since, first=selection.first, last=selection.last, payment_ids=selection.ids("payment")
    )
    if not refunds:
        return
    receivable_id = _find_receivable(place)
    fetched = place.billing.fetch_payments({refund.source_id for refund in refunds}).payments
    payments = {row.payment_id: row for row in rows(fetched)}
    for refund in refunds:
        payment = payments.get(refund.source_id)
        account_id = _find_account(place, payment, refund) if payment is not None else ""
        why = _why_not(place, refund, payment, receivable_id, account_id)
        if why:
            text = f"{refund.payment_kind} {refund.source_id} is left to be entered by hand: {why}"
            place.notices.append(text)
            place.log.add(place.run, [Entry("notice", refund.document_id, detail=text)], now=place.clock())
        else:
            _record(place, refund, payment, receivable_id, account_id)


def _find_receivable(place: Workplace) -> str:
    """The account of receivables; "" where the company has none or several."""
    found = [row["Id"] for row in place.quickbooks.query_all("Account", where="AccountType = 'Accounts Receivable'")]
    return str(found[0]) if len(found) == 1 else ""


def _find_account(place: Workplace, payment: Any, refund: Refund) -> str:
    """The bank account that the money left: that of its own method, else that of the payment's."""
    accounts = place.mappings.links("deposit_account")
    original = {row.payment_id: row.method for row in rows(place.billing.fetch_payments([refund.payment_id]).payments)}
    return accounts.get(payment.method) or accounts.get(original.get(refund.payment_id, ""), "")


def _why_not(place: Workplace, refund: Refund, payment: Any, receivable_id: str, account_id: str) -> str:
    if payment is None or payment.amount_cents != refund.amount_cents or refund.amount_cents <= 0:
        return "billing is changing it"
    if payment.currency != place.rules.currency:
        return "it is not in the home currency"
    if refund.amount_cents > refund.left_cents:
        return f"it is more than what is left of payment {refund.payment_id}"
    if not receivable_id:
        return "the company has not exactly one account of receivables"
    if not account_id:
        return f"no deposit_account is mapped for method {payment.method}"
    return ""


def _record(place: Workplace, refund: Refund, payment: Any, receivable_id: str, account_id: str) -> None:
    document_id = place.documents.ensure("refund", [refund.source_id], now=place.clock())[refund.source_id]
    known = place.documents.read([document_id]).iloc[0]
    mark = marker(place.installation, place.firm.firm_id, "refund", refund.source_id)
    content = refund_content(
        customer_id=refund.customer_id,
        receivable_id=receivable_id,
        account_id=account_id,
        day=payment.received_date,
        cents=refund.amount_cents,
        currency=place.rules.currency if place.rules.multicurrency else "",
        reference=payment.reference,
        marker=mark,
    )
    outcome = send_one(
        place,
        Ready(
            document_id=document_id,
            kind="refund",
            source_id=refund.source_id,
            part="",
            operation="create",
            former_state=known["state"],
            source_hash=known["source_hash"],
            marker=mark,
            body=content.body,
            fingerprint=content.fingerprint,
            total_cents=content.total_cents,
        ),
    )
    if outcome.outcome == "refused":
        text = f"{refund.payment_kind} {refund.source_id} was refused by QuickBooks (fault {outcome.fault_code})"
        place.notices.append(f"{text}: correct the cause, or enter it by hand and set record_refunds=off")
    elif outcome.state == "held":
        place.notices.append(
            f"{refund.payment_kind} {refund.source_id} is in QuickBooks, but not as it was sent ({outcome.reason}): "
            f"look at journal entry {outcome.quickbooks_id}"
        )
