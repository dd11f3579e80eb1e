"""The demo's own steps; its whole way is told in ``journeys``."""

import dataclasses
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

import pytest

from qb_pipeline import config
from qb_pipeline.commands import demo
from qb_pipeline.core.settings import FirmSettings
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline_tests.bookkeeper import Bookkeeper
from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import LawFirm


@pytest.fixture
def deployment(law_firm: LawFirm) -> Deployment:
    return law_firm.deployment


def test_billing_is_loaded_once(law_firm: LawFirm, deployment: Deployment) -> None:
    demo.load_billing(deployment)
    demo.load_billing(deployment)

    with law_firm.billing.connect() as connection:
        firms = connection.exec_driver_sql("select firm_id from billing.firms order by 1").scalars().all()
    assert firms == ["chen-partners", "one", "rivera-law"]


def test_the_companies_are_made_once_and_their_limits_are_as_at_intuit(deployment: Deployment) -> None:
    url, today = deployment.environment.api_url, datetime.now(UTC).date()

    demo.seed_companies(url, today)
    books = Bookkeeper(url, demo.REALMS["rivera-law"])
    before = [row["Id"] for row in books.all("Customer")]
    demo.seed_companies(url, today)

    assert before
    assert [row["Id"] for row in books.all("Customer")] == before
    assert books.statistics()["requests"] == 0


def test_clients_pay_once_and_only_what_stands_in_quickbooks(deployment: Deployment) -> None:
    """Nothing is synced yet: of the demo's payments only the one on the bookkeeper's own invoice can be received."""
    url, today = deployment.environment.api_url, datetime.now(UTC).date()
    demo.seed_companies(url, today)

    for _ in range(2):
        demo.receive_payments(url, today)

    [payment] = Bookkeeper(url, demo.REALMS["chen-partners"]).all("Payment")
    assert (payment["TotalAmt"], payment["PaymentRefNum"], payment["TxnDate"]) == (
        Decimal("450.00"), "1187", str(today - timedelta(days=1)),
    )  # fmt: skip
    assert Bookkeeper(url, demo.REALMS["rivera-law"]).all("Payment") == []


def test_a_firm_is_set_up_to_its_end_and_a_second_time_is_left_as_it_is(
    terminal: Terminal, deployment: Deployment
) -> None:
    demo.load_billing(deployment)
    demo.seed_companies(deployment.environment.api_url, datetime.now(UTC).date())
    with patch.dict(os.environ, terminal.env):
        for _ in range(2):
            demo.set_up(deployment, "chen-partners")

    firm = deployment.firms.get("chen-partners")
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
