"""The mapping utility: export, suggest, import."""

import pytest

from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.mapping.csv_file import Row, RowError, import_rows, read_rows, suggest_rows
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

RUN = Run("mapping", "cli", PARTNER)


@pytest.fixture
def firm(law_firm: LawFirm) -> LawFirm:
    law_firm.activate()
    law_firm.insert(
        "payers", payer_id="P2", kind="corporation", first_name="", last_name="", corporation_name="Acme Corp."
    )
    law_firm.invoice("1", "10.00")
    law_firm.invoice("2", "20.00", payer_id="P2")
    law_firm.sync(["work_list"])
    return law_firm


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


def test_the_likeliest_customer_is_suggested_and_nothing_is_applied(firm: LawFirm) -> None:
    acme = firm.books.create("Customer", {"DisplayName": "ACME Corporation"})["Id"]

    with firm.deployment.open(FIRM, RUN) as session:
        payers = [row for row in suggest_rows(session) if row.kind == "payer"]
        applied = session.mappings.all("payer")

    assert payers == [Row("payer", "P2", "Acme Corp.", acme, "ACME Corporation", "", 86)]
    assert applied == []


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


def test_what_is_inactive_is_neither_taken_nor_suggested(firm: LawFirm) -> None:
    acme = firm.books.create("Customer", {"DisplayName": "ACME Corporation"})["Id"]
    firm.books.do("inactivate", entity="Customer", id=acme)

    with firm.deployment.open(FIRM, RUN) as session:
        errors = import_rows(session, [Row("payer", "P2", "", acme)])
        suggested = [row.billing_id for row in suggest_rows(session) if row.kind == "payer"]

    assert [error.reason for error in errors] == [f"the Customer with Id '{acme}' is inactive in QuickBooks"]
    assert suggested == []


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
