"""The mapping utility: export, suggest, import."""

import pytest

from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.mapping.csv_file import Row, RowError, import_rows, read_rows
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

RUN = Run("mapping", "cli", PARTNER)


def test_everything_that_can_be_mapped_is_read_with_its_mapping(firm: LawFirm) -> None:
    firm.sync()

    with firm.deployment.open(FIRM, RUN) as session:
        rows = [row for row in read_rows(session) if row.kind in ("payer", "fee_item")]

    customers = {row["DisplayName"]: row["Id"] for row in firm.books.all("Customer")}
    assert rows == [
        Row("payer", "P1", "Ana Diaz", customers["Ana Diaz"], "Ana Diaz", "created"),
        Row("payer", "P2", "Acme Corp."),  # a corporation without billing person is not created
        Row("fee_item", "F1", "Consultation", firm.item_id, "Consultation", "matched"),
    ]


def test_an_imported_mapping_decides_and_its_invoice_goes_to_that_customer(firm: LawFirm) -> None:
    acme = firm.books.create("Customer", {"DisplayName": "ACME Corporation"})["Id"]

    with firm.deployment.open(FIRM, RUN) as session:
        errors = import_rows(session, [Row("payer", "P2", "", acme), Row("payer", "P1", "")])
    firm.sync()

    billed = {row["DocNumber"]: row["CustomerRef"]["value"] for row in firm.books.ours("Invoice")}
    assert errors == []
    assert billed["N-2"] == acme


def test_one_bad_row_and_nothing_is_stored(firm: LawFirm) -> None:
    acme = firm.books.create("Customer", {"DisplayName": "ACME Corporation"})["Id"]

    with firm.deployment.open(FIRM, RUN) as session:
        errors = import_rows(
            session,
            [
                Row("payer", "P2", "", acme),
                Row("payer", "nobody", "", acme),
                Row("payer", "P1", "", "99999"),
                Row("payer", "P2", "", acme),
                Row("plant", "P1", "", acme),
            ],
        )
        stored = session.mappings.all("payer")

    assert [(error.line, error.reason) for error in errors] == [
        (3, "billing has no payer 'nobody'"),
        (4, "QuickBooks has no Customer with Id '99999'"),
        (5, "payer P2 stands in line 2 too"),
        (6, "no kind 'plant'"),
    ]
    assert all(isinstance(error, RowError) and error.remedy for error in errors)
    assert stored == []


def test_only_bank_and_current_asset_accounts_take_deposits(firm: LawFirm) -> None:
    income = next(row["Id"] for row in firm.books.all("Account") if row["Name"] == "Legal Fees")

    with firm.deployment.open(FIRM, RUN) as session:
        errors = import_rows(session, [Row("deposit_account", "check", "", income)])

    assert errors == [
        RowError(
            2,
            f"the Account with Id '{income}' is of AccountType Income",
            "Take one of AccountType Bank or Other Current Asset.",
        )
    ]


def test_what_is_inactive_is_not_taken(firm: LawFirm) -> None:
    acme = firm.books.create("Customer", {"DisplayName": "ACME Corporation"})["Id"]
    firm.books.do("inactivate", entity="Customer", id=acme)

    with firm.deployment.open(FIRM, RUN) as session:
        errors = import_rows(session, [Row("payer", "P2", "", acme)])

    assert [error.reason for error in errors] == [f"the Customer with Id '{acme}' is inactive in QuickBooks"]


def test_every_kind_of_mapping_reaches_quickbooks(firm: LawFirm) -> None:
    firm.deployment.firms.change_settings(FIRM, {"tax_policy": "total"}, actor=PARTNER, now=firm.time.now())
    firm.insert("fee_items", fee_item_id="F2", name="Filing", code="FIL")
    lines = [{"fee_item_id": "F2", "amount": "50.00", "is_taxable": True}]
    firm.invoice("3", lines=lines, terms="thirty days", payer_id="P2")
    firm.payment("p3", applied={"3": "20.00"}, payer_id="P2", method="wire")
    firm.sync(["work_list"])
    acme = firm.books.create("Customer", {"DisplayName": "ACME Corporation"})["Id"]
    ids = {
        (entity, row["Name"]): row["Id"]
        for entity in ("Term", "PaymentMethod", "TaxCode", "Item")
        for row in firm.books.all(entity)
    }
    bank = next(row["Id"] for row in firm.books.all("Account") if row["AccountType"] == "Bank")
    term, method, tax = ids["Term", "Net 30"], ids["PaymentMethod", "Check"], ids["TaxCode", "NON"]

    with firm.deployment.open(FIRM, RUN) as session:
        errors = import_rows(
            session,
            [
                Row("payer", "P2", "", acme),
                Row("fee_item", "F2", "", firm.item_id),
                Row("terms", "thirty days", "", term),
                Row("payment_method", "wire", "", method),
                Row("deposit_account", "wire", "", bank),
                Row("tax_code", "TAX", "", tax),
            ],
        )
    firm.sync()

    invoice = next(row for row in firm.books.ours("Invoice") if row["DocNumber"] == "N-3")
    [payment] = firm.books.ours("Payment")
    [line] = [row for row in invoice["Line"] if row["DetailType"] == "SalesItemLineDetail"]
    assert errors == []
    assert [
        invoice["CustomerRef"]["value"], line["SalesItemLineDetail"]["ItemRef"]["value"],
        invoice["SalesTermRef"]["value"], line["SalesItemLineDetail"]["TaxCodeRef"]["value"],
        payment["PaymentMethodRef"]["value"], payment["DepositToAccountRef"]["value"],
    ] == [acme, firm.item_id, term, tax, method, bank]  # fmt: skip


def test_a_connected_firm_may_map_before_it_is_active(law_firm: LawFirm) -> None:
    law_firm.activate()
    with law_firm.ledger.begin() as connection:
        connection.exec_driver_sql("update sync.firm set activated_at = null")

    with law_firm.deployment.open(FIRM, RUN, setting_up=True) as session:
        kinds = {row.kind for row in read_rows(session)}

    assert kinds == {"fee_item", "payment_method", "deposit_account", "tax_code"}


@pytest.fixture
def asked(firm: LawFirm) -> LawFirm:
    """P1 may be a customer, and so may P3; both are held for it."""
    firm.insert("payers", payer_id="P3", first_name="Robert", last_name="Moe")
    firm.invoice("3", "30.00", payer_id="P3")
    for customer in ("Elisabeth Doe", "Rob Moe"):
        given, family = customer.split()
        address = {"Address": f"{family.lower()}@mail.example"}
        changes = {"DisplayName": customer, "GivenName": given, "FamilyName": family, "PrimaryEmailAddr": address}
        firm.books.do("edit", entity="Customer", changes=changes)
    firm.change(
        "update payers set first_name = 'Elizabeth', last_name = 'Doe', email = 'doe@mail.example' "
        "where payer_id = 'P1'"
    )
    firm.change("update payers set email = 'moe@mail.example' where payer_id = 'P3'")
    firm.sync()
    assert {firm.states()[invoice] for invoice in ("1", "3")} == {("held", "LIKE_CUSTOMER")}
    return firm


def test_a_file_answers_for_payers_with_an_id_or_the_word_new_and_one_sync_sends(asked: LawFirm) -> None:
    ids = {row["DisplayName"]: row["Id"] for row in asked.books.all("Customer")}

    with asked.deployment.open(FIRM, RUN) as session:
        errors = import_rows(session, [Row("payer", "P1", "", ids["Elisabeth Doe"]), Row("payer", "P3", "", "New")])
    asked.sync()
    sends = asked.sends()
    asked.sync()

    assert errors == []
    assert {invoice: asked.states()[invoice] for invoice in ("1", "3")} == {"1": ("synced", ""), "3": ("synced", "")}
    customers = {row["DisplayName"]: row["Id"] for row in asked.books.all("Customer")}
    assert sorted(customers) == ["Elisabeth Doe", "Rob Moe", "Robert Moe"]
    billed = {row["DocNumber"]: row["CustomerRef"]["value"] for row in asked.books.ours("Invoice")}
    assert billed == {"N-1": ids["Elisabeth Doe"], "N-3": customers["Robert Moe"]}
    assert asked.sends() == sends
    assert asked.query("select source_id, quickbooks_id, answer, answered_by from sync.duplicate_answer") == [
        {"source_id": "P3", "quickbooks_id": ids["Rob Moe"], "answer": "new", "answered_by": PARTNER}
    ]


def test_one_bad_answer_and_nothing_of_the_file_is_stored(asked: LawFirm) -> None:
    theirs = asked.books.create("Customer", {"DisplayName": "Bo Lee"})["Id"]
    asked.insert("payers", payer_id="P4", first_name="Bo", last_name="Lee")
    asked.invoice("4", "30.00", payer_id="P4")
    asked.insert("payers", payer_id="P5", first_name="Only", last_name=None)
    asked.invoice("5", "30.00", payer_id="P5")
    asked.sync()
    gone, heir = (asked.books.create("Customer", {"DisplayName": name})["Id"] for name in ("Gone", "Heir"))
    asked.books.do("merge", loser_id=gone, survivor_id=heir)

    with asked.deployment.open(FIRM, RUN) as session:
        errors = import_rows(
            session,
            [
                Row("payer", "P1", "", "new"),
                Row("payer", "P3", "", gone),
                Row("payer", "P4", "", "new"),
                Row("payer", "P5", "", "new"),
                Row("payer", "P9", "", "new"),
                Row("fee_item", "F1", "", "new"),
                Row("payer", "P1", "", theirs),
            ],
        )

    assert [(error.line, error.reason) for error in errors] == [
        (3, f"QuickBooks has no Customer with Id '{gone}'"),
        (4, f"payer P4 is the Customer with Id '{theirs}' already"),
        (5, "payer P5 is held MISSING_NAME, for which new is no answer"),
        (6, "billing has no payer 'P9'"),
        (7, "a fee_item cannot be new"),
        (8, "payer P1 stands in line 2 too"),
    ]
    assert all(error.remedy for error in errors)
    assert asked.query("select * from sync.duplicate_answer") == []
    assert asked.query("select source_id from sync.mapping where origin = 'person'") == []
    assert asked.states()["1"] == ("held", "LIKE_CUSTOMER")


def test_the_word_new_is_no_answer_where_the_firm_creates_no_customers(asked: LawFirm) -> None:
    asked.deployment.firms.change_settings(FIRM, {"unmatched_payer": "hold"}, actor=PARTNER, now=asked.time.now())

    with asked.deployment.open(FIRM, RUN) as session:
        errors = import_rows(session, [Row("payer", "P1", "", "new")])

    assert errors == [
        RowError(
            2,
            "payer P1 is held UNMATCHED_PAYER, for which new is no answer",
            "Map the payer, or set unmatched_payer=create.",
        )
    ]
