"""The choice of each document's operation, for invoices and payments alike.

Belongs here: reading QuickBooks' version before a change, and building the change. Does not belong here: the problems
of one kind (``invoices``, ``payments``), the rules (``core.planning.plan``).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from qb_pipeline.core.documents.payloads import Content
from qb_pipeline.core.documents.text_fields import find_identifying
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.planning.plan import choose_operation, restore_marker, update_body
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.ledger.books.applications import Application
from qb_pipeline.ledger.books.documents import WorkItem
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.plan.plan import Plan, make_ready
from qb_pipeline.sync.remote.documents import read_remote
from qb_pipeline.sync.session.firm_session import FirmSession

NOTHING_SENT = Content({}, 0, "", ())
"""The content of a void. QuickBooks empties the document by itself."""


@dataclass(frozen=True, slots=True)
class Meant:
    """A document as billing means it. ``content`` is None if billing voids the document or has no content for it."""

    row: WorkItem
    content: Content | None
    is_void: bool
    applications: tuple[Application, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """The rules for changing a kind of document in QuickBooks.

    ``objection`` returns the problem for which QuickBooks' version may not be changed so, or None. ``merge`` returns
    the content as it is sent over QuickBooks' version, or None if a person's edit cannot be kept. ``void`` has the
    fields of a void beside Id and SyncToken. ``is_expected`` returns whether the differences between QuickBooks'
    version and the last request are no drift, because the change needs them.
    """

    kind: Kind
    objection: Callable[[Meant, Operation, Entity], Problem | None]
    merge: Callable[[JsonObject, Entity], JsonObject | None]
    void: JsonObject
    is_expected: Callable[[Meant, JsonObject, Entity], bool] = lambda _meant, _sent, _entity: False


def decide(
    session: FirmSession, plan: Plan, changes: Changes, meant: Iterable[Meant], problems: dict[int, Problem]
) -> None:
    """Choose the operation of each document in ``meant`` that has no problem, and put the decision into ``plan``.

    ``problems`` is keyed by document id, and new problems are added to it. Documents that are to be changed are read in
    QuickBooks first, with few queries for all of them.

    Raises:
        QuickBooksError: a document could not be read; nothing was concluded.
    """
    changing: dict[int, tuple[Meant, Operation]] = {}
    for each in meant:
        row, content = each.row, each.content
        if row.document_id in problems:
            continue
        operation = choose_operation(
            row.state,
            current_fingerprint(content, row),
            row.sent_fingerprint,
            "void" if each.is_void else "issued",
            quickbooks_id=row.quickbooks_id,
        )
        if operation == Operation.CLOSE:
            problems[row.document_id] = Problem.VOID_BEFORE_SENT
        elif operation == Operation.CREATE and content is not None and find_identifying(changes.kind, content.body):
            problems[row.document_id] = Problem.IDENTITY_NUMBER
        elif operation in (Operation.UPDATE, Operation.VOID):
            changing[row.document_id] = (each, operation)
        else:
            plan.decide(row, operation)
            if operation == Operation.CREATE and content is not None:
                plan.ready.append(make_ready(session, row, operation, content, content.body, each.applications))
    if changing:
        _change(session, plan, changes, changing, problems)


def current_fingerprint(content: Content | None, row: WorkItem) -> str:
    """Return the fingerprint to compare with the last sent one, or "" without content. It equals the last sent one also
    if only the rules of cleaning have changed."""
    if content is None:
        return ""
    return row.sent_fingerprint if content.is_as_sent(row.sent_fingerprint) else content.fingerprint


def _change(
    session: FirmSession,
    plan: Plan,
    changes: Changes,
    changing: dict[int, tuple[Meant, Operation]],
    problems: dict[int, Problem],
) -> None:
    remote, learned = read_remote(
        session,
        changes.kind,
        [each.row for each, _ in changing.values()],
        plan.learned,
        objection=lambda row, entity: changes.objection(*changing[row.document_id], entity),
        is_expected=lambda row, sent, entity: changes.is_expected(changing[row.document_id][0], sent, entity),
    )
    plan.remote |= remote
    plan.learned |= learned
    for document_id, (each, operation) in changing.items():
        theirs = remote[document_id]
        if operation == Operation.VOID and theirs.problem is Problem.REMOTE_VOIDED:
            plan.decide(each.row, Operation.CLOSE)  # both sides agree already
        elif theirs.problem is not None or theirs.entity is None:
            problems[document_id] = theirs.problem or Problem.REMOTE_DELETED
        elif (body := _body(changes, each, operation, theirs.entity)) is None:
            problems[document_id] = Problem.DRIFT
        elif find_identifying(changes.kind, body):
            problems[document_id] = Problem.IDENTITY_NUMBER
        else:
            is_void = operation == Operation.VOID
            sent = NOTHING_SENT if is_void or each.content is None else each.content
            plan.decide(each.row, operation)
            plan.ready.append(
                make_ready(session, each.row, operation, sent, body, () if is_void else each.applications)
            )


def _body(changes: Changes, meant: Meant, operation: Operation, theirs: Entity) -> JsonObject | None:
    """Return the body that is sent over QuickBooks' version, or None if a person's edit cannot be kept."""
    identity = {"Id": theirs["Id"], "SyncToken": str(theirs["SyncToken"])}
    if operation == Operation.VOID:
        return {**identity, **changes.void}
    assert meant.content is not None  # noqa: S101 - an update has content
    merged = changes.merge(meant.content.body, theirs)
    if merged is None:
        return None
    body = update_body(merged, quickbooks_id=identity["Id"], sync_token=identity["SyncToken"])
    return {**body, **restore_marker(meant.content.body, theirs)}
