"""How a document is recognised: the marker in its note, and the id of a request.

Belongs here: writing and reading both, byte for byte the same in every release. Does not belong here: asking
QuickBooks for them.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal
from urllib.parse import quote, unquote
from uuid import UUID, uuid5

Kind = Literal["customer", "item", "invoice", "payment", "refund"]

REQUEST_ID_LENGTH = 36
"""In a batch, ``requestid`` has at most 36 characters; a UUID has exactly that many.

Source: Intuit field reference, clarified January 2025 (read 2026-11-21).
"""

_NAMESPACE = UUID("0b5a4f9c-6d0e-5d5b-9a53-9e2f6f6d7c11")
_MARKER = re.compile(
    r"qbp1:(?P<installation>[A-Za-z0-9]{6}):(?P<firm>[a-z0-9-]{1,30}):(?P<kind>customer|item|invoice|payment|refund)"
    r":(?P<source>[\w.~%-]+)(?:@(?P<part>\d{4}-\d{2}-\d{2}))?:g(?P<generation>\d+)(?!\d)",
    re.ASCII,
)


@dataclass(frozen=True)
class Marker:
    """What a marker says: whose document this is."""

    installation: str
    firm: str
    kind: str
    source_id: str
    part: str
    generation: int


def marker(installation: str, firm: str, kind: Kind, source_id: str, part: str = "", generation: int = 1) -> str:
    """Write the marker of one document: ``qbp1:<installation>:<firm>:<kind>:<source id>[@<part>]:g<generation>``.

    Characters in a source id that would break the marker are written as in a URL (``%40`` for ``@``).
    """
    source = quote(source_id, safe="") + (f"@{part}" if part else "")
    return f"qbp1:{installation}:{firm}:{kind}:{source}:g{generation}"


def find_marker(text: str) -> Marker | None:
    """Read the first marker anywhere in a note; QuickBooks and bookkeepers write before and after it."""
    found = _MARKER.search(text)
    if found is None:
        return None
    return Marker(
        installation=found["installation"],
        firm=found["firm"],
        kind=found["kind"],
        source_id=unquote(found["source"]),
        part=found["part"] or "",
        generation=int(found["generation"]),
    )


def request_id(attempt_id: UUID, body: bytes) -> str:
    """Derive the id of a request from its attempt and its frozen bytes: the same bytes, the same id, for ever."""
    return str(uuid5(_NAMESPACE, f"{attempt_id}|{sha256(body).hexdigest()}"))
