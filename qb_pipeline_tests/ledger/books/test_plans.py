"""The decisions of runs, stored: counted, named, and kept as plans."""

from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.documents import Decision
from qb_pipeline.ledger.books.plans import PlannedCount, Plans
from qb_pipeline_tests.ledger.desk import FIRM, NOON, RUN, Desk, invoice, payment


def decide(desk: Desk) -> Plans:
    desk.see(invoice("1"), invoice("2"), invoice("3"), payment("p"))
    operations = {"1": (Operation.CREATE, 100), "2": (Operation.CREATE, 50), "3": (Operation.HOLD, 7)}
    decisions = [
        Decision(desk.id_of(source_id), operation, "NO_LINES" if operation is Operation.HOLD else "", cents)
        for source_id, (operation, cents) in operations.items()
    ]
    desk.documents.record_decisions(decisions, run=RUN, now=NOON)
    return Plans(desk.engine, FIRM)


def test_a_summary_counts_documents_and_money(desk: Desk) -> None:
    assert decide(desk).counted(RUN.run_id) == [
        PlannedCount("invoice", "create", 2, 150),
        PlannedCount("invoice", "hold", 1, 7),
    ]


def test_what_a_run_has_decided_is_known_by_name(desk: Desk) -> None:
    plans = decide(desk)

    assert plans.decided(RUN.run_id) == {DocumentName(Kind.INVOICE, number) for number in ("1", "2", "3")}
    assert plans.decided("another run") == set()


def test_a_noted_decision_moves_no_document(desk: Desk) -> None:
    desk.see(invoice("1"))

    desk.documents.note_decisions([Decision(desk.id_of("1"), Operation.HOLD, "NO_LINES", 7)], run=RUN)

    assert Plans(desk.engine, FIRM).counted(RUN.run_id) == [PlannedCount("invoice", "hold", 1, 7)]
    assert desk.states() == {"1": ("new", "")}
