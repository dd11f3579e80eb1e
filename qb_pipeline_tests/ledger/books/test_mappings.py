"""Mappings are remembered, and a person's wins (A-43, A-46)."""

import pytest
import sqlalchemy as sa

from qb_pipeline.ledger.books.mappings import Mapping, Mappings
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline_tests.ledger.desk import FIRM, LATER, NOON, set_up


@pytest.fixture
def mappings(ledger_engine: sa.Engine) -> Mappings:
    set_up(ledger_engine)
    set_up(ledger_engine, "two", "9131")
    return Mappings(ledger_engine, FIRM)


def payer(source_id: str, quickbooks_id: str, origin: str = "matched") -> Mapping:
    return Mapping("payer", source_id, quickbooks_id, f"Customer {quickbooks_id}", origin)


def remember(mappings: Mappings, *rows: Mapping, actor: str = "run") -> None:
    mappings.remember(rows, actor=actor, now=NOON)


def test_what_was_remembered_is_found_by_kind(mappings: Mappings) -> None:
    item = Mapping("fee_item", "P1", "9", "Advice é", "person")
    remember(mappings, payer("P2", "8"), payer("P1", "7", "created"), item)

    assert mappings.all("payer") == [payer("P1", "7", "created"), payer("P2", "8")]
    assert mappings.links("payer") == {"P1": "7", "P2": "8"}
    assert mappings.all("fee_item") == [item]
    assert mappings.links("terms") == {}


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("matched", "matched", "8"),
        ("matched", "created", "8"),
        ("matched", "person", "8"),
        ("person", "matched", "7"),
        ("person", "created", "7"),
        ("person", "person", "8"),
    ],
)
def test_a_person_is_only_overruled_by_a_person(mappings: Mappings, first: str, second: str, kept: str) -> None:
    remember(mappings, payer("P1", "7", first))

    remember(mappings, payer("P1", "8", second))

    assert mappings.links("payer") == {"P1": kept}


def test_a_mapping_says_who_changed_it_and_when(mappings: Mappings, ledger_engine: sa.Engine) -> None:
    remember(mappings, payer("P1", "7"))
    mappings.remember([payer("P1", "8", "person")], actor="anna", now=LATER)

    with ledger_engine.connect() as connection:
        row = connection.execute(sa.text("select changed_by, changed_at from sync.mapping")).one()
    assert tuple(row) == ("anna", LATER)


def test_two_payers_never_share_a_customer_that_we_chose(mappings: Mappings) -> None:
    remember(mappings, payer("P1", "7"))

    with pytest.raises(SetUpError, match="a QuickBooks customer would get two payers"):
        remember(mappings, payer("P3", "9"), payer("P2", "7", "created"))

    assert mappings.links("payer") == {"P1": "7"}  # all of them or none


def test_a_person_may_let_two_payers_share_a_customer(mappings: Mappings) -> None:
    remember(mappings, payer("P1", "7"), payer("P2", "7", "person"))

    assert mappings.links("payer") == {"P1": "7", "P2": "7"}


def test_fee_items_share_items_freely(mappings: Mappings) -> None:
    remember(mappings, *(Mapping("fee_item", name, "9", "Advice", "matched") for name in ("F1", "F2")))

    assert mappings.links("fee_item") == {"F1": "9", "F2": "9"}


def test_firms_do_not_share_mappings(mappings: Mappings, ledger_engine: sa.Engine) -> None:
    remember(mappings, payer("P1", "7"))
    other = Mappings(ledger_engine, "two")

    remember(other, payer("P1", "8"), payer("P2", "7"))

    assert (mappings.links("payer"), other.links("payer")) == ({"P1": "7"}, {"P1": "8", "P2": "7"})


def test_nothing_to_remember_is_no_work(mappings: Mappings) -> None:
    remember(mappings)

    assert mappings.all("payer") == []
