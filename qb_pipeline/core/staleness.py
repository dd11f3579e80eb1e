"""Whether a plan still says what would happen: nothing on either side has moved since it was made.

Belongs here: comparing what was planned with what would be planned now. Does not belong here: planning (``sync.plan``)
and storing plans (``ledger.plans``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from qb_pipeline.core.money import dumps

SENT = ("create", "update", "void")
"""Operations that a plan applies."""

_REFERENCES = frozenset({"CustomerRef", "ItemRef"})


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan says of one document.

    ``body_sha256`` is that of what would be sent; empty when nothing would be. ``content_sha256`` leaves out the Ids of
    customers, items and invoices that the run itself makes. ``sync_token``: of what QuickBooks holds.
    """

    document_id: int
    operation: str
    reason: str
    source_hash: str
    sync_token: str = ""
    body_sha256: str = ""
    content_sha256: str = ""


def digest(body: Mapping[str, Any]) -> str:
    """The SHA-256 of what would be sent."""
    return sha256(dumps(body)).hexdigest()


def digest_content(body: Mapping[str, Any]) -> str:
    """The same without the Ids that a dry run cannot know yet."""
    return digest(_masked(body))


def why_moved(planned: Planned, now: Planned | None, *, state: str = "") -> str:
    """Say in a few words what has moved since a document was planned; "" when nothing has.

    ``now`` is None for one that a sync would not even look at; then its ``state`` says why.
    """
    if now is None:
        return f"it is {state} by now"
    if now.operation != planned.operation:
        return f"a sync would now {now.operation}" + (f" ({now.reason})" if now.reason else "")
    if now.source_hash != planned.source_hash:
        return "billing changed it"
    if now.sync_token != planned.sync_token:
        return "it changed in QuickBooks"
    if now.body_sha256 != planned.body_sha256:
        return "its mapping or the firm's settings changed"
    return ""


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: "" if name in _REFERENCES or name == "TxnId" else _masked(inner) for name, inner in value.items()}
    return [_masked(inner) for inner in value] if isinstance(value, list) else value
