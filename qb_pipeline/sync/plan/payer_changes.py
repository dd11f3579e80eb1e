"""Invoices whose payer changed while payments pay them. The payments go along, or nothing moves.

QuickBooks does not allow a paid invoice to go to another customer, or a payment to pay another customer's invoice. So
the payments are taken off, the invoice goes to the new customer, and the payments follow and are applied again, as
billing has them then. All of it is decided from reads before the first of these requests leaves. A payment that was
taken off stays on the work list until it is applied again, wherever a run ends.

Belongs here: that decision. Does not belong here: sending (``load``), finding the documents that depend on one another
(``core.documents.payer_changes``).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from qb_pipeline.core.documents.payer_changes import find_held
from qb_pipeline.core.documents.payloads import Content, fingerprint
from qb_pipeline.core.money import JsonObject, to_dollars
from qb_pipeline.core.planning.plan import restore_marker, update_body
from qb_pipeline.core.planning.refusals import hash_refused
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.applications import AppliedShare
from qb_pipeline.ledger.books.documents import WorkItem, work_items
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.mapping.references import has_unmade
from qb_pipeline.sync.plan.obstacles import hold_by_settings
from qb_pipeline.sync.plan.payments import plan_taken_off
from qb_pipeline.sync.plan.plan import Along, Plan, make_ready, marker_of
from qb_pipeline.sync.plan.ready import Ready
from qb_pipeline.sync.remote.current import read_current
from qb_pipeline.sync.remote.outcomes import ENTITY, read_applied, read_cents, read_customer
from qb_pipeline.sync.remote.settlements import name_settlements
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import AT_ONCE, Foresight, Moved


@dataclass(frozen=True, slots=True)
class _Moving:
    """An invoice that goes to another customer, as QuickBooks holds it, with the shares that our payments pay of it.

    ``freed_cents``: the cents that voids planned by this run take off it first.
    """

    item: Ready
    entity: Entity
    shares: Sequence[AppliedShare]
    freed_cents: int

    @property
    def paid_cents(self) -> int:
        return _paid_cents(self.entity) - self.freed_cents


def take_payments_along(session: FirmSession, plan: Plan, foresight: Foresight) -> None:
    """Decide about the invoices of a plan that go to another customer while something pays them.

    Each of them is held together with all documents that depend on it, or ``plan.along`` gets the payments that go with
    it. If a later stage of the run makes the final decision, ``plan.along`` gets an empty entry instead. Without such
    an invoice this costs nothing.

    Raises:
        QuickBooksError: a read was not answered; nothing was concluded.
    """
    moving = _find_moving(session, plan, foresight)
    if not moving:
        return
    if foresight.counts_on_plan and not foresight.asks_everything:
        plan.along |= {each.item.document_id: Along() for each in moving}
        return
    moving = _hold_by_themselves(session, plan, moving)
    rows, foreseen = _foresee_payments(session, plan, moving, foresight)
    in_the_way = _find_in_the_way(session, rows, foreseen) | _find_others(session, moving, foreseen)
    held = find_held(_pays(moving, rows, foreseen), in_the_way)
    ids = {str(_name_of(each.item)): each.item.document_id for each in moving}
    told = {ids[name]: words for name, words in held.items() if name in ids}
    plan.withdraw(dict.fromkeys(told, Problem.PAYER_CHANGED), told)
    for each in moving:
        if each.item.document_id not in told:
            plan.along[each.item.document_id] = _along(session, each, rows, foreseen)


def _hold_by_themselves(session: FirmSession, plan: Plan, moving: Sequence[_Moving]) -> list[_Moving]:
    """Hold the invoices that would be refused, payments or not; gives the others."""
    hold_by_settings(session, plan)
    plan.withdraw(*_find_refused(session, [each.item for each in moving]))
    plan.withdraw(*_find_by_customers(session, [each.item for each in moving]))
    left = {item.document_id for item in plan.ready}
    return [each for each in moving if each.item.document_id in left]


def _foresee_payments(
    session: FirmSession, plan: Plan, moving: Sequence[_Moving], foresight: Foresight
) -> tuple[list[WorkItem], Plan]:
    """Our payments on these invoices, and what would become of them when all have left and the invoices have gone."""
    payments = session.documents.read(sorted({share.document_id for each in moving for share in each.shares}))
    if not len(payments):
        return [], Plan(learned=plan.learned)
    ahead = replace(foresight, moving={each.item.source_id: _goes(each) for each in moving})
    foreseen = plan_taken_off(session, payments, plan.learned, ahead)
    hold_by_settings(session, foreseen)
    return work_items(payments), foreseen


def _find_moving(session: FirmSession, plan: Plan, foresight: Foresight) -> list[_Moving]:
    """The invoices of a plan that go to another customer while something pays them there, or is known to."""
    found = [(item, entity) for item in plan.ready if (entity := _find_former(plan, item, foresight)) is not None]
    if not found:
        return []
    run_id = session.run.run_id if foresight.counts_on_plan else ""
    standing = session.applications.applied_to([str(item.body["Id"]) for item, _ in found], voided_by=run_id)
    freed = session.applications.planned_voids(run_id, [item.source_id for item, _ in found]) if run_id else {}
    shares: dict[str, list[AppliedShare]] = {}
    for share in standing:
        shares.setdefault(share.quickbooks_invoice_id, []).append(share)
    moving = [
        _Moving(item, entity, shares.get(str(item.body["Id"]), []), freed.get(item.source_id, 0))
        for item, entity in found
    ]
    return [each for each in moving if each.paid_cents > 0 or each.shares]


def _find_former(plan: Plan, item: Ready, foresight: Foresight) -> Entity | None:
    """An invoice as QuickBooks holds it, where a plan gives it to another customer; else None."""
    remote = plan.remote.get(item.document_id)
    if item.operation != Operation.UPDATE or remote is None or remote.entity is None:
        return None
    if foresight is AT_ONCE and has_unmade(item.body):
        return None  # planned once more when its customer is there
    return remote.entity if read_customer(item.body) != read_customer(remote.entity) else None


def _goes(moving: _Moving) -> Moved:
    more_cents = moving.item.total_cents - read_cents(moving.entity, "TotalAmt")
    return Moved(read_customer(moving.item.body), more_cents)


def _find_refused(session: FirmSession, items: Sequence[Ready]) -> tuple[dict[int, Problem], dict[int, str]]:
    """Return the problems and descriptions of invoices that QuickBooks refused in the same form, keyed by document id.

    Taking the payments off and applying them again would change the evidence of the refusal. So only billing, the
    mapping or a person has these invoices sent again.
    """
    if session.repeats_refused:
        return {}, {}
    known = session.refusals.of([item.document_id for item in items])
    again = [
        item
        for item in items
        if item.document_id in known
        and known[item.document_id].operation == item.operation
        and known[item.document_id].body_sha256 == hash_refused(ENTITY[item.kind], item.body)
    ]
    problems = {item.document_id: Problem(known[item.document_id].reason) for item in again}
    said = {
        item.document_id: f"fault {known[item.document_id].fault_code}; refused "
        f"{known[item.document_id].refused_at:%Y-%m-%d %H:%M} UTC, and its payments were applied again"
        for item in again
    }
    return problems, said


def _find_by_customers(session: FirmSession, items: Sequence[Ready]) -> tuple[dict[int, Problem], dict[int, str]]:
    """Return the problems and the descriptions of invoices whose new customer would be refused because it is inactive
    or has another currency, keyed by document id."""
    wanted = {item.document_id: read_customer(item.body) for item in items if not has_unmade(item.body)}
    targets = session.company.find_targets("payer", wanted.values()) if wanted else {}
    problems: dict[int, Problem] = {}
    said: dict[int, str] = {}
    for document_id, customer_id in wanted.items():
        target = targets.get(customer_id)
        if target is None:
            continue  # merged: the diagnosis of the refusal finds the survivor
        if not target.is_active:
            problems[document_id] = Problem.MAPPING_INACTIVE
        elif target.currency and target.currency != session.rules.currency:
            problems[document_id] = Problem.CUSTOMER_CURRENCY
            said[document_id] = f"customer {customer_id} has {target.currency}, the document {session.rules.currency}"
    return problems, said


def _find_in_the_way(session: FirmSession, rows: Sequence[WorkItem], foreseen: Plan) -> dict[str, str]:
    """Return the payments that cannot leave their invoices or cannot be applied again, each with the reason, keyed by
    name."""
    going = {item.document_id for item in foreseen.ready if item.operation == Operation.UPDATE}
    decided = {decision.document_id: decision for decision in foreseen.decisions}
    taken_back = session.applications.taken_back([row.source_id for row in rows])
    found: dict[str, str] = {}
    for row in rows:
        name = str(_name_of(row))
        if row.source_id in taken_back:  # its journal entry would stay under the old customer
            went_back = to_dollars(sum(taken_back[row.source_id].values()))
            found[name] = f"{name} (Payment {row.quickbooks_id}): {went_back:,.2f} of it went back under this customer"
            continue
        if row.document_id in going:
            continue
        decision = decided.get(row.document_id)
        reason = decision.reason or decision.operation if decision is not None else ""
        if row.document_id in foreseen.gone:
            reason = Problem.SOURCE_GONE
        remote = foreseen.remote.get(row.document_id)
        why = _explain(session, str(reason or row.state), (remote and remote.entity) or {})
        found[name] = f"{name} (Payment {row.quickbooks_id}): {why}"
    return found


def _explain(session: FirmSession, reason: str, payment: Entity) -> str:
    settings = session.company.settings
    if reason == Problem.PERIOD_CLOSED and settings is not None:
        return f"{reason}, the books are closed through {settings.books_closed_through}"
    deposits = [link["TxnId"] for link in payment.get("LinkedTxn") or () if link.get("TxnType") == "Deposit"]
    return f"{reason}, it is part of Deposit {deposits[0]}" if reason == Problem.DEPOSITED and deposits else reason


def _find_others(session: FirmSession, moving: Sequence[_Moving], foreseen: Plan) -> dict[str, str]:
    """Return the invoices that money of others pays, each with a description of that money, keyed by name. A query may
    be behind, so that each such invoice is read by itself first."""
    doubtful = [each for each in moving if _others_cents(each, foreseen) > 0]
    invoices: dict[str, tuple[Entity, int]] = {}
    names: dict[str, str] = {}
    for each in doubtful:
        current = read_current(session, Kind.INVOICE, str(each.item.body["Id"]))
        others_cents = _others_cents(replace(each, entity=current), foreseen) if current is not None else 0
        if current is not None and others_cents > 0:
            invoices[current["Id"]] = (current, others_cents)
            names[current["Id"]] = str(_name_of(each.item))
    if not invoices:
        return {}
    told = name_settlements(session, invoices, [share for each in moving for share in each.shares])
    return {names[key]: f"{names[key]}: {words}" for key, words in told.items()}


def _others_cents(moving: _Moving, foreseen: Plan) -> int:
    """Return the cents that others pay of an invoice. A payment of ours that was not read counts with the amount that
    we last knew."""
    ours = 0
    for share in moving.shares:
        remote = foreseen.remote.get(share.document_id)
        payment = remote.entity if remote else None
        ours += share.amount_cents if payment is None else read_applied(payment).get(share.quickbooks_invoice_id, 0)
    return moving.paid_cents - ours


def _pays(moving: Sequence[_Moving], rows: Sequence[WorkItem], foreseen: Plan) -> dict[str, set[str]]:
    """Return the names of the invoices that each payment pays, on either side, keyed by the payment's name."""
    names = {row.document_id: str(_name_of(row)) for row in rows}
    found: dict[str, set[str]] = {name: set() for name in names.values()}
    for document_id, invoice_ids in foreseen.hangs_on.items():
        found[names[document_id]] |= {str(DocumentName(Kind.INVOICE, invoice_id)) for invoice_id in invoice_ids}
    for each in moving:
        for share in each.shares:
            found[names[share.document_id]].add(str(_name_of(each.item)))
    return found


def _along(session: FirmSession, moving: _Moving, rows: Sequence[WorkItem], foreseen: Plan) -> Along:
    mine = {share.document_id for share in moving.shares}
    releases = [
        _release(session, row, payment)
        for row in rows
        if row.document_id in mine
        and (payment := foreseen.remote[row.document_id].entity) is not None
        and read_applied(payment)  # otherwise a person has taken it off already
    ]
    return Along(tuple(sorted(mine)), tuple(releases))


def _release(session: FirmSession, row: WorkItem, payment: Entity) -> Ready:
    """Return the request that takes a payment off everything that it pays. The payment stays under its customer."""
    kept: JsonObject = {name: payment[name] for name in ("TxnDate", "TotalAmt", "CurrencyRef") if name in payment}
    kept |= {"CustomerRef": {"value": read_customer(payment)}, "Line": []}
    body = update_body(kept, quickbooks_id=payment["Id"], sync_token=str(payment["SyncToken"]))
    body |= restore_marker({"PrivateNote": marker_of(session, row)}, payment)
    content = Content(body, read_cents(payment, "TotalAmt"), f"released:{fingerprint(body)}", ())
    return replace(make_ready(session, row, Operation.UPDATE, content, body), is_release=True)


def _name_of(document: Ready | WorkItem) -> DocumentName:
    return DocumentName(document.kind, document.source_id, document.part)


def _paid_cents(invoice: Entity) -> int:
    return read_cents(invoice, "TotalAmt") - read_cents(invoice, "Balance")


def payments_of(along: Collection[Along]) -> list[int]:
    """Return the document ids of the payments that go along, ascending."""
    return sorted({document_id for each in along for document_id in each.payments})


def releases_of(along: Collection[Along]) -> list[Ready]:
    """Return the requests that take payments off, each once, since a payment may pay several invoices."""
    return list({release.document_id: release for each in along for release in each.releases}.values())
