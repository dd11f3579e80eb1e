from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_pipeline.core import schemas
from qb_pipeline.core.documents.invoices import find_invoice_problems, new_items_cents
from qb_pipeline.core.documents.payloads import (
    Content,
    customer_content,
    fingerprint,
    invoice_contents,
    item_content,
    payment_contents,
    read_fee_items,
    read_payers,
)
from qb_pipeline.core.markers import find_marker, marker
from qb_pipeline.core.money import dumps, loads, to_cents
from qb_pipeline.core.redaction import redact
from qb_pipeline.core.text import cut, drop_control_characters, tidy
from qb_pipeline_tests.core.rows import corporation, fee, fee_items, invoices, lines, payers, person, rules
from qb_pipeline_tests.core.texts import TEXTS

MARKER = marker("a1B2c3", "smith", "invoice", "i1")
ITEMS = {"f1": "21", "f2": "22"}


def build(
    invoice: dict[str, Any],
    *line_rows: dict[str, Any],
    payer: dict[str, Any] | None = None,
    terms: Mapping[str, str] | None = None,
    tax_codes: Mapping[str, str] | None = None,
    **firm: Any,
) -> Content:
    contents = invoice_contents(
        invoices(invoice),
        lines(*line_rows),
        payers(payer or person("p1")),
        customers={"p1": "58"},
        items=ITEMS,
        terms=terms or {},
        tax_codes=tax_codes or {},
        markers={"i1": MARKER},
        rules=rules(**firm),
    )
    assert list(contents) == ["i1"]
    return contents["i1"]


def test_an_invoice_becomes_this_body() -> None:
    invoice = {
        "invoice_number": " INV-7 ", "invoice_date": date(2026, 3, 1), "due_date": date(2026, 3, 31),
        "terms": "Net 30", "total_cents": 40_000, "customer_message": "Thank  you", "internal_note": "Matter 12",
    }  # fmt: skip
    rows = (
        fee(25_000, "2.500000", "100.000000", description="Petition", service_date=date(2026, 2, 27)),
        {"kind": "note", "description": "Filed on Friday"},
        {"kind": "expense", "fee_item_id": "f2", "amount_cents": 7_000, "description": "Filing fee"},
        {"kind": "discount", "amount_cents": -1_500},
        {"kind": "discount", "amount_cents": -500},
        {"kind": "balance_forward", "amount_cents": 10_000, "forwarded_invoice_id": "i0"},
    )

    content = build(invoice, *rows, payer=person("p1", email="jane@example.org"), terms={"Net 30": "3"})

    assert content.body == {
        "DocNumber": "INV-7",
        "TxnDate": "2026-03-01",
        "CustomerRef": {"value": "58"},
        "DueDate": "2026-03-31",
        "SalesTermRef": {"value": "3"},
        "BillEmail": {"Address": "jane@example.org"},
        "EmailStatus": "NotSet",
        "CustomerMemo": {"value": "Thank you"},
        "PrivateNote": f"{MARKER} Matter 12",
        "Line": [
            {
                "DetailType": "SalesItemLineDetail",
                "Amount": Decimal("250.00"),
                "Description": "Petition",
                "SalesItemLineDetail": {
                    "ItemRef": {"value": "21"},
                    "Qty": Decimal("2.5"),
                    "UnitPrice": Decimal(100),
                    "TaxCodeRef": {"value": "NON"},
                    "ServiceDate": "2026-02-27",
                },
            },
            {"DetailType": "DescriptionOnly", "Description": "Filed on Friday", "DescriptionLineDetail": {}},
            {
                "DetailType": "SalesItemLineDetail",
                "Amount": Decimal("70.00"),
                "Description": "Filing fee",
                "SalesItemLineDetail": {
                    "ItemRef": {"value": "22"},
                    "Qty": Decimal(1),
                    "UnitPrice": Decimal(70),
                    "TaxCodeRef": {"value": "NON"},
                },
            },
            {
                "DetailType": "DiscountLineDetail",
                "Amount": Decimal("20.00"),
                "DiscountLineDetail": {"PercentBased": False},
            },
        ],
    }
    assert content.total_cents == 30_000
    assert content.notices == ()


def test_an_invoice_that_says_little_sends_little() -> None:
    assert build({}, fee(10_000)).body == {
        "DocNumber": "INV-1",
        "TxnDate": "2026-03-01",
        "CustomerRef": {"value": "58"},
        "EmailStatus": "NotSet",
        "PrivateNote": MARKER,
        "Line": [
            {
                "DetailType": "SalesItemLineDetail",
                "Amount": Decimal("100.00"),
                "SalesItemLineDetail": {
                    "ItemRef": {"value": "21"},
                    "Qty": Decimal(1),
                    "UnitPrice": Decimal(100),
                    "TaxCodeRef": {"value": "NON"},
                },
            }
        ],
    }


def test_lines_travel_in_the_order_of_their_numbers() -> None:
    content = build({}, fee(2, line_number=20), fee(3, line_number=30), fee(1, line_number=10))

    assert [line["Amount"] for line in content.body["Line"]] == [Decimal("0.01"), Decimal("0.02"), Decimal("0.03")]


@pytest.mark.parametrize(
    ("cents", "quantity", "unit_price", "sent"),
    [
        (10_000, "3", "33.333333", ("3", "33.333333")),
        (10_000, "3", "33.33", ("1", "100")),
        (26_333, "1.5", "175.55", ("1.5", "175.55")),
        (-26_333, "-1.5", "175.55", ("-1.5", "175.55")),
        (100_000, "1E+3", "1", ("1000", "1")),
        (33, "0.3333333333333333", "1", ("1", "0.33")),
        (33, "0.333333333333333", "1", ("0.333333333333333", "1")),
        (0, "0.000000", "250", ("0", "250")),
        (5, "0.000000", "250", ("1", "0.05")),
        (99_999_999_999, "9999999999", "9999999999", ("1", "999999999.99")),
    ],
)
def test_quantity_and_price_stay_where_their_product_is_the_amount(
    cents: int, quantity: str, unit_price: str, sent: tuple[str, str]
) -> None:
    detail = build({}, fee(cents, quantity, unit_price)).body["Line"][0]["SalesItemLineDetail"]

    assert (str(detail["Qty"]), str(detail["UnitPrice"])) == sent


@pytest.mark.parametrize(
    ("policy", "tax_codes", "expected"),
    [
        ("none", {}, ("NON", "NON", None, None)),
        ("total", {}, ("TAX", "NON", True, {"TotalTax": Decimal("8.00")})),
        (
            "total",
            {"TAX": "5", "NON": "6", "TOTAL": "9"},
            ("5", "6", True, {"TotalTax": Decimal("8.00"), "TxnTaxCodeRef": {"value": "9"}}),
        ),
    ],
)
def test_tax_is_sent_by_the_policy_of_the_firm(policy: str, tax_codes: dict[str, str], expected: tuple[Any]) -> None:
    tax = [{"kind": "tax", "amount_cents": 300}, {"kind": "tax", "amount_cents": 500}] if policy == "total" else []

    content = build({}, fee(10_000, is_taxable=True), fee(5_000), *tax, tax_policy=policy, tax_codes=tax_codes)

    body = content.body
    sent = [line["SalesItemLineDetail"]["TaxCodeRef"]["value"] for line in body["Line"]]
    assert (*sent, body.get("ApplyTaxAfterDiscount"), body.get("TxnTaxDetail")) == expected
    assert content.total_cents == 15_000 + (800 if policy == "total" else 0)


def test_the_currency_is_named_where_the_company_has_several() -> None:
    assert build({}, fee(1), multicurrency=True).body["CurrencyRef"] == {"value": "USD"}


@pytest.mark.parametrize(
    ("payer", "address", "notices"),
    [
        (person("p1", email="jane@example.org", billing_email="b@example.org"), "jane@example.org", ()),
        (person("p1", billing_email="b@example.org"), "b@example.org", ()),
        (person("p1", email="none", billing_email="b@example.org"), "b@example.org", ()),
        (corporation("p1", "Acme", email="a@example.org", billing_email="b@example.org"), "b@example.org", ()),
        (person("p1", email="jane at home"), None, ("BillEmail: no usable address, sent without",)),
        (
            person("p1", email="jane@example.org; j@example.org, none"),
            "jane@example.org",
            ("BillEmail: one of 3 addresses sent, 2 left out",),
        ),
        (
            person("p1", email="jane@; j@example.org", billing_email="b@example.org"),
            "j@example.org",
            ("BillEmail: one of 2 addresses sent, 1 left out",),
        ),
        (person("p1", email="jane doe@example.org"), None, ("BillEmail: no usable address, sent without",)),
        (person("p1"), None, ()),
        (person("p9", email="jane@example.org"), None, ()),
    ],
)
def test_an_invoice_carries_an_address_that_is_one(
    payer: dict[str, Any], address: str | None, notices: tuple[str, ...]
) -> None:
    content = build({}, fee(1), payer=payer)

    assert content.body.get("BillEmail", {}).get("Address") == address
    assert content.notices == notices


def test_identity_numbers_and_long_texts_stay_at_home_and_the_log_hears_of_it_without_them() -> None:
    invoice = {"customer_message": "A123456789 " + "m" * 2000, "internal_note": "SSN 123-45-6789\x07 " + "n" * 4000}

    content = build(invoice, fee(1, description="Receipt EAC2190012345, " + "d" * 4000))

    memo, note = content.body["CustomerMemo"]["value"], content.body["PrivateNote"]
    description = content.body["Line"][0]["Description"]
    assert memo.startswith("[removed] mmm")
    assert note.startswith(f"{MARKER} SSN [removed] nnn")
    assert description.startswith("Receipt [removed], ddd")
    assert [len(memo), len(note), len(description)] == [1000, 4000, 4000]
    assert content.notices == (
        "Line 1 Description: 1 identity numbers removed",
        "Line 1 Description: cut from 4019 to 4000 characters",
        "CustomerMemo: 1 identity numbers removed",
        "CustomerMemo: cut from 2010 to 1000 characters",
        "PrivateNote: 1 control characters dropped",
        "PrivateNote: 1 identity numbers removed",
        f"PrivateNote: cut from 4014 to {3999 - len(MARKER)} characters",
    )
    assert find_marker(note) == find_marker(MARKER)


def quickbooks_total(body: Mapping[str, Any]) -> int:
    """What QuickBooks computes: each amount must be its own product; discounts and tax count once."""
    total = 0
    for line in body["Line"]:
        if line["DetailType"] == "SalesItemLineDetail":
            detail = line["SalesItemLineDetail"]
            product = (Decimal(detail["Qty"]) * Decimal(detail["UnitPrice"])).quantize(Decimal("0.01"), ROUND_HALF_UP)
            assert product == line["Amount"], "fault 6070"
            total += to_cents(Decimal(line["Amount"]))
        elif line["DetailType"] == "DiscountLineDetail":
            assert line["Amount"] > 0
            total -= to_cents(Decimal(line["Amount"]))
    return total + to_cents(Decimal(body.get("TxnTaxDetail", {}).get("TotalTax", 0)))


NUMBERS = st.none() | st.decimals(min_value=-10_000, max_value=10_000, places=4)
LINES = st.one_of(
    st.builds(
        lambda kind, cents, quantity, unit_price: {
            "kind": kind, "fee_item_id": "f1", "amount_cents": cents, "quantity": quantity, "unit_price": unit_price,
        },
        st.sampled_from(["fee", "expense", "interest"]), st.integers(-100_000, 10_000_000), NUMBERS, NUMBERS,
    ),
    st.builds(
        lambda quantity, unit_price: {
            "quantity": quantity, "unit_price": unit_price,
            "amount_cents": to_cents((quantity * unit_price).quantize(Decimal("0.01"), ROUND_HALF_UP)),
        },
        st.decimals(0, 100, places=3), st.decimals(0, 1000, places=4),
    ),
    st.builds(lambda cents: {"kind": "discount", "amount_cents": -cents}, st.integers(0, 1_000)),
    st.builds(lambda cents: {"kind": "tax", "amount_cents": cents}, st.integers(0, 1_000)),
    st.builds(lambda cents: {"kind": "balance_forward", "amount_cents": cents}, st.integers(-1_000, 1_000)),
    st.builds(lambda text: {"kind": "note", "description": text}, st.text(max_size=5)),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=8))
def test_quickbooks_computes_the_total_that_billing_means(line_rows: list[dict[str, Any]]) -> None:
    total = sum(row.get("amount_cents", 0) for row in line_rows)
    some, their_lines = invoices({"total_cents": total}), lines(*line_rows)
    if find_invoice_problems(some, their_lines, rules(tax_policy="total"))["i1"]:
        return

    content = build({"total_cents": total}, *line_rows, tax_policy="total")

    sent = loads(dumps(content.body))
    assert quickbooks_total(sent) == content.total_cents == new_items_cents(their_lines)["i1"] > 0
    assert content.body["Line"]


def test_a_fingerprint_is_the_same_in_every_release() -> None:
    body = {
        "DocNumber": "INV-7",
        "TxnDate": "2026-03-01",
        "CustomerRef": {"value": "58"},
        "Line": [{"Amount": Decimal("250.00"), "SalesItemLineDetail": {"Qty": Decimal("2.5")}}],
    }

    assert fingerprint(body) == "96e3ad2118f4881af7c8696f7377c3ed5b4b400d3764e8f4180e7f8453b04ba9"
    assert {fingerprint(dict(order)) for order in permutations(body.items())} == {fingerprint(body)}


OWNED_BY_QUICKBOOKS = [
    {"customer_message": "Other"}, {"internal_note": "Other"}, {"terms": "Net 60"}, {"matter": "Other"},
]  # fmt: skip
OWNED_BY_BILLING = [
    {"invoice_number": "INV-8"}, {"invoice_date": date(2026, 3, 2)}, {"due_date": date(2026, 3, 2)},
]  # fmt: skip


@pytest.mark.parametrize("change", OWNED_BY_QUICKBOOKS)
def test_what_the_bookkeeper_owns_does_not_make_a_revision(change: dict[str, Any]) -> None:
    terms = {"Net 60": "6"}

    assert build(change, fee(1), terms=terms).fingerprint == build({}, fee(1), terms=terms).fingerprint


@pytest.mark.parametrize("change", OWNED_BY_BILLING)
def test_what_billing_owns_makes_a_revision(change: dict[str, Any]) -> None:
    assert build(change, fee(1)).fingerprint != build({}, fee(1)).fingerprint


def test_a_line_and_its_item_make_a_revision_and_another_way_to_write_a_number_does_not() -> None:
    prints = [
        build({}, *rows).fingerprint
        for rows in (
            [fee(250, "2.5", "1")],
            [fee(250, "2.500", "1.00")],
            [fee(251, "2.51", "1")],
            [fee(250, "2.5", "1", fee_item_id="f2")],
            [fee(250, "2.5", "1", description="x")],
            [fee(125, "2.5", "0.5"), fee(125, "2.5", "0.5")],
        )
    ]

    assert prints[0] == prints[1]
    assert len(set(prints)) == len(prints) - 1


NOTE = marker("a1B2c3", "smith", "customer", "p1")


def test_a_person_becomes_this_customer() -> None:
    [payer] = read_payers(payers(
        person(
            "p1", "Jane ", "Doe", middle_name="M.", suffix="Jr.", email="jane@example.org", phone="555 0100",
            mobile="555 0101", address_line1="1 Main St", address_line2="Apt 2", city="Albany", state="NY",
            postal_code="12207", country="USA", billing_first_name="Other", billing_last_name="Person",
        )
    ))  # fmt: skip

    content = customer_content(payer, display_name="Jane Doe", marker=NOTE)

    assert content.body == {
        "DisplayName": "Jane Doe",
        "GivenName": "Jane",
        "MiddleName": "M.",
        "FamilyName": "Doe",
        "Suffix": "Jr.",
        "PrimaryEmailAddr": {"Address": "jane@example.org"},
        "PrimaryPhone": {"FreeFormNumber": "555 0100"},
        "Mobile": {"FreeFormNumber": "555 0101"},
        "BillAddr": {
            "Line1": "1 Main St",
            "Line2": "Apt 2",
            "City": "Albany",
            "CountrySubDivisionCode": "NY",
            "PostalCode": "12207",
            "Country": "USA",
        },
        "PreferredDeliveryMethod": "None",
        "Notes": NOTE,
    }
    assert content.total_cents == 0
    assert content.notices == ()


def test_a_corporation_shows_its_billing_persons_details() -> None:
    [payer] = read_payers(payers(
        corporation(
            "p1", "Acme LLC", "Bill", "Payer", email="info@example.org", billing_email="bill@example.org",
            phone="555 0100", billing_phone="555 0199", address_line1="1 Plant Rd", first_name="Not", suffix="Sent",
        )
    ))  # fmt: skip

    assert customer_content(payer, display_name="Acme LLC (p1)", marker=NOTE).body == {
        "DisplayName": "Acme LLC (p1)",
        "GivenName": "Bill",
        "FamilyName": "Payer",
        "CompanyName": "Acme LLC",
        "PrimaryEmailAddr": {"Address": "bill@example.org"},
        "PrimaryPhone": {"FreeFormNumber": "555 0199"},
        "BillAddr": {"Line1": "1 Plant Rd"},
        "PreferredDeliveryMethod": "None",
        "Notes": NOTE,
    }


def test_what_quickbooks_would_refuse_in_a_customer_is_left_out_or_cut() -> None:
    row = person(
        "p1", email="nobody", phone="5" * 31, billing_phone="5" * 30, mobile="5" * 31, city="c" * 300, country="a\nb"
    )

    [payer] = read_payers(payers(row))
    content = customer_content(payer, display_name="Jane Doe", marker=NOTE)

    assert "PrimaryEmailAddr" not in content.body
    assert content.body["PrimaryPhone"] == {"FreeFormNumber": "5" * 30}
    assert "Mobile" not in content.body
    assert content.body["BillAddr"] == {"City": "c" * 254 + "…", "Country": "a b"}
    assert content.notices == (
        "PrimaryEmailAddr: no usable address, sent without",
        "Mobile: longer than 30 characters, sent without",
        "BillAddr.City: cut from 300 to 255 characters",
        "BillAddr.Country: 1 control characters dropped",
    )


@pytest.mark.parametrize(
    ("fee_item", "body"),
    [
        (
            {"code": "CON", "name": " Consultation ", "description": "One hour", "unit_price": Decimal("250.0000")},
            {"Name": "Consultation", "Sku": "CON", "Description": "One hour", "UnitPrice": Decimal(250)},
        ),
        ({"code": "CON"}, {"Name": "CON", "Sku": "CON"}),
        ({"name": "Filing", "code": "x" * 101, "unit_price": Decimal("NaN")}, {"Name": "Filing"}),
    ],
)
def test_a_fee_item_becomes_a_service_item(fee_item: dict[str, Any], body: dict[str, Any]) -> None:
    [row] = read_fee_items(fee_items({"fee_item_id": "f1", **fee_item}))

    content = item_content(row, income_account_id="79")

    assert content.body == {**body, "Type": "Service", "IncomeAccountRef": {"value": "79"}}


PART = {
    "payment_id": "y1", "payer_id": "p1", "kind": "payment", "method": "check", "reference": "1001",
    "document_date": date(2026, 3, 10), "amount_cents": 12_345, "applied_cents": 12_345, "currency": "USD",
    "status": "completed", "customer_id": "58",
}  # fmt: skip
PAYMENT_NOTE = marker("a1B2c3", "smith", "payment", "y1")


def build_payment(part: dict[str, Any], *allocated: tuple[str, int], **more: Any) -> Content:
    columns = list(schemas.PaymentParts.to_schema().columns)
    parts = schemas.frame(schemas.PaymentParts, [[{**PART, **part}.get(column, "") for column in columns]])
    shares = schemas.frame(
        schemas.Allocations, [("y1", part.get("part", ""), f"i-{to}", to, cents) for to, cents in allocated]
    )
    arguments = {"payment_methods": {}, "deposit_accounts": {}, "rules": rules(), **more}
    key = ("y1", part.get("part", ""))
    contents = payment_contents(parts, shares, markers={key: PAYMENT_NOTE}, **arguments)
    assert list(contents) == [key]
    return contents[key]


def test_a_payment_becomes_this_body() -> None:
    content = build_payment(
        {}, ("130", 10_000), ("131", 2_345), payment_methods={"check": "2"}, deposit_accounts={"check": "35"}
    )

    assert content.body == {
        "CustomerRef": {"value": "58"},
        "TxnDate": "2026-03-10",
        "TotalAmt": Decimal("123.45"),
        "PaymentMethodRef": {"value": "2"},
        "PaymentRefNum": "1001",
        "DepositToAccountRef": {"value": "35"},
        "PrivateNote": f"{PAYMENT_NOTE} 1001",
        "Line": [
            {"Amount": Decimal("100.00"), "LinkedTxn": [{"TxnId": "130", "TxnType": "Invoice"}]},
            {"Amount": Decimal("23.45"), "LinkedTxn": [{"TxnId": "131", "TxnType": "Invoice"}]},
        ],
    }
    assert content.total_cents == 12_345


def test_a_payment_without_more_goes_to_undeposited_funds_and_is_never_processed() -> None:
    assert build_payment({"reference": "", "part": "2026-02-28"}, rules=rules(multicurrency=True)).body == {
        "CustomerRef": {"value": "58"},
        "TxnDate": "2026-03-10",
        "TotalAmt": Decimal("123.45"),
        "CurrencyRef": {"value": "USD"},
        "PrivateNote": PAYMENT_NOTE,
        "Line": [],
    }


def test_a_long_reference_keeps_its_end_and_stands_whole_in_the_note() -> None:
    content = build_payment({"reference": "ACH  transfer 2026-03-10 / 0000004711"})

    assert content.body["PaymentRefNum"] == "26-03-10 / 0000004711"
    assert content.body["PrivateNote"] == f"{PAYMENT_NOTE} ACH transfer 2026-03-10 / 0000004711"


def test_a_payment_differs_by_what_billing_owns() -> None:
    plain = build_payment({}, ("130", 12_345)).fingerprint

    same = build_payment({}, ("130", 12_345), deposit_accounts={"check": "35"}).fingerprint
    others = [
        build_payment({"amount_cents": 1}, ("130", 12_345)),
        build_payment({"document_date": date(2026, 3, 11)}, ("130", 12_345)),
        build_payment({"reference": "1002"}, ("130", 12_345)),
        build_payment({"customer_id": "59"}, ("130", 12_345)),
        build_payment({}, ("131", 12_345)),
        build_payment({}),
    ]

    assert same == plain
    assert len({plain, *(content.fingerprint for content in others)}) == 1 + len(others)


def test_the_lines_of_a_text_stay_lines() -> None:
    invoice = {"customer_message": "Dear Ana\r\n\r\nThanks\t\x07!", "internal_note": "\nMatter 12\rUrgent "}

    content = build(invoice, fee(1, description="Hearing\r\nFiling  fee"), {"kind": "note", "description": "a\nb\n"})

    assert content.body["CustomerMemo"] == {"value": "Dear Ana\n\nThanks !"}
    assert content.body["PrivateNote"] == f"{MARKER} Matter 12\nUrgent"
    assert [line["Description"] for line in content.body["Line"]] == ["Hearing\nFiling fee", "a\nb"]
    assert content.notices == ("CustomerMemo: 2 control characters dropped",)


def test_every_way_to_break_a_line_is_one_content() -> None:
    prints = {build({}, fee(1, description=f"a{end}b")).fingerprint for end in ("\n", "\r\n", "\r")}

    assert len(prints) == 1
    assert prints.isdisjoint({build({}, fee(1, description=text)).fingerprint for text in ("a b", "ab", "a\n\nb")})


@settings(deadline=None)
@given(TEXTS | st.lists(st.sampled_from(["a ", "\r\n", "\t", "\x07", "123-45-", "6789", "x" * 3990])).map("".join))
def test_what_the_former_release_sent_counts_as_sent(text: str) -> None:
    """It made one line of several, and its fingerprints say nothing of rules."""
    dropped, _ = drop_control_characters(text)
    former = cut(redact(tidy(dropped))[0], 4000)
    body = build({}, fee(1, description=text)).body
    line = {name: value for name, value in body["Line"][0].items() if name != "Description"}
    sent = fingerprint(body | {"Line": [line | ({"Description": former} if former else {})]})

    content = build({}, fee(1, description=text))

    assert content.is_as_sent(sent)
    assert content.is_as_sent(content.fingerprint)
    assert not content.is_as_sent(build({}, fee(2, description=text)).fingerprint)
    assert not content.is_as_sent("")


def test_a_line_break_that_billing_puts_in_is_a_change_once_the_text_was_sent_by_todays_rules() -> None:
    now, later = (build({}, fee(1, description=text)) for text in ("a b", "a\nb"))

    assert later.is_as_sent(fingerprint(now.body))
    assert not later.is_as_sent(now.fingerprint)


def test_a_customer_is_as_the_former_release_sent_it() -> None:
    [payer] = read_payers(
        payers(
            person(
                "p1", "Ana", "Diaz", middle_name="NMN", email="a@example.org; b@example.org", phone="123-45-6789",
                mobile="SSN 123456789", address_line1="c/o A123456789", city="Albany",
            )
        )
    )  # fmt: skip
    former = {
        "DisplayName": "Ana Diaz", "GivenName": "Ana", "MiddleName": "NMN", "FamilyName": "Diaz",
        "PrimaryPhone": {"FreeFormNumber": "123-45-6789"}, "Mobile": {"FreeFormNumber": "SSN 123456789"},
        "BillAddr": {"Line1": "c/o A123456789", "City": "Albany"},
    }  # fmt: skip

    content = customer_content(payer, display_name="Ana Diaz", marker="m")

    assert content.body == {
        "DisplayName": "Ana Diaz", "GivenName": "Ana", "FamilyName": "Diaz",
        "PrimaryEmailAddr": {"Address": "a@example.org"}, "BillAddr": {"Line1": "c/o [removed]", "City": "Albany"},
        "PreferredDeliveryMethod": "None", "Notes": "m",
    }  # fmt: skip
    assert content.notices == (
        "PrimaryEmailAddr: one of 2 addresses sent, 1 left out",
        "PrimaryPhone: looks like an identity number, left out",
        "Mobile: looks like an identity number, left out",
        "BillAddr.Line1: 1 identity numbers removed",
    )
    assert content.is_as_sent(fingerprint(former))


def test_another_telephone_is_sent_where_the_first_looks_like_an_identity_number() -> None:
    [payer] = read_payers(payers(person("p1", phone="123-45-6789", billing_phone="555 1234")))

    assert customer_content(payer, display_name="x", marker="m").body["PrimaryPhone"] == {"FreeFormNumber": "555 1234"}


@pytest.mark.parametrize(
    ("reference", "cited", "sent", "note"),
    [
        ("retainer 123-45-6789", (), "retainer [removed]", "retainer [removed]"),
        ("retainer 123-45-6789", ("123-45-6789",), "retainer 123-45-6789", "retainer 123-45-6789"),
        ("A123456789", (), "[removed]", "[removed]"),
        ("wire of 123-45-6789 from the bank", (), "[removed]rom the bank", "wire of [removed] from the bank"),
        ("12\r\n34", (), "12 34", "12\n34"),
        ("0" * 10 + "123-45-6789", (), "0" * 10 + "123-45-6789", "0" * 10 + "123-45-6789"),
        ("0123-45-6789 for t fee", (), "[removed] for t fee", "0123-45-6789 for t fee"),
    ],
)
def test_a_reference_carries_no_identity_number(reference: str, cited: tuple[str, ...], sent: str, note: str) -> None:
    content = build_payment({"reference": reference}, cited=cited)

    assert content.body["PaymentRefNum"] == sent
    assert content.body["PrivateNote"] == f"{PAYMENT_NOTE} {note}"


@given(TEXTS)
def test_a_payment_of_the_former_release_counts_as_sent(reference: str) -> None:
    content = build_payment({"reference": reference}, ("130", 12_345))
    former = tidy(drop_control_characters(reference)[0])[-21:].lstrip()
    body = {name: value for name, value in content.body.items() if name != "PaymentRefNum"}

    assert content.is_as_sent(fingerprint(body | ({"PaymentRefNum": former} if former else {})))
    assert redact(content.body.get("PaymentRefNum", ""))[1] == 0
    assert len(content.body.get("PaymentRefNum", "")) <= 21
