"""A document that is ready to leave: what a plan hands over to whoever sends it."""

from dataclasses import dataclass

from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.states import Kind, Operation, State
from qb_pipeline.ledger.books.applications import Application


@dataclass(frozen=True, slots=True)
class Ready:
    """A document that is ready to leave. ``body`` is complete, with Id and SyncToken where it is an update.

    ``shares_number``: a person said that the other document with this invoice's number is another one.
    """

    document_id: int
    kind: Kind
    source_id: str
    part: str
    operation: Operation
    former_state: State
    source_hash: str
    marker: str
    body: JsonObject
    fingerprint: str
    total_cents: int
    applications: tuple[Application, ...] = ()
    notices: tuple[str, ...] = ()
    shares_number: bool = False
