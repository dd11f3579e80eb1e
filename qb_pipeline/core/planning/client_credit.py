"""Pairs of a payment from credit and its second half, the journal entry: two parts of one decision.

The entry follows the payment: it has the customer and amount of the payment in QuickBooks, and an amount of 0.00 where
the payment is void or gone. Belongs here: both halves, and the next step for the entry. Does not belong here: the
choice of payments that have an entry (``ledger.books.client_credit``), building it
(``core.documents.journal_entries``).
"""

from dataclasses import dataclass
from datetime import date

from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import State

_FOR_A_PERSON = (Problem.COPIED, Problem.REMOTE_DELETED)
"""Faults of an entry that reading it again does not clear. A census clears COPIED, a person's answer REMOTE_DELETED."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A payment from credit and its entry, as the ledger knows both, while they differ. Money in cents.

    ``entry`` and ``payment`` are document ids; ``part`` is the day on which the credit was applied. ``cents`` and
    ``customer_id`` are those of the payment in QuickBooks; 0 and "" while it is void or not in QuickBooks. A missing Id
    is "".
    """

    entry: int
    payment: int
    source_id: str
    part: str
    day: date
    reference: str
    payment_quickbooks_id: str
    payment_state: State
    cents: int
    customer_id: str
    entry_quickbooks_id: str
    entry_state: State
    entry_reason: str
    entry_cents: int


def is_for_a_person(pair: Pair) -> bool:
    """Whether the entry of a pair that differs is left alone until a person has looked: also where nobody knows what
    its request made."""
    is_unknown = not pair.entry_quickbooks_id and pair.entry_reason == Problem.CONFLICT
    return is_unknown or pair.entry_reason in _FOR_A_PERSON
