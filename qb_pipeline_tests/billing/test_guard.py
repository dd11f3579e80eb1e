"""The guard row is written for a firm of Model 2 and taken out for one of Model 1."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from qb_pipeline.billing.errors import ContractBrokenError
from qb_pipeline.billing.guard import guard, unguard
from qb_pipeline_tests.billing.conftest import NOON, Insert


def rows(engine: sa.Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text("select * from billing.payment_guard order by 1"))]


def test_a_guarded_firm_keeps_its_moment_until_it_is_unguarded(billing_engine: sa.Engine, insert: Insert) -> None:
    insert("payment_guard", firm_id="two", active_since=NOON)

    guard(billing_engine, "one", active_since=NOON)
    guard(billing_engine, "one", active_since=NOON + timedelta(days=1))
    guarded = rows(billing_engine)
    unguard(billing_engine, "one")
    unguard(billing_engine, "one")

    assert guarded == [("one", NOON), ("two", NOON)]
    assert rows(billing_engine) == [("two", NOON)]


def test_a_database_without_the_guard_is_refused_with_what_to_run(billing_engine: sa.Engine) -> None:
    with billing_engine.begin() as connection:
        connection.exec_driver_sql("drop table billing.payment_guard")

    with pytest.raises(ContractBrokenError, match="qb-pipeline billing check"):
        guard(billing_engine, "one", active_since=NOON)
