"""The answers that a person may give about a document that needs a decision.

Belongs here: the matrix of reasons and answers, and the meaning of each answer. Does not belong here: proving that an
answer is possible (``sync.people.resolve``), and storing it (``ledger.books.resolutions``).
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
    ENTERED = "entered"


MEANING = {
    Answer.RETRY: "look again, and send what billing says now",
    Answer.KEEP: "leave QuickBooks as it is; the document is done until billing changes it",
    Answer.RECREATE: "make a new document in QuickBooks; the old one stays void or deleted",
    Answer.VOID: "void the document in QuickBooks",
    Answer.SAME: "link the QuickBooks document that is named: it is this one, and stays as it is",
    Answer.NEW: "it is another one than those that QuickBooks holds: send it",
    Answer.ENTERED: "it was entered in QuickBooks by hand, as the transaction that is named",
}

BESIDE = {
    Problem.REMOTE_DELETED: (Answer.RECREATE,),
    Problem.REMOTE_VOIDED: (Answer.RECREATE,),
    Problem.SOURCE_GONE: (Answer.VOID,),
    Problem.WITHDRAWN: (Answer.VOID,),
    Problem.MAYBE_THERE: (Answer.SAME, Answer.NEW),
    Problem.NUMBER_TAKEN: (Answer.NEW,),
    Problem.CREDIT_DEPOSIT: (Answer.ENTERED,),
    Problem.REFUND: (Answer.ENTERED,),
    Problem.REJECTION: (Answer.ENTERED,),
    Problem.REVERSAL: (Answer.ENTERED,),
}
"""The answers that a reason allows besides ``retry`` and ``keep``, keyed by reason.

Only a document that billing no longer has, or has as a draft, may be voided. Any other document is still billed, and
would be missing from QuickBooks while everything looked right.
"""


def allowed_answers(state: State, reason: str) -> tuple[Answer, ...]:
    """Return the answers that a document allows; an empty tuple when it needs no person.

    A document that is under way or waits allows only ``retry``: nobody may decide about an unknown outcome. A document
    that a person closed allows ``retry``, which takes back that person's answer, and the further answers of its reason.
    A document that a person enters in QuickBooks by hand allows ``entered``.
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
    if state != State.CLOSED:
        return ()
    # closed by a person: a rule closes documents with other reasons
    return beside if PROBLEMS[problem].state == State.CLOSED else (Answer.RETRY, *beside)


def overrides_quickbooks(reason: str) -> bool:
    """Return whether ``retry`` sends billing's version although it was sent before, since QuickBooks holds something
    else."""
    return reason in (Problem.DRIFT, Problem.TOTAL_DIFFERS, Problem.CONFLICT)
