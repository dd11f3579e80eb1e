"""The reconciliation: read the changes in QuickBooks into the mirror, and measure the differences between both sides.

Belongs here: the order: scan billing, read the changes, store them with their cursor, hold the documents that a person
took out of QuickBooks. Does not belong here: the names of differences (``sql/reporting``).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from qb_pipeline.core.documents.bank_deposits import deleted_deposit, read_deposit
from qb_pipeline.core.documents.hand_entries import ENTITIES
from qb_pipeline.core.documents.mirror import deleted_version, read_version
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
from qb_pipeline.sync.remote.receivables import MIRRORED, read_credits
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.verify.hand_entries import note_entries, recognise_entries
from qb_pipeline.sync.verify.links import settle_links

KIND_OF = {"Invoice": Kind.INVOICE, "Payment": Kind.PAYMENT}

DEPOSIT, CUSTOMER_LIST = "Deposit", "Customer"
"""Entities that move no receivables and are read for reports: bank deposits, and customers, for their names."""

SETTLED = (State.SYNCED, State.REVISED, State.HELD, State.REFUSED)
"""The states in which QuickBooks should hold a document. In any other state it is void, under way, or was never
sent."""


@dataclass(frozen=True, slots=True)
class FirmReconciliation:
    """The result of a reconciliation. Amounts are in dollars.

    ``changed``: the number of documents that QuickBooks holds otherwise than was known. ``held``: the number of
    documents that are held for it now: those that a person deleted or voided there, and payments that a person applied
    otherwise.
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
        """The amount that nothing explains, over all measures. Each measure counts without its sign, so that none hides
        another."""
        return sum((abs(row.residual) for row in self.measures), Decimal(0))

    @property
    def unexplained(self) -> int:
        """The number of differences without a class."""
        return sum(int(row.unexplained) for row in self.measures)


def reconcile(session: FirmSession) -> FirmReconciliation:
    """Bring the work list and the mirror up to date and compare both sides.

    Delete log entries that need not be kept any longer. Costs one read; for each kind of which something was deleted
    one more (``sync.remote.changes``), and one or two if somebody wrote credit memos or journal entries. The first time
    it reads the whole company, in pages of 1,000.

    Raises:
        BillingError: billing cannot be read.
        QuickBooksError: a request was not answered. Nothing was concluded, and the cursor stays.
    """
    with session.recorded():
        scan(session, Selection())
        changed, held, entered = _look(session)
        said = f"{changed} documents differ in QuickBooks from the versions known before, {held} are held for it now"
        said += f"; {entered} rows of the by-hand list were entered" if entered else ""
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


def _look(session: FirmSession) -> tuple[int, int, int]:
    """Read the changes since the last reading, the whole company at first, and the documents that were never read.

    Returns:
        The number of documents that differ from the version known before, of those that are held for it now, and of
        rows of the by-hand list that were entered.
    """
    mirror = Mirror(session.engine, session.firm.firm_id)
    now = session.clock()
    others = [entity for entity in ENTITIES if entity not in (DEPOSIT, *MIRRORED)]
    reading = read_changes(
        session.quickbooks,
        [DEPOSIT, *MIRRORED, CUSTOMER_LIST, *others],
        mirror.cursor(),
        known_ids=lambda entity: [*_living(mirror, entity), *session.hand_entries.known(entity)],
        whole_since=dict.fromkeys(others, session.firm.activated_at),
        now=now,
        confirm_together=True,  # the conclusions are only shown to a person, and undo nothing
        shown_only=(CUSTOMER_LIST,),  # documents contain their customer's name; this finds later renames
    )
    versions = list(read_credits(session.quickbooks, mirror, reading))
    drifted: dict[int, Sequence[Field]] = {}
    gone: list[Decision] = []
    for entity, kind in KIND_OF.items():
        objects = {row["Id"]: row for row in (*reading.objects[entity], *_unseen(session, mirror, kind, reading))}
        deleted = set(reading.deleted_ids[entity])
        documents = mirror.documents(kind, {*objects, *deleted})
        ours = {row.quickbooks_id for row in documents}
        versions += [
            read_version(kind, row, is_void=is_voided(row), is_ours=row["Id"] in ours) for row in objects.values()
        ]
        versions += [deleted_version(kind, each) for each in deleted]
        drifted |= _drift(session, documents, objects)
        gone += _gone(documents, objects, deleted)
    note_entries(session, reading)
    deposits = [read_deposit(row) for row in reading.objects[DEPOSIT]]
    changed = mirror.record_reading(
        versions,
        drifted,
        deposits=deposits + [deleted_deposit(each) for each in reading.deleted_ids[DEPOSIT]],
        customer_names={row["Id"]: name for row in reading.objects[CUSTOMER_LIST] if (name := _name_of(row))},
        cursor=reading.cursor,
        now=now,
    )
    session.documents.record_decisions(gone, run=session.run, now=now)
    moved = settle_links(session, reading.objects["Payment"])
    return changed, len(gone) + moved, recognise_entries(session, reading)


def _living(mirror: Mirror, entity: str) -> Collection[str]:
    """Return the Ids of an entity that the mirror believes alive."""
    if entity == DEPOSIT:
        return mirror.living_deposits()
    return mirror.living(MIRRORED[entity]) if entity in MIRRORED else ()


def _name_of(customer: Entity) -> str:
    """Return a customer's name in the form that documents have: a sub-customer's name begins with its parent's."""
    return str(customer.get("FullyQualifiedName") or customer.get("DisplayName") or "")


def _unseen(session: FirmSession, mirror: Mirror, kind: Kind, reading: Reading) -> Iterator[Entity]:
    """Yield the documents of the work list that have not been read in QuickBooks yet, such as adopted ones."""
    read = {row["Id"] for row in reading.objects[ENTITY[kind]]} | set(reading.deleted_ids[ENTITY[kind]])
    unseen = [each for each in mirror.unseen(kind) if each not in read]
    yield from session.quickbooks.find(ENTITY[kind], "Id", unseen)


def _drift(
    session: FirmSession, documents: Sequence[MirroredDocument], objects: Mapping[str, Entity]
) -> dict[int, Sequence[Field]]:
    """Return the fields of each document read that a person changed since our last request, keyed by document id."""
    read = [row for row in documents if row.quickbooks_id in objects]
    written = session.history.last_body([row.document_id for row in read])
    return {
        row.document_id: _changed_fields(row, objects[row.quickbooks_id], written.get(row.document_id, (b"", "")))
        for row in read
        if not _is_older(objects[row.quickbooks_id], row.sync_token)
    }


def _changed_fields(row: MirroredDocument, entity: Entity, written: tuple[bytes, str]) -> list[Field]:
    if is_voided(entity):
        return []  # every field has changed, and the document's state shows it
    decided = {row.sync_token, row.reviewed_token}  # versions that we wrote, or that a person has decided about
    return [
        each
        for each in compare(read_sent(row.kind, *written), entity)
        if (each.owner == "quickbooks" or str(entity.get("SyncToken")) not in decided)
        and not (each.name == CUSTOMER and each.theirs == row.customer_id)  # a merge that is known
    ]


def _gone(
    documents: Sequence[MirroredDocument], objects: Mapping[str, Entity], deleted: Collection[str]
) -> Iterator[Decision]:
    """Yield the decisions that hold documents which a person deleted or voided in QuickBooks. The pipeline never
    creates these again by itself."""
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
    """Whether an answer shows a version from before our last request."""
    return bool(sync_token) and int(entity.get("SyncToken", 0)) < int(sync_token)
