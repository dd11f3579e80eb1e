"""The census (post-write verification): the check that QuickBooks has each document of ours once, not void, with its
total.

Belongs here: comparing the documents found with those expected. Does not belong here: reading either
(``sync.verify.census``).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Key = tuple[str, str]
"""Source id and part of a document."""

Verdict = Literal["duplicate", "copy", "missing", "void", "differs", "changed", "foreign", "stray"]
"""The fault of one document.

``duplicate``, ``copy``: a second document that is not void carries the marker (idempotency mark) of the first. A
request of ours made the second one (``duplicate``), or a person copied it (``copy``). ``missing``, ``void``: the
document is not in QuickBooks, or is void there. ``differs``: its total is not the total that QuickBooks answered, or it
is not void although the ledger has it void. ``changed``: its total differs because a person changed it since, which is
no fault. ``foreign`` (not ours): it carries another document's marker, or never got ours. ``stray``: it carries a
marker of ours that the ledger does not know.
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """One document of the ledger. ``windows``: the periods in which its creating requests could take effect.

    ``was_written``: whether it must be in QuickBooks. If not, only further documents with its marker are searched for.
    """

    document_id: int
    key: Key
    quickbooks_id: str
    total_cents: int
    sync_token: str
    is_void: bool
    was_written: bool = True
    is_known_copy: bool = False
    in_flight: bool = False
    windows: Sequence[tuple[datetime, datetime]] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """One document of QuickBooks. ``key`` is the key in its marker; None without a marker of ours."""

    quickbooks_id: str
    key: Key | None
    total_cents: int
    sync_token: str
    is_void: bool
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CensusFinding:
    """The fault of one document, and the QuickBooks Ids that are involved."""

    verdict: Verdict
    quickbooks_ids: tuple[str, ...]
    document_id: int | None = None


@dataclass(frozen=True, slots=True)
class Census:
    """The number of counted documents, the number without the fault ``missing`` or ``void`` (``living``), and the
    faults."""

    documents: int
    living: int
    findings: tuple[CensusFinding, ...]

    def number(self, *verdicts: str) -> int:
        """Return the number of findings with one of these verdicts."""
        return sum(finding.verdict in verdicts for finding in self.findings)


def count(expected: Iterable[Expected], found: Iterable[Found], *, set_aside: Collection[str] = ()) -> Census:
    """Compare the expected documents with those found. ``set_aside``: QuickBooks Ids that a person declared not to be
    ours."""
    by_id = {row.quickbooks_id: row for row in found}
    marked: dict[Key, list[Found]] = {}
    for row in by_id.values():
        if row.key is not None and not row.is_void and row.quickbooks_id not in set_aside:
            marked.setdefault(row.key, []).append(row)
    findings: list[CensusFinding] = []
    documents = living = 0
    known: set[Key] = set()
    for document in expected:
        known.add(document.key)
        if document.in_flight:
            continue
        if document.was_written:
            documents += 1
            finding = _judge(document, by_id)
            living += finding is None or finding.verdict not in ("missing", "void")
            findings += [finding] if finding else []
        findings += _find_further(document, by_id.get(document.quickbooks_id), marked.get(document.key, ()))
    strays = sorted(row.quickbooks_id for key, rows in marked.items() if key not in known for row in rows)
    findings += [CensusFinding("stray", (quickbooks_id,)) for quickbooks_id in strays]
    return Census(documents, living, tuple(findings))


def _judge(document: Expected, by_id: Mapping[str, Found]) -> CensusFinding | None:
    """Return the fault of the document itself; None without a fault."""
    row = by_id.get(document.quickbooks_id)
    about = (document.quickbooks_id,)
    if document.is_void:
        is_wrong = row is not None and not row.is_void
        return CensusFinding("differs", about, document.document_id) if is_wrong else None
    if row is None:
        return CensusFinding("missing", about, document.document_id)
    if row.is_void:
        return CensusFinding("void", about, document.document_id)
    if _is_foreign(document, row):
        return CensusFinding("foreign", about, document.document_id)
    if row.total_cents != document.total_cents:
        verdict: Verdict = "differs" if row.sync_token == document.sync_token else "changed"
        return CensusFinding(verdict, about, document.document_id)
    return None


def _is_foreign(document: Expected, row: Found) -> bool:
    """Return whether the document in QuickBooks is somebody else's.

    Without a marker it is foreign only if a request of ours should have created it and its SyncToken is still the known
    one. A bookkeeper may edit the note, so a marker that is gone later proves nothing.
    """
    if row.key is None:
        return bool(document.windows) and row.sync_token == document.sync_token
    return row.key != document.key


def _find_further(document: Expected, original: Found | None, marked: Iterable[Found]) -> list[CensusFinding]:
    """Return a finding for each further document with the same marker that is not void: a duplicate of ours where a
    request of ours may have made it, else a person's copy."""
    further = [row for row in marked if row.quickbooks_id != document.quickbooks_id]
    if not further or document.is_known_copy:
        return []
    return [
        CensusFinding(
            "duplicate" if _is_explained(document, original, row) else "copy",
            (document.quickbooks_id, row.quickbooks_id),
            document.document_id,
        )
        for row in further
    ]


def _is_explained(document: Expected, original: Found | None, row: Found) -> bool:
    """Return whether a request of ours may have made a further document, by its distance in time from the original.

    The distance may be as long as one window. Both times are QuickBooks' own, since our clock may differ. Without the
    original's time the further document must be created inside of a window. Without a time of its own the worse case, a
    duplicate, is assumed.
    """
    if row.created_at is None:
        return True
    if original is None or original.created_at is None:
        return any(begin <= row.created_at <= end for begin, end in document.windows)
    apart = abs(row.created_at - original.created_at)
    return any(apart <= end - begin for begin, end in document.windows)
