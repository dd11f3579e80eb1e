"""The kinds of document, their states, and the moves from one state to another (state machine).

Belongs here: the words, and the table of moves (``docs/states.md`` draws it). Does not belong here: who makes a move
(the statements of ``ledger``, each of which names its moves), and why a document is held (``problems``).
"""

from collections.abc import Iterator
from enum import StrEnum
from itertools import product
from typing import NamedTuple


class Kind(StrEnum):
    """The kind of object that a document of the work list (staging table) is in QuickBooks."""

    INVOICE = "invoice"
    PAYMENT = "payment"
    CUSTOMER = "customer"
    ITEM = "item"
    REFUND = "refund"
    """The journal entry that takes a payment back."""


DOCUMENTS = (Kind.INVOICE, Kind.PAYMENT)
"""Documents in a bookkeeper's sense: the kinds that billing has."""


class Operation(StrEnum):
    """A plan's decision about one document; the first three are sent."""

    CREATE = "create"
    UPDATE = "update"
    VOID = "void"
    SKIP = "skip"
    HOLD = "hold"
    WAIT = "wait"
    CLOSE = "close"


SENT = (Operation.CREATE, Operation.UPDATE, Operation.VOID)
"""Operations that make a request."""


class State(StrEnum):
    """Where a document of the work list stands; it is always in exactly one state."""

    NEW = "new"
    """It is to be created in QuickBooks."""
    WAITING = "waiting"
    """It waits for another document, or for its date."""
    HELD = "held"
    """We do not send it: its reason says why, and what clears it."""
    SENDING = "sending"
    """A request for it is written down, and may have left."""
    UNKNOWN = "unknown"
    """The answer to its request was lost: the next run asks QuickBooks."""
    SYNCED = "synced"
    """QuickBooks holds it as it was sent."""
    REVISED = "revised"
    """QuickBooks holds it, and billing has changed it since."""
    VOID_PENDING = "void_pending"
    """QuickBooks holds it, and billing has voided it."""
    VOIDED = "voided"
    """It is void on both sides."""
    REFUSED = "refused"
    """QuickBooks refused it."""
    CLOSED = "closed"
    """It is not sent, and nobody needs to act."""


UNDER_WAY = (State.SENDING, State.UNKNOWN)
"""A request for the document is open: nothing but its outcome moves it."""

NEEDS_A_PERSON = (State.HELD, State.REFUSED)
"""A person must act: we do not send it (held), or QuickBooks did not take it (refused)."""

UNSENT = {Operation.CREATE: State.NEW, Operation.UPDATE: State.REVISED, Operation.VOID: State.VOID_PENDING}
"""The state of a document that has something to send, by the operation to be sent."""


class Event(StrEnum):
    """An event that makes a document move."""

    LISTED = "listed"
    """Billing shows it for the first time; a customer or item is about to be created."""
    CHANGED = "changed"
    """Billing shows it with other content."""
    DATE_CAME = "date_came"
    """Its date is within the range that is sent now."""
    GONE = "gone"
    """Billing no longer has it."""
    DECIDED = "decided"
    """A plan, a count or a comparison decided about it."""
    MAPPED = "mapped"
    """The mapping, or the answer about its payer, for lack of which it was held exists now."""
    RESERVED = "reserved"
    """A request for it was written down and may leave."""
    UNANSWERED = "unanswered"
    """The answer to its request was lost."""
    RECORDED = "recorded"
    """The outcome of its request is known."""
    COUNTED = "counted"
    """A count found it in QuickBooks once, as it was sent."""
    LINKED = "linked"
    """QuickBooks holds it already: found by its marker, by its name, or adopted by a person."""
    RETRIED = "retried"
    """A person asked for a new look."""
    KEPT = "kept"
    """A person left QuickBooks as it is."""
    RECREATED = "recreated"
    """A person asked for a new document in place of one that is gone."""
    VOID_ORDERED = "void_ordered"
    """A person had it voided in QuickBooks."""
    REFUNDED = "refunded"
    """Money of a payment went back to the client."""
    UNAPPLIED = "unapplied"
    """An invoice that a payment pays was recreated."""


class Move(NamedTuple):
    """One step of a document; ``before`` is None for a document that was not listed. Staying is no move."""

    before: State | None
    event: Event
    after: State


_OPEN = (State.NEW, State.WAITING, State.HELD, State.REFUSED, State.REVISED, State.VOID_PENDING)
"""A plan looks at these."""


def _moves(befores: tuple[State | None, ...], event: Event, *afters: State) -> Iterator[Move]:
    return (Move(before, event, after) for before, after in product(befores, afters) if before is not after)


MOVES: frozenset[Move] = frozenset(
    {
        *_moves((None,), Event.LISTED, State.NEW, State.WAITING, State.HELD, State.CLOSED),
        # documents that were never sent
        *_moves(
            (State.NEW, State.WAITING, State.HELD, State.REFUSED, State.CLOSED),
            Event.CHANGED,
            State.NEW,
            State.WAITING,
            State.HELD,
            State.CLOSED,
        ),
        # documents that QuickBooks has
        *_moves(
            (
                State.WAITING,
                State.HELD,
                State.REFUSED,
                State.SYNCED,
                State.REVISED,
                State.VOID_PENDING,
                State.VOIDED,
                State.CLOSED,
            ),
            Event.CHANGED,
            State.REVISED,
            State.VOID_PENDING,
        ),
        *_moves((State.WAITING, State.HELD), Event.DATE_CAME, State.NEW, State.REVISED),
        *_moves((*_OPEN, State.SYNCED, State.CLOSED), Event.GONE, State.HELD, State.CLOSED),
        *_moves(
            _OPEN, Event.DECIDED, State.HELD, State.REFUSED, State.WAITING, State.SYNCED, State.CLOSED, State.VOIDED
        ),
        *_moves((State.SYNCED,), Event.DECIDED, State.HELD),
        *_moves((State.HELD,), Event.MAPPED, State.NEW, State.REVISED, State.VOID_PENDING),
        *_moves((*_OPEN, State.SYNCED), Event.RESERVED, State.SENDING),
        *_moves((State.SENDING,), Event.UNANSWERED, State.UNKNOWN),
        *_moves((State.SENDING, State.UNKNOWN), Event.RECORDED, State.SYNCED, State.VOIDED, *_OPEN),
        *_moves((State.HELD,), Event.COUNTED, State.SYNCED),
        *_moves(
            (None, *_OPEN, State.SYNCED, State.VOIDED, State.CLOSED),
            Event.LINKED,
            State.SYNCED,
            State.HELD,
            State.VOIDED,
            State.VOID_PENDING,
            State.REVISED,
        ),
        *_moves(
            (State.HELD, State.REFUSED, State.WAITING, State.CLOSED),
            Event.RETRIED,
            State.NEW,
            State.REVISED,
            State.VOID_PENDING,
        ),
        *_moves((State.HELD, State.REFUSED), Event.KEPT, State.SYNCED, State.CLOSED),
        *_moves((State.HELD, State.CLOSED), Event.RECREATED, State.NEW),
        *_moves((State.HELD, State.CLOSED), Event.VOID_ORDERED, State.VOID_PENDING),
        *_moves((State.SYNCED,), Event.REFUNDED, State.REVISED),
        *_moves((State.SYNCED,), Event.UNAPPLIED, State.REVISED),
    }
)
"""Every move that a document may make."""
