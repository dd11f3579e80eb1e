"""Ninety days of two law firms, day by day: what people do in billing, a sync, and QuickBooks compared with what a
careful bookkeeper would have made of it (``expectation``).

Now and then an answer of QuickBooks is lost. ``NINETY_DAYS_SEED=7`` lives other days, ``NINETY_DAYS=90`` all of them; a
failure prints its seed.
"""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from qb_pipeline_tests.conftest import fresh_database
from qb_pipeline_tests.journeys.expectation import differences, read_invoices, read_payments
from qb_pipeline_tests.journeys.office import Office
from qb_pipeline_tests.journeys.two_firms import MISHAPS, World, name_of, open_world, read_books, told

pytestmark = pytest.mark.slow

DAYS = int(os.environ.get("NINETY_DAYS", "45"))


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("NINETY_DAYS_SEED", "5"))


@pytest.fixture
def world(
    server: sa.Engine, server_url: str, billing_template: str, ledger_engine: sa.Engine, seed: int, tmp_path: Path
) -> Iterator[World]:
    with (
        fresh_database(server, server_url, billing_template) as billing,
        open_world(billing, ledger_engine, seed, tmp_path) as world,
    ):
        yield world


def test_after_each_of_ninety_days_quickbooks_holds_what_a_careful_bookkeeper_would_have(
    world: World, seed: int
) -> None:
    first = world.time.now().date() - timedelta(days=5)
    mishaps = Random(seed)
    for day in range(DAYS):
        today = world.time.now().date()
        is_open = today.weekday() < 5 or day == DAYS - 1
        for office in world.offices if is_open else ():
            with world.deployment.billing.begin() as connection:
                office.live(connection, today)
                if day == DAYS - 1:
                    office.bill_everybody(connection, today)
            if mishaps.random() < 0.1:
                world.books[office.firm_id].fault({"what": mishaps.choice(MISHAPS), "match": "batch"})
            sync(world, office, first)
            compare(world, office, f"seed {seed}, day {day}, {office.firm_id}")
        world.time.sleep(86_400)
    for office in world.offices:
        assert len(office.expected.invoices) > DAYS // 3
        assert len(office.expected.payments) > DAYS // 6
    for office in world.offices:
        assert names_in_quickbooks(world, office) == names_in_billing(world, office), f"seed {seed}"


def sync(world: World, office: Office, first: date) -> None:
    world.sync(office, first)
    with world.deployment.billing.connect() as connection:
        office.expected.follow(read_invoices(connection, office.firm_id), read_payments(connection, office.firm_id))


def compare(world: World, office: Office, when: str) -> None:
    """Invoices, balances, payments and what they pay, as the emulator has them; and what people are told."""
    expected = office.expected
    invoices, payments, balances = read_books(world.books[office.firm_id])
    wrong = [
        *differences(expected.invoices, invoices),
        *differences(expected.payments, payments),
        *differences({key: expected.open(key) for key in expected.invoices}, balances),
        *differences(expected.stopped, told(world, office)),
    ]
    assert wrong == [], f"{when}:\n" + "\n".join(wrong)


def names_in_quickbooks(world: World, office: Office) -> dict[str, str]:
    customers = world.books[office.firm_id].all("Customer")
    return {name_of(row["Notes"]): row["DisplayName"] for row in customers}


def names_in_billing(world: World, office: Office) -> dict[str, str]:
    with world.deployment.billing.connect() as connection:
        rows = connection.execute(
            sa.text("select payer_id, first_name || ' ' || last_name from billing.payers where firm_id = :firm_id"),
            {"firm_id": office.firm_id},
        )
        return {row[0]: row[1] for row in rows}
