"""A person's answer moves the document that the person saw, and no other."""

import pytest

from qb_pipeline.core.planning.resolutions import Answer
from qb_pipeline.ledger.books.history import History
from qb_pipeline.ledger.books.resolutions import MovedError, Resolution, record
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline_tests.ledger.desk import FIRM, LATER, PARTNER, Desk, invoice

ANSWER = Run("resolve-1", "resolve", PARTNER)


def test_an_answer_is_kept_with_who_gave_it(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.hold("1", "MISSING_NAME")
    seen = History(desk.engine, FIRM).document(desk.id_of("1"))

    record(desk.engine, seen, Resolution(Answer.KEEP), run=ANSWER, now=LATER)

    assert desk.states() == {"1": ("closed", "MISSING_NAME")}
    [event] = desk.query("select actor, detail from sync.firm_event where event = 'resolved'")
    assert (event["actor"], event["detail"]) == (
        PARTNER,
        {"kind": "invoice", "source_id": "1", "part": "", "answer": "keep", "state": "held", "reason": "MISSING_NAME",
         "quickbooks_id": ""},
    )  # fmt: skip
    [row] = desk.query("select actor, activity, reason, detail from sync.log where run_id = 'resolve-1'")
    assert tuple(row.values()) == (PARTNER, "resolved", "MISSING_NAME", "keep")


def test_a_document_that_moved_since_it_was_seen_is_left_as_it_is(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.hold("1", "MISSING_NAME")
    seen = History(desk.engine, FIRM).document(desk.id_of("1"))
    desk.see(invoice("1", 5_000, updated_at=LATER))
    states = desk.states()

    with pytest.raises(MovedError, match="look again with show"):
        record(desk.engine, seen, Resolution(Answer.KEEP), run=ANSWER, now=LATER)

    assert desk.states() == states
    assert desk.query("select from sync.firm_event where event = 'resolved'") == []


def test_only_a_super_user_answers(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.hold("1", "MISSING_NAME")
    seen = History(desk.engine, FIRM).document(desk.id_of("1"))

    with pytest.raises(SetUpError, match="clerk is no super user"):
        record(desk.engine, seen, Resolution(Answer.KEEP), run=Run("resolve-1", "resolve", "clerk"), now=LATER)

    assert desk.states() == {"1": ("held", "MISSING_NAME")}
