from decimal import Decimal
from typing import Any

import pytest

from qb_pipeline.core.documents.matters import CLASSED
from qb_pipeline.core.money import dumps, loads
from qb_pipeline.core.planning.plan import Field, carry_lines, choose_operation, compare, update_body
from qb_pipeline_tests.core.documents.test_payloads import build
from qb_pipeline_tests.core.rows import fee


@pytest.mark.parametrize(
    ("state", "fingerprint", "sent", "billing_status", "operation"),
    [
        ("new", "a", "", "issued", "create"),
        ("waiting", "a", "", "issued", "create"),
        ("held", "a", "", "issued", "create"),
        ("refused", "a", "", "issued", "create"),
        ("synced", "a", "a", "issued", "skip"),
        ("revised", "a", "a", "issued", "skip"),
        ("revised", "b", "a", "issued", "update"),
        ("held", "b", "a", "issued", "update"),
        ("refused", "b", "a", "completed", "update"),
        ("new", "", "", "void", "close"),
        ("held", "", "", "void", "close"),
        ("void_pending", "", "a", "void", "void"),
        ("synced", "a", "a", "void", "void"),
        ("held", "", "a", "void", "void"),
        ("voided", "", "a", "void", "skip"),
        ("voided", "b", "a", "issued", "skip"),
        ("closed", "b", "", "issued", "skip"),
        ("closed", "", "", "void", "skip"),
        ("sending", "b", "a", "issued", "skip"),
        ("sending", "", "a", "void", "skip"),
        ("unknown", "b", "", "issued", "skip"),
    ],
)
def test_an_operation_follows_from_content_and_never_from_time(
    state: str, fingerprint: str, sent: str, billing_status: str, operation: str
) -> None:
    quickbooks_id = "130" if sent else ""

    assert choose_operation(state, fingerprint, sent, billing_status, quickbooks_id=quickbooks_id) == operation


@pytest.mark.parametrize(("billing_status", "operation"), [("issued", "update"), ("void", "void")])
def test_what_may_not_stand_in_quickbooks_any_more_is_looked_at_and_never_created(
    billing_status: str, operation: str
) -> None:
    assert choose_operation("revised", "a", "", billing_status, quickbooks_id="130") == operation


def a_body() -> dict[str, Any]:
    return build(
        {"customer_message": "Thank you", "total_cents": 24_000},
        fee(25_000, "2.5", "100", description="Petition"),
        {"kind": "note", "description": "Filed"},
        {"kind": "discount", "amount_cents": -1_000},
    ).body


def as_quickbooks_returns(body: dict[str, Any]) -> dict[str, Any]:
    """The same invoice with all that QuickBooks adds and writes its own way."""
    remote = loads(dumps(body))
    remote |= {"Id": "130", "SyncToken": "3", "TotalAmt": 240, "Balance": Decimal("240.0"), "BillAddr": {"Line1": "x"}}
    remote["CustomerRef"]["name"] = "Jane Doe"
    remote["TxnTaxDetail"] = {"TotalTax": 0}
    sales, note, discount = remote["Line"]
    sales |= {"Id": "1", "LineNum": 1, "DetailType": "SALES_ITEM_LINE_DETAIL", "Amount": 250}
    sales["SalesItemLineDetail"]["ItemRef"]["name"] = "Petitions"
    discount["DiscountLineDetail"] = {"DiscountAccountRef": {"value": "86"}}
    subtotal = {"DetailType": "SubTotalLineDetail", "Amount": 250, "SubTotalLineDetail": {}}
    remote["Line"] = [sales, note, subtotal, discount]
    return remote  # type: ignore[no-any-return]


def test_what_quickbooks_adds_is_no_difference() -> None:
    assert compare(a_body(), as_quickbooks_returns(a_body())) == []


def test_an_update_is_compared_like_the_document() -> None:
    body = update_body(a_body(), quickbooks_id="130", sync_token="2")

    assert compare(body, as_quickbooks_returns(a_body())) == []


@pytest.mark.parametrize(
    ("change", "differences"),
    [
        (
            {"CustomerRef": {"value": "59", "name": "Other"}},
            [Field("CustomerRef.value", "58", "59", "billing")],
        ),
        ({"DocNumber": "INV-9"}, [Field("DocNumber", "INV-1", "INV-9", "billing")]),
        ({"TxnDate": "2026-03-02"}, [Field("TxnDate", "2026-03-01", "2026-03-02", "billing")]),
        ({"CustomerMemo": {"value": "Hi"}}, [Field("CustomerMemo.value", "Thank you", "Hi", "quickbooks")]),
        ({"CustomerMemo": None}, [Field("CustomerMemo.value", "Thank you", "", "quickbooks")]),
        ({"EmailStatus": "EmailSent"}, [Field("EmailStatus", "NotSet", "EmailSent", "quickbooks")]),
        ({"ClassRef": {"value": "1"}, "PrintStatus": "NeedToPrint"}, []),
        (
            {"TxnTaxDetail": {"TotalTax": Decimal("1.50")}},
            [Field("TxnTaxDetail.TotalTax", "", "1.50", "billing")],
        ),
    ],
)
def test_a_persons_change_is_found_with_its_owner(change: dict[str, Any], differences: list[Field]) -> None:
    assert compare(a_body(), {**as_quickbooks_returns(a_body()), **change}) == differences


def test_changes_of_lines_are_found_line_by_line() -> None:
    remote = as_quickbooks_returns(a_body())
    sales = remote["Line"][0]
    sales["Amount"] = Decimal("200.00")
    sales["SalesItemLineDetail"]["Qty"] = 2
    sales["SalesItemLineDetail"]["ItemRef"]["value"] = "99"
    remote["Line"].append({"DetailType": "SalesItemLineDetail", "Amount": 5, "SalesItemLineDetail": {}})

    assert compare(a_body(), remote) == [
        Field("Line[1].Amount", "250.00", "200.00", "billing"),
        Field("Line[1].SalesItemLineDetail.ItemRef.value", "21", "99", "billing"),
        Field("Line[1].SalesItemLineDetail.Qty", "2.5", "2", "billing"),
        Field("Line[4]", "", "5", "billing"),
    ]


def test_a_line_that_a_person_removed_is_found() -> None:
    remote = as_quickbooks_returns(a_body())
    del remote["Line"][3]

    assert compare(a_body(), remote) == [Field("Line[3]", "10.00", "", "billing")]


def test_an_unapplied_payment_is_found() -> None:
    body = {
        "TotalAmt": Decimal("10.00"),
        "Line": [{"Amount": Decimal("10.00"), "LinkedTxn": [{"TxnId": "130", "TxnType": "Invoice"}]}],
    }
    moved = {
        "TotalAmt": 10,
        "Line": [{"Amount": 10, "LinkedTxn": [{"TxnId": "131", "TxnType": "Invoice"}], "LineEx": {}}],
    }

    assert compare(body, {"TotalAmt": 10, "Line": []}) == [Field("Line[1]", "10.00", "", "billing")]
    assert compare(body, moved) == [Field("Line[1].LinkedTxn[1].TxnId", "130", "131", "billing")]


def test_an_update_leaves_alone_what_the_bookkeeper_owns() -> None:
    body = a_body()

    assert update_body(body, quickbooks_id="130", sync_token="2") == {
        "Id": "130",
        "SyncToken": "2",
        "sparse": True,
        "DocNumber": "INV-1",
        "TxnDate": "2026-03-01",
        "CustomerRef": {"value": "58"},
        "Line": body["Line"],
    }


def classed(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines as QuickBooks returns them, the first with a class."""
    lines: list[dict[str, Any]] = as_quickbooks_returns(body)["Line"]
    lines[0]["SalesItemLineDetail"]["ClassRef"] = {"value": "7"}
    return lines


def test_lines_that_change_keep_their_ids_and_what_the_bookkeeper_set() -> None:
    ours = a_body()["Line"]
    expected = loads(dumps(ours))
    expected[0] |= {"Id": "1"}
    expected[0]["SalesItemLineDetail"]["ClassRef"] = {"value": "7"}
    expected[2]["DiscountLineDetail"]["DiscountAccountRef"] = {"value": "86"}

    carried = carry_lines(ours, classed(a_body()))

    assert loads(dumps(carried)) == expected
    assert compare({"Line": carried}, as_quickbooks_returns(a_body())) == []


def test_a_line_with_a_class_to_which_nothing_corresponds_keeps_the_lines_from_being_sent() -> None:
    sales, note, discount = a_body()["Line"]
    theirs = classed(a_body())

    assert carry_lines([note, sales, discount], theirs) is None
    assert carry_lines([], theirs) is None
    assert carry_lines([{**sales, "Description": "Other"}, note], theirs) is None
    assert carry_lines([sales, note], theirs) is not None


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_quickbooks_may_write_line_breaks_in_its_own_way(end: str) -> None:
    texts = fee(1, description="a\nb"), {"kind": "note", "description": "c\nd"}
    body = build({"customer_message": "a\nb"}, *texts).body
    theirs = loads(dumps(body))
    for number, line in enumerate(theirs["Line"], start=1):
        line |= {"Id": str(number), "Description": line["Description"].replace("\n", end)}
    theirs["CustomerMemo"]["value"] = f"a{end}b"

    assert compare(body, theirs) == []
    # With a line more, lines correspond by their texts.
    carried = carry_lines([*body["Line"], body["Line"][1]], theirs["Line"])
    assert [line.get("Id") for line in carried or ()] == ["1", "2", None]

    theirs["Line"][0]["Description"] = "a b"
    assert [field.name for field in compare(body, theirs)] == ["Line[1].Description"]


def of_matter(lines: list[dict[str, Any]], class_id: str) -> list[dict[str, Any]]:
    """The lines with a class on each that can have one."""
    lines = loads(dumps(lines))
    for line in lines:
        for detail in (line[kind] for kind in CLASSED if kind in line):
            detail["ClassRef"] = {"value": class_id}
    return lines


def classes(lines: list[dict[str, Any]] | None) -> list[str] | None:
    details = [next((line[kind] for kind in CLASSED if kind in line), {}) for line in lines or ()]
    return None if lines is None else [detail.get("ClassRef", {}).get("value", "") for detail in details]


def test_the_class_of_a_line_that_is_there_is_the_bookkeeper_s() -> None:
    ours = of_matter(a_body()["Line"], "5")

    assert classes(carry_lines(ours, of_matter(as_quickbooks_returns(a_body())["Line"], "9"))) == ["9", "", "9"]
    assert classes(carry_lines(ours, as_quickbooks_returns(a_body())["Line"])) == ["", "", ""]
    assert classes(carry_lines(ours, classed(a_body()))) == ["7", "", ""]
    assert compare({"Line": ours}, as_quickbooks_returns(a_body())) == []


def test_lines_that_come_and_go_have_the_class_that_all_others_have_else_that_of_the_matter() -> None:
    sales, note, discount = a_body()["Line"]
    new = {**sales, "Description": "New"}
    theirs = as_quickbooks_returns(a_body())["Line"]

    def carried(lines: list[dict[str, Any]], there: list[dict[str, Any]]) -> list[str] | None:
        return classes(carry_lines(of_matter(lines, "5"), there))

    assert carried([sales, note, discount, new], of_matter(theirs, "9")) == ["9", "", "9", "9"]
    assert carried([sales, note, discount, new], theirs) == ["", "", "", ""]
    assert carried([sales, note, discount, new], classed(a_body())) == ["7", "", "", "5"]
    assert carried([sales], of_matter(theirs, "9")) == ["9"]
    assert carried([new], classed(a_body())) is None  # the bookkeeper's own class would be lost


def test_a_customer_that_was_renamed_in_quickbooks_is_not_renamed_back() -> None:
    body = {"DisplayName": "Jane Doe", "GivenName": "Jane", "Notes": "marker"}

    assert update_body(body, quickbooks_id="58", sync_token="0") == {
        "Id": "58",
        "SyncToken": "0",
        "sparse": True,
        "GivenName": "Jane",
    }
    assert compare(body, {"DisplayName": "Doe, Jane", "GivenName": "Jane", "Notes": "marker"}) == [
        Field("DisplayName", "Jane Doe", "Doe, Jane", "quickbooks")
    ]
