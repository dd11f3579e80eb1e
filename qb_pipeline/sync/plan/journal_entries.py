"""Refunds and rejections, recorded in QuickBooks if the firm wants it (``record_refunds=on``).

Each becomes one journal entry, sent alone and once like every document (reserved, with a marker, settled by asking).
Then its payment is planned again, and is taken off the invoices that it no longer pays. A refund that cannot be
recorded stays on the by-hand list, and the run reports the reason. Only refunds that billing created since the setting
was switched on are recorded: the bookkeeper entered the earlier ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from qb_pipeline.core.documents.journal_entries import refund_content
from qb_pipeline.core.documents.payloads import Content
from qb_pipeline.core.mapping.mapping_targets import read_targets
from qb_pipeline.core.markers import marker
from qb_pipeline.core.money import to_dollars
from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.core.schemas import rows
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.ledger.books.applications import Refund
from qb_pipeline.ledger.books.plans import PlanLine
from qb_pipeline.ledger.books.refusals import Standing
from qb_pipeline.ledger.log import Entry
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.plan.citations import find_cited
from qb_pipeline.sync.remote.standing import stands
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned

LEFT_TO_HAND = "LEFT_TO_HAND"
"""The reason in the log of a refund that a sync leaves to a person. From then on the refund is in
``reporting.enter_by_hand``."""


@dataclass(frozen=True, slots=True)
class RefundPlan:
    """The refunds that are to be recorded, each with its journal entry, and those that stay ``held`` because QuickBooks
    refused them and would refuse them again. The notices of ``learned`` have the reasons for which the others are left
    to a person."""

    entries: Sequence[tuple[Refund, Content]] = ()
    held: Sequence[PlanLine] = ()
    learned: Learned = field(default=NOTHING)


@dataclass(frozen=True, slots=True)
class _GoneBack:
    """A refund or rejection as billing has it now. ``method`` is the payment method by which the money went back."""

    reference: str
    received_date: date
    amount_cents: int
    currency: str
    method: str


def plan_refunds(session: FirmSession, selection: Selection) -> RefundPlan:
    """Plan the refunds of a selection: those to be recorded, those that stay refused, and those that are left to be
    entered by hand."""
    settings = session.firm.settings
    since = session.applications.refunds_since() if settings.record_refunds and session.firm.model == 1 else None
    if since is None:
        return RefundPlan()
    first, last = selection.window
    refunds = session.applications.refunds_to_record(
        since, first=first, last=last, payment_ids=selection.ids(Kind.PAYMENT)
    )
    if not refunds:
        return RefundPlan()
    fetched = session.billing.fetch_payments({refund.source_id for refund in refunds}).payments
    payments = {
        row.payment_id: _GoneBack(row.reference, row.received_date, row.amount_cents, row.currency, row.method)
        for row in rows(fetched)
    }
    contents, learned = _build(session, refunds, payments)
    standing = stands(session, Kind.REFUND, {source_id: content.body for source_id, content in contents.items()})
    for refund in refunds:
        if refund.source_id in standing:
            text = (
                f"{refund.payment_kind} {refund.source_id} stays refused by QuickBooks: nothing has changed since. "
                "Correct the cause, or enter it by hand and set record_refunds=off"
            )
            learned |= Learned(notices=(text,))
    return RefundPlan(
        [
            (refund, contents[refund.source_id])
            for refund in refunds
            if refund.source_id in contents and refund.source_id not in standing
        ],
        [
            _held(refund, payments[refund.source_id], standing[refund.source_id])
            for refund in refunds
            if refund.source_id in standing
        ],
        learned,
    )


def foresee_refunds(plan: RefundPlan) -> Learned:
    """Return the notices of a dry run about a plan's entries."""
    notices = [
        f"{refund.payment_kind} {refund.source_id} would be recorded in QuickBooks as a journal entry of "
        f"{to_dollars(refund.amount_cents)}"
        for refund, _ in plan.entries
    ]
    return plan.learned | Learned(notices=tuple(notices))


def _build(
    session: FirmSession, refunds: Sequence[Refund], payments: Mapping[str, _GoneBack]
) -> tuple[dict[str, Content], Learned]:
    """Build the journal entry of each refund that can be recorded, keyed by its id. Write the reasons for the others
    into the log, and return them as notices."""
    receivable_id, in_trust = _read_accounts(session)
    contents: dict[str, Content] = {}
    notices: list[str] = []
    for refund in refunds:
        payment = payments.get(refund.source_id)
        account_id = _find_account(session, payment, refund) if payment is not None else ""
        why = _why_not(session, refund, payment, receivable_id, account_id)
        if not why and account_id in in_trust:
            why = f"account {account_id} holds client money (AccountSubType {in_trust[account_id]})"
        if payment is None or why:
            notices.append(f"{refund.payment_kind} {refund.source_id} is left to be entered by hand: {why}")
            entry = Entry("notice", refund.document_id, LEFT_TO_HAND, notices[-1])
            session.log.add(session.run, [entry], now=session.clock())
        else:
            contents[refund.source_id] = _content(session, refund, payment, receivable_id, account_id)
    return contents, Learned(notices=tuple(notices))


def _held(refund: Refund, payment: _GoneBack, refused: Standing) -> PlanLine:
    return PlanLine(
        kind=Kind.REFUND,
        source_id=refund.source_id,
        part="",
        number=payment.reference,
        document_date=payment.received_date,
        operation=Operation.HOLD,
        reason=refused.reason,
        remedy=PROBLEMS[Problem(refused.reason)].remedy,
        amount_cents=refund.amount_cents,
        before_cents=None,
        after_cents=None,
        changes=[],
    )


def _read_accounts(session: FirmSession) -> tuple[str, dict[str, str]]:
    """Read the accounts. Return the Id of the account of receivables ("" if the company has none or several), and the
    sub-types of the accounts of client money, keyed by Id."""
    found = list(session.quickbooks.query_all("Account", where="AccountType IN ('Accounts Receivable', 'Bank')"))
    receivable = [row["Id"] for row in found if row["AccountType"] == "Accounts Receivable"]
    accounts = read_targets("deposit_account", found).values()
    in_trust = {each.quickbooks_id: each.sub_type for each in accounts if each.holds_client_money}
    return str(receivable[0]) if len(receivable) == 1 else "", in_trust


def _find_account(session: FirmSession, payment: _GoneBack, refund: Refund) -> str:
    """Return the Id of the bank account that the money left: the account of the refund's own method, or else of the
    payment's method."""
    accounts = session.mappings.links("deposit_account")
    original = {
        row.payment_id: row.method for row in rows(session.billing.fetch_payments([refund.payment_id]).payments)
    }
    return accounts.get(payment.method) or accounts.get(original.get(refund.payment_id, ""), "")


def _why_not(
    session: FirmSession, refund: Refund, payment: _GoneBack | None, receivable_id: str, account_id: str
) -> str:
    if payment is None or payment.amount_cents != refund.amount_cents or refund.amount_cents <= 0:
        return "billing is changing it"
    if payment.currency != session.rules.currency:
        return "it is not in the home currency"
    if refund.amount_cents > refund.left_cents:
        return f"it is more than what is left of payment {refund.payment_id}"
    if not receivable_id:
        return "the company has not exactly one account of receivables"
    if not account_id:
        return f"no deposit_account is mapped for method {payment.method}"
    return ""


def _content(session: FirmSession, refund: Refund, payment: _GoneBack, receivable_id: str, account_id: str) -> Content:
    return refund_content(
        customer_id=refund.customer_id,
        receivable_id=receivable_id,
        account_id=account_id,
        day=payment.received_date,
        cents=refund.amount_cents,
        currency=session.rules.currency if session.rules.multicurrency else "",
        reference=payment.reference,
        marker=marker(session.installation, session.firm.firm_id, Kind.REFUND, refund.source_id),
        cited=find_cited(session, {refund.source_id: payment.reference}),
    )
