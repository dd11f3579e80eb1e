"""What a refusal spoke of: what is asked for, what of it counts, what explains the fault."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.planning.preflight import CompanySettings, read_settings
from qb_pipeline.core.planning.refusals import (
    Asked,
    Evidence,
    Refusal,
    accounts_of,
    describe_currency,
    describe_customer,
    hash_refused,
    is_first_of_two,
    judge,
    may_have_changed,
    needs_settings,
    questions,
)

SETTINGS: CompanySettings = read_settings({}, {"CompanyName": "Books One", "Country": "US"})
BODY: dict[str, Any] = {
    "DocNumber": "N-1",
    "TxnDate": "2024-06-30",
    "CustomerRef": {"value": "7"},
    "Line": [
        {"SalesItemLineDetail": {"ItemRef": {"value": "4"}, "TaxCodeRef": {"value": "NON"}}},
        {"SalesItemLineDetail": {"ItemRef": {"value": "4"}, "TaxCodeRef": {"value": "9"}}},
    ],
}
ALL_THAT_IT_NAMES = {Asked("Customer", "Id", "7"), Asked("Item", "Id", "4"), Asked("TaxCode", "Id", "9")}

leaves = st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=4) | st.decimals(-9, 9, places=2)
names = st.text("abcXYZ", min_size=1, max_size=3)
bodies = st.dictionaries(
    names,
    st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)),
    max_size=5,
)


def refusal(code: str, *, entity: str = "Invoice", operation: str = "create", named: str = "", **body: Any) -> Refusal:
    return Refusal(entity, "1", operation, code, body or BODY, named)


def in_reverse(value: Any) -> Any:
    """The same, with the keys of every object the other way round."""
    if isinstance(value, Mapping):
        return {name: in_reverse(inner) for name, inner in reversed(value.items())}
    return [in_reverse(inner) for inner in value] if isinstance(value, list) else value


@given(bodies, st.text(max_size=3))
def test_equal_bodies_have_equal_digests_in_any_order_and_with_any_sync_token(body: dict[str, Any], token: str) -> None:
    assert hash_refused("Invoice", {**in_reverse(body), "SyncToken": token}) == hash_refused("Invoice", body)


@given(bodies, names, leaves)
def test_a_body_with_another_field_has_another_digest(body: dict[str, Any], name: str, value: Any) -> None:
    changed = {**body, name: [value, body.get(name)]}

    assert hash_refused("Invoice", changed) != hash_refused("Invoice", body)


@pytest.mark.parametrize(("entity", "counts"), [("Customer", False), ("Vendor", True), ("Item", True)])
def test_a_name_counts_but_for_a_customer_which_is_offered_under_two(entity: str, counts: bool) -> None:
    plain, with_id = ({"DisplayName": name, "Notes": "n"} for name in ("Ana Diaz", "Ana Diaz (1)"))

    assert (hash_refused(entity, plain) != hash_refused(entity, with_id)) is counts


@pytest.mark.parametrize(
    ("refused", "asked"),
    [
        (refusal("6140"), {Asked("Invoice", "DocNumber", "N-1")}),
        (
            refusal("6140", named="CreditMemo"),
            {Asked("Invoice", "DocNumber", "N-1"), Asked("CreditMemo", "DocNumber", "N-1")},
        ),
        (refusal("6140", named="Payment"), {Asked("Invoice", "DocNumber", "N-1")}),
        (refusal("6240", entity="Item", Name="Advice"), {Asked("Item", "Name", "Advice")}),
        (
            refusal("6240", entity="Customer", DisplayName="Ana"),
            {
                Asked(entity, "DisplayName", name)
                for entity in ("Customer", "Vendor", "Employee")
                for name in ("Ana", "Ana (1)")
            },
        ),
        (refusal("6210"), set()),
        (refusal("6210", **BODY, Id="5"), {Asked("Invoice", "Id", "5")}),
        (refusal("6540", entity="Payment", Id="8", CustomerRef={"value": "7"}), {Asked("Payment", "Id", "8")}),
        (refusal("2500"), ALL_THAT_IT_NAMES),
        (refusal("9999", **BODY, Id="5"), ALL_THAT_IT_NAMES | {Asked("Invoice", "Id", "5")}),
        (
            refusal("6000", entity="Payment", Line=[{"LinkedTxn": [{"TxnType": "Invoice", "TxnId": "5"}]}]),
            {Asked("Invoice", "Id", "5")},
        ),
        (refusal("6140", CustomerRef={"value": "7"}), {Asked("Customer", "Id", "7")}),
    ],
)
def test_what_is_asked_about_a_refusal(refused: Refusal, asked: set[Asked]) -> None:
    assert questions(refused) == asked


@pytest.mark.parametrize(
    ("refused", "is_first"),
    [
        (refusal("6240", entity="Customer", DisplayName="Ana"), True),
        (refusal("6240", entity="Customer", DisplayName="Ana (1)"), False),
        (refusal("6240", entity="Customer", operation="update", DisplayName="Ana"), False),
        (refusal("6140", entity="Customer", DisplayName="Ana"), False),
        (refusal("6240", entity="Item", DisplayName="Ana"), False),
    ],
)
def test_only_a_new_customer_has_a_second_name(refused: Refusal, is_first: bool) -> None:
    assert is_first_of_two(refused) is is_first


def test_settings_matter_to_closed_books_and_to_a_fault_that_names_nothing() -> None:
    codes = ["610", "2500", "6250", "6140", "6240", "6540", "6200", "6210", "6000", "9999"]

    assert [code for code in codes if needs_settings(refusal(code))] == ["6200", "6210", "6000", "9999"]


def test_the_accounts_that_items_book_to() -> None:
    items: list[dict[str, Any]] = [
        {"IncomeAccountRef": {"value": "20"}}, {"IncomeAccountRef": {"value": "20"}}, {"IncomeAccountRef": None}, {},
    ]  # fmt: skip

    assert accounts_of(items) == {Asked("Account", "Id", "20")}


ROW: dict[str, Any] = {
    "Id": "5",
    "Active": True,
    "SyncToken": "0",
    "Balance": Decimal("10.00"),
    "TotalAmt": Decimal("10.00"),
    "CustomerRef": {"value": "7"},
    "LinkedTxn": [{"TxnType": "Deposit", "TxnId": "30"}, {"TxnType": "Invoice", "TxnId": "31"}],
}
OTHERWISE: dict[str, dict[str, Any]] = {
    "Id": {"Id": "6"},
    "Active": {"Active": False},
    "SyncToken": {"SyncToken": "1"},
    "Balance": {"Balance": Decimal("9.99")},
    "TotalAmt": {"TotalAmt": Decimal("9.99")},
    "CustomerRef": {"CustomerRef": {"value": "8"}},
    "Deposit": {"LinkedTxn": [{"TxnType": "Deposit", "TxnId": "32"}]},
    "Invoice": {"LinkedTxn": [{"TxnType": "Invoice", "TxnId": "33"}, {"TxnType": "Deposit", "TxnId": "30"}]},
    "Memo": {"Memo": "a word"},
}


@pytest.mark.parametrize(
    ("asked", "own", "counts"),
    [
        (Asked("Invoice", "DocNumber", "N-1"), "", {"Id", "Active"}),
        (Asked("Vendor", "DisplayName", "Ana"), "", {"Id", "Active"}),
        (Asked("Invoice", "Id", "5"), "", {"Id", "Active", "Balance", "TotalAmt", "CustomerRef"}),
        (Asked("Invoice", "Id", "5"), "5", {"Id", "Active", "SyncToken", "Deposit"}),
        (Asked("Payment", "Id", "5"), "", {"Id", "Active", "SyncToken", "Deposit"}),
        (Asked("Item", "Id", "5"), "", {"Id", "Active", "SyncToken", "Deposit"}),
    ],
)
def test_the_digest_changes_when_what_counts_changes_and_not_else(asked: Asked, own: str, counts: set[str]) -> None:
    refused = refusal("2500", Id=own)
    before = judge(refused, {asked: [ROW]}, None)
    after = {name: judge(refused, {asked: [ROW | change]}, None) for name, change in OTHERWISE.items()}

    assert {name for name, evidence in after.items() if evidence.sha256 != before.sha256} == counts
    assert judge(refused, {asked: []}, None).sha256 != before.sha256


@given(st.permutations(["1", "2", "3"]), st.permutations(["4", "7", "9"]))
def test_no_order_of_the_answers_counts(rows: list[str], asked: list[str]) -> None:
    def evidence(rows: list[str], asked: list[str]) -> Evidence:
        found = {Asked("Item", "Id", each): [ROW | {"Id": row} for row in rows] for each in asked}
        return judge(refusal("2500"), found, None)

    assert evidence(rows, asked) == evidence(sorted(rows), sorted(asked))


@pytest.mark.parametrize(
    ("code", "closing_date", "discounts"), [("6210", True, False), ("9999", True, True)], ids=["closed", "any"]
)
def test_which_settings_count(code: str, closing_date: bool, discounts: bool) -> None:
    refused = refusal(code)
    plain, closed, changed = (
        judge(refused, {}, settings).sha256
        for settings in (
            SETTINGS,
            replace(SETTINGS, books_closed_through=date(2024, 1, 1)),
            replace(SETTINGS, discounts=not SETTINGS.discounts),
        )
    )

    assert (closed != plain, changed != plain) == (closing_date, discounts)


CLOSED = replace(SETTINGS, books_closed_through=date(2024, 12, 31))


@pytest.mark.parametrize(
    ("refused", "found", "settings", "cause"),
    [
        (refusal("6140"), {Asked("Invoice", "DocNumber", "N-1"): [ROW]}, None, "Invoice 5 has the number"),
        (refusal("6140", **BODY, Id="5"), {Asked("Invoice", "DocNumber", "N-1"): [ROW]}, None, ""),
        (refusal("6240"), {Asked("Vendor", "DisplayName", "Ana"): [ROW]}, None, "Vendor 5 has the name"),
        (refusal("6210"), {}, CLOSED, "the books are closed through 2024-12-31"),
        (refusal("6210", TxnDate="2025-01-01"), {}, CLOSED, ""),
        (refusal("6210"), {}, SETTINGS, ""),
        (refusal("6540", Id="5"), {Asked("Payment", "Id", "5"): [ROW]}, None, "it is part of deposit 30"),
        (refusal("6540", Id="5"), {Asked("Payment", "Id", "5"): []}, None, ""),
        (refusal("2500"), {Asked("Item", "Id", "5"): [ROW | {"Active": False}]}, None, "Item 5 is inactive"),
        (refusal("2500"), {Asked("Item", "Id", "5"): []}, None, "Item 5 is gone"),
        (refusal("2500"), {Asked("Item", "Id", "5"): [ROW]}, None, ""),
        (refusal("9999"), {Asked("Item", "Id", "5"): []}, SETTINGS, ""),
    ],
)
def test_what_explains_a_fault(
    refused: Refusal, found: dict[Asked, list[dict[str, Any]]], settings: CompanySettings | None, cause: str
) -> None:
    assert judge(refused, found, settings).cause == cause


@pytest.mark.parametrize(
    ("code", "cause", "known", "times", "may"),
    [
        ("2500", "Item 4 is inactive", "", 1, True),  # nobody has read what it spoke of
        ("2500", "Item 4 is inactive", "other", 1, True),
        ("2500", "Item 4 is inactive", "same", 1, False),
        ("2500", "", "same", 1, True),  # one more try
        ("2500", "", "same", 2, False),
        ("9999", "", "same", 1, False),  # nothing is ever seen of such a fault
        ("9999", "", "other", 5, True),
    ],
)
def test_whether_something_may_have_changed(code: str, cause: str, known: str, times: int, may: bool) -> None:
    assert may_have_changed(refusal(code), Evidence("same", cause), known_sha256=known, times=times) is may


PAYS = {
    "CustomerRef": {"value": "7"}, "CurrencyRef": {"value": "USD"}, "DepositToAccountRef": {"value": "3"},
    "Line": [{"LinkedTxn": [{"TxnId": "5", "TxnType": "Invoice"}]}],
}  # fmt: skip


def explained(reason: str, **row: Any) -> Evidence:
    refused = Refusal("Payment", "1", "create", "6000", PAYS, reason=reason)
    [asked] = questions(refused)
    assert not needs_settings(refused)
    return judge(refused, {asked: [{"Id": asked.value, "SyncToken": "0", **row}]}, None)


def test_of_an_invoice_under_another_customer_only_its_customer_counts() -> None:
    theirs = {"CustomerRef": {"value": "9"}}
    before = explained("OTHER_CUSTOMER", **theirs)

    assert before.cause == "Invoice 5 is under customer 9, the payment under customer 7"
    assert explained("OTHER_CUSTOMER", **theirs, SyncToken="4", Balance=Decimal(1)) == before
    assert explained("OTHER_CUSTOMER", CustomerRef={"value": "7"}).sha256 != before.sha256
    assert describe_customer(PAYS, {"Id": "5", "CustomerRef": {"value": "7"}}) == ""


def test_of_a_customer_of_another_currency_only_that_counts() -> None:
    euros = {"CurrencyRef": {"value": "EUR"}}
    before = explained("CUSTOMER_CURRENCY", **euros)

    assert before.cause == "customer 7 has EUR, the document USD"
    assert explained("CUSTOMER_CURRENCY", **euros, SyncToken="4", Active=False) == before
    assert describe_currency(PAYS, {"Id": "7"}) == ""
