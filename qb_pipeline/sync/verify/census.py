"""The census at the end of a run: QuickBooks must hold exactly one document that is not void per document of ours.

Belongs here: reading QuickBooks for it, with few requests for many documents, and holding documents with a fault. Does
not belong here: the judgement (``core.planning.census``).

The census counts the documents that were written since the one before. It costs one query per kind, and another per
1,000 documents that changed in QuickBooks since the first of them was sent. A run after which no document is uncounted
makes no request.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations

from qb_pipeline.core.markers import read_marker
from qb_pipeline.core.planning.census import Census, CensusFinding, Expected, Found, Key, count
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import DOCUMENTS, ENTRIES, UNDER_WAY, Kind, Operation, State
from qb_pipeline.core.text import number_key
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.census import Counts, WrittenDocument
from qb_pipeline.ledger.books.documents import Decision
from qb_pipeline.ledger.books.foreign_documents import Asked, Pair
from qb_pipeline.ledger.books.mirror import Mirror
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.remote.current import read_current
from qb_pipeline.sync.remote.outcomes import ENTITY, is_voided, read_cents, read_customer, read_debits
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.verify.hand_entries import check_entered
from qb_pipeline.sync.verify.links import settle_links

KINDS = (*DOCUMENTS, *ENTRIES)

CLOCKS = timedelta(minutes=5)
"""The greatest difference between QuickBooks' clock and ours. If it is greater, documents are read by Id instead."""

LAG_SECONDS = 10.0
"""The time that a query may take to show a document that was written just now (docs/architecture.md, "What can be
promised")."""

PROBLEMS = {
    "duplicate": Problem.COPIED,
    "copy": Problem.COPIED,
    "missing": Problem.REMOTE_DELETED,
    "void": Problem.REMOTE_VOIDED,
    "differs": Problem.TOTAL_DIFFERS,
    "foreign": Problem.CONFLICT,
}
"""The problem for which a finding holds its document, keyed by verdict."""

COUNTED = (Problem.COPIED, Problem.TOTAL_DIFFERS)
"""The problems that a later count can take back. The other problems of an entry concern its content, which is not
counted."""


class CensusError(Exception):
    """QuickBooks holds a document of ours twice, or one that the ledger does not know. A person must compare both sides
    first."""


def take_census(session: FirmSession, kinds: Sequence[Kind] = KINDS, *, whole: bool = False) -> list[Counts]:
    """Count the documents of these kinds that were written since the last count.

    ``whole``: everything that we ever sent. Two invoices with one number and one customer that are not void count as a
    duplicate, whoever made the other one. A pair that a person has told apart does not.

    Documents with a fault are held. A whole census also checks the transactions that people entered by hand
    (``hand_entries``). Returns the counts of each kind that was read.

    Raises:
        CensusError: a duplicate, or a document that the ledger does not know; everything is recorded.
        QuickBooksError: a question was not answered. Nothing was concluded, and the next census counts these documents
            too.
    """
    now = session.clock()
    written = session.censuses.written(kinds, whole=whole)
    counts, alarms = [], []
    shared: list[tuple[str, str]] = []
    for kind in kinds:
        rows = [row for row in written if row.kind == kind]
        if not rows and (not whole or kind in ENTRIES):  # few firms record entries: a journal is not read without need
            continue
        reads = session.quickbooks.requests.reads
        census, documents, found = _count(session, kind, rows, whole=whole)
        shared += _find_shared_numbers(session, found) if kind == Kind.INVOICE else []
        _hold(session, census.findings, documents)
        if kind == Kind.PAYMENT:
            settle_links(session, found.values())
        if kind in ENTRIES and whole:
            _release(session, census.findings, rows)
        alarms += [(kind, finding) for finding in census.findings if finding.verdict in ("duplicate", "stray")]
        row = _row(kind, census, whole=whole, reads=session.quickbooks.requests.reads - reads)
        counts.append(replace(row, duplicates=row.duplicates + len(shared)) if kind == Kind.INVOICE else row)
    session.censuses.record(session.run, counts, now=now)
    if whole:
        check_entered(session)
    if alarms or shared:
        raise CensusError(_describe(session, alarms, shared))
    return counts


def _count(
    session: FirmSession, kind: Kind, rows: Sequence[WrittenDocument], *, whole: bool
) -> tuple[Census, dict[int, WrittenDocument], dict[str, Entity]]:
    found = _find_written(session, kind, rows, whole=whole)
    marks = {quickbooks_id: _key(session, kind, entity) for quickbooks_id, entity in found.items()}
    # After the read of QuickBooks: documents that were sent during that read are known by now.
    named = session.censuses.named(kind, sorted({key[0] for key in marks.values() if key}))
    was_written = {row.document_id for row in rows}
    documents = {row.document_id: row for row in (*named, *rows)}
    windows: dict[int, list[tuple[datetime, datetime]]] = {}
    for row in session.censuses.windows(sorted(documents)):
        windows.setdefault(row.document_id, []).append((row.first_sent_at, row.last_sent_at + session.quarantine))
    expected = [
        Expected(
            document_id=document_id,
            key=(row.source_id, row.part),
            quickbooks_id=row.quickbooks_id,
            total_cents=row.total_cents,
            sync_token=row.sync_token,
            is_void=row.state == State.VOIDED,
            was_written=document_id in was_written and not _is_out(row),
            is_known_copy=row.reason == Problem.COPIED and kind not in ENTRIES,  # only a count releases an entry
            in_flight=row.state in UNDER_WAY,
            windows=windows.get(document_id, ()),
        )
        for document_id, row in documents.items()
    ]
    there = [_found(kind, entity, marks[quickbooks_id]) for quickbooks_id, entity in found.items()]
    return count(expected, there, set_aside=session.censuses.set_aside(kind)), documents, found


def _find_written(
    session: FirmSession, kind: Kind, rows: Sequence[WrittenDocument], *, whole: bool
) -> dict[str, Entity]:
    """Return the written documents as QuickBooks holds them, and all others that changed there since the first of them
    was sent, keyed by Id."""
    tokens = {row.quickbooks_id: int(row.sync_token or 0) for row in rows}
    found = {row["Id"]: row for row in _changed(session, kind, rows, whole=whole) if _is_current(row, tokens)}
    unseen = [row.quickbooks_id for row in rows if row.quickbooks_id not in found]
    looked_up = _look_up(session, kind, unseen, tokens)
    if looked_up and not whole:  # the clocks differ: other documents of that time are queried by QuickBooks' clock
        first = min(datetime.fromisoformat(row["MetaData"]["LastUpdatedTime"]) for row in looked_up.values())
        found |= {row["Id"]: row for row in _changed_since(session, kind, first) if _is_current(row, tokens)}
    found |= looked_up
    return found | _originals(session, kind, found)


def _is_out(row: WrittenDocument) -> bool:
    """Whether a person took the document out of the books, and the ledger knows that."""
    return row.reason in (Problem.REMOTE_DELETED, Problem.REMOTE_VOIDED)


def _changed(session: FirmSession, kind: Kind, rows: Sequence[WrittenDocument], *, whole: bool) -> Iterable[Entity]:
    """Return the documents that changed in QuickBooks since the first of these was sent. ``whole``: all documents."""
    if whole:
        return session.quickbooks.query_all(ENTITY[kind])
    first = session.censuses.first_sent([row.document_id for row in rows])
    if first is None:
        return ()
    return _changed_since(session, kind, first)


def _changed_since(session: FirmSession, kind: Kind, moment: datetime) -> Iterable[Entity]:
    since = (moment - CLOCKS).isoformat(timespec="seconds")
    return session.quickbooks.query_all(ENTITY[kind], where=f"MetaData.LastUpdatedTime >= '{since}'")


def _originals(session: FirmSession, kind: Kind, found: Mapping[str, Entity]) -> dict[str, Entity]:
    """Return the documents that the ledger links and whose marker another document carries, keyed by Id. Both documents
    are then compared."""
    keys = {key for entity in found.values() if (key := _key(session, kind, entity))}
    named = session.censuses.named(kind, sorted({source_id for source_id, _ in keys}))
    linked = [row.quickbooks_id for row in named if (row.source_id, row.part) in keys and row.quickbooks_id]
    missing = [quickbooks_id for quickbooks_id in linked if quickbooks_id not in found]
    return {row["Id"]: row for row in session.quickbooks.find(ENTITY[kind], "Id", missing)} if missing else {}


def _is_current(entity: Entity, tokens: Mapping[str, int]) -> bool:
    """Whether a query shows our last version, and not an earlier one. A query may be behind."""
    return int(entity.get("SyncToken") or 0) >= tokens.get(entity["Id"], 0)


def _look_up(
    session: FirmSession, kind: Kind, quickbooks_ids: Sequence[str], tokens: Mapping[str, int]
) -> dict[str, Entity]:
    """Read documents by Id that a query by time did not show, because the clocks differ, queries are behind, or the
    documents are gone. Return those found, keyed by Id."""
    found: dict[str, Entity] = {}
    for wait in (0.0, LAG_SECONDS):
        rest = [quickbooks_id for quickbooks_id in quickbooks_ids if quickbooks_id not in found]
        if not rest:
            return found
        if wait:
            session.sleep(wait)
        rows = session.quickbooks.find(ENTITY[kind], "Id", rest)
        found |= {row["Id"]: row for row in rows if _is_current(row, tokens)}
    for quickbooks_id in quickbooks_ids:
        if quickbooks_id not in found and (entity := read_current(session, kind, quickbooks_id)) is not None:
            found[quickbooks_id] = entity
    return found


def _key(session: FirmSession, kind: Kind, entity: Entity) -> Key | None:
    mark = read_marker(entity)
    ours = (session.installation, session.firm.firm_id, kind)
    return (mark.source_id, mark.part) if mark and (mark.installation, mark.firm, mark.kind) == ours else None


def _found(kind: Kind, entity: Entity, key: Key | None) -> Found:
    created = entity.get("MetaData", {}).get("CreateTime")
    return Found(
        quickbooks_id=entity["Id"],
        key=key,
        total_cents=read_debits(entity) if kind in ENTRIES else read_cents(entity, "TotalAmt"),
        sync_token=str(entity.get("SyncToken", "")),
        is_void=kind not in ENTRIES and is_voided(entity),  # an entry cannot be void, whatever its note contains
        created_at=datetime.fromisoformat(created) if created else None,
    )


def _find_shared_numbers(session: FirmSession, found: Mapping[str, Entity]) -> list[tuple[str, str]]:
    """Return pairs of Ids: an invoice of ours that is not void, and another one with its number and its customer.

    A copy that carries our marker is left out, since it is counted as a copy.
    """
    living = {key: row for key, row in found.items() if _has_number(row)}
    ours = {
        row.quickbooks_id: DocumentName(Kind.INVOICE, row.source_id, row.part)
        for row in Mirror(session.engine, session.firm.firm_id).documents(Kind.INVOICE, sorted(living))
    }
    if not ours:
        return []
    living = {key: row for key, row in living.items() if key in ours or read_marker(row) is None}
    living |= _read_others(session, {_number_of(living[quickbooks_id]) for quickbooks_id in ours}, found)
    together: dict[tuple[str, str], list[str]] = {}
    for quickbooks_id, row in living.items():
        together.setdefault(_number_of(row), []).append(quickbooks_id)
    answers = session.foreign_documents.answers(Kind.INVOICE, ours.values())
    pairs = [pair for ids in together.values() for pair in permutations(ids, 2) if pair[0] in ours]
    return [
        (mine, other)
        for mine, other in pairs
        if answers.get(Pair(ours[mine], other)) != "new" and (other not in ours or int(mine) < int(other))
    ]


def _read_others(session: FirmSession, wanted: Set[tuple[str, str]], found: Mapping[str, Entity]) -> dict[str, Entity]:
    """Return the invoices with these numbers and customers that are in the index of others' documents, are not void and
    were not read yet, keyed by Id."""
    index = session.foreign_documents.find(Kind.INVOICE, {Asked(number, "", 0) for number, _ in wanted})
    unread = [
        row.quickbooks_id for row in index if (row.number, row.customer_id) in wanted and row.quickbooks_id not in found
    ]
    rows = session.quickbooks.find("Invoice", "Id", unread) if unread else ()
    return {row["Id"]: row for row in rows if _has_number(row)}


def _has_number(invoice: Entity) -> bool:
    return bool(invoice.get("DocNumber")) and not is_voided(invoice)


def _number_of(invoice: Entity) -> tuple[str, str]:
    return number_key(str(invoice["DocNumber"])), read_customer(invoice)


def _hold(session: FirmSession, findings: Sequence[CensusFinding], documents: Mapping[int, WrittenDocument]) -> None:
    decisions = {
        finding.document_id: Decision(
            finding.document_id,
            Operation.HOLD,
            PROBLEMS[finding.verdict],
            documents[finding.document_id].amount_cents,
            source_hash=documents[finding.document_id].source_hash,
        )
        for finding in findings
        if finding.document_id is not None and finding.verdict in PROBLEMS
    }
    session.documents.record_decisions(list(decisions.values()), run=session.run, now=session.clock())


def _release(session: FirmSession, findings: Sequence[CensusFinding], rows: Sequence[WrittenDocument]) -> None:
    """Release the journal entries that were held for a fault which a count can see, and that QuickBooks holds once with
    their total now."""
    faulty = {finding.document_id for finding in findings}
    held = [row for row in rows if row.reason in COUNTED and row.document_id not in faulty]
    session.documents.release([row.document_id for row in held], run=session.run, now=session.clock())


def _row(kind: Kind, census: Census, *, whole: bool, reads: int) -> Counts:
    return Counts(
        kind=kind,
        is_whole=whole,
        documents=census.documents,
        living=census.living,
        duplicates=census.number("duplicate"),
        copies=census.number("copy"),
        missing=census.number("missing", "void"),
        differing=census.number("differs"),
        foreigners=census.number("foreign"),
        strays=census.number("stray"),
        changed=census.number("changed"),
        reads=reads,
    )


def _describe(
    session: FirmSession, alarms: Sequence[tuple[str, CensusFinding]], shared: Sequence[tuple[str, str]]
) -> str:
    firm_id = session.firm.firm_id
    twice = [
        f"{ENTITY[kind]} Ids {' and '.join(finding.quickbooks_ids)}"
        for kind, finding in alarms
        if finding.verdict == "duplicate"
    ]
    strays = [
        f"{ENTITY[kind]} Id {finding.quickbooks_ids[0]}" for kind, finding in alarms if finding.verdict == "stray"
    ]
    said = []
    if twice:
        said.append(
            f"{len(twice)} documents are there twice ({'; '.join(twice[:5])}): compare them in QuickBooks, delete the "
            "copy, then resolve --retry"
        )
    if shared:
        pairs = "; ".join(f"Invoice Ids {mine} and {other}" for mine, other in shared[:5])
        said.append(
            f"One number and one customer stand in two living invoices ({pairs}): compare them in QuickBooks, then "
            "void, delete or renumber one of the two"
        )
    if strays:
        said.append(
            f"{len(strays)} documents carry our mark and are not in the ledger ({'; '.join(strays[:5])}): was an older "
            "backup restored, or a mark edited?"
        )
    return f"{firm_id}: QuickBooks does not hold each document once. {'. '.join(said)}"
