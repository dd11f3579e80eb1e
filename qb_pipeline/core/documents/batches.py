"""Batches: the documents that are sent in one request, and the bytes of that request.

Belongs here: grouping and writing a batch. Does not belong here: sending it, or its request id (``core.markers``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from qb_pipeline.core.money import JsonObject, dumps
from qb_pipeline.core.states import Kind, Operation

BATCH_SIZE = 30
B_ID_LENGTH = 10
"""At most 30 documents a batch, and at most 10 characters a ``bId``.

Source: Intuit, API call limits and throttles; field reference, clarified January 2025 (read 2026-11-21).
"""

SHARING = {"optionsData": "allowduplicatedocnum"}
"""The option that lets QuickBooks take a number that another document has, where it checks numbers.

Source: Intuit, Invoice reference (``include``), and the SDKs' name for it in a batch (read 2026-11-21).
"""

LINES_PER_BATCH = 1000
"""Most lines of a batch: more would exceed QuickBooks' 120 seconds a request. A longer invoice goes alone."""


@dataclass(frozen=True)
class BatchItem:
    """One document of a batch: its key, the operation, and the body that QuickBooks shall get.

    ``shares_number``: whether its number may be one that another document has.
    """

    entity: Literal["Customer", "Item", "Invoice", "Payment", "JournalEntry"]
    operation: Operation
    body: JsonObject
    kind: Kind
    source_id: str
    part: str = ""
    shares_number: bool = False

    @property
    def document(self) -> tuple[str, str, str]:
        """The ledger's key of the document: kind, source id and part."""
        return self.kind, self.source_id, self.part


def group_into_batches(items: Iterable[BatchItem], size: int = BATCH_SIZE) -> list[tuple[BatchItem, ...]]:
    """Divide documents into batches, in their order.

    Raises:
        ValueError: a document is in ``items`` twice and would be sent twice, or ``size`` is not 1 to 30.
    """
    if not 1 <= size <= BATCH_SIZE:
        raise ValueError(f"a batch holds 1 to {BATCH_SIZE} documents, not {size}")
    batches: list[tuple[BatchItem, ...]] = []
    current: list[BatchItem] = []
    lines = 0
    seen: set[tuple[str, str, str]] = set()
    for item in items:
        if item.document in seen:
            raise ValueError(f"{item.kind} {item.source_id} {item.part} stands in this run twice".replace("  ", " "))
        seen.add(item.document)
        weight = len(item.body.get("Line", ()))
        if current and (len(current) == size or lines + weight > LINES_PER_BATCH):
            batches.append(tuple(current))
            current, lines = [], 0
        current.append(item)
        lines += weight
    if current:
        batches.append(tuple(current))
    return batches


def batch_id(position: int) -> str:
    """Return the name of an item of a batch: its position, so that a repeated batch carries the same names."""
    return str(position)


def batch_body(items: Sequence[BatchItem]) -> bytes:
    """Build the bytes of a batch request."""
    return dumps(
        {
            "BatchItemRequest": [
                {
                    "bId": batch_id(position),
                    "operation": item.operation,
                    **(SHARING if item.shares_number else {}),
                    item.entity: item.body,
                }
                for position, item in enumerate(items)
            ]
        }
    )
