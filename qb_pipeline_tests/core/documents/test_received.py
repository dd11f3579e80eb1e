"""What a payment of QuickBooks means to billing: pure rules."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_pipeline.core.documents.received import (
    CASH,
    CREDIT,
    OurInvoice,
    Received,
    Standing,
    Verdict,
    choose_method,
    compare_postings,
    external_id,
    judge,
    read_payment,
)

SINCE = datetime(2026, 3, 1, tzinfo=UTC)
PAYMENT: dict[str, Any] = {
    "Id": "7", "SyncToken": "3", "TxnDate": "2026-03-02", "TotalAmt": 100, "UnappliedAmt": 0,
    "MetaData": {"CreateTime": "2026-03-02T09:00:00-08:00"}, "CurrencyRef": {"value": "USD"},
    "PaymentMethodRef": {"value": "2", "name": "Check"}, "PaymentRefNum": "No 1", "PrivateNote": "thanks",
    "Line": [{"Amount": 100, "LinkedTxn": [{"TxnId": "12", "TxnType": "Invoice"}]}],
}  # fmt: skip
RECEIVED = Received(
    "7", 3, "live", date(2026, 3, 2), datetime.fromisoformat("2026-03-02T09:00:00-08:00"), "USD", 10_000, 0,
    {"12": 10_000}, "2", "Check", "No 1", "thanks",
)  # fmt: skip
OURS = {"12": OurInvoice(1, "I1", "P1", is_since=True)}


def line(amount: object, *links: tuple[str, str]) -> dict[str, Any]:
    return {"Amount": amount, "LinkedTxn": [{"TxnId": each, "TxnType": kind} for each, kind in links]}


def ruling(received: Received = RECEIVED, ours: dict[str, OurInvoice] = OURS, **facts: Any) -> Verdict:
    plain: dict[str, Any] = {
        "own_payments": (), "is_anything_unknown": False, "was_posted": False, "currency": "USD", "since": SINCE,
    }  # fmt: skip
    return judge(received, ours, **plain | facts)


def test_a_payment_is_read_with_all_that_billing_needs() -> None:
    assert read_payment(PAYMENT) == RECEIVED


def test_lines_on_one_invoice_add_up_and_credit_is_told_from_cash() -> None:
    lines = [
        line(40, ("12", "Invoice")), line(30, ("12", "Invoice")), line(50, ("9", "Invoice")),
        line(20, ("3", "CreditMemo")), line(10, ("4", "JournalEntry")),
    ]  # fmt: skip
    received = read_payment(PAYMENT | {"TotalAmt": 95, "Line": lines})

    assert (received.links, received.credit_cents, received.unapplied_cents) == ({"9": 5_000, "12": 7_000}, 3_000, 500)
    shares = ruling(received, OURS | {"9": OurInvoice(2, "I2", "P1", is_since=True)}).shares
    assert shares == {("9", CASH): 2_000, ("9", CREDIT): 3_000, ("12", CASH): 7_000}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"TotalAmt": 0, "Line": [], "PrivateNote": "Voided"}, "voided"),
        ({"TotalAmt": 0, "Line": [], "PrivateNote": "Voided - thanks"}, "voided"),
        ({"TotalAmt": 0, "Line": [], "PrivateNote": ""}, "live"),
        ({"PrivateNote": "Voided cheque replaced"}, "live"),
    ],
)
def test_a_void_is_an_amount_of_nothing_and_a_note_that_says_so(changes: dict[str, Any], status: str) -> None:
    assert read_payment(PAYMENT | changes).status == status


def test_a_line_that_pays_several_documents_is_not_guessed_at() -> None:
    received = read_payment(PAYMENT | {"Line": [line(100, ("12", "Invoice"), ("13", "Invoice"))]})

    assert ruling(received) == Verdict(
        "refused", None, "one of its lines pays several documents, and does not say how much each"
    )


@pytest.mark.parametrize(
    ("received", "facts", "verdict"),
    [
        (RECEIVED, {}, Verdict("done", {("12", CASH): 10_000})),
        (replace(RECEIVED, note="qbp1:abc123:one:payment:p1:g1 x"), {}, Verdict("echo", None)),
        (RECEIVED, {"own_payments": {"7"}}, Verdict("echo", None)),
        (replace(RECEIVED, status="deleted"), {}, Verdict("done", {})),
        (
            replace(RECEIVED, currency="EUR"), {},
            Verdict("refused", None, "it is in EUR, and the firm's currency is USD"),
        ),
        (replace(RECEIVED, currency=""), {}, Verdict("done", {("12", CASH): 10_000})),
        (replace(RECEIVED, links={}), {}, Verdict("unapplied", {})),
        (replace(RECEIVED, links={"99": 10_000}), {}, Verdict("not_ours", {})),
        (replace(RECEIVED, links={"99": 10_000}), {"is_anything_unknown": True}, Verdict("waiting", {})),
        (
            replace(RECEIVED, links={"12": 4_000, "99": 6_000}), {"is_anything_unknown": True},
            Verdict("waiting", {("12", CASH): 4_000}),
        ),
        (RECEIVED, {"is_anything_unknown": True}, Verdict("done", {("12", CASH): 10_000})),
    ],
)  # fmt: skip
def test_what_a_payment_is_to_us(received: Received, facts: dict[str, Any], verdict: Verdict) -> None:
    assert ruling(received, **facts) == verdict


@pytest.mark.parametrize(
    ("is_since", "was_posted", "state"), [(False, False, "older"), (True, False, "done"), (False, True, "done")]
)
def test_an_old_payment_counts_on_a_new_invoice_and_where_it_was_posted_before(
    is_since: bool, was_posted: bool, state: str
) -> None:
    old = replace(RECEIVED, created_at=datetime(2026, 2, 1, tzinfo=UTC))
    invoice = OurInvoice(1, "I1", "P1", is_since=is_since)

    assert ruling(old, {"12": invoice}, was_posted=was_posted).state == state


@pytest.mark.parametrize(
    ("name", "mapped", "method"),
    [
        ("Check", {}, "check"), (" CHEQUE ", {}, "check"), ("Visa", {}, "card"), ("ACH", {}, "echeck"),
        ("Wire transfer", {}, "wire"), ("Barter", {}, "other"), ("", {}, "other"), ("Check", {"2": "cash"}, "cash"),
    ],
)  # fmt: skip
def test_a_method_is_what_the_firm_mapped_else_what_its_name_says(
    name: str, mapped: dict[str, str], method: str
) -> None:
    assert choose_method(replace(RECEIVED, method_name=name), mapped) == method


def test_an_external_id_names_company_payment_invoice_and_revision() -> None:
    assert external_id("9130", "7", "12", 3) == "qbo:9130:7:12:r3"


# Whatever stands, comparing makes it what is meant, and then there is nothing left to do.

KEYS = st.tuples(st.sampled_from(["12", "13", "14"]), st.sampled_from([CASH, CREDIT]))
SHARES = st.dictionaries(KEYS, st.integers(1, 5))
POSTINGS = st.lists(
    st.builds(
        lambda key, cents, day, reference: Standing(0, *key, cents, date(2026, 3, day), "2", reference),
        KEYS, st.integers(1, 5), st.sampled_from([2, 3]), st.sampled_from(["No 1", "No 2"]),
    )
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(SHARES, POSTINGS)
def test_after_a_correction_billing_holds_what_is_meant(
    shares: dict[tuple[str, str], int], postings: list[Standing]
) -> None:
    standing = [posting._replace(posting_id=number) for number, posting in enumerate(postings)]

    differences = compare_postings(RECEIVED, shares, standing)

    reversed_ids = {posting.posting_id for posting in differences.reversed}
    after = [posting for posting in standing if posting.posting_id not in reversed_ids]
    after += [Standing(-1, *added, RECEIVED.payment_date, "2", "No 1") for added in differences.added]
    assert Counter(
        {(posting.quickbooks_invoice_id, posting.kind): posting.amount_cents for posting in after}
    ) == Counter(shares)
    assert len(after) == len(shares)
    assert compare_postings(RECEIVED, shares, after) == ([], [])
