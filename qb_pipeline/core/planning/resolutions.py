"""The answers that a person may give about a document that needs a decision.

Belongs here: the matrix of reasons and answers, and the meaning of each answer. Does not belong here: proving that an
answer is possible (``sync.people.resolve``), and remembering it (``ledger.books.resolutions``).
"""

from enum import StrEnum

from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.core.states import NEEDS_A_PERSON, UNDER_WAY, State


class Answer(StrEnum):
    """A person's decision about one document."""

    RETRY = "retry"
    KEEP = "keep"
    RECREATE = "recreate"
    VOID = "void"
    SAME = "same"
    NEW = "new"


MEANING = {
    Answer.RETRY: "look again, and send what billing says now",
    Answer.KEEP: "leave QuickBooks as it is; the document is done until billing changes it",
    Answer.RECREATE: "make a new document in QuickBooks; the old one stays void or deleted",
    Answer.VOID: "void the document in QuickBooks",
    Answer.SAME: "link the QuickBooks document that is named: it is this one, and stays as it is",
    Answer.NEW: "it is another one than those that QuickBooks holds: send it",
}

BESIDE = {
    Problem.REMOTE_DELETED: (Answer.RECREATE,),
    Problem.REMOTE_VOIDED: (Answer.RECREATE,),
    Problem.SOURCE_GONE: (Answer.VOID,),
    Problem.MAYBE_THERE: (Answer.SAME, Answer.NEW),
    Problem.NUMBER_TAKEN: (Answer.NEW,),
}
"""The answers that a reason allows besides ``retry`` and ``keep``.

Only a document that billing no longer has may be voided: one that billing still bills would be missing from QuickBooks
while everything looked right.
"""


def allowed_answers(state: State, reason: str) -> tuple[Answer, ...]:
    """The answers that a document allows; empty when it needs no person.

    A document that is under way or waits allows only ``retry``: nobody may decide about an unknown outcome. One that a
    person closed allows ``retry``, which takes the person's answer back.
    """
    if state in UNDER_WAY or state == State.WAITING:
        return (Answer.RETRY,)
    try:
        problem = Problem(reason)
    except ValueError:
        return ()
    beside = BESIDE.get(problem, ())
    if state in NEEDS_A_PERSON:
        return (Answer.RETRY, Answer.KEEP, *beside)
    # closed by a person: a rule closes with reasons of its own
    if state == State.CLOSED and PROBLEMS[problem].state != State.CLOSED:
        return (Answer.RETRY, *beside)
    return ()


def overrides_quickbooks(reason: str) -> bool:
    """Whether ``retry`` sends billing's version although it was sent before, since QuickBooks holds something else."""
    return reason in (Problem.DRIFT, Problem.TOTAL_DIFFERS, Problem.CONFLICT)
