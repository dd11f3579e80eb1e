"""The planning of payments: read them, read the open balances of their invoices, divide them, build the bodies."""

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

import pandas as pd

from qb_pipeline.core import schemas
from qb_pipeline.core.documents.headroom import PartKey
from qb_pipeline.core.documents.journal_entries import pay_entries
from qb_pipeline.core.documents.payloads import payment_contents
from qb_pipeline.core.documents.payments import PaymentPlan, divide_payments
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.planning.plan import compare
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.schemas import rows
from qb_pipeline.core.states import Kind, Operation, State
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.applications import Application, AppliedShare
from qb_pipeline.ledger.books.documents import WorkItem, work_items
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.mapping.references import NOT_YET
from qb_pipeline.sync.plan.citations import find_cited
from qb_pipeline.sync.plan.client_credit import find_clearing
from qb_pipeline.sync.plan.decide import Changes, Meant, decide
from qb_pipeline.sync.plan.obstacles import hold_standing
from qb_pipeline.sync.plan.plan import Plan, marker_of
from qb_pipeline.sync.remote.documents import find_lost
from qb_pipeline.sync.remote.outcomes import read_applied, read_cents, read_customer
from qb_pipeline.sync.remote.settlements import describe_open
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import Foresight
from qb_pipeline.sync.session.learned import Learned

PLANNED = "planned"
"""The prefix of the Id of an invoice that the run would send before its payments."""

TOO_MUCH = (Problem.EXCEEDS_BALANCE, Problem.REJECTION_OPEN, Problem.OTHER_STILL_APPLIED)
"""The problems that depend on the open balances in QuickBooks, which a bookkeeper may have changed."""

ASKED = (*TOO_MUCH, Problem.OTHER_CUSTOMER)
"""The reasons for which a payment's invoices are read in QuickBooks."""


def plan_payments(session: FirmSession, work: pd.DataFrame, known: Learned, foresight: Foresight) -> Plan:
    """Plan the payments of one chunk of the work list, and return the plan. Nothing is stored or sent.

    ``known``: the facts that this run has learned. ``foresight``: the changes of the run's plan that are treated as
    done. If it counts on the plan, an invoice that the plan creates is treated as sent, under an Id that begins with
    ``PLANNED``.
    """
    plan = _plan(session, work, known, foresight)
    followed = plan.followed()
    if followed and foresight.asks_everything:  # a sync sends the others first, and then plans again
        return _plan(session, work, known, foresight, leaving=followed)
    return plan


def plan_taken_off(session: FirmSession, work: pd.DataFrame, known: Learned, foresight: Foresight) -> Plan:
    """Decide about payments as if they were taken off everything that they pay, and their invoices were with the
    customers in ``foresight.moving``."""
    keys = {(row.source_id, row.part) for row in work_items(work)}
    return _plan(session, work, known, foresight, taken_off=keys)


def _plan(
    session: FirmSession,
    work: pd.DataFrame,
    known: Learned,
    foresight: Foresight,
    *,
    leaving: Set[PartKey] = frozenset(),
    taken_off: Set[PartKey] = frozenset(),
) -> Plan:
    plan = Plan(learned=known)
    keys: dict[PartKey, WorkItem] = {(row.source_id, row.part): row for row in work_items(work)}
    divided, books, plan.lost_invoices = _divide(session, work, keys, known, foresight, leaving, taken_off)
    paid = _invoices_of(books.applications, books.forwarded)
    plan.hangs_on = {row.document_id: paid.get(row.source_id, frozenset()) for row in keys.values()}
    parts = list(zip(divided.parts["payment_id"], divided.parts["part"], strict=True))
    removed = _find_removed(divided.parts, keys)
    voids = {key for key in removed if keys[key].quickbooks_id}
    by_key = _problems(divided, keys.keys(), books.bad_amounts, voids)
    accounts = session.mappings.links("deposit_account")
    clearing = find_clearing(session, keys.values())
    in_trust = _find_trust_accounts(session, divided.parts, keys, accounts, clearing)
    by_key |= dict.fromkeys(in_trust, Problem.TRUST_ACCOUNT)
    plan.gone += [keys.pop(key).document_id for key in keys.keys() - set(parts) - by_key.keys() - voids]
    sound = divided.parts[(divided.parts["problem"] == "") & (divided.parts["status"] != "void")]
    without = {key for key, row in keys.items() if row.document_id in known.unpaid_entries}
    contents = payment_contents(
        sound,
        divided.allocations,
        payment_methods=session.mappings.links("payment_method"),
        deposit_accounts=accounts,
        markers={key: marker_of(session, row) for key, row in keys.items()},
        rules=session.rules,
        entries=_find_paid_entries(sound, divided.allocations, books.entries, without),
        clearing=clearing,
        cited=find_cited(session, dict(zip(sound["payment_id"], sound["reference"], strict=True)), paid),
    )
    plan.contents = {keys[key].document_id: content for key, content in contents.items()}
    problems = {keys[key].document_id: problem for key, problem in by_key.items()}
    details = {
        keys[key].document_id: blocked_by for key, blocked_by in zip(parts, divided.parts["blocked_by"], strict=True)
    }
    details |= {keys[key].document_id: text for key, text in in_trust.items()}
    details |= {keys[key].document_id: text for key, text in _explain_excess(session, divided, books).items()}
    applications = _applications(divided.allocations)
    meant = [
        Meant(row, contents.get(key), is_void=key in removed, applications=applications.get(key, ()))
        for key, row in keys.items()
    ]
    decide(session, plan, CHANGES, meant, problems)
    hold_standing(session, plan)
    plan.stop(keys.values(), problems, details)
    return plan


def _find_removed(parts: pd.DataFrame, keys: Mapping[PartKey, WorkItem]) -> set[PartKey]:
    """Return the payments that billing voids, and those that are in QuickBooks and that billing has revised to nothing.
    Both are voided."""
    is_nothing = parts["problem"] == Problem.NOTHING_TO_PAY
    emptied = set(zip(parts.loc[is_nothing, "payment_id"], parts.loc[is_nothing, "part"], strict=True))
    return {key for key, row in keys.items() if row.source_status == "void" or (row.quickbooks_id and key in emptied)}


def _find_paid_entries(
    parts: pd.DataFrame,
    allocations: pd.DataFrame,
    entries: Mapping[str, Mapping[str, int]],
    without: Set[PartKey],
) -> dict[PartKey, dict[str, int]]:
    """Return the cents that payments pay of the journal entries that take them back, instead of invoices, keyed by
    payment part and then by the entry's Id."""
    if not entries:
        return {}
    left = {
        (payment_id, part): cents
        for payment_id, part, cents in zip(parts["payment_id"], parts["part"], parts["amount_cents"], strict=True)
    }
    for payment_id, part, cents in zip(
        allocations["payment_id"], allocations["part"], allocations["amount_cents"], strict=True
    ):
        if (payment_id, part) in left:
            left[payment_id, part] -= cents
    return {
        key: pay_entries(entries[key[0]], cents)
        for key, cents in left.items()
        if key[0] in entries and key not in without
    }


def _find_trust_accounts(
    session: FirmSession,
    parts: pd.DataFrame,
    keys: Mapping[PartKey, WorkItem],
    accounts: Mapping[str, str],
    clearing: Collection[PartKey],
) -> dict[PartKey, str]:
    """Return the new payments that would be received into an account of client money, each with a description of the
    account. Costs one read for all of them."""
    sound = parts[(parts["problem"] == "") & (parts["status"] != "void")]
    new = {
        (payment_id, part): accounts[method]
        for payment_id, part, method in zip(sound["payment_id"], sound["part"], sound["method"], strict=True)
        if method in accounts and not keys[payment_id, part].quickbooks_id and (payment_id, part) not in clearing
    }
    targets = session.company.find_targets("deposit_account", new.values()) if new else {}
    return {
        key: f"Account {account_id} is of AccountSubType {targets[account_id].sub_type}"
        for key, account_id in new.items()
        if account_id in targets and targets[account_id].holds_client_money
    }


def _problems(
    divided: PaymentPlan, keys: Collection[PartKey], bad: Set[str], voids: Set[PartKey]
) -> dict[PartKey, Problem]:
    """Return the problems of parts of payments. A void has none, because it is always sent."""
    parts = zip(divided.parts["payment_id"], divided.parts["part"], divided.parts["problem"], strict=True)
    found = {(payment_id, part): Problem(problem) for payment_id, part, problem in parts if problem}
    found |= {key: Problem.BAD_AMOUNT for key in keys if key[0] in bad}
    return {key: problem for key, problem in found.items() if key not in voids}


@dataclass(frozen=True, slots=True)
class _Books:
    """The data of billing about some payments and about all that pay the same invoices, and the shares that our
    payments pay of these invoices in QuickBooks."""

    payments: pd.DataFrame
    applications: pd.DataFrame
    forwarded: Mapping[str, list[str]]
    invoices: pd.DataFrame
    """``core.schemas.KnownInvoices``."""
    beside: Sequence[AppliedShare]
    entries: Mapping[str, Mapping[str, int]]
    """The journal entries that take payments back: cents keyed by payment id and then by the entry's Id in
    QuickBooks."""
    bad_amounts: Set[str]
    payers: Mapping[str, str]
    """Payer ids, keyed by invoice id."""
    there: Mapping[str, Entity] = field(default_factory=dict)
    """The invoices as QuickBooks holds them, keyed by Id, as far as they were read."""


def _explain_excess(session: FirmSession, divided: PaymentPlan, books: _Books) -> dict[PartKey, str]:
    """Describe, for each part that finds too little open, the open balances of the invoices that it pays and the other
    payments on them."""
    parts = divided.parts[divided.parts["problem"] == Problem.EXCEEDS_BALANCE]
    known = dict(zip(books.invoices["invoice_id"], books.invoices["quickbooks_id"], strict=True))
    paid = _invoices_of(books.applications, books.forwarded)
    told: dict[PartKey, str] = {}
    for key in zip(parts["payment_id"], parts["part"], strict=True):
        ids = {known[each]: each for each in sorted(paid.get(key[0], ())) if known.get(each) in books.there}
        names = {quickbooks_id: str(DocumentName(Kind.INVOICE, each)) for quickbooks_id, each in ids.items()}
        if ids:
            told[key] = describe_open(session, {each: books.there[each] for each in ids}, names)
    return told


def _divide(
    session: FirmSession,
    work: pd.DataFrame,
    keys: Mapping[PartKey, WorkItem],
    known: Learned,
    foresight: Foresight,
    leaving: Set[PartKey],
    taken_off: Set[PartKey],
) -> tuple[PaymentPlan, _Books, dict[str, Problem]]:
    """Read payments with their invoices and divide them. Return the division, the data read, and the problems of
    invoices that a person took out of the books, keyed by billing's id."""
    ids = sorted(set(work["source_id"]))
    customers = _customers(session, known, foresight)
    books = _read(session, ids, customers, foresight)
    divide_over = partial(
        divide_payments,
        rules=session.rules,
        only=keys.keys(),
        leaving=leaving,
        taken_off=taken_off,
        customers=customers,
        in_quickbooks=session.applications.applied([row.document_id for row in keys.values()]),
        rejected=session.applications.open_rejections(list(books.invoices["invoice_id"])),
        standing=session.applications.standing_parts(ids),
        taken_back={payment_id: sum(entries.values()) for payment_id, entries in books.entries.items()},
    )
    divided = _divide_over(divide_over, books, books.invoices, _coming(session, books, foresight))
    lost: dict[str, Problem] = {}
    is_doubtful = divided.parts["problem"].isin(TOO_MUCH).any() or work["reason"].isin(ASKED).any()
    if is_doubtful or (foresight.asks_everything and len(divided.allocations)):
        paid = set(divided.allocations["quickbooks_invoice_id"]) if foresight.asks_everything else set()
        if (divided.parts["problem"] == Problem.OTHER_STILL_APPLIED).any():
            books = _read(session, ids, customers, foresight, is_whole=True)
        theirs = {key: customers.get(payer_id, "") for key, payer_id in books.payers.items()}
        with_balances, lost, there = _with_balances(session, books.invoices, paid, theirs)
        books = replace(books, there=there)
        divided = _divide_over(divide_over, books, with_balances, _coming(session, books, foresight))
    return divided, books, lost


def _divide_over(
    divide_over: Callable[..., PaymentPlan], books: _Books, invoices: pd.DataFrame, coming: Mapping[str, int]
) -> PaymentPlan:
    return divide_over(
        books.payments,
        books.applications,
        _moved(invoices, coming),
        forwarded=books.forwarded,
        beside={
            (share.payment_id, share.part, share.invoice_id): share.amount_cents
            for share in books.beside
            if not share.is_kept
        },
        kept={share.payment_id for share in books.beside if share.is_kept},
    )


def _coming(session: FirmSession, books: _Books, foresight: Foresight) -> Mapping[str, int]:
    """Return the cents by which open balances will change before these payments are sent, as far as the plan counts on
    it, keyed by invoice id."""
    coming = {invoice_id: moved.more_cents for invoice_id, moved in foresight.moving.items()}
    if not foresight.counts_on_plan:
        return coming
    return session.applications.planned_changes(session.run.run_id, list(books.invoices["invoice_id"])) | coming


def _read(
    session: FirmSession,
    ids: Sequence[str],
    customers: Mapping[str, str],
    foresight: Foresight,
    *,
    is_whole: bool = False,
) -> _Books:
    """Read payments, and everything else that pays their invoices.

    ``is_whole``: read also the payments and invoices that are connected with these further on, by forwarded balances
    and by payments that pay several invoices. The shares of our payments are then read in QuickBooks, where a
    bookkeeper may have taken a payment off.
    """
    beside: list[AppliedShare] = []
    wanted = set(ids)
    while True:
        with session.billing.snapshot():
            fetched = session.billing.fetch_payments(sorted(wanted))
            paid = set(fetched.applications["invoice_id"])
            # Other payments on these invoices are read too: one of them may have been rejected.
            others = session.billing.payment_ids_on(paid) - wanted
            further = session.billing.fetch_payments(others)
            payments = _validated(schemas.Payments, fetched.payments, further.payments)
            applications = _validated(schemas.Applications, fetched.applications, further.applications)
            invoices, forwarded = _invoices(session, set(applications["invoice_id"]) if is_whole else paid)
        known = _known(session, invoices, customers, foresight)
        beside = session.applications.applied_to(
            [quickbooks_id for quickbooks_id in known["quickbooks_id"] if quickbooks_id],
            voided_by=session.run.run_id if foresight.counts_on_plan else "",
        )
        more = (others | {share.payment_id for share in beside}) - wanted
        if not is_whole or not more:
            break
        wanted |= more
    if is_whole:
        beside = _as_read(session, beside, set(ids))
    bad = {row.source_id for row in fetched.bad_amounts}
    payers = dict(zip(invoices["invoice_id"], invoices["payer_id"], strict=True))
    entries = session.applications.taken_back(ids)
    return _Books(payments, applications, forwarded, known, beside, entries, bad, payers)


def _as_read(session: FirmSession, beside: Sequence[AppliedShare], planned: Set[str]) -> list[AppliedShare]:
    """Return the shares that other payments than the planned ones really pay.

    A bookkeeper may have taken a payment off since it was sent. While an answer is missing, only our own records count.
    """
    asked = {share.quickbooks_id for share in beside if share.quickbooks_id and share.payment_id not in planned}
    if not asked or session.open_attempts():
        return list(beside)
    found = {row["Id"]: read_applied(row) for row in session.quickbooks.find("Payment", "Id", sorted(asked))}
    return [
        replace(share, amount_cents=found.get(share.quickbooks_id, {}).get(share.quickbooks_invoice_id, 0))
        if share.quickbooks_id in asked
        else share
        for share in beside
    ]


def _invoices_of(applications: pd.DataFrame, forwarded: Mapping[str, list[str]]) -> dict[str, frozenset[str]]:
    """Return the ids of the invoices that each payment pays, and of the invoices that these carry forward, keyed by
    payment id."""
    found: dict[str, set[str]] = {}
    for payment_id, invoice_id in zip(applications["payment_id"], applications["invoice_id"], strict=True):
        found.setdefault(payment_id, set()).add(invoice_id)
    if forwarded:
        for paid in found.values():
            todo = list(paid)
            while todo:
                older = set(forwarded.get(todo.pop(), ())) - paid
                paid.update(older)
                todo += older
    return {payment_id: frozenset(invoice_ids) for payment_id, invoice_ids in found.items()}


def _validated(schema: type[schemas.Payments] | type[schemas.Applications], *frames: pd.DataFrame) -> pd.DataFrame:
    return schemas.validate(schema, pd.concat(frames, ignore_index=True) if len(frames[1]) else frames[0])


def _find_deposit(_meant: Meant, _operation: Operation, payment: Entity) -> Problem | None:
    """Return ``DEPOSITED`` if a payment is part of a bank deposit, or None. QuickBooks allows no change of such a
    payment, whose ``LinkedTxn`` names the deposit."""
    links = payment.get("LinkedTxn") or ()
    return Problem.DEPOSITED if any(link.get("TxnType") == "Deposit" for link in links) else None


def _was_taken_off(meant: Meant, sent: JsonObject, payment: Entity) -> bool:
    """Whether a person only took a payment off invoices that go, or went, to another customer. The payment must leave
    them first, and is then applied again, as billing has it."""
    body = meant.content.body if meant.content is not None else payment
    if read_customer(body) == read_customer(payment):
        return False
    changed = {difference.name.split("[")[0] for difference in compare(sent, payment) if difference.owner == "billing"}
    ours, theirs = read_applied(sent), read_applied(payment)
    return changed == {"Line"} and all(cents == ours.get(invoice_id) for invoice_id, cents in theirs.items())


CHANGES = Changes(
    Kind.PAYMENT,
    objection=_find_deposit,
    merge=lambda body, _entity: body,
    void={"sparse": True},
    is_expected=_was_taken_off,
)


def _applications(allocations: pd.DataFrame) -> dict[PartKey, tuple[Application, ...]]:
    found: dict[PartKey, tuple[Application, ...]] = {}
    for row in rows(allocations):
        key = (row.payment_id, row.part)
        application = Application(row.invoice_id, row.quickbooks_invoice_id, row.amount_cents)
        found[key] = (*found.get(key, ()), application)
    return found


def _invoices(session: FirmSession, invoice_ids: set[str]) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """Read the invoices that payments are applied to and the invoices that these carry forward. Return them all, and
    the ids that each carries forward, keyed by the carrying invoice's id."""
    forwarded: dict[str, list[str]] = {}
    frames: list[pd.DataFrame] = []
    seen: set[str] = set()
    todo = invoice_ids
    while todo:
        fetched = session.billing.fetch_invoices(sorted(todo))
        frames.append(fetched.invoices)
        seen |= todo
        links = fetched.lines[fetched.lines["forwarded_invoice_id"] != ""]
        for invoice_id, older in zip(links["invoice_id"], links["forwarded_invoice_id"], strict=True):
            forwarded.setdefault(invoice_id, []).append(older)
        todo = set(links["forwarded_invoice_id"]) - seen
    columns = ["invoice_id", "status", "created_at", "invoice_date", "payer_id"]
    if not frames:
        return pd.DataFrame(columns=columns), forwarded
    return pd.concat(frames, ignore_index=True)[columns], forwarded


def _known(
    session: FirmSession, invoices: pd.DataFrame, customers: Mapping[str, str], foresight: Foresight
) -> pd.DataFrame:
    """Return the data of billing and the ledger about invoices (``core.schemas.KnownInvoices``)."""
    ledger = {row.invoice_id: row for row in rows(session.applications.invoices_known(list(invoices["invoice_id"])))}
    planned: Mapping[str, tuple[str, int]] = {}
    moving = {invoice_id: moved.customer_id for invoice_id, moved in foresight.moving.items()}
    if foresight.counts_on_plan:
        planned = session.applications.planned_creates(session.run.run_id, list(invoices["invoice_id"]))
        payers = session.applications.planned_payers(session.run.run_id, list(invoices["invoice_id"]))
        moving = {key: customers.get(payer_id, f"{NOT_YET}:{payer_id}") for key, payer_id in payers.items()} | moving
    known_rows = []
    for invoice in rows(invoices):
        known = ledger.get(invoice.invoice_id)
        state, reason, quickbooks_id, customer_id, open_cents = (
            (known.state, known.reason, known.quickbooks_id, known.customer_id, known.open_cents)
            if known
            else ("", "", "", "", 0)
        )
        if invoice.invoice_id in planned and not quickbooks_id:
            payer_id, open_cents = planned[invoice.invoice_id]
            state, quickbooks_id, customer_id = (
                State.SYNCED,
                f"{PLANNED}:{invoice.invoice_id}",
                customers.get(payer_id, f"{NOT_YET}:{payer_id}"),
            )
        customer_id = moving.get(invoice.invoice_id, customer_id)
        eligibility = "eligible" if _is_eligible(invoice.created_at, session.firm.eligible_since) else "ineligible"
        known_rows.append(
            (
                invoice.invoice_id, invoice.status, state, reason, eligibility, quickbooks_id, customer_id, open_cents,
                invoice.invoice_date,
            )
        )  # fmt: skip
    return schemas.frame(schemas.KnownInvoices, known_rows)


def _customers(session: FirmSession, known: Learned, foresight: Foresight) -> dict[str, str]:
    """Return customer Ids keyed by payer id, including customers that the run's plan has only found or would create."""
    made = {source_id: f"{NOT_YET}:{source_id}" for kind, source_id in known.would_create if kind == Kind.CUSTOMER}
    coming = {**made, **known.foreseen} if foresight.counts_on_plan else {}
    return coming | session.mappings.links("payer")


def _moved(known: pd.DataFrame, cents: Mapping[str, int]) -> pd.DataFrame:
    """Return invoices with their open balances changed by these cents, keyed by invoice id."""
    pairs = zip(known["invoice_id"], known["open_cents"], strict=True)
    return known.assign(open_cents=[now + cents.get(invoice_id, 0) for invoice_id, now in pairs]) if cents else known


def _with_balances(
    session: FirmSession, known: pd.DataFrame, paid: Set[str], meant: Mapping[str, str]
) -> tuple[pd.DataFrame, dict[str, Problem], Mapping[str, Entity]]:
    """Return these invoices with their balances in QuickBooks, the problems of lost ones, and QuickBooks' versions.

    A balance differs from our own records if a bookkeeper entered a rejection, or took a payment off an invoice. A
    request under way does not show in a balance yet: while there is any, only our own records count. QuickBooks'
    versions are keyed by Id. ``paid``: Ids of invoices that a dry run would pay. Among these it finds the lost ones,
    which a person took out of the books, as a sync does when such a payment is refused; their problems are keyed by
    billing's id. ``meant``: the customer of each invoice's payer, keyed by billing's id. An invoice that a person gave
    to that customer counts as that customer's.
    """
    if session.open_attempts():
        return known, {}, {}
    ids = [quickbooks_id for quickbooks_id in known["quickbooks_id"] if quickbooks_id.isdigit()]
    found = {row["Id"]: row for row in session.quickbooks.find("Invoice", "Id", ids)}
    lost = find_lost(session, {quickbooks_id: found.get(quickbooks_id) for quickbooks_id in paid & set(ids)})
    invoice_ids = dict(zip(known["quickbooks_id"], known["invoice_id"], strict=True))
    with_balances = known.assign(
        open_cents=[
            read_cents(found[quickbooks_id], "Balance") if quickbooks_id in found else cents
            for quickbooks_id, cents in zip(known["quickbooks_id"], known["open_cents"], strict=True)
        ],
        customer_id=[
            theirs if (theirs := read_customer(found.get(quickbooks_id, {}))) and theirs == meant.get(key) else ours
            for key, quickbooks_id, ours in zip(
                known["invoice_id"], known["quickbooks_id"], known["customer_id"], strict=True
            )
        ],
        reason=[
            lost.get(quickbooks_id, reason)
            for quickbooks_id, reason in zip(known["quickbooks_id"], known["reason"], strict=True)
        ],
    )
    return with_balances, {invoice_ids[quickbooks_id]: problem for quickbooks_id, problem in lost.items()}, found


def _is_eligible(created_at: datetime, eligible_since: datetime | None) -> bool:
    return eligible_since is None or created_at >= eligible_since
