"""The demo's own steps; its whole way is told in ``journeys``."""

import dataclasses
import os
from datetime import UTC, datetime
from decimal import Decimal
from unittest.mock import patch

import pytest

from qb_pipeline import config
from qb_pipeline.commands import demo
from qb_pipeline.core.settings import FirmSettings
from qb_pipeline.sync.companies import Companies
from qb_pipeline_tests.bookkeeper import Bookkeeper
from qb_pipeline_tests.commands.terminal import Terminal
from qb_pipeline_tests.law_firm import LawFirm


@pytest.fixture
def companies(law_firm: LawFirm) -> Companies:
    return law_firm.companies


def test_billing_is_loaded_once(law_firm: LawFirm, companies: Companies) -> None:
    demo.load_billing(companies)
    demo.load_billing(companies)

    with law_firm.billing.connect() as connection:
        firms = connection.exec_driver_sql("select firm_id from billing.firms order by 1").scalars().all()
    assert firms == ["chen-partners", "one", "rivera-law"]


def test_the_companies_are_made_once_and_their_limits_are_as_at_intuit(companies: Companies) -> None:
    url, today = companies.environment.api_url, datetime.now(UTC).date()

    demo.seed_companies(url, today)
    books = Bookkeeper(url, demo.REALMS["rivera-law"])
    before = [row["Id"] for row in books.all("Customer")]
    demo.seed_companies(url, today)

    assert before
    assert [row["Id"] for row in books.all("Customer")] == before
    assert books.statistics()["requests"] == 0


def test_a_firm_is_set_up_to_its_end_and_a_second_time_is_left_as_it_is(
    terminal: Terminal, companies: Companies
) -> None:
    demo.load_billing(companies)
    demo.seed_companies(companies.environment.api_url, datetime.now(UTC).date())
    with patch.dict(os.environ, terminal.env):
        for _ in range(2):
            demo.set_up(companies, "chen-partners")

    firm = companies.firms.get("chen-partners")
    assert (firm.state, firm.model, firm.realm_id) == ("active", 2, demo.REALMS["chen-partners"])
    assert firm.settings != FirmSettings() or firm.eligible_since is None


@pytest.mark.parametrize(
    ("ledger", "agrees"),
    [
        ({"invoice": (2, Decimal("10.00")), "payment": (0, Decimal(0))}, True),
        ({"invoice": (2, Decimal("10.01")), "payment": (0, Decimal(0))}, False),
        ({"invoice": (1, Decimal("10.00"))}, False),
    ],
)
def test_the_summary_compares_counts_and_cents(ledger: dict[str, tuple[int, Decimal]], agrees: bool) -> None:
    truth = {"invoice": (2, Decimal("10.00")), "payment": (0, Decimal(0))}

    rows, found = demo._compare(ledger, truth)

    assert found is agrees
    assert [row["kind"] for row in rows] == ["invoice", "payment"]


def test_the_demo_never_writes_to_intuit(terminal: Terminal) -> None:
    env = terminal.env | {
        config.ENVIRONMENT: "sandbox",
        config.API_URL: "",
        config.CLIENT_ID: "a",
        config.CLIENT_SECRET: "b",
    }

    printed = dataclasses.replace(terminal, env=env).run("demo", "--no-ui", code=1)

    assert printed.err == "Error: the demo writes to the emulator only. Try: unset QUICKBOOKS_ENVIRONMENT\n"
