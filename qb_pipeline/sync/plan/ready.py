"""A document that is ready to leave, in the form that a plan hands to the stage that sends it."""

from dataclasses import dataclass

from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.states import Kind, Operation, State
from qb_pipeline.ledger.books.applications import Application


@dataclass(frozen=True, slots=True)
class Ready:
    """A document that is ready to leave. ``body`` is complete, with Id and SyncToken if it changes a document.

    ``shares_number``: the invoice may leave although another document has its number. A person called that document
    another one, or it is a void or deleted invoice of ours. ``is_release``: the request only takes a payment off its
    invoices; a request with billing's content follows.
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
    is_release: bool = False
