"""Look at what changed in QuickBooks, keep it in the mirror, and say how far both sides are apart.

Belongs here: the order: look at billing, read what changed, keep it with its cursor, hold what a person took out of
QuickBooks. Does not belong here: what a difference is called (``sql/reporting``).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from qb_pipeline.core.documents.mirror import Version, deleted_version, read_version
from qb_pipeline.core.money import to_cents
from qb_pipeline.core.planning.plan import Field, compare
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation, State
from qb_pipeline.ledger.books.documents import Decision
from qb_pipeline.ledger.books.mirror import Mirror, MirroredDocument
from qb_pipeline.ledger.books.reconciliation import DifferenceClass, FirmStanding, Measure, Reconciliation
from qb_pipeline.ledger.log import Entry
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.extract.scan import Selection, scan
from qb_pipeline.sync.remote.changes import Reading, read_changes
from qb_pipeline.sync.remote.documents import CUSTOMER, read_sent
from qb_pipeline.sync.remote.outcomes import ENTITY, is_voided
from qb_pipeline.sync.session.firm_session import FirmSession

KIND_OF = {"Invoice": Kind.INVOICE, "Payment": Kind.PAYMENT}

SETTLED = (State.SYNCED, State.REVISED, State.HELD, State.REFUSED)
"""States in which QuickBooks should hold a document; in others it is void, under way, or was never sent."""


@dataclass(frozen=True, slots=True)
class FirmReconciliation:
    """What a reconciliation found. Money in dollars.

    ``changed``: documents that QuickBooks holds otherwise than it was known; ``held``: those that a person deleted or
    voided there and that are held for it now.
    """

    firm_id: str
    changed: int
    held: int
    reads: int
    measures: list[Measure]
    classes: list[DifferenceClass]
    standing: FirmStanding

    @property
    def residual(self) -> Decimal:
        """What nothing explains, over all measures: 0 unless one hides another's, so each counts without its sign."""
        return sum((abs(row.residual) for row in self.measures), Decimal(0))

    @property
    def unexplained(self) -> int:
        """How many differences have no class."""
        return sum(int(row.unexplained) for row in self.measures)


def reconcile(session: FirmSession) -> FirmReconciliation:
    """Bring the work list and the mirror up to date and compare; forget what the log need not keep any longer.

    Costs one read, and where something was deleted one more for invoices and one for payments; see
    ``sync.remote.changes``.

    Raises:
        BillingError: billing cannot be read.
        QuickBooksError: something was not answered: nothing was concluded, and the cursor stays.
    """
    with session.recorded():
        scan(session, Selection())
        changed, held = _look(session)
        said = f"{changed} documents are otherwise in QuickBooks than they were known, {held} of them gone"
        session.log.add(session.run, [Entry("reconciled", detail=said)], now=session.clock())
        session.log.prune(before=session.clock() - timedelta(days=session.firm.settings.keep_log_days))
    found = Reconciliation(session.engine, session.firm.firm_id)
    report = FirmReconciliation(
        firm_id=session.firm.firm_id,
        changed=changed,
        held=held,
        reads=session.quickbooks.requests.reads,
        measures=found.measures(),
        classes=found.classes(),
        standing=found.standing(now=session.clock()),
    )
    found.record(
        session.run.run_id, unexplained=report.unexplained, residual_cents=to_cents(report.residual),
        standing=report.standing, now=session.clock(),
    )  # fmt: skip
    return report


def _look(session: FirmSession) -> tuple[int, int]:
    """Read what changed since the last look, or since the firm was activated, and what nobody has looked at yet."""
    mirror = Mirror(session.engine, session.firm.firm_id)
    now = session.clock()
    # Payments after invoices: what was received between two questions is in the later answer.
    reading = read_changes(
        session.quickbooks,
        list(KIND_OF),
        mirror.cursor() or session.firm.activated_at,
        known_ids=lambda entity: mirror.living(KIND_OF[entity]),
        now=now,
        confirm_together=True,  # what is concluded here is shown to a person, and undoes nothing
    )
    versions: list[Version] = []
    drifted: dict[int, Sequence[Field]] = {}
    gone: list[Decision] = []
    for entity, kind in KIND_OF.items():
        objects = {row["Id"]: row for row in (*reading.objects[entity], *_unseen(session, mirror, kind, reading))}
        deleted = set(reading.deleted_ids[entity])
        relevant = mirror.relevant(kind, {*objects, *deleted})
        read = [read_version(kind, row, is_void=is_voided(row)) for row in objects.values()]
        ours = mirror.relevant(Kind.INVOICE, {paid.quickbooks_invoice_id for each in read for paid in each.settlements})
        versions += [
            each
            for each in read
            if each.quickbooks_id in relevant or any(paid.quickbooks_invoice_id in ours for paid in each.settlements)
        ]
        versions += [deleted_version(kind, each) for each in deleted & relevant]
        documents = mirror.documents(kind, relevant)
        drifted |= _drift(session, documents, objects)
        gone += _gone(documents, objects, deleted)
    changed = mirror.record_reading(versions, drifted, cursor=reading.cursor, now=now)
    session.documents.record_decisions(gone, run=session.run, now=now)
    return changed, len(gone)


def _unseen(session: FirmSession, mirror: Mirror, kind: Kind, reading: Reading) -> Iterator[Entity]:
    """Documents of the work list that nobody has looked at in QuickBooks, such as those that were adopted."""
    read = {row["Id"] for row in reading.objects[ENTITY[kind]]} | set(reading.deleted_ids[ENTITY[kind]])
    unseen = [each for each in mirror.unseen(kind) if each not in read]
    yield from session.quickbooks.find(ENTITY[kind], "Id", unseen)


def _drift(
    session: FirmSession, documents: Sequence[MirroredDocument], objects: Mapping[str, Entity]
) -> dict[int, Sequence[Field]]:
    """Of each document that was read: the fields that a person changed since we wrote them."""
    read = [row for row in documents if row.quickbooks_id in objects]
    written = session.history.last_body([row.document_id for row in read])
    return {
        row.document_id: _changed_fields(row, objects[row.quickbooks_id], written.get(row.document_id, (b"", "")))
        for row in read
        if not _is_older(objects[row.quickbooks_id], row.sync_token)
    }


def _changed_fields(row: MirroredDocument, entity: Entity, written: tuple[bytes, str]) -> list[Field]:
    if is_voided(entity):
        return []  # all of it has changed, and its state says so
    decided = {row.sync_token, row.reviewed_token}  # what we wrote ourselves, or a person has decided about
    return [
        each
        for each in compare(read_sent(row.kind, *written), entity)
        if (each.owner == "quickbooks" or str(entity.get("SyncToken")) not in decided)
        and not (each.name == CUSTOMER and each.theirs == row.customer_id)  # merged, and known
    ]


def _gone(
    documents: Sequence[MirroredDocument], objects: Mapping[str, Entity], deleted: Collection[str]
) -> Iterator[Decision]:
    """Hold what a person deleted or voided in QuickBooks; it is never made again by itself."""
    for row in documents:
        entity = objects.get(row.quickbooks_id)
        if row.quickbooks_id in deleted:
            problem = Problem.REMOTE_DELETED
        elif entity is not None and is_voided(entity) and not _is_older(entity, row.sync_token):
            problem = Problem.REMOTE_VOIDED
        else:
            continue
        if row.state in SETTLED and row.reason not in (problem, Problem.SOURCE_GONE):
            yield Decision(row.document_id, Operation.HOLD, problem, row.amount_cents, source_hash=row.source_hash)


def _is_older(entity: Entity, sync_token: str) -> bool:
    """Whether an answer shows a version from before what we wrote last."""
    return bool(sync_token) and int(entity.get("SyncToken", 0)) < int(sync_token)
