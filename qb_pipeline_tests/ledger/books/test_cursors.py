"""How far incremental reads have come."""

from qb_pipeline.ledger.books import cursors
from qb_pipeline_tests.ledger.desk import FIRM, LATER, NOON, Desk


def test_a_cursor_is_what_was_saved_and_never_goes_back(desk: Desk) -> None:
    with desk.engine.begin() as connection:
        before = cursors.read(connection, FIRM, cursors.RECEIVED_PAYMENTS)
        cursors.save(connection, FIRM, cursors.RECEIVED_PAYMENTS, LATER)
        cursors.save(connection, FIRM, cursors.RECEIVED_PAYMENTS, NOON)

        assert (before, cursors.read(connection, FIRM, cursors.RECEIVED_PAYMENTS)) == (None, LATER)


def test_a_cursor_moves_with_its_transaction_or_not_at_all(desk: Desk) -> None:
    with desk.engine.connect() as connection:
        cursors.save(connection, FIRM, cursors.BILLING, LATER)
        connection.rollback()

        assert cursors.read(connection, FIRM, cursors.BILLING) is None
