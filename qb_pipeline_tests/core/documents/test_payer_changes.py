"""Invoices move to another customer with all that hangs together, or stay."""

from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.documents.payer_changes import find_held

INVOICES = st.sampled_from(["i1", "i2", "i3", "i4"])
PAYS = st.dictionaries(st.sampled_from(["p1", "p2", "p3", "p4"]), st.sets(INVOICES, max_size=3))
IN_THE_WAY = st.dictionaries(st.sampled_from(["p1", "p2", "i1", "i4"]), st.just("it is fixed"))


def test_an_invoice_stays_with_the_payment_that_stays() -> None:
    assert find_held({"p": ["i"]}, {"p": "p is in a deposit"}) == {"i": "p is in a deposit"}
    assert find_held({"p": ["i"]}, {}) == {}


def test_a_payment_of_two_invoices_keeps_both_and_each_obstacle_is_named() -> None:
    pays = {"p": ["i", "j"], "q": ["j", "k"], "r": ["l"]}

    assert find_held(pays, {"q": "q is deposited", "i": "i has money of others"}) == dict.fromkeys(
        "ijk", "i has money of others; q is deposited"
    )


def test_an_invoice_that_stays_by_itself_keeps_no_other() -> None:
    assert find_held({"p": ["j"]}, {"i": "others pay it"}) == {"i": "others pay it"}


@given(PAYS, IN_THE_WAY)
def test_no_payment_is_torn_between_two_customers(pays: dict[str, set[str]], in_the_way: dict[str, str]) -> None:
    held = find_held(pays, in_the_way).keys()

    for payment, invoices in pays.items():
        assert invoices <= held or held.isdisjoint(invoices)
        assert payment not in in_the_way or invoices <= held
    assert {each for each in in_the_way if each.startswith("i")} <= held


@given(PAYS, IN_THE_WAY)
def test_nothing_stays_without_a_reason(pays: dict[str, set[str]], in_the_way: dict[str, str]) -> None:
    """Without what is named nothing is held."""
    assert all(words for words in find_held(pays, in_the_way).values())
    assert find_held(pays, {}) == {}
