"""Payments whose links differ: they are held, or applied again if a step of ours took them off.

Belongs here: the consequences of a reading of payments for the work list. Does not belong here: the reading.
"""

from collections.abc import Iterable, Mapping, Sequence

from qb_pipeline.core.documents.links import describe_moved, find_moved
from qb_pipeline.core.planning.plan import compare
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation, State
from qb_pipeline.ledger.books.documents import Decision
from qb_pipeline.ledger.books.links import LinkedInvoice, Links, SentPayment
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.remote.documents import find_lost, read_sent
from qb_pipeline.sync.remote.outcomes import is_voided, read_applied
from qb_pipeline.sync.session.firm_session import FirmSession


def settle_links(session: FirmSession, payments: Iterable[Entity]) -> int:
    """Compare the payments of a reading with our last requests. Return the number of payments that this call holds.

    A payment that pays other invoices, or other amounts, is held as ``DRIFT``. If we moved its invoice to another
    customer since, it is planned again instead. A held payment that again pays the amounts that were sent is released.
    An invoice that a person took out of the books is left out here: the invoice itself is held. One that we voided is
    not left out: nothing else says that the money stands unapplied.

    Costs one read if something differs, and none otherwise.

    Raises:
        QuickBooksError: a request was not answered; nothing was concluded.
    """
    found = {row["Id"]: row for row in payments if not is_voided(row)}
    links = Links(session.engine, session.firm.firm_id)
    rows = [row for row in links.payments(found) if int(found[row.quickbooks_id]["SyncToken"]) >= _token(row)]
    moved = {row.document_id: find_moved(row.sent, read_applied(found[row.quickbooks_id])) for row in rows}
    hold, again = _decide(session, links, rows, moved, found)
    mended = [row for row in rows if _may_be_mended(row) and not moved[row.document_id]]
    now = session.clock()
    session.documents.record_decisions(hold, run=session.run, now=now)
    links.apply_again(again, run=session.run, now=now)
    session.documents.release(_as_sent(session, mended, found), run=session.run, now=now)
    return len(hold)


def _decide(
    session: FirmSession,
    links: Links,
    rows: Sequence[SentPayment],
    moved: Mapping[int, Mapping[str, tuple[int, int]]],
    found: Mapping[str, Entity],
) -> tuple[list[Decision], dict[int, str]]:
    """The payments to hold, and those to plan again with the SyncToken that was seen."""
    invoices = links.invoices({invoice_id for each in moved.values() for invoice_id in each})
    lost = _find_lost(session, moved.values(), invoices)
    numbers = {key: each.number for key, each in invoices.items()}
    hold: list[Decision] = []
    again: dict[int, str] = {}
    for row in rows:
        differ = _differing(row, moved[row.document_id], invoices, lost)
        if differ and _is_ours(row, differ, invoices):
            again[row.document_id] = str(found[row.quickbooks_id]["SyncToken"])
        elif differ:
            hold.append(_hold(row, describe_moved(differ, numbers)))
    return hold, again


def _differing(
    row: SentPayment,
    moved: Mapping[str, tuple[int, int]],
    invoices: Mapping[str, LinkedInvoice],
    lost: Mapping[str, Problem],
) -> dict[str, tuple[int, int]]:
    """What of it matters: nothing of a payment that is held already, nor of invoices that are gone; and where a person
    kept the payment, only invoices of ours."""
    if row.state == State.HELD:
        return {}
    return {key: cents for key, cents in moved.items() if key not in lost and (key in invoices or not row.is_kept)}


def _hold(row: SentPayment, detail: str) -> Decision:
    return Decision(
        row.document_id, Operation.HOLD, Problem.DRIFT, row.amount_cents, source_hash=row.source_hash, detail=detail
    )


def _may_be_mended(row: SentPayment) -> bool:
    """Whether it is held, and billing has nothing newer."""
    return row.state == State.HELD and row.is_as_sent and not row.is_kept


def _token(row: SentPayment) -> int:
    return int(row.sync_token or 0)


def _is_ours(row: SentPayment, differ: Mapping[str, tuple[int, int]], invoices: Mapping[str, LinkedInvoice]) -> bool:
    """Whether a step of ours explains all differences: each of the invoices is paid less, and we put it under another
    customer."""
    return all(
        held < sent and key in invoices and invoices[key].customer_id not in ("", row.customer_id)
        for key, (sent, held) in differ.items()
    )


def _find_lost(
    session: FirmSession, moved: Iterable[Mapping[str, tuple[int, int]]], invoices: Mapping[str, LinkedInvoice]
) -> Mapping[str, Problem]:
    """Those of the invoices which payments should pay that a person took out of the books."""
    wanted = {key for each in moved for key, (sent, _) in each.items() if sent}
    wanted -= {key for key, invoice in invoices.items() if invoice.is_voided}
    if not wanted:
        return {}
    found = {row["Id"]: row for row in session.quickbooks.find("Invoice", "Id", sorted(wanted))}
    return find_lost(session, {key: found.get(key) for key in sorted(wanted)})


def _as_sent(session: FirmSession, rows: Iterable[SentPayment], found: Mapping[str, Entity]) -> list[int]:
    """Return the ids of those of these payments that QuickBooks holds as they were sent, in every field that billing
    owns."""
    written = session.history.last_body([row.document_id for row in rows])
    return [
        row.document_id
        for row in rows
        if row.document_id in written
        and not any(
            each.owner == "billing"
            for each in compare(read_sent(Kind.PAYMENT, *written[row.document_id]), found[row.quickbooks_id])
        )
    ]
