"""What QuickBooks holds of documents that billing wants to change, and whether a person changed it since."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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
"""How a comparison names the customer."""


@dataclass(frozen=True, slots=True)
class Remote:
    """One document as QuickBooks holds it, and the problem that keeps us from changing it.

    ``entity`` is None only when it is deleted.
    """

    entity: Entity | None
    problem: Problem | None


Objection = Callable[[WorkItem, Entity], Problem | None]
"""Why a document of the work list (its row) is not to be changed, where QuickBooks holds it like this."""


def read_remote(
    session: FirmSession,
    kind: Kind,
    rows: Sequence[WorkItem],
    known: Learned,
    *,
    objection: Objection = lambda _row, _entity: None,
) -> tuple[dict[int, Remote], Learned]:
    """Read documents by Id (as few queries as are short enough) and compare them with what we last wrote.

    A bookkeeper's edit of memos and other fields that QuickBooks owns is kept; one of customer, number, dates or
    amounts holds the document as DRIFT. A query may show what was written just now as it was before, or not yet: so
    what looks wrong in it, or to ``objection``, is read by itself before anything is concluded; so is what QuickBooks
    has just refused as changed. Only what is held for that already is not, as long as this run has written nothing.

    Returns:
        What QuickBooks holds, by document id, and what the comparison told.
    """
    has_written = session.quickbooks.requests.writing > 0
    asked = [row.quickbooks_id for row in rows if row.document_id not in known.stale]  # the rest is not in the answer
    found = {row["Id"]: row for row in session.quickbooks.find(ENTITY[kind], "Id", asked)}
    written = session.history.last_body([row.document_id for row in rows])
    judged: dict[int, Remote] = {}
    learned = NOTHING
    for row in rows:
        sent = read_sent(kind, *written.get(row.document_id, (b"", "")))
        remote, told = _judge(session, row, found.get(row.quickbooks_id), sent, objection, known | learned)
        learned |= told
        is_known = remote.problem == row.reason and not has_written
        if not (is_known or remote.problem in (None, Problem.OUTCOME_UNKNOWN)):
            entity = read_current(session, kind, row.quickbooks_id)
            remote, told = _judge(session, row, entity, sent, objection, known | learned)
            learned |= told
        judged[row.document_id] = remote
    return judged, learned


def read_sent(kind: Kind, body: bytes, b_id: str) -> JsonObject:
    """The body that was last written for one document; empty where that is not known."""
    sent: JsonObject = loads(body) if body else {}
    if "BatchItemRequest" in sent:
        sent = next(item for item in sent["BatchItemRequest"] if item["bId"] == b_id)[ENTITY[kind]]
    return sent


def _judge(
    session: FirmSession,
    row: WorkItem,
    entity: Entity | None,
    sent: JsonObject,
    objection: Objection,
    known: Learned,
) -> tuple[Remote, Learned]:
    if entity is None:
        return Remote(None, Problem.REMOTE_DELETED), NOTHING
    if is_voided(entity):
        return Remote(entity, Problem.REMOTE_VOIDED), NOTHING
    if row.reviewed_token and str(entity.get("SyncToken")) == row.reviewed_token:
        return Remote(entity, objection(row, entity)), NOTHING  # a person decided: billing's version goes over this one
    changed = {difference.name for difference in compare(sent, entity) if difference.owner == "billing"}
    problem: Problem | None = Problem.DRIFT if changed else None
    learned = NOTHING
    if changed == {CUSTOMER}:
        was, now = sent["CustomerRef"]["value"], entity["CustomerRef"]["value"]
        problem, learned = _judge_customer(session, row, was, now, known)
    return Remote(entity, problem or objection(row, entity)), learned


def _judge_customer(
    session: FirmSession, row: WorkItem, sent: str, theirs: str, known: Learned
) -> tuple[Problem | None, Learned]:
    """A document that is under another customer: somebody's change, or its customer was merged into that one."""
    if row.customer_id == theirs:
        return None, NOTHING  # we know already
    merges = find_merged(session, [sent], known)
    if merges.survivors.get(sent) != theirs:
        return Problem.DRIFT, merges.learned
    # left as it is: this run plans it again, with the customer that it has now
    return Problem.OUTCOME_UNKNOWN, merges.learned | Learned(try_again=True)


def find_lost(session: FirmSession, invoices: Mapping[str, Entity | None]) -> dict[str, Problem]:
    """Those of these invoices, by Id and as a query shows them, that a person took out of the books.

    A query may be behind: what is missing or void in it is read by itself before that is concluded.
    """
    doubtful = [key for key, invoice in invoices.items() if why_lost(invoice)]
    return {key: problem for key in doubtful if (problem := why_lost(read_current(session, Kind.INVOICE, key)))}


def why_lost(invoice: Entity | None) -> Problem | None:
    """Whether a person took an invoice, as QuickBooks holds it, out of the books."""
    if invoice is None:
        return Problem.REMOTE_DELETED
    return Problem.REMOTE_VOIDED if is_voided(invoice) else None
