"""The adoption of invoices and payments that an earlier integration put into QuickBooks.

They are linked, and not sent again. Belongs here: reading both sides, a page at a time, and linking the documents that
a person approves. Does not belong here: matching documents (``core.planning.adoption``). Nothing is written to
QuickBooks.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType

from qb_pipeline.core.documents.invoices import find_invoice_problems, forwarded_cents
from qb_pipeline.core.documents.payloads import REFERENCE_LENGTH
from qb_pipeline.core.money import JsonObject, dumps, to_dollars
from qb_pipeline.core.planning.adoption import Side, Verdict, judge
from qb_pipeline.core.planning.possible_duplicates import Document, compare
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.schemas import rows
from qb_pipeline.core.states import Kind
from qb_pipeline.core.text import drop_control_characters, tidy
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books import adoption, foreign_documents
from qb_pipeline.ledger.books.adoption import Link, UnsentDocument
from qb_pipeline.ledger.books.applications import Application
from qb_pipeline.ledger.books.foreign_documents import Pair
from qb_pipeline.ledger.books.resolutions import MOVED, MovedError
from qb_pipeline.ledger.setup.firms import Firms
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.extract.scan import Selection, scan
from qb_pipeline.sync.mapping.references import NOT_YET, find_customers, has_unmade
from qb_pipeline.sync.plan.planners import PLANNERS
from qb_pipeline.sync.plan.possible_duplicates import suspect
from qb_pipeline.sync.remote.foreign_documents import as_document, find_free, note_foreign
from qb_pipeline.sync.remote.outcomes import ENTITY, read_applied, read_cents, read_customer
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import DRY_RUN
from qb_pipeline.sync.session.learned import NOTHING

NO_ANSWERS: Mapping[DocumentName, str] = MappingProxyType({})

AROUND = timedelta(days=31)
"""The time before the first and after the last date of billing that is read in QuickBooks too. A document with a wrong
date is then a near miss."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The proposed counterpart in QuickBooks of one document of billing, with the evidence.

    It is shown to the person who asked, and never logged. ``quickbooks_ids``: the match, or the documents that come
    near it. ``differs`` describes the differences of each, and ``fields`` names the fields. ``asked``: the near
    documents about which a person is asked; the others agree in number or reference alone. ``follows``: a payment is
    the same one if its invoice, about which a person is asked, is the same.
    """

    document: UnsentDocument
    verdict: Verdict
    quickbooks_ids: tuple[str, ...]
    differs: tuple[str, ...]
    fields: tuple[tuple[str, ...], ...]
    asked: tuple[str, ...]
    total_cents: int
    forwarded_cents: int = 0
    applications: tuple[Application, ...] = ()
    follows: bool = False
    entity: Entity = field(default_factory=dict, repr=False)

    @property
    def name(self) -> DocumentName:
        """The document's exact name."""
        return DocumentName(Kind(self.document.kind), self.document.source_id, self.document.part)


@dataclass(frozen=True, slots=True)
class _Meant:
    """A document of billing as QuickBooks would hold it."""

    row: UnsentDocument
    side: Side
    total_cents: int
    forwarded_cents: int = 0
    applications: tuple[Application, ...] = ()


def propose(session: FirmSession, same: Mapping[DocumentName, str] = NO_ANSWERS) -> list[Proposal]:
    """Compare every document that is not in QuickBooks, as far as we know, with the documents there that are not ours.

    Costs the pages of customers, invoices and payments of the time in question, at 1,000 rows each.

    ``same``: the Ids of QuickBooks documents that a person called the same, keyed by our document's name. These are
    matches, whatever differs.
    """
    scan(session, Selection())
    note_foreign(session)
    waiting = adoption.candidates(session.engine, session.firm.firm_id)
    customers = find_customers(session, {row.payer_id for row in waiting}, NOTHING, DRY_RUN).ids
    customers = {payer_id: customer_id for payer_id, customer_id in customers.items() if customer_id != NOT_YET}
    invoices = _judge(session, Kind.INVOICE, _invoices(session, waiting, customers), same)
    found = {row.document.source_id: row.quickbooks_ids[0] for row in invoices if row.verdict == "match"}
    # Payments of an invoice in question are compared as if that question were answered with yes.
    supposed = {row.document.source_id: row.asked[0] for row in invoices if len(row.asked) == 1}
    payments = _judge(session, Kind.PAYMENT, _payments(session, waiting, customers, found | supposed), same)
    return [*invoices, *(_unsure(row, supposed) for row in payments)]


def _unsure(payment: Proposal, supposed: Collection[str]) -> Proposal:
    """Return a payment as one that follows the answer about its invoice, if it matches only with an invoice that a
    person is asked about. No person is asked about such a payment. Any other payment is returned unchanged."""
    if payment.verdict != "match" or not any(pay.invoice_id in supposed for pay in payment.applications):
        return payment
    return replace(payment, verdict="near", follows=True, entity={})


def approve(session: FirmSession, proposals: Sequence[Proposal]) -> Counter[str]:
    """Link the matches, as a super user's decision. Return the number of documents that were linked, keyed by kind.

    The pairs that a person is asked about are stored. Each holds its document until a person answers.

    Raises:
        SetUpError: the person who approves is no super user of the firm.
        BusyError: a run kept the company busy.
    """
    matches = [proposal for proposal in proposals if proposal.verdict == "match"]
    with session.hold_lease():
        linked = _link(session, matches)
        with session.engine.begin() as connection:
            pairs = [Pair(proposal.name, each) for proposal in proposals for each in proposal.asked]
            foreign_documents.ask(connection, session.firm.firm_id, pairs)
    return linked


def answer(session: FirmSession, matches: Sequence[Proposal], others: Collection[Pair]) -> Counter[str]:
    """Store a person's answers, all or none: link the documents that are the same, and store the pairs that are not.

    Returns:
        The number of documents that were linked, keyed by kind.

    Raises:
        SetUpError: the person who answers is no super user of the firm.
        BusyError: a run kept the company busy.
        MovedError: a document has moved meanwhile; nothing was stored.
    """
    same = [Pair(match.name, match.quickbooks_ids[0]) for match in matches]
    with session.hold_lease():
        return _link(session, matches, same, others, all_or_none=True)


def _link(
    session: FirmSession,
    matches: Sequence[Proposal],
    same: Collection[Pair] = (),
    others: Collection[Pair] = (),
    *,
    all_or_none: bool = False,
) -> Counter[str]:
    """Link in one transaction, invoices first, since their payments need their Ids. Return the number of linked
    documents, keyed by kind."""
    linked: Counter[str] = Counter()
    firm_id, actor, now = session.firm.firm_id, session.run.actor, session.clock()
    links = {
        kind: _links(session, kind, rows)
        for kind in PLANNERS
        if (rows := [row for row in matches if row.document.kind == kind])
    }
    if not links and not others:
        return linked
    detail = {f"{kind}s": str(len(found)) for kind, found in links.items()}
    with Firms(session.engine).answering(
        firm_id, actor=actor, now=now, detail={**detail, "told_apart": str(len(others))}, event="adopted"
    ) as connection:
        for kind, found in links.items():
            linked[kind] = adoption.link(connection, firm_id, found, run=session.run, now=now)
            if all_or_none and linked[kind] != len(found):
                raise MovedError(MOVED)
        foreign_documents.answer(connection, firm_id, same, "same", actor=actor, now=now)
        foreign_documents.answer(connection, firm_id, others, "new", actor=actor, now=now)
    return linked


def link_same(
    session: FirmSession,
    document_id: int,
    entity: Entity,
    *,
    forwarded_cents: int,
    applications: tuple[Application, ...],
) -> None:
    """Link one document to the QuickBooks document that a super user called the same.

    QuickBooks' version stays as it is.

    Raises:
        As ``answer``.
    """
    listed = adoption.candidates(session.engine, session.firm.firm_id)
    row = next((each for each in listed if each.document_id == document_id), None)
    if row is None:
        raise MovedError(MOVED)
    match = Proposal(
        document=row,
        verdict="match",
        quickbooks_ids=(entity["Id"],),
        differs=("",),
        fields=((),),
        asked=(),
        total_cents=read_cents(entity, "TotalAmt"),
        forwarded_cents=forwarded_cents,
        applications=applications,
        entity=entity,
    )
    answer(session, [match], [])


def _judge(
    session: FirmSession, kind: Kind, meant: Sequence[_Meant], same: Mapping[DocumentName, str]
) -> list[Proposal]:
    theirs = {entity["Id"]: entity for entity in _read(session, kind, meant)}
    judgements = judge(
        [document.side for document in meant], [Side(key, _FIELDS[kind](row)) for key, row in theirs.items()]
    )
    alike = _alike(session, kind, meant, theirs)
    chosen = [
        quickbooks_id for name, quickbooks_id in same.items() if name.kind == kind and quickbooks_id not in theirs
    ]
    theirs |= find_free(session, kind, session.quickbooks.find(ENTITY[kind], "Id", chosen) if chosen else ())
    proposals = []
    for document, judgement in zip(meant, judgements, strict=True):
        asked = list(alike.get(document.row.document_id, ()))
        answered = same.get(DocumentName(kind, document.row.source_id, document.row.part), "")
        if answered in theirs:
            proposals.append(_proposal(kind, document, "match", [answered], [], theirs))
            continue
        if judgement.verdict == "match":
            proposals.append(_proposal(kind, document, "match", judgement.candidates, [], theirs))
            continue
        asked += [
            key
            for number, key in enumerate(judgement.candidates)
            if judgement.verdict == "ambiguous" or len(judgement.differs[number]) == 1
        ]
        ids = list(dict.fromkeys([*judgement.candidates, *asked]))
        verdict: Verdict = "near" if judgement.verdict == "none" and asked else judgement.verdict
        proposals.append(_proposal(kind, document, verdict, ids, list(dict.fromkeys(asked)), theirs))
    return proposals


def _proposal(
    kind: Kind,
    document: _Meant,
    verdict: Verdict,
    ids: Sequence[str],
    asked: Sequence[str],
    theirs: Mapping[str, Entity],
) -> Proposal:
    sides = [_FIELDS[kind](theirs[key]) for key in ids]
    fields = [tuple(name for name, value in document.side.fields.items() if value != side[name]) for side in sides]
    return Proposal(
        document=document.row,
        verdict=verdict,
        quickbooks_ids=tuple(ids),
        differs=tuple(_difference(document.side, side, names) for side, names in zip(sides, fields, strict=True)),
        fields=tuple(fields),
        asked=tuple(asked),
        total_cents=document.total_cents,
        forwarded_cents=document.forwarded_cents,
        applications=document.applications,
        entity=theirs[ids[0]] if verdict == "match" else {},
    )


def _alike(
    session: FirmSession, kind: Kind, meant: Sequence[_Meant], theirs: dict[str, Entity]
) -> dict[int, list[str]]:
    """Return the QuickBooks Ids that would hold each document before its first create, keyed by document id. Their
    entities are added to ``theirs``."""
    ours = {document.row.document_id: _as_document(kind, document) for document in meant}
    names = {
        document.row.document_id: DocumentName(kind, document.row.source_id, document.row.part) for document in meant
    }
    answers = session.foreign_documents.answers(kind, names.values())
    suspected = suspect(session, kind, ours, names, answers)
    missing = sorted({each for ids in suspected.values() for each in ids} - theirs.keys())
    theirs |= find_free(session, kind, session.quickbooks.find(ENTITY[kind], "Id", missing) if missing else ())
    found: dict[int, list[str]] = {}
    for document_id, ids in suspected.items():
        for quickbooks_id in ids:
            if quickbooks_id in theirs:
                likeness = compare(kind, ours[document_id], as_document(kind, theirs[quickbooks_id]))
                if likeness is not None and likeness.problem is Problem.MAYBE_THERE:
                    found.setdefault(document_id, []).append(quickbooks_id)
    return found


def _as_document(kind: Kind, document: _Meant) -> Document:
    fields = document.side.fields
    return Document(
        id="",
        number=fields["number" if kind == Kind.INVOICE else "reference"],
        customer_id=fields["customer"],
        document_date=document.row.document_date,
        total_cents=document.total_cents,
        pays=frozenset(pay.quickbooks_invoice_id or "?" for pay in document.applications),
    )


def _read(session: FirmSession, kind: Kind, meant: Sequence[_Meant]) -> Iterable[Entity]:
    """Return the documents that QuickBooks holds around these dates and that are not void, carry no marker and are
    linked to no document of ours."""
    if not meant:
        return []
    days = [document.row.document_date for document in meant]
    first, last = min(days) - AROUND, max(days) + AROUND
    found = session.quickbooks.query_all(ENTITY[kind], where=f"TxnDate >= '{first}' AND TxnDate <= '{last}'")
    return list(find_free(session, kind, found).values())


def _invoices(session: FirmSession, waiting: Sequence[UnsentDocument], customers: Mapping[str, str]) -> list[_Meant]:
    """Return invoices with the total of their new items. Invoices whose items do not add up in billing are left out."""
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
    waiting: Sequence[UnsentDocument],
    customers: Mapping[str, str],
    found: Mapping[str, str],
) -> list[_Meant]:
    """Return payments with their applications to invoices that are in QuickBooks, or were just ``found`` there
    (QuickBooks Id keyed by invoice id)."""
    listed = [row for row in waiting if row.kind == Kind.PAYMENT]
    applied = session.billing.fetch_payments(row.source_id for row in listed).applications
    shares: dict[tuple[str, str], Counter[str]] = {}
    for share in rows(applied):
        for part in ("", share.applied_date.isoformat()):
            shares.setdefault((share.payment_id, part), Counter())[share.invoice_id] += share.amount_cents
    linked = adoption.linked_invoices(session.engine, session.firm.firm_id, sorted(set(applied["invoice_id"])))
    linked |= found
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
    return {
        "customer": read_customer(entity),
        "date": str(entity.get("TxnDate", "")),
        "amount": str(to_dollars(read_cents(entity, "TotalAmt"))),
        "invoices": _paid(read_applied(entity).items()),
        "reference": tidy(str(entity.get("PaymentRefNum", ""))),
    }


_FIELDS = {Kind.INVOICE: _invoice_fields, Kind.PAYMENT: _payment_fields}


def _paid(pays: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{invoice}: {to_dollars(cents)}" for invoice, cents in sorted(pays))


def _difference(ours: Side, theirs: Mapping[str, str], names: Iterable[str]) -> str:
    texts = ((name, ours.fields[name] or "none", theirs[name] or "none") for name in names)
    return "; ".join(f"{name}: billing {mine}, QuickBooks {other}" for name, mine, other in texts)


def _links(session: FirmSession, kind: Kind, matches: Sequence[Proposal]) -> list[Link]:
    """Return links with the fingerprint of billing's present content, so that a document that only looks changed is not
    sent later."""
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
    """Return the fields of a document that a later comparison must find unchanged. A person's change of them since is
    drift."""
    body: JsonObject = {
        name: entity[name] for name in ("DocNumber", "TxnDate", "TotalAmt", "PaymentRefNum") if name in entity
    }
    body["CustomerRef"] = {"value": read_customer(entity)}
    if kind == Kind.INVOICE:
        body["TxnTaxDetail"] = {"TotalTax": (entity.get("TxnTaxDetail") or {}).get("TotalTax") or 0}
    else:
        body["Line"] = [{name: line[name] for name in ("Amount", "LinkedTxn")} for line in entity.get("Line") or ()]
    return body
