"""What looking costs, and hints: kept by firm, and only for firms of Model 2."""

from datetime import timedelta

from qb_pipeline.ledger.books.pulls import asked_at, reads_this_month, record_asked, record_hints
from qb_pipeline_tests.ledger.desk import FIRM, LATER, NOON, REALM, RUN, Desk


def test_reads_are_counted_by_month_and_over_all_firms(desk: Desk) -> None:
    record_asked(desk.engine, FIRM, reads=3, now=NOON - timedelta(days=30))
    for _ in range(2):
        record_asked(desk.engine, FIRM, reads=2, now=NOON)
    desk.log.begin(RUN, now=NOON)
    desk.log.end(RUN, outcome="done", error="", reads=10, writes=0, now=LATER)

    assert reads_this_month(desk.engine, now=LATER) == 14
    assert asked_at(desk.engine, FIRM) == (NOON, None)


def test_a_hint_is_kept_for_a_known_firm_of_model_2_and_for_nobody_else(desk: Desk) -> None:
    def hint(*realms: str, environment: str = "emulator") -> int:
        return record_hints(desk.engine, environment, realms, now=LATER)

    as_model_1 = hint(REALM)
    with desk.engine.begin() as connection:
        connection.exec_driver_sql("update sync.firm set model = 2")

    assert (as_model_1, hint("999"), hint(REALM, environment="production"), hint(REALM, "999"), hint(REALM)) == (
        0, 0, 0, 1, 1,
    )  # fmt: skip
    assert asked_at(desk.engine, FIRM) == (None, LATER)
