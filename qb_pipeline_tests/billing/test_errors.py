"""An error of the billing database is told by what the caller should do; every other error is left as it is."""

import pytest
import sqlalchemy as sa

from qb_pipeline.billing.errors import BillingUnavailableError, ContractBrokenError, translated_errors


def ask(engine: sa.Engine, statement: str) -> None:
    with translated_errors(), engine.connect() as connection:
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("select 1 from billing.nowhere", 'relation "billing.nowhere" does not exist'),
        ("select nothing from billing.invoices", 'column "nothing" does not exist'),
    ],
)
def test_what_is_not_as_agreed_names_the_command_that_says_what(
    billing_engine: sa.Engine, statement: str, says: str
) -> None:
    """One line: what the database quotes of the statement below it stays out."""
    with pytest.raises(ContractBrokenError) as told:
        ask(billing_engine, statement)

    assert str(told.value) == f"billing does not look as agreed ({says}); run: qb-pipeline billing check"
    assert isinstance(told.value.__cause__, sa.exc.ProgrammingError)


def test_a_server_that_does_not_answer_may_answer_later() -> None:
    with pytest.raises(BillingUnavailableError) as told:
        ask(sa.create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/billing"), "select 1")

    assert str(told.value) == (
        'the billing database did not answer (connection to server at "127.0.0.1", port 1 failed: Connection refused); '
        "try again, or run: qb-pipeline doctor"
    )
    assert isinstance(told.value.__cause__, sa.exc.OperationalError)


def test_a_time_out_may_pass_later(billing_engine: sa.Engine) -> None:
    with pytest.raises(BillingUnavailableError, match="canceling statement due to statement timeout"):
        ask(billing_engine, "set local statement_timeout = 20; select pg_sleep(5)")


@pytest.mark.parametrize("error", [ValueError("ours"), sa.exc.NoResultFound("ours"), KeyError("ours")])
def test_an_error_that_is_none_of_the_database_is_left_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as told, translated_errors():
        raise error

    assert told.value is error
