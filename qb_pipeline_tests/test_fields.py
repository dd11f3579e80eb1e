"""``docs/fields.md`` names every field that we send, and none that we do not."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from qb_pipeline.config import PROJECT
from qb_pipeline.core import schemas
from qb_pipeline.core.documents import payloads
from qb_pipeline.core.documents.journal_entries import credit_content, refund_content
from qb_pipeline.core.documents.matters import CUSTOM_FIELD_LENGTH, MatterPlace
from qb_pipeline.core.documents.payloads import (
    ADDRESS_LENGTHS,
    QUICKBOOKS_OWNED,
    customer_content,
    invoice_contents,
    item_content,
    payment_contents,
    read_fee_items,
    read_payers,
)
from qb_pipeline.core.documents.text_fields import TEXT_FIELDS
from qb_pipeline_tests.core.rows import corporation, fee_items, invoices, lines, payers, person, rules, table

PAGE = (PROJECT / "docs" / "fields.md").read_text()
NO_TEXT = frozenset(
    {
        "PreferredDeliveryMethod", "Notes", "Type", "UnitPrice", "TxnDate", "DueDate", "EmailStatus", "Line", "Amount",
        "DetailType", "Qty", "ServiceDate", "PercentBased", "DescriptionLineDetail", "ApplyTaxAfterDiscount",
        "TotalTax", "TotalAmt", "LinkedTxn", "PostingType",
    }
)  # fmt: skip
"""Dates, amounts, fixed words and our marker; with the references, which are Ids, all that is no text of billing."""

REFERENCES = ({"value"}, {"Address"}, {"FreeFormNumber"})
"""Objects that are one value in QuickBooks' dress."""


def paths(body: Any, prefix: str = "") -> Iterator[str]:
    """Every field of a body: ``Line[].SalesItemLineDetail.Qty``."""
    for name, value in body.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and value and set(value) not in REFERENCES:
            yield from paths(value, f"{path}.")
        elif isinstance(value, list) and name == "Line":
            for each in value:
                yield from paths(each, f"{path}[].")
        else:
            yield path


def everything() -> dict[str, dict[str, Any]]:
    """The fullest bodies that can be built, by section of the page."""
    everywhere = {
        "address_line1": "1 Main Street", "address_line2": "Suite 2", "city": "Albany", "state": "NY",
        "postal_code": "12207", "country": "USA", "email": "jane@example.org", "phone": "555", "mobile": "556",
    }  # fmt: skip
    people = payers(
        person("p1", middle_name="Q", suffix="Jr.", **everywhere), corporation("p2", "Acme", **everywhere)
    )  # fmt: skip
    customers = {}
    for payer in read_payers(people):
        customers |= customer_content(payer, display_name="Jane Doe", marker="m").body
    [item] = read_fee_items(
        fee_items(
            {"fee_item_id": "f1", "name": "Advice", "code": "ADV", "description": "Hours", "unit_price": Decimal(1)}
        )
    )
    header = {"due_date": date(2026, 4, 1), "terms": "Net 30", "customer_message": "Thanks", "internal_note": "Note"}
    places = (
        MatterPlace("class", classes={"Visa": "5"}),
        MatterPlace("custom_field", label="Matter", definition_id="1"),
        MatterPlace("class", classes={"Visa": "5"}, on_lines=True),
    )
    full: dict[str, Any] = {}
    for place in places:  # an invoice has its matter in one place; the page names them all
        full |= _fullest_invoice(header | {"matter": "Visa"}, people, place)
    parts = table(
        schemas.PaymentParts,
        {"document_date": date(2026, 3, 1), "kind": "payment", "method": "check", "status": "completed"},
        ({"payment_id": "1", "customer_id": "1", "amount_cents": 100, "applied_cents": 100, "reference": "77"},),
    )
    allocations = table(
        schemas.Allocations, {}, ({"payment_id": "1", "quickbooks_invoice_id": "9", "amount_cents": 100},)
    )
    paid = payment_contents(
        parts, allocations, payment_methods={"check": "1"}, deposit_accounts={"check": "2"}, markers={("1", ""): "m"},
        rules=rules(multicurrency=True),
    )["1", ""]  # fmt: skip
    refund = refund_content(
        customer_id="1", receivable_id="2", account_id="3", day=date(2026, 3, 1), cents=100, currency="USD",
        reference="77", marker="m",
    )  # fmt: skip
    credit = credit_content(
        customer_id="1", liability_id="2", account_id="3", day=date(2026, 3, 1), cents=100, currency="USD",
        reference="77", marker="m",
    )  # fmt: skip
    return {
        "## Payer → Customer": customers,
        "## Fee item → Item": item_content(item, income_account_id="79").body,
        "## Invoice → Invoice": full,
        "## Payment → Payment": paid.body,
        "## Refund or rejection → JournalEntry": refund.body,
        "## Payment from credit → JournalEntry": credit.body,
    }


def _fullest_invoice(header: dict[str, Any], people: pd.DataFrame, place: MatterPlace) -> dict[str, Any]:
    return invoice_contents(
        invoices(header),
        lines(
            {"amount_cents": 9_000, "description": "Advice", "service_date": date(2026, 3, 1)},
            {"kind": "discount", "amount_cents": -1_000},
            {"kind": "tax", "amount_cents": 2_000},
            {"kind": "note", "description": "Filed"},
        ),
        people,
        customers={"p1": "1"},
        items={"f1": "2"},
        terms={"Net 30": "3"},
        tax_codes={"TOTAL": "4"},
        markers={"i1": "m"},
        rules=rules(multicurrency=True, tax_policy="total"),
        place=place,
    )["i1"].body


def on_page(heading: str) -> set[str]:
    """The fields in the first column of a section's tables about QuickBooks."""
    text = PAGE.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    tables = [table for table in text.split("\n\n") if table.lstrip().startswith("| QuickBooks")]
    return {name for table in tables for name in re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)}


@pytest.mark.parametrize("heading", everything())
def test_every_field_that_is_sent_is_documented_and_no_other(heading: str) -> None:
    sent = set(paths(everything()[heading])) - ({"Line"} if heading.startswith("## Invoice") else set())
    documented = on_page(heading) - {"Line"}

    assert (sorted(sent - documented), sorted(documented - sent)) == ([], []), f"see {heading} of docs/fields.md"


def test_these_bodies_are_the_fullest_that_can_be_built() -> None:
    """A field that is new in the source, and that no body here has, would escape the comparison above."""
    source = (PROJECT / "qb_pipeline" / "core" / "documents" / "payloads.py").read_text()
    named = set(re.findall(r"\b(?:body|line|detail)(?:: dict\[str, Any\])?\[\"(\w+)\"\]", source))

    built = {
        part.removesuffix("[]") for body in everything().values() for path in paths(body) for part in path.split(".")
    }

    assert named - built == set()


def test_every_text_field_is_declared_on_the_page_as_in_the_code() -> None:
    text = PAGE.split("\n## Texts: prose or identifying\n", 1)[1].split("\n## ", 1)[0]
    declared: dict[str, dict[str, str]] = {}
    for document, word, fields in re.findall(r"^\| (\w+) \| (prose|identifying) \| (.+) \|$", text, re.MULTILINE):
        declared.setdefault(document.lower(), {}).update(dict.fromkeys(re.findall(r"`([^`]+)`", fields), word))

    assert declared == {str(kind): fields for kind, fields in TEXT_FIELDS.items()}


def test_a_field_of_the_page_that_carries_text_is_declared() -> None:
    """Of all fields that are sent, only Ids, dates, amounts and fixed words need no declaration."""
    kinds = dict(zip(everything(), TEXT_FIELDS, strict=True))
    for heading, body in everything().items():
        texts = {path for path in paths(body) if path.split(".")[-1] not in NO_TEXT and not path.endswith("Ref")}
        assert texts - TEXT_FIELDS[kinds[heading]].keys() == set(), f"{heading}: prose or identifying?"


def test_the_limits_on_the_page_are_those_of_the_code() -> None:
    limits = {
        **{f"BillAddr.{name}": limit for name, limit in ADDRESS_LENGTHS.items()},
        "PrimaryPhone": payloads.PHONE_LENGTH,
        "CustomerMemo": payloads.MEMO_LENGTH,
        "CustomField": CUSTOM_FIELD_LENGTH,
    }

    for name, limit in limits.items():
        assert re.search(rf"^\| `{re.escape(name)}` .*\b{limit:,} \|$", PAGE, re.MULTILINE), f"{name}: {limit}"


def test_what_belongs_to_the_bookkeeper_is_named() -> None:
    text = PAGE.split("## Later changes", 1)[1]

    assert set(re.findall(r"`(\w+)`", text)) - {"Id", "SyncToken"} == QUICKBOOKS_OWNED
