"""The comparison of the by-hand list with QuickBooks.

Entered rows leave the list; rows whose transaction is gone or changed there come back.

Belongs here: taking the transactions that matter from a reading of the changes, and reading entered ones by Id. Does
not belong here: matching transactions with rows (``core.documents.hand_entries``), and a person's answer
(``sync.people.hand_entries``).
"""

from collections.abc import Collection, Mapping
from datetime import timedelta

from qb_pipeline.core.documents.hand_entries import (
    ENTITIES,
    Entry,
    HandRow,
    Recognised,
    read_amounts,
    read_entries,
    recognise,
    side_of,
)
from qb_pipeline.core.markers import read_marker
from qb_pipeline.core.money import to_dollars
from qb_pipeline.ledger.books.hand_entries import Entered, ListedRow, Name, NewEntry, Standing
from qb_pipeline.ledger.books.mirror import Mirror
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.remote.changes import Reading, needs_all, read_changes
from qb_pipeline.sync.remote.outcomes import is_voided, read_applied, read_cents
from qb_pipeline.sync.session.firm_session import FirmSession


def look(session: FirmSession) -> None:
    """Read the changes since the last ``reconcile`` and take entered rows off the list. Costs one read, once in a run.

    More than 29 days after a ``reconcile`` nothing is read: the next ``reconcile`` reads everything.

    Raises:
        QuickBooksError: the read was not answered; the list is unchanged.
    """
    if session.company.has_read_entries:
        return
    since = Mirror(session.engine, session.firm.firm_id).cursor() or session.firm.activated_at
    if since is None or needs_all(since, session.clock()):
        return
    reading = read_changes(
        session.quickbooks,
        ENTITIES,
        since,
        known_ids=session.hand_entries.known,
        now=session.clock(),
        confirm_together=True,
    )
    note_entries(session, reading)
    recognise_entries(session, reading)
    session.company.has_read_entries = True


def note_entries(session: FirmSession, reading: Reading) -> None:
    """Store the transactions of a reading that may be rows of the list, before the reading's cursor moves on."""
    entries: list[Entry] = []
    read: list[Name] = []
    for entity in ENTITIES:
        for transaction in reading.objects[entity]:
            read.append((entity, str(transaction["Id"])))
            if read_marker(transaction) is None and not is_voided(transaction):
                entries += read_entries(entity, transaction)
        read += [(entity, quickbooks_id) for quickbooks_id in reading.deleted_ids[entity]]
    session.hand_entries.note(entries, read)
    session.hand_entries.prune(before=session.today - timedelta(days=session.firm.settings.keep_log_days))


def recognise_entries(session: FirmSession, reading: Reading) -> int:
    """Record the present state of entered transactions, then the rows that a reading shows as entered, and candidates.

    A candidate is a transaction that may be a row that is still on the list.

    Returns:
        The number of rows that left the list.

    Raises:
        QuickBooksError: a transaction that was read long ago could not be read again; nothing was recognised.
    """
    found = {
        (entity, str(transaction["Id"])): transaction for entity in ENTITIES for transaction in reading.objects[entity]
    }
    gone = {(entity, quickbooks_id) for entity in ENTITIES for quickbooks_id in reading.deleted_ids[entity]}
    _stand(session, {name: found.get(name) for name in found.keys() | gone})
    listed = {row.document_id: row for row in session.hand_entries.rows()}
    recognised = _recognise(session, listed.values(), found, gone)
    entered = [_enter(listed[document_id], entry) for document_id, entry in recognised.entered.items()]
    session.hand_entries.record(entered, recognised.candidates, run=session.run, now=session.clock())
    return len(entered)


def _recognise(
    session: FirmSession, listed: Collection[ListedRow], found: Mapping[Name, Entity], gone: Collection[Name]
) -> Recognised:
    """Which transactions are rows. What a former run has read may have been taken out since: that is looked up."""
    rows = [_as_row(row, found, gone) for row in listed]
    voided = [entry for row in listed if (entry := _read_voided(row, found)) is not None]
    possible = session.hand_entries.possible({(row.customer_id, row.amount_cents) for row in rows if row.customer_id})
    recognised = recognise(rows, [*possible, *voided])
    known = found.keys() | {entry.name for entry in voided}
    unread = {entry.name for entry in recognised.entered.values()} - known
    dead = unread - _look_up(session, unread).keys()
    if not dead:
        return recognised
    session.hand_entries.note([], dead)
    return recognise(rows, [*(entry for entry in possible if entry.name not in dead), *voided])


def check_entered(session: FirmSession) -> int:
    """Read all entered transactions by Id. If one is gone, or has another total, its row comes back on the list.

    Costs one read per type and some 300 Ids.

    Returns:
        The number of rows that changed.

    Raises:
        QuickBooksError: a request was not answered; nothing was concluded.
    """
    names = {(row.entity, row.quickbooks_id) for row in session.hand_entries.entered()}
    found = _look_up(session, names)
    return _stand(session, {name: found.get(name) for name in names})


def _stand(session: FirmSession, read: Mapping[Name, Entity | None]) -> int:
    """Record the present state of those entered transactions that were read (None: the transaction is gone). Return the
    number of rows that changed."""
    standings: dict[int, tuple[Standing, bool]] = {}
    for row in session.hand_entries.entered() if read else ():
        name = row.entity, row.quickbooks_id
        if name in read:
            standings[row.document_id] = _judge(row, read[name])
    return session.hand_entries.stand(standings, run=session.run, now=session.clock())


def _judge(row: Entered, transaction: Entity | None) -> tuple[Standing, bool]:
    """Return the state of a transaction that was entered, and whether its amount is billing's amount of today."""
    if transaction is None:
        return "gone", False
    if is_voided(transaction):  # some people void a payment to take it back
        return ("there" if row.total_cents == 0 else "gone"), False
    amounts = set(read_amounts(row.entity, transaction).values())
    if row.billed_cents in amounts:
        return "there", True
    return ("there" if row.total_cents in amounts else "differs"), False


def _look_up(session: FirmSession, names: Collection[Name]) -> dict[Name, Entity]:
    return {
        (entity, str(transaction["Id"])): transaction
        for entity in ENTITIES
        if (ids := sorted(quickbooks_id for each, quickbooks_id in names if each == entity))
        for transaction in session.quickbooks.find(entity, "Id", ids)
    }


def _as_row(row: ListedRow, found: Mapping[Name, Entity], gone: Collection[Name]) -> HandRow:
    original = "Payment", row.original_id
    stands = row.original_stands and original not in gone
    if original in found:
        stands = _stands(row, found[original])
    return HandRow(row.document_id, row.what, row.customer_id, row.amount_cents, row.document_date, stands)


def _stands(row: ListedRow, payment: Entity) -> bool:
    """Whether the payment that the row takes back is as we sent it."""
    return not is_voided(payment) and (
        read_cents(payment, "TotalAmt"), sum(read_applied(payment).values()), read_cents(payment, "UnappliedAmt"),
    ) == (row.original_cents, row.applied_cents, row.original_cents - row.applied_cents)  # fmt: skip


def _read_voided(row: ListedRow, found: Mapping[Name, Entity]) -> Entry | None:
    """Return the payment that the row takes back, as the row's entry, if a person voided it. A void is one way to enter
    the row. Otherwise return None."""
    payment = found.get(("Payment", row.original_id))
    is_void = row.original_is_void if payment is None else is_voided(payment)
    if not row.original_id or not is_void:
        return None
    return Entry("Payment", row.original_id, row.customer_id, side_of(row.what), row.original_cents, row.document_date)


def _enter(row: ListedRow, entry: Entry) -> NewEntry:
    is_original = entry.name == ("Payment", row.original_id)
    said = (
        f"Payment {row.original_id}, which it takes back, is void"
        if is_original
        else f"{entry.entity} {entry.quickbooks_id} of {entry.entry_date} over {to_dollars(entry.amount_cents)} for "
        f"Customer {entry.customer_id}"
    )
    if row.original_id and not is_original:
        said += f"; Payment {row.original_id} no longer pays what it paid"
    return NewEntry(
        row.document_id,
        entry.entity,
        entry.quickbooks_id,
        0 if is_original else entry.amount_cents,
        None if is_original else entry.entry_date,
        said,
    )
