"""The search for the documents that people name. It is the only way from a word to a document.

Commands, launchpad and automation use it. Belongs here: searching both sides, and refusing a word that names no
document or several. Only ``find_document`` changes the work list, and only ``select_for_firms`` writes into the log.
Does not belong here: reading a word (``core.words``), and the work on a document that is named.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from qb_pipeline.billing.source import BillingSource
from qb_pipeline.core.states import DOCUMENTS, Kind
from qb_pipeline.core.words import DocumentName, NotNamedError, Word, nearest, read_word
from qb_pipeline.ledger.books.history import History, NamedDocument
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.firms import Firm
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.extract.scan import Selection, scan
from qb_pipeline.sync.plan.approval import explain_no_plan
from qb_pipeline.sync.session.firm_session import FirmSession

DRAFT = "is a draft in billing"
"""The reason for which a draft can be in no run, as the end of a sentence."""

SHOWN = 20
"""The number of candidates of one word that are listed."""


class Sides(Protocol):
    """The two sides of a firm in which documents are searched. A session (``FirmSession``) is one."""

    @property
    def firm(self) -> Firm:
        """The firm."""

    @property
    def billing(self) -> BillingSource:
        """The firm's side of billing."""

    @property
    def history(self) -> History:
        """The firm's documents in the ledger."""


@dataclass(frozen=True, slots=True)
class Bystander:
    """The two sides of a firm, for a caller that only reads. The firm need not be set up."""

    firm: Firm
    billing: BillingSource
    history: History


@dataclass(frozen=True, slots=True)
class MeantDocument:
    """A document that a word may mean.

    ``document_id`` is None while it is not on the work list. ``why_not``: the reason for which it can be in no run, as
    the end of a sentence; empty if it can. ``is_past``: whether billing no longer shows it and QuickBooks never had it.
    """

    firm_id: str
    name: DocumentName
    number: str
    told: str
    document_id: int | None = None
    why_not: str = ""
    is_past: bool = False


def bystander(deployment: Deployment, firm_id: str) -> Bystander:
    """Return the two sides of a firm, whatever its state is.

    Raises:
        SetUpError: there is no such firm.
    """
    firm = deployment.firms.get(firm_id)
    return Bystander(firm, BillingSource(deployment.billing, firm_id), History(deployment.ledger, firm_id))


def read_words(invoices: Iterable[str], payments: Iterable[str]) -> list[Word]:
    """Read the words by which a person names invoices and payments. Return them in one list, without duplicates.

    Raises:
        NotNamedError: a word is empty; or a word given for an invoice is the exact name of a payment (``payment:ID``),
            or the reverse.
    """
    words = [read_word(typed, Kind.INVOICE) for typed in invoices] + [
        read_word(typed, Kind.PAYMENT) for typed in payments
    ]
    return list(dict.fromkeys(words))


def find_candidates(sides: Sides, words: Sequence[Word]) -> list[list[MeantDocument]]:
    """Return for each word the documents of one firm that it may mean, by the ids and numbers that billing has now.

    Documents that billing no longer has are found by the ledger's ids and numbers. Reads both databases and writes
    nothing.
    """
    kinds = sorted({kind for word in words for kind in word.kinds})
    texts = {text for word in words for text in word.texts}
    candidates = _in_billing(sides, texts | {row.source_id for row in sides.history.named(texts, kinds=kinds)})
    for row in sides.history.named(texts | {name.source_id for name in candidates}, kinds=kinds):
        candidates[row.name] = _listed(sides.firm.firm_id, row, candidates.get(row.name))
    return [_living([each for each in candidates.values() if word.fits(each.name, each.number)]) for word in words]


def _in_billing(sides: Sides, texts: set[str]) -> dict[DocumentName, MeantDocument]:
    """Return the invoices and payments, drafts included, that billing has under these ids and numbers, keyed by
    name."""
    firm_id, since = sides.firm.firm_id, sides.firm.eligible_since
    found: dict[DocumentName, MeantDocument] = {}
    with sides.billing.snapshot():
        invoices, payments = sides.billing.named(Kind.INVOICE, texts), sides.billing.named(Kind.PAYMENT, texts)
        for row in invoices:
            if row.status == "draft":
                name, told = (
                    DocumentName(Kind.INVOICE, row.source_id),
                    _tell(Kind.INVOICE, row.number, row.document_date),
                )
                found[name] = MeantDocument(firm_id, name, row.number, told, why_not=DRAFT)
        chunks = sides.billing.header_ids(
            invoice_ids=[row.source_id for row in invoices],
            payment_ids=[row.source_id for row in payments],
            eligible_since=since,
        )
        for header in (row for chunk in chunks for row in chunk.to_dict("records")):
            name = DocumentName(header["kind"], header["source_id"], header["part"])
            why_not = ""
            if header["origin"] != "billing":
                why_not = "came from QuickBooks and is there already"
            elif since is not None and header["eligibility"] == "ineligible":
                why_not = f"is not eligible: the firm syncs what was created since {since:%Y-%m-%d %H:%M} UTC"
            told = _tell(name.kind, header["number"], header["document_date"])
            found[name] = MeantDocument(firm_id, name, header["number"], told, why_not=why_not)
    return found


def _listed(firm_id: str, row: NamedDocument, now: MeantDocument | None) -> MeantDocument:
    """Return a document of the ledger. ``now`` is its version in billing, None if billing does not show it."""
    is_document = row.kind in DOCUMENTS
    state = f"{row.state} ({row.reason})" if row.reason else str(row.state)
    told = now.told if now else _tell(row.kind, row.number, row.document_date) if is_document else ""
    return MeantDocument(
        firm_id=firm_id,
        name=row.name,
        number=now.number if now else row.number,
        told=f"{told}, {state}" if told else state,
        document_id=row.document_id,
        # A run can work on everything on the list except a draft that was never sent: it updates a sent document, or
        # closes one that may not be sent any more.
        why_not=DRAFT if now and now.why_not == DRAFT and not row.may_be_there else "",
        is_past=is_document and now is None and not row.may_be_there,
    )


def _tell(kind: Kind, number: str, day: date | None) -> str:
    """Return the text that tells a document apart. A payment's reference is left out: it may name the payer, and the
    text goes to Dagster's log."""
    return f"number {number or 'none'}, {day or 'no date'}" if kind == Kind.INVOICE else str(day or "no date")


def name_documents(sides: Sides, words: Sequence[Word]) -> list[MeantDocument]:
    """Return the one document of a firm that each word means.

    Raises:
        NotNamedError: a word names no document, or several; the message lists the candidates of each such word.
    """
    return list(_judge(words, {sides.firm.firm_id: find_candidates(sides, words)}, [sides]).values())


def find_document(session: FirmSession, typed: str) -> int:
    """Return the ledger's id of the one document that a person means.

    Its current version is read into the work list first.

    Raises:
        NotNamedError: the word names no document, several, or one that is not on the work list.
    """
    word = read_word(typed)
    [found] = name_documents(session, [word])
    if found.name.kind in DOCUMENTS and not found.why_not:
        scan(session, Selection(documents=[found.name]))
        word = read_word(str(found.name))
    return find_listed(session, word)


def find_listed(sides: Sides, word: Word) -> int:
    """Return the ledger's id of the one document that a word means. Nothing is read into the work list.

    Raises:
        NotNamedError: the word names no document, several, or one that is not on the work list.
    """
    [found] = name_documents(sides, [word])
    if found.document_id is None:
        why_not = found.why_not or "has not been read from billing yet"
        raise NotNamedError(
            f"{found.name} {why_not}, so it is not on the work list. Try: qb-pipeline list {found.firm_id}"
        )
    return found.document_id


def select(sides: Sides, words: Sequence[Word]) -> list[DocumentName]:
    """Return the documents that a run of one firm is for, each once.

    Raises:
        NotNamedError: a word names no document, several, or one that no run can send (such as a draft).
    """
    found = name_documents(sides, words)
    _require_sendable(found)
    return list(dict.fromkeys(candidate.name for candidate in found))


def select_for_firms(
    deployment: Deployment,
    firm_ids: Sequence[str],
    run: Run,
    *,
    invoices: Sequence[str] = (),
    payments: Sequence[str] = (),
    plan_id: str = "",
) -> dict[str, Selection]:
    """Return the selection of a run in each of some firms, keyed by firm id.

    A person or our automation chose documents or a plan. Each word names exactly one document of exactly one firm. A
    firm that is not in the result has nothing to do. It must not be synced, since a selection without documents selects
    all of them. Before an error is raised, it is recorded in the sync log of each firm that was opened, as the failure
    of this run.

    Raises:
        NotNamedError: a word names no document, several, or one that cannot be sent; nothing was sent.
        SetUpError, BillingError: a firm of the run cannot be read, so that the firm of the documents is not known.
    """
    looked: list[str] = []
    try:
        if plan_id and (invoices or payments):
            raise NotNamedError(
                "plan_id names its documents itself, and documents are named beside it. "
                "Try: leave invoice_ids and payment_ids empty, or plan_id"
            )
        words = read_words(invoices, payments)
        found: dict[str, list[list[MeantDocument]]] = {}
        planned: dict[str, Selection] = {}  # a dry run of several firms is a plan of each
        newest: dict[str, list[str]] = {}
        sides: list[Sides] = []
        for firm_id in firm_ids:
            with deployment.open(firm_id, run) as session:
                looked.append(firm_id)
                sides.append(bystander(deployment, firm_id))
                if plan_id and session.plans.is_plan(plan_id):
                    planned[firm_id] = Selection(plan_id=plan_id)
                newest[firm_id] = session.plans.newest() if plan_id else []
                found[firm_id] = find_candidates(session, words) if words else []
        if plan_id:
            if not planned:
                raise NotNamedError(explain_no_plan(newest, plan_id))
            return planned
        chosen = _judge(words, found, sides)
        _require_sendable(chosen.values())
        names: dict[str, list[DocumentName]] = {}
        for candidate in chosen.values():
            names.setdefault(candidate.firm_id, []).append(candidate.name)
        return {firm_id: Selection(documents=list(dict.fromkeys(of_firm))) for firm_id, of_firm in names.items()}
    except Exception as error:
        for firm_id in looked:
            log = deployment.log(firm_id)
            log.begin(run, now=deployment.clock())
            told = f"{type(error).__name__}: {error}"
            log.end(run, outcome="failed", error=told, reads=0, writes=0, now=deployment.clock())
        raise


def _living(candidates: list[MeantDocument]) -> list[MeantDocument]:
    """Return the candidates that are not past, or all of them if all are past."""
    return [candidate for candidate in candidates if not candidate.is_past] or candidates


def _judge(
    words: Sequence[Word], found: Mapping[str, Sequence[Sequence[MeantDocument]]], sides: Sequence[Sides]
) -> dict[Word, MeantDocument]:
    """Return the one candidate of each word, over all firms.

    Raises:
        NotNamedError: names every word that has no candidate or several.
    """
    chosen: dict[Word, MeantDocument] = {}
    faults = []
    for position, word in enumerate(words):
        candidates = [candidate for of_firm in found.values() for candidate in of_firm[position]]
        if len(candidates) == 1:
            chosen[word] = candidates[0]
        else:
            faults.append(_several(word, candidates) if candidates else _none(word, sides))
    if faults:
        raise NotNamedError("\n".join(faults))
    return chosen


def _several(word: Word, candidates: Sequence[MeantDocument]) -> str:
    firms = {candidate.firm_id for candidate in candidates}
    lines = [
        "  " + (f"{candidate.firm_id} " if len(firms) > 1 else "") + f"{candidate.name}  ({candidate.told})"
        for candidate in candidates[:SHOWN]
    ]
    lines += [f"  and {len(candidates) - SHOWN} more"] if len(candidates) > SHOWN else []
    say = f"of {len(firms)} firms; choose one firm" if len(firms) > 1 else "; say which"
    return f"{word.typed} names {len(candidates)} documents{' ' if len(firms) > 1 else ''}{say}:\n" + "\n".join(lines)


def _none(word: Word, sides: Sequence[Sides]) -> str:
    """Describe a word that names nothing, and list the names that are near it."""
    near = []
    for side in sides:
        called: dict[str, str] = {}
        for name, number in side.history.names(word.kinds):
            said = f"{name} (number {number})" if name.kind == Kind.INVOICE and number else str(name)
            called[str(name) if word.is_exact else name.source_id] = said
            if number and not word.is_exact:
                called[number] = said
        near += [called[text] for text in nearest(word.typed, called)]
    what = word.kind or "document"
    firms = ", ".join(side.firm.firm_id for side in sides)
    meant = f" Near it: {', '.join(dict.fromkeys(near))}." if near else ""
    return f"{word.typed} names no {what} of {firms}.{meant} Try: qb-pipeline list {sides[0].firm.firm_id}"


def _require_sendable(candidates: Iterable[MeantDocument]) -> None:
    faulty = [candidate for candidate in candidates if candidate.why_not]
    if faulty:
        faults = "; ".join(f"{candidate.name} {candidate.why_not}" for candidate in faulty)
        is_drafts = all(candidate.why_not == DRAFT for candidate in faulty)
        remedy = "issue the invoice in billing" if is_drafts else "name only what can be sent"
        raise NotNamedError(f"{faults}. Nothing was sent. Try: {remedy}")
