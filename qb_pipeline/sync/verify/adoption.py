"""Link invoices and payments that an earlier integration put into QuickBooks, instead of sending them again.

Belongs here: reading both sides, a page at a time, and linking what a person approves. Does not belong here: which
document is which (``core.planning.adoption``). Nothing is written to QuickBooks.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from qb_pipeline.core.documents.invoices import find_invoice_problems, forwarded_cents
from qb_pipeline.core.documents.payloads import REFERENCE_LENGTH
from qb_pipeline.core.markers import read_marker
from qb_pipeline.core.money import JsonObject, dumps, to_dollars
from qb_pipeline.core.planning.adoption import Side, Verdict, judge
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.schemas import rows
from qb_pipeline.core.states import Kind
from qb_pipeline.core.text import drop_control_characters, tidy
from qb_pipeline.ledger.books import adoption
from qb_pipeline.ledger.books.adoption import Candidate, Link
from qb_pipeline.ledger.books.documents import Application
from qb_pipeline.ledger.setup.firms import Firms
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.extract.scan import Selection, scan
from qb_pipeline.sync.mapping.references import NOT_YET, find_customers, has_unmade
from qb_pipeline.sync.plan.planners import PLANNERS
from qb_pipeline.sync.remote.outcomes import ENTITY, is_voided, read_cents, read_customer
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import DRY_RUN
from qb_pipeline.sync.session.learned import NOTHING

AROUND = timedelta(days=31)
"""How far before the first and after the last date of billing QuickBooks is read: a wrong date is a near miss."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one document of billing is in QuickBooks, with the evidence: for the eyes of who asked, not for a log.

    ``quickbooks_ids``: the match, or what comes near it; ``differs`` says for each how.
    """

    document: Candidate
    verdict: Verdict
    quickbooks_ids: tuple[str, ...]
    differs: tuple[str, ...]
    total_cents: int
    forwarded_cents: int = 0
    applications: tuple[Application, ...] = ()
    entity: Entity = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class _Meant:
    """A document of billing as QuickBooks would hold it."""

    row: Candidate
    side: Side
    total_cents: int
    forwarded_cents: int = 0
    applications: tuple[Application, ...] = ()


def propose(session: FirmSession) -> list[Proposal]:
    """Compare every document that is not in QuickBooks as far as we know with what is there and is not ours.

    Costs the pages of customers, invoices and payments of the time in question, at 1,000 rows each.
    """
    scan(session, Selection())
    waiting = adoption.candidates(session.engine, session.firm.firm_id)
    customers = find_customers(session, {row.payer_id for row in waiting}, NOTHING, DRY_RUN).ids
    customers = {payer_id: customer_id for payer_id, customer_id in customers.items() if customer_id != NOT_YET}
    invoices = _judge(session, Kind.INVOICE, _invoices(session, waiting, customers))
    found = {proposal.document.source_id: proposal for proposal in invoices if proposal.verdict == "match"}
    payments = _judge(session, Kind.PAYMENT, _payments(session, waiting, customers, found))
    return [*invoices, *payments]


def approve(session: FirmSession, proposals: Sequence[Proposal]) -> Counter[str]:
    """Link what matches, as a super user's decision; says how many documents of each kind were linked.

    Raises:
        SetUpError: who approves is no super user of the firm.
        BusyError: a run kept the company busy.
    """
    linked: Counter[str] = Counter()
    with session.hold_lease():
        for kind in PLANNERS:  # invoices first: what pays them is known by their Ids
            matches = [row for row in proposals if row.verdict == "match" and row.document.kind == kind]
            if not matches:
                continue
            links = _links(session, kind, matches)
            detail = {"kind": kind, "documents": str(len(links))}
            with Firms(session.engine).answering(
                session.firm.firm_id, actor=session.run.actor, now=session.clock(), detail=detail, event="adopted"
            ) as connection:
                linked[kind] = adoption.link(
                    connection, session.firm.firm_id, links, run=session.run, now=session.clock()
                )
    return linked


def _judge(session: FirmSession, kind: Kind, meant: Sequence[_Meant]) -> list[Proposal]:
    theirs = {entity["Id"]: entity for entity in _read(session, kind, meant)}
    sides = [Side(key, _FIELDS[kind](entity)) for key, entity in theirs.items()]
    judgements = judge([document.side for document in meant], sides)
    return [
        Proposal(
            document.row,
            judgement.verdict,
            judgement.candidates,
            tuple(
                _difference(document.side, _FIELDS[kind](theirs[key]), names)
                for key, names in zip(judgement.candidates, judgement.differs, strict=False)
            ),
            document.total_cents,
            document.forwarded_cents,
            document.applications,
            theirs[judgement.candidates[0]] if judgement.verdict == "match" else {},
        )
        for document, judgement in zip(meant, judgements, strict=True)
    ]


def _read(session: FirmSession, kind: Kind, meant: Sequence[_Meant]) -> Iterable[Entity]:
    """What QuickBooks holds around these dates and nobody has claimed: no marker, no link, not void."""
    if not meant:
        return []
    days = [document.row.document_date for document in meant]
    first, last = min(days) - AROUND, max(days) + AROUND
    found = session.quickbooks.query_all(ENTITY[kind], where=f"TxnDate >= '{first}' AND TxnDate <= '{last}'")
    free = [row for row in found if not is_voided(row) and read_marker(row) is None]
    owned = set(session.history.owns(kind, [row["Id"] for row in free]))
    return [row for row in free if row["Id"] not in owned]


def _invoices(session: FirmSession, waiting: Sequence[Candidate], customers: Mapping[str, str]) -> list[_Meant]:
    """Invoices with the total of their new items. What billing itself does not add up is left out."""
    listed = [row for row in waiting if row.kind == Kind.INVOICE]
    fetched = session.billing.fetch_invoices(row.source_id for row in listed)
    problems = find_invoice_problems(fetched.invoices, fetched.lines, session.rules)
    wrong = {key for key, code in problems.items() if code in (Problem.TOTAL_MISMATCH, Problem.BAD_AMOUNT)}
    sound = set(fetched.invoices["invoice_id"]) - wrong
    forwarded = forwarded_cents(fetched.lines)
    meant = []
    for row in listed:
        if row.source_id in sound:
            carried = int(forwarded.get(row.source_id, 0))
            fields = {
                "number": tidy(row.number),
                "customer": customers.get(row.payer_id, ""),
                "date": row.document_date.isoformat(),
                "total": str(to_dollars(row.amount_cents - carried)),
            }
            meant.append(_Meant(row, Side(str(row.document_id), fields), row.amount_cents - carried, carried))
    return meant


def _payments(
    session: FirmSession,
    waiting: Sequence[Candidate],
    customers: Mapping[str, str],
    found: Mapping[str, Proposal],
) -> list[_Meant]:
    """Payments with what they pay, on invoices that are in QuickBooks or were just found there."""
    listed = [row for row in waiting if row.kind == Kind.PAYMENT]
    applied = session.billing.fetch_payments(row.source_id for row in listed).applications
    shares: dict[tuple[str, str], Counter[str]] = {}
    for share in rows(applied):
        for part in ("", share.applied_date.isoformat()):
            shares.setdefault((share.payment_id, part), Counter())[share.invoice_id] += share.amount_cents
    linked = adoption.linked_invoices(session.engine, session.firm.firm_id, sorted(set(applied["invoice_id"])))
    linked |= {invoice_id: proposal.quickbooks_ids[0] for invoice_id, proposal in found.items()}
    meant = []
    for row in listed:
        pays = shares.get((row.source_id, row.part), Counter())
        applications = tuple(
            Application(invoice_id, linked.get(invoice_id, ""), cents) for invoice_id, cents in sorted(pays.items())
        )
        fields = {
            "customer": customers.get(row.payer_id, ""),
            "date": row.document_date.isoformat(),
            "amount": str(to_dollars(row.amount_cents)),
            "invoices": _paid((pay.quickbooks_invoice_id or "?", pay.amount_cents) for pay in applications),
            "reference": tidy(drop_control_characters(row.number)[0])[-REFERENCE_LENGTH:].lstrip(),
        }
        side = Side(str(row.document_id), fields)
        meant.append(_Meant(row, side, row.amount_cents, applications=applications))
    return meant


def _invoice_fields(entity: Entity) -> dict[str, str]:
    return {
        "number": tidy(str(entity.get("DocNumber", ""))),
        "customer": read_customer(entity),
        "date": str(entity.get("TxnDate", "")),
        "total": str(to_dollars(read_cents(entity, "TotalAmt"))),
    }


def _payment_fields(entity: Entity) -> dict[str, str]:
    pays = [
        (str(transaction.get("TxnId")), read_cents(line, "Amount"))
        for line in entity.get("Line") or ()
        for transaction in line.get("LinkedTxn") or ()
        if transaction.get("TxnType") == "Invoice"
    ]
    return {
        "customer": read_customer(entity),
        "date": str(entity.get("TxnDate", "")),
        "amount": str(to_dollars(read_cents(entity, "TotalAmt"))),
        "invoices": _paid(pays),
        "reference": tidy(str(entity.get("PaymentRefNum", ""))),
    }


_FIELDS = {Kind.INVOICE: _invoice_fields, Kind.PAYMENT: _payment_fields}


def _paid(pays: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{invoice}: {to_dollars(cents)}" for invoice, cents in sorted(pays))


def _difference(ours: Side, theirs: Mapping[str, str], names: Iterable[str]) -> str:
    texts = ((name, ours.fields[name] or "none", theirs[name] or "none") for name in names)
    return "; ".join(f"{name}: billing {mine}, QuickBooks {other}" for name, mine, other in texts)


def _links(session: FirmSession, kind: Kind, matches: Sequence[Proposal]) -> list[Link]:
    """Links with what billing would send now, so that what only looks changed is not sent later."""
    work = session.documents.read([row.document.document_id for row in matches])
    contents = PLANNERS[kind](session, work, NOTHING, DRY_RUN).contents
    links = []
    for match in matches:
        entity, row = match.entity, match.document
        content = contents.get(row.document_id)
        links.append(
            Link(
                document_id=row.document_id,
                quickbooks_id=entity["Id"],
                sync_token=str(entity["SyncToken"]),
                customer_id=read_customer(entity),
                total_cents=match.total_cents,
                forwarded_cents=match.forwarded_cents,
                source_hash=row.source_hash,
                fingerprint=content.fingerprint if content and not has_unmade(content.body) else "",
                body=dumps(_evidence(kind, entity)).decode(),
                applications=tuple(replace(pay) for pay in match.applications),
            )
        )
    return links


def _evidence(kind: Kind, entity: Entity) -> JsonObject:
    """What of a document a later comparison shall find as it was: what a person changes of it since is drift."""
    body: JsonObject = {
        name: entity[name] for name in ("DocNumber", "TxnDate", "TotalAmt", "PaymentRefNum") if name in entity
    }
    body["CustomerRef"] = {"value": read_customer(entity)}
    if kind == Kind.INVOICE:
        body["TxnTaxDetail"] = {"TotalTax": (entity.get("TxnTaxDetail") or {}).get("TotalTax") or 0}
    else:
        body["Line"] = [{name: line[name] for name in ("Amount", "LinkedTxn")} for line in entity.get("Line") or ()]
    return body
