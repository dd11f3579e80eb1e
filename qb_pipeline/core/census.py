"""Count documents: exactly one living QuickBooks document per document of ours, with the total that we believe.

Belongs here: comparing what was found with what is expected. Does not belong here: reading either (``sync.census``).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Key = tuple[str, str]
"""Source id and part."""

Verdict = Literal["duplicate", "copy", "missing", "void", "differs", "changed", "foreign", "stray"]
"""What is wrong with one document.

``duplicate`` and ``copy``: a further living document carries its mark, made while a request of ours was under way, or
by a person. ``missing``, ``void``: it is not there, or void. ``differs``: another total than QuickBooks answered.
``changed``: a person has changed it since, which is no fault. ``foreign``: it has another's mark, or never got ours.
``stray``: a document carries a mark of ours that the ledger does not know.
"""

FAULTS = ("duplicate", "missing", "void", "differs", "foreign", "stray")


@dataclass(frozen=True, slots=True)
class Expected:
    """One document of the ledger. ``windows``: while its creating requests could take effect.

    ``was_written``: it must be there; else only further documents with its mark are looked for.
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
    """One document of QuickBooks. ``key`` is what its mark says; None when it carries none of ours."""

    quickbooks_id: str
    key: Key | None
    total_cents: int
    sync_token: str
    is_void: bool
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one document, and the Ids in QuickBooks that it is about."""

    verdict: Verdict
    quickbooks_ids: tuple[str, ...]
    document_id: int | None = None


@dataclass(frozen=True, slots=True)
class Census:
    """How many documents were counted, how many of them live, and what is wrong."""

    documents: int
    living: int
    findings: tuple[Finding, ...]

    def number(self, *verdicts: str) -> int:
        """How many findings are of these verdicts."""
        return sum(finding.verdict in verdicts for finding in self.findings)


def count(expected: Iterable[Expected], found: Iterable[Found], *, set_aside: Collection[str] = ()) -> Census:
    """Compare. ``set_aside``: Ids in QuickBooks that a person said are none of ours."""
    by_id = {row.quickbooks_id: row for row in found}
    marked: dict[Key, list[Found]] = {}
    for row in by_id.values():
        if row.key is not None and not row.is_void and row.quickbooks_id not in set_aside:
            marked.setdefault(row.key, []).append(row)
    findings: list[Finding] = []
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
    findings += [Finding("stray", (quickbooks_id,)) for quickbooks_id in strays]
    return Census(documents, living, tuple(findings))


def _judge(document: Expected, by_id: Mapping[str, Found]) -> Finding | None:
    """What is wrong with the document itself."""
    row = by_id.get(document.quickbooks_id)
    about = (document.quickbooks_id,)
    if document.is_void:
        is_wrong = row is not None and not row.is_void
        return Finding("differs", about, document.document_id) if is_wrong else None
    if row is None:
        return Finding("missing", about, document.document_id)
    if row.is_void:
        return Finding("void", about, document.document_id)
    if _is_foreign(document, row):
        return Finding("foreign", about, document.document_id)
    if row.total_cents != document.total_cents:
        verdict: Verdict = "differs" if row.sync_token == document.sync_token else "changed"
        return Finding(verdict, about, document.document_id)
    return None


def _is_foreign(document: Expected, row: Found) -> bool:
    """Whether it is somebody else's. A note is the bookkeeper's: a mark that is gone since, or never was, is none."""
    if row.key is None:
        return bool(document.windows) and row.sync_token == document.sync_token
    return row.key != document.key


def _find_further(document: Expected, original: Found | None, marked: Iterable[Found]) -> list[Finding]:
    """Other living documents with its mark: ours where a request explains them, else a person's copies."""
    further = [row for row in marked if row.quickbooks_id != document.quickbooks_id]
    if not further or document.is_known_copy:
        return []
    return [
        Finding(
            "duplicate" if _is_explained(document, original, row) else "copy",
            (document.quickbooks_id, row.quickbooks_id),
            document.document_id,
        )
        for row in further
    ]


def _is_explained(document: Expected, original: Found | None, row: Found) -> bool:
    """Whether requests of ours may have made it: as far from the original as one of them could take effect.

    Both times are of QuickBooks' clock; ours may be another. Without a time the worse is assumed.
    """
    if row.created_at is None:
        return True
    if original is None or original.created_at is None:
        return any(begin <= row.created_at <= end for begin, end in document.windows)
    apart = abs(row.created_at - original.created_at)
    return any(apart <= end - begin for begin, end in document.windows)
