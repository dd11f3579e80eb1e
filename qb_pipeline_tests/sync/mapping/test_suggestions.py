"""Suggestions with what a person needs to judge them; nothing is applied, and few requests are made."""

from decimal import Decimal
from typing import Any

from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.mapping.csv_file import Row, import_rows
from qb_pipeline.sync.mapping.suggestions import Suggested, find_last_invoices, suggest_rows
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

RUN = Run("mapping", "cli", PARTNER)


def maria(firm: LawFirm, name: str, **more: Any) -> str:
    """A customer who is called Maria Garcia; her name in the list is another one."""
    body = {"DisplayName": name, "GivenName": "Maria", "FamilyName": "Garcia", **more}
    return str(firm.books.create("Customer", body)["Id"])


def bill(firm: LawFirm, customer_id: str, number: str, day: str, amount: int) -> None:
    line = {
        "Amount": amount, "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": firm.item_id}},
    }  # fmt: skip
    firm.books.create(
        "Invoice", {"CustomerRef": {"value": customer_id}, "DocNumber": number, "TxnDate": day, "Line": [line]}
    )


def suggested(firm: LawFirm, payer_id: str) -> list[Suggested]:
    with firm.deployment.open(FIRM, RUN) as session:
        return [row for row in suggest_rows(session) if (row.kind, row.billing_id) == ("payer", payer_id)]


def test_the_likeliest_customer_is_suggested_and_nothing_is_applied(firm: LawFirm) -> None:
    acme = firm.books.create("Customer", {"DisplayName": "ACME Corporation"})["Id"]

    with firm.deployment.open(FIRM, RUN) as session:
        payers = [row for row in suggest_rows(session) if row.kind == "payer"]
        applied = session.mappings.all("payer")

    assert payers == [
        Suggested(
            "payer", "P2", "Acme Corp.", acme, "ACME Corporation", 94, "same name; legal form: corporation for corp",
            open_balance=Decimal(0),
        )
    ]  # fmt: skip
    assert applied == []


def test_all_equal_candidates_are_shown_with_what_tells_them_apart(firm: LawFirm) -> None:
    firm.insert("payers", payer_id="P3", first_name="Maria", last_name="García")
    firm.invoice("3", "30.00", payer_id="P3")
    firm.sync(["work_list"])
    where = {"PrimaryEmailAddr": {"Address": "maria@example.com"}, "BillAddr": {"City": "Fresno"}}
    ids = [maria(firm, f"Maria Garcia {number}", **(where if number == 1 else {})) for number in range(1, 6)]
    bill(firm, ids[0], "A-1", "2026-01-05", 100)
    bill(firm, ids[0], "A-2", "2026-02-05", 50)
    bill(firm, ids[1], "B-1", "2025-12-31", 7)

    found = suggested(firm, "P3")

    assert [(row.quickbooks_id, row.score, row.why) for row in found] == [
        (each, 93, "accents: Garcia for García") for each in ids
    ]
    assert [(row.email, row.city, row.open_balance, row.last_invoice) for row in found[:3]] == [
        ("maria@example.com", "Fresno", Decimal(150), "A-2 2026-02-05"),
        ("", "", Decimal(7), "B-1 2025-12-31"),
        ("", "", Decimal(0), ""),
    ]


def test_a_customer_of_another_payer_is_marked_and_comes_last(firm: LawFirm) -> None:
    firm.insert("payers", payer_id="P3", first_name="Maria", last_name="Garcia")
    firm.insert("payers", payer_id="P4", first_name="Mary", last_name="Garcia")
    firm.invoice("3", "30.00", payer_id="P3")
    firm.invoice("4", "40.00", payer_id="P4")
    firm.sync(["work_list"])
    theirs, free = maria(firm, "Maria Garcia"), maria(firm, "Mrs. Garcia", GivenName="Mari")
    with firm.deployment.open(FIRM, RUN) as session:
        assert import_rows(session, [Row("payer", "P3", "", theirs)]) == []

    found = suggested(firm, "P4")

    assert [(row.quickbooks_id, row.taken_by) for row in found] == [(free, ""), (theirs, "P3 Maria Garcia")]


def test_what_is_inactive_is_not_suggested(firm: LawFirm) -> None:
    acme = firm.books.create("Customer", {"DisplayName": "ACME Corporation"})["Id"]
    firm.books.do("inactivate", entity="Customer", id=acme)

    assert suggested(firm, "P2") == []


def test_last_invoices_of_all_customers_cost_one_read(firm: LawFirm) -> None:
    for number in range(3):
        firm.insert("payers", payer_id=f"M{number}", first_name="Maria", last_name="García")
        firm.invoice(f"m{number}", "30.00", payer_id=f"M{number}")
        bill(firm, maria(firm, f"Maria Garcia {number}"), f"A-{number}", "2026-01-05", 100)
    firm.sync(["work_list"])
    firm.books.count_anew()

    with firm.deployment.open(FIRM, RUN) as session:
        rows = suggest_rows(session)

    kinds = {"Item", "PaymentMethod", "Account", "TaxCode"}
    assert firm.books.requests() == {"POST query": len(["Customer", "Invoice"]) + len(kinds)}
    assert {row.last_invoice for row in rows if row.kind == "payer"} == {f"A-{n} 2026-01-05" for n in range(3)}


def test_what_one_answer_cannot_hold_is_asked_for_again(firm: LawFirm) -> None:
    first, second, third = (maria(firm, f"Maria Garcia {number}") for number in range(3))
    for number in range(2):
        bill(firm, first, f"A-{number}", f"2026-02-0{number + 1}", 100)
    bill(firm, second, "B-1", "2026-01-05", 100)

    with firm.deployment.open(FIRM, RUN) as session:
        found = dict(find_last_invoices(session, [first, second, third], page=2))

    assert found == {first: "A-1 2026-02-02", second: "B-1 2026-01-05"}


def test_where_quickbooks_does_not_say_the_last_invoice_the_rest_is_shown(firm: LawFirm) -> None:
    acme = firm.books.create("Customer", {"DisplayName": "ACME Corporation"})["Id"]
    firm.books.fault({"what": "refused", "code": "4001", "match": {"endpoint": "query", "nth": 2}})

    assert [(row.quickbooks_id, row.last_invoice) for row in suggested(firm, "P2")] == [(acme, "not known")]


def test_nothing_of_a_client_goes_into_the_ledger(firm: LawFirm) -> None:
    maria(firm, "Maria Garcia", PrimaryEmailAddr={"Address": "maria@example.com"})
    firm.insert("payers", payer_id="P3", first_name="Mary", last_name="Garcia")
    firm.invoice("3", "30.00", payer_id="P3")
    firm.sync(["work_list"])

    assert suggested(firm, "P3")

    ledger = firm.whole_ledger()
    assert "Garcia" not in ledger
    assert "maria@example.com" not in ledger
