"""The two ways to recognise a document: the marker (idempotency mark) in its note, and the id of its request.

Belongs here: writing and reading both, byte for byte the same in every release. Does not belong here: searching
QuickBooks for them.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote, unquote
from uuid import UUID, uuid5

from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.states import Kind

REQUEST_ID_LENGTH = 36
"""In a batch, ``requestid`` has at most 36 characters; a UUID has exactly that many.

Source: Intuit field reference, clarified January 2025 (read 2026-11-21).
"""

_NAMESPACE = UUID("0b5a4f9c-6d0e-5d5b-9a53-9e2f6f6d7c11")
_MARKER = re.compile(
    r"qbp1:(?P<installation>[A-Za-z0-9]{6}):(?P<firm>[a-z0-9-]{1,30}):(?P<kind>customer|item|invoice|payment|refund|credit)"
    r":(?P<source>[\w.~%-]+)(?:@(?P<part>\d{4}-\d{2}-\d{2}))?:g(?P<generation>\d+)(?!\d)",
    re.ASCII,
)


@dataclass(frozen=True)
class Marker:
    """The content of a marker, which names one document of billing."""

    installation: str
    firm: str
    kind: Kind
    source_id: str
    part: str
    generation: int


def marker(installation: str, firm: str, kind: Kind, source_id: str, part: str = "", generation: int = 1) -> str:
    """Return the marker of one document: ``qbp1:<installation>:<firm>:<kind>:<source id>[@<part>]:g<generation>``.

    Characters in a source id that would break the marker are written as in a URL (``%40`` for ``@``).
    """
    source = quote(source_id, safe="") + (f"@{part}" if part else "")
    return f"qbp1:{installation}:{firm}:{kind}:{source}:g{generation}"


def find_marker(text: str) -> Marker | None:
    """Return the first marker in a note, at any place, since QuickBooks and bookkeepers add text; None without a
    marker."""
    found = _MARKER.search(text)
    if found is None:
        return None
    return Marker(
        installation=found["installation"],
        firm=found["firm"],
        kind=Kind(found["kind"]),
        source_id=unquote(found["source"]),
        part=found["part"] or "",
        generation=int(found["generation"]),
    )


def read_marker(entity: JsonObject) -> Marker | None:
    """Return the marker in the note of an object of QuickBooks; None without one. A customer's note is the field
    ``Notes``."""
    return find_marker(str(entity.get("PrivateNote") or entity.get("Notes") or ""))


def request_id(attempt_id: UUID, body: bytes) -> str:
    """Return the id of a request, derived from its attempt and its stored bytes. Equal bytes of one attempt have one
    id."""
    return str(uuid5(_NAMESPACE, f"{attempt_id}|{sha256(body).hexdigest()}"))
