"""Every text that leaves is declared, and no identity number leaves in one."""

from datetime import date
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_pipeline.core import schemas
from qb_pipeline.core.documents.journal_entries import credit_content, refund_content
from qb_pipeline.core.documents.matters import MatterPlace
from qb_pipeline.core.documents.payloads import (
    customer_content,
    invoice_contents,
    item_content,
    payment_contents,
    read_fee_items,
    read_payers,
)
from qb_pipeline.core.documents.text_fields import (
    TEXT_FIELDS,
    find_identifying,
    find_identity_number,
    texts,
)
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.redaction import redact
from qb_pipeline.core.states import Kind
from qb_pipeline_tests.core.rows import corporation, fee_items, invoices, lines, payers, person, rules, table

KEYS = frozenset(
    {
        "payer_id", "fee_item_id", "invoice_id", "payment_id", "part", "forwarded_invoice_id", "customer_id",
        "quickbooks_invoice_id", "kind", "status", "currency", "terms", "method", "problem", "blocked_by",
    }
)  # fmt: skip
"""Columns whose texts name something, and reach QuickBooks as the Id of what they name, or not at all."""

MARK = "qbp1:a1B2c3:smith:invoice:A12345678:g1"


def fill(frame: pd.DataFrame, schema: type, text: str) -> pd.DataFrame:
    """Put a text into every column that holds words of the firm, whichever there are."""
    columns = [name for name, column in schema.to_schema().columns.items() if "string" in str(column.dtype)]
    return frame.assign(**{name: text for name in columns if name not in KEYS})


def bodies(text: str) -> list[tuple[Kind, JsonObject]]:
    """The fullest bodies of each kind, every text of billing being this one."""
    people = fill(payers(person("p1"), corporation("p2", "Acme")), schemas.Payers, text)
    found = [
        (Kind.CUSTOMER, customer_content(payer, display_name=text, marker=MARK).body) for payer in read_payers(people)
    ]
    [item] = read_fee_items(fill(fee_items({"fee_item_id": "f1"}), schemas.FeeItems, text))
    invoice = invoice_contents(
        fill(invoices({}), schemas.Invoices, text),
        fill(lines({"amount_cents": 1}, {"kind": "note", "amount_cents": 0}), schemas.InvoiceLines, text),
        people,
        customers={"p1": "1"}, items={"f1": "2"}, terms={}, tax_codes={}, markers={"i1": MARK}, rules=rules(),
        place=MatterPlace("custom_field", "Matter", "1"),
    )["i1"]  # fmt: skip
    part = {
        "document_date": date(2026, 3, 1), "kind": "payment", "method": "check", "status": "completed",
        "payment_id": "1", "customer_id": "1", "amount_cents": 100, "applied_cents": 100,
    }  # fmt: skip
    parts = fill(table(schemas.PaymentParts, {}, (part,)), schemas.PaymentParts, text)
    payment = payment_contents(
        parts, table(schemas.Allocations, {}, ()), payment_methods={}, deposit_accounts={}, markers={("1", ""): MARK},
        rules=rules(),
    )["1", ""]  # fmt: skip
    refund = refund_content(
        customer_id="1", receivable_id="2", account_id="3", day=date(2026, 3, 1), cents=1, currency="USD",
        reference=text, marker=MARK,
    )  # fmt: skip
    credit = credit_content(
        customer_id="1", liability_id="2", account_id="3", day=date(2026, 3, 1), cents=1, currency="USD",
        reference=text, marker=MARK,
    )  # fmt: skip
    return [
        *found,
        (Kind.ITEM, item_content(item, income_account_id="79").body),
        (Kind.INVOICE, invoice.body),
        (Kind.PAYMENT, payment.body),
        (Kind.REFUND, refund.body),
        (Kind.CREDIT, credit.body),
    ]


def leaves(body: Any, path: str = "") -> list[tuple[str, str]]:
    """Every text of a body with its path, as ``docs/fields.md`` writes it."""
    if isinstance(body, dict):
        return [
            leaf
            for name, value in body.items()
            for leaf in leaves(value, path if name in ("value", "Address", "FreeFormNumber") else f"{path}.{name}")
        ]
    if isinstance(body, list):
        return [leaf for value in body for leaf in leaves(value, f"{path}[]")]
    name = path.removeprefix(".").replace("CustomField[].StringValue", "CustomField")
    return [(name, body)] if isinstance(body, str) else []


def test_a_field_that_carries_a_text_of_billing_is_declared_and_no_other() -> None:
    """A new column, or a new field, is filled here by itself: whoever adds one declares it."""
    found: dict[Kind, set[str]] = {}
    for word in ("sentinel", "sentinel@example.org"):  # an address only leaves when it is one
        for kind, body in bodies(word):
            found.setdefault(kind, set()).update(path for path, text in leaves(body) if "sentinel" in text)

    assert found == {kind: set(declared) for kind, declared in TEXT_FIELDS.items()}


@pytest.mark.parametrize("number", ["123-45-6789", "A123456789", "EAC2190012345", "passport X1234567"])
def test_prose_leaves_without_its_number_and_what_identifies_is_left_alone(number: str) -> None:
    for kind, body in bodies(f"x {number} y"):
        for field, declared in TEXT_FIELDS[kind].items():
            for text in texts(body, field):
                assert bool(redact(text)[1]) is (declared == "identifying"), (kind, field)
        is_told = {"customer": "DisplayName", "item": "Name"}.get(kind, "")
        assert find_identifying(kind, body) == find_identity_number(kind, body) == is_told


@settings(deadline=None, max_examples=50)
@given(st.text(), st.sampled_from(["123-45-6789", "a 12345678", "IOE0912345678", "SSN 123456789"]), st.text())
def test_no_number_leaves_in_any_field_unless_the_document_is_held(before: str, number: str, after: str) -> None:
    for kind, body in bodies(f"{before} {number} {after}"):
        if not find_identifying(kind, body):
            told = [path for path, text in leaves(body) if path != "DocNumber" and MARK not in text and redact(text)[1]]
            assert told == []
            assert find_identity_number(kind, body) == ""


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        (Kind.CUSTOMER, {"DisplayName": "Jane Doe"}, ""),
        (Kind.CUSTOMER, {"DisplayName": "Jane (A12345678)"}, "DisplayName"),
        (Kind.CUSTOMER, {"PrimaryEmailAddr": {"Address": "a12345678@example.org"}}, "PrimaryEmailAddr"),
        (Kind.CUSTOMER, {"PrimaryPhone": {"FreeFormNumber": "123-45-6789"}}, ""),
        (Kind.ITEM, {"Name": "Filing", "Sku": "EAC2190012345"}, "Sku"),
        (Kind.INVOICE, {"DocNumber": "A12345678"}, ""),
        (Kind.INVOICE, {"DocNumber": "1", "BillEmail": {"Address": "x.123-45-6789@example.org"}}, "BillEmail"),
        (Kind.PAYMENT, {"PaymentRefNum": "A12345678"}, ""),
        (Kind.REFUND, {}, ""),
    ],
)
def test_what_identifies_and_carries_a_number_is_named(kind: Kind, body: JsonObject, field: str) -> None:
    assert find_identifying(kind, body) == field


@pytest.mark.parametrize(
    ("kind", "body", "numbers", "field"),
    [
        (Kind.PAYMENT, {"PaymentRefNum": "for A12345678", "PrivateNote": MARK}, (), "PaymentRefNum"),
        (Kind.PAYMENT, {"PaymentRefNum": "for A12345678", "PrivateNote": MARK}, ("A12345678",), ""),
        (Kind.INVOICE, {"DocNumber": "A12345678", "PrivateNote": f"{MARK} x"}, (), ""),
        (Kind.INVOICE, {"PrivateNote": f"{MARK} A12345678"}, (), "PrivateNote"),
        (Kind.INVOICE, {"Line": [{}, {"Description": "SSN 123-45-6789"}]}, (), "Line[].Description"),
        (Kind.CUSTOMER, {"BillAddr": {"Line1": "x", "City": "123-45-6789"}}, (), "BillAddr.City"),
    ],
)
def test_what_was_sent_with_a_number_is_found(
    kind: Kind, body: JsonObject, numbers: tuple[str, ...], field: str
) -> None:
    assert find_identity_number(kind, body, numbers) == field
