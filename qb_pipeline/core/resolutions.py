"""What a person may answer to a document that needs one.

Belongs here: the matrix of reasons and answers, and what each answer means. Does not belong here: proving what an
answer needs (``sync.resolve``), and remembering it (``ledger.resolutions``).
"""

from enum import StrEnum

from qb_pipeline.core.problems import PROBLEMS, Problem


class Answer(StrEnum):
    """A person's decision about one document."""

    RETRY = "retry"
    KEEP = "keep"
    RECREATE = "recreate"
    VOID = "void"


MEANING = {
    Answer.RETRY: "look again, and send what billing says now",
    Answer.KEEP: "leave QuickBooks as it is; the document is done until billing changes it",
    Answer.RECREATE: "make a new document in QuickBooks; the old one stays void or deleted",
    Answer.VOID: "void the document in QuickBooks",
}

BESIDE = {
    Problem.REMOTE_DELETED: (Answer.RECREATE,),
    Problem.REMOTE_VOIDED: (Answer.RECREATE,),
    Problem.SOURCE_GONE: (Answer.VOID,),
}
"""What a reason allows beside a new look and leaving everything as it is.

Only what billing no longer has is voided: what it still bills would be missing in QuickBooks, and look right.
"""


def allowed_answers(state: str, reason: str) -> tuple[Answer, ...]:
    """Say which answers a document takes; none when it needs no person.

    What is under way or waits can only be looked at again: nobody may decide over an outcome that is not known. What a
    person closed takes back that answer.
    """
    if state in ("sending", "unknown", "waiting"):
        return (Answer.RETRY,)
    try:
        problem = Problem(reason)
    except ValueError:
        return ()
    beside = BESIDE.get(problem, ())
    if state in ("held", "refused"):
        return (Answer.RETRY, Answer.KEEP, *beside)
    if state == "closed" and PROBLEMS[problem].state != "closed":  # by a person; a rule closes with reasons of its own
        return (Answer.RETRY, *beside)
    return ()


def overrides_quickbooks(reason: str) -> bool:
    """Whether a new look sends billing's version although it was sent before: QuickBooks does not hold it so."""
    return reason in (Problem.DRIFT, Problem.TOTAL_DIFFERS, Problem.CONFLICT)
