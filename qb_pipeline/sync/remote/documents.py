"""QuickBooks' versions of documents that billing wants to change, and the check whether a person changed them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from qb_pipeline.core.money import JsonObject, loads
from qb_pipeline.core.planning.plan import compare
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind
from qb_pipeline.ledger.books.documents import WorkItem
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.remote.current import read_current
from qb_pipeline.sync.remote.merges import find_merged
from qb_pipeline.sync.remote.outcomes import ENTITY, is_voided
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned

CUSTOMER = "CustomerRef.value"
"""The name of the customer's field in a comparison."""


@dataclass(frozen=True, slots=True)
class Remote:
    """One document as QuickBooks holds it, and the problem that keeps us from changing it.

    ``entity`` is None only if the document is deleted.
    """

    entity: Entity | None
    problem: Problem | None


Objection = Callable[[WorkItem, Entity], Problem | None]
"""A function that returns the problem for which a document (its row) may not be changed in this version of QuickBooks,
or None."""

Expectation = Callable[[WorkItem, JsonObject, Entity], bool]
"""A function that returns whether differences are no drift. Arguments: the row, the body that was sent last,
QuickBooks' version."""


def read_remote(
    session: FirmSession,
    kind: Kind,
    rows: Sequence[WorkItem],
    known: Learned,
    *,
    objection: Objection = lambda _row, _entity: None,
    is_expected: Expectation = lambda _row, _sent, _entity: False,
) -> tuple[dict[int, Remote], Learned]:
    """Read documents by Id, with as few queries as possible, and compare them with our last requests.

    A bookkeeper's edit of memos and other fields that QuickBooks owns is kept. An edit of customer, number, dates or
    amounts holds the document as DRIFT. A query may show a document that was written just now as it was before, or not
    yet. So a document that looks wrong in the query, or to ``objection``, is read by itself before anything is
    concluded. The same is done with a document that QuickBooks has just refused as changed. A document that is held for
    the same problem already is not read by itself, as long as this run has written nothing.

    Returns:
        QuickBooks' versions, keyed by document id, and the facts learned.
    """
    has_written = session.quickbooks.requests.writing > 0
    asked = [row.quickbooks_id for row in rows if row.document_id not in known.stale]  # others are read by themselves
    found = {row["Id"]: row for row in session.quickbooks.find(ENTITY[kind], "Id", asked)}
    written = session.history.last_body([row.document_id for row in rows])
    judged: dict[int, Remote] = {}
    learned = NOTHING
    for row in rows:
        sent = read_sent(kind, *written.get(row.document_id, (b"", "")))
        judge = partial(_judge, session, row, sent=sent, objection=objection, is_expected=is_expected)
        remote, told = judge(found.get(row.quickbooks_id), known=known | learned)
        learned |= told
        is_known = remote.problem == row.reason and not has_written
        if not (is_known or remote.problem in (None, Problem.OUTCOME_UNKNOWN)):
            remote, told = judge(read_current(session, kind, row.quickbooks_id), known=known | learned)
            learned |= told
        judged[row.document_id] = remote
    return judged, learned


def read_sent(kind: Kind, body: bytes, b_id: str) -> JsonObject:
    """Return the body that was last sent for one document; empty if it is not known."""
    sent: JsonObject = loads(body) if body else {}
    if "BatchItemRequest" in sent:
        sent = next(item for item in sent["BatchItemRequest"] if item["bId"] == b_id)[ENTITY[kind]]
    return sent


def _judge(
    session: FirmSession,
    row: WorkItem,
    entity: Entity | None,
    *,
    sent: JsonObject,
    objection: Objection,
    is_expected: Expectation,
    known: Learned,
) -> tuple[Remote, Learned]:
    if entity is None:
        return Remote(None, Problem.REMOTE_DELETED), NOTHING
    if is_voided(entity):
        return Remote(entity, Problem.REMOTE_VOIDED), NOTHING
    if row.reviewed_token and str(entity.get("SyncToken")) == row.reviewed_token:
        return Remote(entity, objection(row, entity)), NOTHING  # a person decided: billing's version replaces this one
    changed = {difference.name for difference in compare(sent, entity) if difference.owner == "billing"}
    problem: Problem | None = Problem.DRIFT if changed and not is_expected(row, sent, entity) else None
    learned = NOTHING
    if problem and changed == {CUSTOMER}:
        was, now = sent["CustomerRef"]["value"], entity["CustomerRef"]["value"]
        problem, learned = _judge_customer(session, row, was, now, known)
    return Remote(entity, problem or objection(row, entity)), learned


def _judge_customer(
    session: FirmSession, row: WorkItem, sent: str, theirs: str, known: Learned
) -> tuple[Problem | None, Learned]:
    """Return the problem of a document that is under another customer, and the facts learned. A person changed the
    document, or its customer was merged into the other one."""
    if row.customer_id == theirs:
        return None, NOTHING  # the ledger knows it already
    merges = find_merged(session, [sent], known)
    if merges.survivors.get(sent) != theirs:
        return Problem.DRIFT, merges.learned
    # unchanged: this run plans it again, with its present customer
    return Problem.OUTCOME_UNKNOWN, merges.learned | Learned(try_again=True)


def find_lost(session: FirmSession, invoices: Mapping[str, Entity | None]) -> dict[str, Problem]:
    """Return the problems of those of these invoices that a person took out of the books, keyed by Id.

    ``invoices`` are as a query shows them, keyed by Id. A query may be behind: an invoice that is missing or void in it
    is read by itself before anything is concluded.
    """
    doubtful = [key for key, invoice in invoices.items() if why_lost(invoice)]
    return {key: problem for key in doubtful if (problem := why_lost(read_current(session, Kind.INVOICE, key)))}


def why_lost(invoice: Entity | None) -> Problem | None:
    """Return the problem of an invoice, as QuickBooks holds it, that a person took out of the books; None for any
    other."""
    if invoice is None:
        return Problem.REMOTE_DELETED
    return Problem.REMOTE_VOIDED if is_voided(invoice) else None
