"""The check that a plan (dry run) is still valid: nothing that it rests on has changed since it was made.

Belongs here: comparing a stored plan with the plan of this moment. Does not belong here: planning (``sync.plan.plan``)
and storing plans (``ledger.books.plans``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from qb_pipeline.core.money import JsonObject, dumps

_REFERENCES = frozenset({"CustomerRef", "ItemRef"})


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan's decision about one document.

    ``body_sha256`` is the digest (SHA-256) of the body that would be sent; "" when nothing would be sent.
    ``content_sha256`` is the same without the Ids of customers, items and invoices, which the run itself may create.
    ``sync_token`` is QuickBooks' SyncToken.
    """

    document_id: int
    operation: str
    reason: str
    source_hash: str
    sync_token: str = ""
    body_sha256: str = ""
    content_sha256: str = ""


def hash_body(body: JsonObject) -> str:
    """Return the SHA-256 of a body that would be sent, in hexadecimal."""
    return sha256(dumps(body)).hexdigest()


def hash_content(body: JsonObject) -> str:
    """Return the SHA-256, in hexadecimal, of a body without the Ids that a dry run cannot know yet."""
    return sha256(dumps(_masked(body))).hexdigest()


def why_moved(planned: Planned, now: Planned | None, *, state: str = "") -> str:
    """Describe in a few words the change since a document was planned; "" when nothing has changed.

    ``now`` is None for a document that a sync would no longer decide about. The description is then its ``state``.
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


def _masked(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: "" if name in _REFERENCES or name == "TxnId" else _masked(inner) for name, inner in value.items()}
    return [_masked(inner) for inner in value] if isinstance(value, list) else value
