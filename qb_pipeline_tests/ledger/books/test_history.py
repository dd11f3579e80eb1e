"""What was done with one document, as it is told to a person."""

from collections.abc import Sequence

from qb_pipeline.ledger.books.history import History
from qb_pipeline_tests.ledger.desk import FIRM, LATER, Desk, invoice, payment
from qb_pipeline_tests.ledger.sending.test_attempts import refused


def test_the_last_accepted_body_is_remembered(desk: Desk) -> None:
    desk.see(invoice("1"), invoice("2"))
    desk.accept(desk.reserve(desk.item("1"), desk.item("2"), body=b"first"))
    desk.see(invoice("1", updated_at=LATER), invoice("2", updated_at=LATER))
    desk.accept(desk.reserve(desk.item("1", "update"), body=b"second", now=LATER))
    attempt = desk.reserve(desk.item("2", "update"), body=b"never accepted", now=LATER)
    desk.accept(attempt, refused(desk, "2", "held", "PERIOD_CLOSED"))

    ids = [desk.id_of("1"), desk.id_of("2")]
    assert History(desk.engine, FIRM).last_body(ids) == {ids[0]: (b"second", "1"), ids[1]: (b"first", "2")}


def test_a_word_names_documents_by_number_reference_or_id(desk: Desk) -> None:
    desk.see(invoice("1"), invoice("2", number="1"), payment("p", number="N-1"), payment("1", part="2026-03-01"))
    history = History(desk.engine, FIRM)

    def named(*words: str, kinds: Sequence[str] = ("invoice", "payment")) -> list[tuple[str, str, str]]:
        return [(row.kind, row.source_id, row.part) for row in history.named(words, kinds=kinds)]

    assert named("N-1") == [("invoice", "1", ""), ("payment", "p", "")]
    assert named("1") == [("invoice", "1", ""), ("invoice", "2", ""), ("payment", "1", "2026-03-01")]
    assert named("1", "p", kinds=["payment"]) == [("payment", "1", "2026-03-01"), ("payment", "p", "")]
    assert named("nothing") == []


def test_a_document_s_requests_and_log_are_told_in_their_order(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.accept(desk.reserve(desk.item("1")))
    desk.see(invoice("1", updated_at=LATER), now=LATER)
    desk.accept(desk.reserve(desk.item("1", "update"), now=LATER), refused(desk, "1", "held", "PERIOD_CLOSED"))
    history, document_id = History(desk.engine, FIRM), desk.id_of("1")

    assert [(row.operation, row.outcome) for row in history.attempts(document_id)] == [
        ("create", "accepted"), ("update", "refused"),
    ]  # fmt: skip
    assert [row.activity for row in history.log(document_id)] == ["seen", "created", "revised", "refused"]
    assert history.owns("invoice", ["Q-1", "Q-2"]) == ["Q-1"]
    assert history.document(document_id).sentence == "The books of this period are closed in QuickBooks."
