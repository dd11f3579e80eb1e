from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_pipeline.core import schemas
from qb_pipeline.core.mapping.matching import choose_new_name, item_name, match_items, match_payers
from qb_pipeline.core.problems import Problem
from qb_pipeline_tests.core.rows import corporation, customer, customers, fee_items, items, payers, person

CREATE = ""


def match(
    payer_rows: Collection[dict[str, Any]],
    customer_rows: Collection[dict[str, Any]],
    links: Mapping[str, str] | None = None,
    *,
    needed: Collection[str] | None = None,
    create: bool = True,
    settled: Collection[str] = (),
    single_names: bool = False,
) -> dict[str, str]:
    """Payer to customer, to its problem, or to "create <display name>"."""
    wanted = [row["payer_id"] for row in payer_rows] if needed is None else needed
    found = match_payers(
        payers(*payer_rows),
        wanted,
        customers(*customer_rows),
        links or {},
        create=create,
        settled=settled,
        single_names=single_names,
    )
    return {
        row.payer_id: row.problem or row.customer_id or f"create {row.display_name}"
        for row in found.itertuples(index=False)
    }


@pytest.mark.parametrize(
    ("payer", "customer_rows", "outcome"),
    [
        pytest.param(person("p"), [customer("1")], "1", id="one active customer"),
        pytest.param(person("p", " JANE", "doe  "), [customer("1")], "1", id="case and spaces do not count"),
        pytest.param(person("p", "José"), [customer("1", "Jose\u0301")], "1", id="nor does the Unicode form"),
        pytest.param(person("p", last="O'Brien"), [customer("1", last="O’Brien")], "1", id="nor the form of a mark"),
        pytest.param(
            corporation("p", "Smith-Jones “Best” Co"),
            [customer("1", "", "", company_name='Smith–Jones "Best" Co', display_name="S")],
            "1",
            id="of any mark",
        ),
        pytest.param(person("p", "José"), [customer("1", "Jose")], "create José Doe", id="but accents do"),
        pytest.param(person("p", suffix="Jr."), [customer("1", suffix="Junior")], "1", id="one suffix in two forms"),
        pytest.param(person("p", suffix="Jr"), [customer("1")], "1", id="a suffix that QuickBooks lacks"),
        pytest.param(
            person("p", suffix="Jr."), [customer("1", suffix="Sr.")], "create Jane Doe (p)", id="father and son are two"
        ),
        pytest.param(
            person("p", suffix="Sr."),
            [customer("1", suffix="Jr."), customer("2", suffix="Sr")],
            "2",
            id="each has his own customer",
        ),
        pytest.param(person("p"), [customer("1", display_name="Doe, Jane")], "1", id="nor does the display name"),
        pytest.param(person("p"), [customer("1", given_name="", family_name="")], "1", id="a display name alone"),
        pytest.param(person("p"), [customer("1", "Doe", "Jane")], "create Jane Doe", id="never swapped"),
        pytest.param(person("p", "Jo"), [customer("1", "Joe")], "create Jo Doe", id="near is not equal"),
        pytest.param(person("p", middle_name="M."), [], "create Jane Doe", id="middle names are not shown"),
        pytest.param(person("p"), [customer("1"), customer("2")], "AMBIGUOUS_NAME", id="two customers"),
        pytest.param(person("p"), [customer("1", is_active=False)], "INACTIVE_CUSTOMER", id="an inactive one"),
        pytest.param(
            person("p"), [customer("1"), customer("2", is_active=False)], "1", id="one active beside an inactive one"
        ),
        pytest.param(person("p"), [customer("1", is_sub_customer=True)], "SUB_CUSTOMER_ONLY", id="a sub-customer"),
        pytest.param(
            person("p"), [customer("1"), customer("2", is_sub_customer=True)], "1", id="one beside a sub-customer"
        ),
        pytest.param(person("p", ""), [customer("1", "")], "MISSING_NAME", id="no first name"),
        pytest.param(person("p", "Jane", "  "), [customer("1", "Jane", "")], "MISSING_NAME", id="no last name"),
        pytest.param(person("p", "Jane:"), [], "BAD_NAME", id="a colon"),
        pytest.param(person("p", "Jane", "Van\tDyke"), [customer("1")], "BAD_NAME", id="a tab"),
        pytest.param(person("p", "\nJane", "Doe\t\r\n"), [customer("1")], "1", id="white space at the edges"),
        pytest.param(person("p", "Jane\n", "Doe"), [], "create Jane Doe", id="white space at the edges of a new name"),
        pytest.param(person("p", "FNU"), [customer("1", "FNU")], "MISSING_NAME", id="a placeholder"),
        pytest.param(
            person("p", "Jane", "L.N.U."), [customer("1", "Jane", "")], "MISSING_NAME", id="a last placeholder"
        ),
        pytest.param(person("p", "Jane", "-"), [], "MISSING_NAME", id="punctuation"),
        pytest.param(person("p", middle_name="a\nb"), [], "BAD_NAME", id="a line break in a name that would be sent"),
        pytest.param(person("p", middle_name="a\nb"), [customer("1")], "1", id="but not where none would be"),
        pytest.param(person("p", "x" * 101), [], "NAME_TOO_LONG", id="a long name"),
        pytest.param(person("p", suffix="x" * 17), [], "NAME_TOO_LONG", id="a long suffix"),
        pytest.param(
            person("p"),
            [customer("1", display_name="Acme LLC", company_name="Acme LLC")],
            "create Jane Doe",
            id="a company is not the person in it",
        ),
        pytest.param(
            person("p"), [customer("1", company_name="Doe Consulting")], "1", id="a person may have a company"
        ),
        pytest.param(
            corporation("p", "Acme LLC"), [customer("1", company_name="ACME  llc")], "1", id="company name alone"
        ),
        pytest.param(
            corporation("p", "Acme LLC", "Jane", "Doe"),
            [customer("1")],
            "create Acme LLC",
            id="never by its person",
        ),
        pytest.param(
            corporation("p", "Acme LLC"),
            [{"customer_id": "1", "display_name": "Acme LLC"}],
            "1",
            id="a company with a display name only",
        ),
        pytest.param(corporation("p", " "), [], "MISSING_NAME", id="a corporation without name"),
        pytest.param(corporation("p", "Acme LLC", "", ""), [], "NO_BILLING_PERSON", id="nobody to write to"),
        pytest.param(corporation("p", "Acme LLC", "Bill", ""), [], "create Acme LLC", id="one name will do"),
        pytest.param(
            corporation("p", "Acme LLC", "", ""),
            [customer("1", company_name="Acme LLC")],
            "1",
            id="a customer that is there needs nobody",
        ),
    ],
)
def test_one_payer_finds_its_customer_or_the_reason(
    payer: dict[str, Any], customer_rows: list[dict[str, Any]], outcome: str
) -> None:
    assert match([payer], customer_rows) == {"p": outcome}


@pytest.mark.parametrize(
    ("first", "last", "customer_rows", "outcome"),
    [
        ("Suharto", "", [], "create Suharto"),
        ("", "Suharto\n", [], "create Suharto"),
        ("FNU", "Suharto", [], "create Suharto"),
        ("Suharto", "lnu", [customer("1", "", "Suharto")], "1"),
        ("", "Suharto", [customer("1", "Suharto", "")], "1"),
        ("", "Suharto", [customer("1", "FNU", "Suharto")], "1"),
        ("", "Suharto", [customer("1", display_name="Suharto", given_name="", family_name="")], "1"),
        ("", "Suharto", [customer("1", "", "Suharto"), customer("2", "Suharto", "")], "AMBIGUOUS_NAME"),
        ("", "Suharto", [customer("1", "Jane", "Suharto")], "create Suharto"),
        ("Jane", "Doe", [customer("1")], "1"),
        ("FNU", "LNU", [customer("1", "FNU", "LNU")], "MISSING_NAME"),
        ("", "", [], "MISSING_NAME"),
        ("Su:harto", "", [], "BAD_NAME"),
        ("Su\tharto", "", [], "BAD_NAME"),
    ],
)
def test_a_single_name_is_taken_where_the_firm_says_so(
    first: str, last: str, customer_rows: list[dict[str, Any]], outcome: str
) -> None:
    assert match([person("p", first, last)], customer_rows, single_names=True) == {"p": outcome}


def test_a_corporation_needs_its_name_all_the_same() -> None:
    assert match([corporation("p", "")], [], single_names=True) == {"p": "MISSING_NAME"}


def test_two_people_of_one_single_name_are_never_one() -> None:
    one_name = [person("p", "Suharto", ""), person("q", "LNU", "Suharto")]

    assert match(one_name, [customer("1", "Suharto", "")], single_names=True) == {
        "p": "NAME_SHARED", "q": "NAME_SHARED",
    }  # fmt: skip
    assert match(one_name, [], single_names=True) == {"p": "create Suharto", "q": "create Suharto (q)"}


def test_matches_are_tables_of_the_agreed_columns() -> None:
    some = payers(person("p1"), person("p2", ""))
    schemas.validate(schemas.PayerMatches, match_payers(some, ["p1", "p2"], customers(), {}, create=True))
    schemas.validate(schemas.PayerMatches, match_payers(payers(), [], customers(), {}, create=True))
    items_found = match_items(fee_items(fee_item()), items(item("1")), {}, create=True)
    schemas.validate(schemas.ItemMatches, items_found)


def test_a_firm_that_creates_no_customers_holds_the_payer() -> None:
    assert match([person("p")], [], create=False) == {"p": "UNMATCHED_PAYER"}
    assert match([corporation("p", "Acme", "", "")], [], create=False) == {"p": "UNMATCHED_PAYER"}


def test_a_link_goes_before_every_name() -> None:
    assert match([person("p")], [customer("1"), customer("2", "Other")], {"p": "2"}) == {"p": "2"}
    assert match([], [customer("2")], {"p": "2"}, needed=["p"]) == {"p": "2"}
    assert match([person("p")], [], {"p": "9"}) == {"p": "9"}


def test_a_link_to_an_inactive_customer_holds() -> None:
    assert match([person("p")], [customer("1", is_active=False)], {"p": "1"}) == {"p": "MAPPING_INACTIVE"}


def test_a_payer_that_billing_does_not_have_is_unknown() -> None:
    assert match([], [], needed=["p"]) == {"p": "UNKNOWN_PAYER"}


def test_only_needed_payers_are_answered() -> None:
    assert match([person("p1"), person("p2", "Other")], [customer("1")], needed=["p1"]) == {"p1": "1"}


def test_namesakes_are_all_held_while_a_free_customer_has_their_name() -> None:
    namesakes = [person("p1"), person("p2")]

    assert match(namesakes, [customer("1")]) == {"p1": "NAME_SHARED", "p2": "NAME_SHARED"}
    assert match(namesakes, [customer("1")], needed=["p2"]) == {"p2": "NAME_SHARED"}


def test_namesakes_without_a_customer_are_created_apart_whoever_comes_first() -> None:
    namesakes = [person("p2"), person("p1")]

    assert match(namesakes, []) == {"p1": "create Jane Doe", "p2": "create Jane Doe (p2)"}
    assert match(namesakes, [], needed=["p2"]) == {"p2": "create Jane Doe (p2)"}
    first = match(namesakes, [customer("9", display_name="Jane Doe (p2)")], {"p2": "9"}, settled=["p2"], needed=["p1"])
    assert first == {"p1": "create Jane Doe"}
    second = match(namesakes, [customer("9")], {"p1": "9"}, settled=["p1"], needed=["p2"])
    assert second == {"p2": "create Jane Doe (p2)"}


def test_a_customer_that_was_taken_by_name_alone_holds_its_namesake() -> None:
    namesakes = [person("p1"), person("p2")]

    assert match(namesakes, [customer("1")], {"p1": "1"}) == {"p1": "1", "p2": "LINKED_TO_OTHER"}


def test_a_customer_that_a_person_gave_away_frees_its_namesake() -> None:
    namesakes = [person("p1"), person("p2")]

    assert match(namesakes, [customer("1")], {"p1": "1"}, settled=["p1"]) == {"p1": "1", "p2": "create Jane Doe (p2)"}
    assert match(namesakes, [customer("1"), customer("2")], {"p1": "1"}) == {"p1": "1", "p2": "2"}


def test_a_person_and_a_company_of_one_name_do_not_share_a_nameless_customer() -> None:
    assert match([person("p1"), corporation("p2", "Jane Doe")], [{"customer_id": "1", "display_name": "jane doe"}]) == {
        "p1": "NAME_SHARED",
        "p2": "NAME_SHARED",
    }


FIRST = st.sampled_from(["Jane", "jane ", "John", ""])
LAST = st.sampled_from(["Doe", "DOE", "Roe"])
PAYERS = st.lists(st.tuples(FIRST, LAST, st.booleans()), max_size=5)
CUSTOMERS = st.lists(
    st.tuples(FIRST, LAST, st.booleans(), st.booleans(), st.sampled_from(["", "Jane Doe"])), max_size=5
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(PAYERS, CUSTOMERS, st.dictionaries(st.sampled_from("01234"), st.sampled_from("01234"), max_size=3), st.data())
def test_a_match_depends_on_no_order_and_on_no_selection(
    payer_names: list[tuple[str, str, bool]],
    customer_names: list[tuple[str, str, bool, bool, str]],
    links: dict[str, str],
    data: st.DataObject,
) -> None:
    payer_rows = [
        corporation(f"{n}", f"{first} {last}") if is_corporation else person(f"{n}", first, last)
        for n, (first, last, is_corporation) in enumerate(payer_names)
    ]
    customer_rows = [
        customer(f"{n}", first, last, is_active=is_active, is_sub_customer=is_sub, company_name=company)
        for n, (first, last, is_active, is_sub, company) in enumerate(customer_names)
    ]
    settled = data.draw(st.sets(st.sampled_from("01234")))
    whole = match(payer_rows, customer_rows, links, settled=settled)

    shuffled = match(
        data.draw(st.permutations(payer_rows)), data.draw(st.permutations(customer_rows)), links, settled=settled
    )
    one_by_one = {
        payer_id: outcome
        for row in payer_rows
        for payer_id, outcome in match(
            payer_rows, customer_rows, links, needed=[row["payer_id"]], settled=settled
        ).items()
    }

    assert shuffled == whole
    assert one_by_one == whole
    matched = [outcome for payer_id, outcome in whole.items() if outcome.isdigit() and payer_id not in links]
    assert len(matched) == len(set(matched))
    assert not set(matched) & set(links.values())
    created = [outcome for outcome in whole.values() if outcome.startswith("create ")]
    assert len(created) == len(set(created))


def fee_item(fee_item_id: str = "f1", name: str = "Consultation", code: str = "CON") -> dict[str, Any]:
    return {"fee_item_id": fee_item_id, "name": name, "code": code}


def item(item_id: str, name: str = "Consultation", sku: str = "", **more: Any) -> dict[str, Any]:
    return {"item_id": item_id, "name": name, "sku": sku, **more}


def match_fee_items(found: pd.DataFrame) -> dict[str, str]:
    return {row.fee_item_id: row.problem or row.item_id for row in found.itertuples(index=False)}


@pytest.mark.parametrize(
    ("fee_item_row", "item_rows", "outcome"),
    [
        pytest.param(fee_item(), [item("1", "consultation")], "1", id="by name in any case"),
        pytest.param(fee_item(), [item("1", "con")], "1", id="by code in the name"),
        pytest.param(fee_item(), [item("1", "Other", "con")], "1", id="by code in the sku"),
        pytest.param(fee_item(), [item("1", "Consultation", "CON")], "1", id="by both"),
        pytest.param(fee_item(code=""), [item("1", "Other", "")], CREATE, id="an empty code is no code"),
        pytest.param(fee_item(), [item("1", "Consultations")], CREATE, id="near is not equal"),
        pytest.param(fee_item(), [item("1"), item("2", "Other", "CON")], "AMBIGUOUS_ITEM", id="two items"),
        pytest.param(fee_item(), [item("1", is_active=False)], "INACTIVE_ITEM", id="an inactive one"),
        pytest.param(
            fee_item(),
            [item("1", "Consultation (deleted)", is_active=False)],
            "INACTIVE_ITEM",
            id="as QuickBooks names it",
        ),
        pytest.param(fee_item(), [item("1", "Consultation (deleted)")], CREATE, id="a name is a name"),
        pytest.param(fee_item(), [item("1", is_active=False), item("2", "CON")], "2", id="an active one beside it"),
        pytest.param(fee_item(), [item("1", type="Inventory")], "UNMAPPED_FEE_ITEM", id="no service"),
        pytest.param(fee_item(name="a:b"), [], "BAD_NAME", id="a colon"),
        pytest.param(fee_item(name="x" * 101), [], "NAME_TOO_LONG", id="a long name"),
        pytest.param(fee_item(name="", code=""), [], "MISSING_NAME", id="no name and no code"),
    ],
)
def test_one_fee_item_finds_its_item_or_the_reason(
    fee_item_row: dict[str, Any], item_rows: list[dict[str, Any]], outcome: str
) -> None:
    found = match_items(fee_items(fee_item_row), items(*item_rows), {}, create=True)

    assert match_fee_items(found) == {"f1": outcome}


@pytest.mark.parametrize(
    ("create", "has_income_account", "outcome"),
    [
        (False, False, "UNMAPPED_FEE_ITEM"),
        (False, True, "UNMAPPED_FEE_ITEM"),
        (True, False, "NO_INCOME_ACCOUNT"),
        (True, True, CREATE),
    ],
)
def test_a_missing_item_follows_the_policy_of_the_firm(create: bool, has_income_account: bool, outcome: str) -> None:
    found = match_items(
        fee_items(fee_item()), items(), {}, create=create, without_account=() if has_income_account else ["f1"]
    )

    assert match_fee_items(found) == {"f1": outcome}


def test_a_mapping_of_a_fee_item_goes_before_its_name() -> None:
    known = items(item("1"), item("2", "Other"), item("3", "Old", is_active=False))
    some = fee_items(fee_item("f1"), fee_item("f2", "B", "B"), fee_item("f3", "C", "C"))

    found = match_items(some, known, {"f1": "2", "f3": "3"}, create=False)

    assert match_fee_items(found) == {"f1": "2", "f2": "UNMAPPED_FEE_ITEM", "f3": "MAPPING_INACTIVE"}


def test_two_new_fee_items_of_one_name_are_not_made_into_one_item() -> None:
    some = fee_items(fee_item("f1", code="A"), fee_item("f2", "CONSULTATION", "B"))

    found = match_items(some, items(), {}, create=True)

    assert match_fee_items(found) == {"f1": "AMBIGUOUS_ITEM", "f2": "AMBIGUOUS_ITEM"}


def test_a_fee_item_that_billing_does_not_have_is_unknown() -> None:
    found = match_items(fee_items(fee_item()), items(item("1")), {}, create=True, needed=["f1", "f9"])

    assert match_fee_items(found) == {"f1": "1", "f9": Problem.UNKNOWN_FEE_ITEM}


def test_an_item_is_named_by_name_or_else_by_code() -> None:
    assert item_name(" Filing  fee ", "CON") == "Filing fee"
    assert item_name(" ", "CON") == "CON"


@pytest.mark.parametrize(
    ("display_name", "taken", "chosen"),
    [
        ("Ana Diaz", set(), "Ana Diaz"),
        ("Ana Diaz", {"ana diaz"}, "Ana Diaz (P1)"),
        ("Ana Diaz", {"ana diaz", "ana diaz (p1)"}, ""),
        ("Ana Diaz (P1)", {"ana diaz"}, "Ana Diaz (P1)"),
        ("Ana Diaz (P1)", {"ana diaz (p1)"}, ""),
        ("Pat O’Brien", {"pat o'brien"}, "Pat O’Brien"),  # two names for QuickBooks
    ],
)
def test_a_new_customer_takes_its_name_or_that_with_the_payer_s_id_or_none(
    display_name: str, taken: set[str], chosen: str
) -> None:
    assert choose_new_name("P1", display_name, taken) == chosen


def test_whom_a_person_has_told_apart_does_not_match_whatever_the_names() -> None:
    """The customer is free for the other payer of that name."""
    there = customers(customer("1"))

    found = match_payers(payers(person("p"), person("q")), ["p", "q"], there, {}, create=True, apart=[("p", "1")])

    assert list(zip(found["payer_id"], found["customer_id"], found["problem"], strict=True)) == [
        ("p", "", ""), ("q", "1", ""),
    ]  # fmt: skip
