"""The kinds of document, their states, and the moves from one state to another (state machine).

Belongs here: the enumerations, and the table of moves, which ``docs/states.md`` draws. Does not belong here: the
statements that make a move (``ledger``; each of them names its moves), and the reasons for which a document is held
(``problems``).
"""

from collections.abc import Iterator
from enum import StrEnum
from itertools import product
from typing import NamedTuple


class Kind(StrEnum):
    """The kinds of objects in QuickBooks that the documents of the work list (staging table) are."""

    INVOICE = "invoice"
    PAYMENT = "payment"
    CUSTOMER = "customer"
    ITEM = "item"
    REFUND = "refund"
    """The journal entry that takes back a payment or a part of its money: a refund or a rejection."""
    CREDIT = "credit"
    """The journal entry that takes the money of a payment from credit out of the client's credit: the second half of
    the pair."""


DOCUMENTS = (Kind.INVOICE, Kind.PAYMENT)
"""The kinds that billing has: documents in a bookkeeper's sense."""

ENTRIES = (Kind.REFUND, Kind.CREDIT)
"""The kinds that are journal entries. QuickBooks shows the total of an entry only through its lines, and cannot void an
entry."""


class Operation(StrEnum):
    """A plan's decision about one document. The first three operations are sent."""

    CREATE = "create"
    UPDATE = "update"
    VOID = "void"
    SKIP = "skip"
    HOLD = "hold"
    WAIT = "wait"
    CLOSE = "close"


SENT = (Operation.CREATE, Operation.UPDATE, Operation.VOID)
"""The operations that make a request."""


class State(StrEnum):
    """The state of a document of the work list. A document is always in exactly one state."""

    NEW = "new"
    """It is to be created in QuickBooks."""
    WAITING = "waiting"
    """It waits for another document, or for its date."""
    HELD = "held"
    """We do not send it. Its reason names the cause and the remedy."""
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
    """It is void in billing and in QuickBooks."""
    REFUSED = "refused"
    """QuickBooks refused it."""
    CLOSED = "closed"
    """The sync does not send it and waits for nobody. Some closed documents are entered by hand."""


UNDER_WAY = (State.SENDING, State.UNKNOWN)
"""The states of a document with an open request. Only the request's outcome, or the loss of its answer, moves the
document."""

NEEDS_A_PERSON = (State.HELD, State.REFUSED)
"""The states in which a person must act: we do not send the document (held), or QuickBooks did not take it
(refused)."""

UNSENT = {Operation.CREATE: State.NEW, Operation.UPDATE: State.REVISED, Operation.VOID: State.VOID_PENDING}
"""The state of a document with something to send, keyed by the operation to be sent."""


class Event(StrEnum):
    """An event that may move a document to another state."""

    LISTED = "listed"
    """Billing shows it for the first time, or a sync is about to create it as a customer or item."""
    CHANGED = "changed"
    """Billing shows it with other content."""
    DATE_CAME = "date_came"
    """Its date is within the range that is sent now."""
    GONE = "gone"
    """Billing no longer has it."""
    DECIDED = "decided"
    """A plan, a census or a comparison decided about it."""
    MAPPED = "mapped"
    """It was held for lack of a mapping, or of an answer about its payer, and this exists now."""
    RESERVED = "reserved"
    """A request for it was written down and may leave."""
    UNANSWERED = "unanswered"
    """The answer to its request was lost."""
    RECORDED = "recorded"
    """The outcome of its request is known."""
    COUNTED = "counted"
    """A census found it in QuickBooks once, as it was sent."""
    LINKED = "linked"
    """QuickBooks holds it already: found by its marker, by its name, or adopted by a person."""
    RETRIED = "retried"
    """A person asked for a new decision about it."""
    KEPT = "kept"
    """A person decided to leave QuickBooks as it is."""
    RECREATED = "recreated"
    """A person asked for a new document in place of one that is gone."""
    VOID_ORDERED = "void_ordered"
    """A person ordered its void in QuickBooks."""
    REFUNDED = "refunded"
    """Money of a payment went back to the client."""
    UNAPPLIED = "unapplied"
    """An invoice that it pays was recreated, or goes to another customer."""


class Move(NamedTuple):
    """One move of a document. ``before`` is None for a document that was not listed. Staying in a state is no move."""

    before: State | None
    event: Event
    after: State


_OPEN = (State.NEW, State.WAITING, State.HELD, State.REFUSED, State.REVISED, State.VOID_PENDING)
"""The states of a document that a plan may decide about."""


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
        # issued again after it was withdrawn and voided
        *_moves((State.VOIDED,), Event.CHANGED, State.NEW),
        *_moves((State.WAITING, State.HELD), Event.DATE_CAME, State.NEW, State.REVISED),
        *_moves((*_OPEN, State.SYNCED, State.CLOSED), Event.GONE, State.HELD, State.CLOSED),
        *_moves(
            _OPEN, Event.DECIDED, State.HELD, State.REFUSED, State.WAITING, State.SYNCED, State.CLOSED, State.VOIDED
        ),
        *_moves((State.SYNCED, State.VOIDED), Event.DECIDED, State.HELD),
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
        *_moves((State.SYNCED, State.HELD, State.REFUSED, State.WAITING), Event.UNAPPLIED, State.REVISED),
    }
)
"""Every move that a document may make."""
