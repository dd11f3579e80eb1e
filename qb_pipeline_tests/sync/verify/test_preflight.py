"""A company is looked at before anything is sent to it (D-13)."""

from datetime import timedelta

import pytest

from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.sync.mapping.csv_file import Row, import_rows
from qb_pipeline.sync.verify.preflight import examine, recall
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

LOOK = {"GET preferences": 1, "GET companyinfo": 1}


def known(law_firm: LawFirm, **settings: str) -> None:
    """An active firm whose customer, item and company are known."""
    law_firm.activate(**settings)
    law_firm.invoice("known", "1.00")
    law_firm.sync()
    law_firm.books.count_anew()


def findings(law_firm: LawFirm) -> list[str]:
    with law_firm.deployment.open(FIRM, Run("pre-flight", "cli", PARTNER), setting_up=True) as session:
        return [str(finding).split(":", 1)[0] for finding in examine(session).findings]


def test_a_company_as_it_should_be_has_no_finding_and_its_fences_are_logged(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")

    report = law_firm.sync()

    [logged] = law_firm.query("select reason, detail from sync.log where activity = 'preflight'")
    assert report.notices == []
    assert logged["detail"] == (
        "fences against duplicates: intent written first, marker, asking before repeating: on, "
        "custom transaction numbers: on, duplicate-number warning: unseen"
    )


def test_settings_to_know_of_are_told_by_every_run_and_stop_none(law_firm: LawFirm) -> None:
    law_firm.books.do(
        "preferences",
        SalesFormsPrefs={"CustomTxnNumbers": False, "AutoApplyCredit": True, "AllowDiscount": False},
        AccountingInfoPrefs={"BookCloseDate": "2020-12-31"},
    )
    law_firm.activate()
    law_firm.invoice("1", "10.00")

    reports = [law_firm.sync(), law_firm.sync()]

    codes = ["CUSTOM_NUMBERS_OFF", "AUTO_APPLY_CREDITS", "BOOKS_CLOSED", "DISCOUNTS_OFF"]
    warnings = [f"warning {code}" for code in codes]
    assert [[notice.split(":")[0] for notice in report.notices] for report in reports] == [warnings, warnings]
    logged = "select reason from sync.log where activity = 'preflight' and reason <> '' order by log_id"
    assert [row["reason"] for row in law_firm.query(logged)] == codes + codes
    assert law_firm.states() == {"1": ("synced", "")}


def test_nothing_is_sent_into_books_of_another_currency_until_that_is_mended(law_firm: LawFirm) -> None:
    law_firm.books.do("preferences", CurrencyPrefs={"HomeCurrency": {"value": "CAD"}})
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.books.count_anew()

    with pytest.raises(
        SetUpError, match=r"one: nothing is sent\. The company keeps its books in CAD, billing writes USD"
    ):
        law_firm.sync()
    sent, states = law_firm.books.writes(), law_firm.states()
    law_firm.books.do("preferences", CurrencyPrefs={"HomeCurrency": {"value": "USD"}})
    law_firm.sync()  # at once, without waiting until the settings are read again anyway

    assert (sent, states) == (0, {"1": ("new", "")})
    assert law_firm.states() == {"1": ("synced", "")}


def test_tax_is_not_sent_to_a_company_without_sales_tax(law_firm: LawFirm) -> None:
    law_firm.books.do("preferences", TaxPrefs={"UsingSalesTax": False, "PartnerTaxEnabled": False})
    law_firm.activate(tax_policy="total")
    law_firm.invoice("1", "10.00")

    with pytest.raises(SetUpError, match=r"set tax_policy=none"):
        law_firm.sync()
    law_firm.deployment.firms.change_settings(FIRM, {"tax_policy": "none"}, actor=PARTNER, now=law_firm.time.now())
    law_firm.sync()

    assert law_firm.states() == {"1": ("synced", "")}


def test_the_settings_are_read_once_an_hour_and_once_more_after_a_refusal(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.sync()
    within_the_hour = law_firm.books.requests()
    law_firm.time.skipped += timedelta(hours=1)
    law_firm.sync()
    after_an_hour = law_firm.books.requests()
    law_firm.books.count_anew()
    law_firm.books.do("close-books", date=str(law_firm.today))
    law_firm.invoice("late", "5.00")
    refusing = law_firm.sync()
    refused = law_firm.books.requests()
    law_firm.books.count_anew()
    looking = law_firm.sync(first=law_firm.today, last=law_firm.today)

    assert (within_the_hour, after_an_hour) == ({}, LOOK | {"POST token": 1})
    assert (refused, refusing.notices) == (LOOK | {"GET cdc": 1, "POST batch": 1}, [])  # what the fault spoke of
    assert (law_firm.books.requests(), [notice.split(":")[0] for notice in looking.notices]) == (
        {},  # they were read after the refusal
        ["warning BOOKS_CLOSED"],
    )


def test_several_currencies_in_the_company_have_ours_written_on_documents(law_firm: LawFirm) -> None:
    law_firm.books.do("preferences", CurrencyPrefs={"MultiCurrencyEnabled": True})
    law_firm.activate()
    law_firm.invoice("1", "10.00")

    law_firm.sync()

    [invoice] = law_firm.books.ours("Invoice")
    assert (law_firm.states(), invoice["CurrencyRef"]["value"]) == ({"1": ("synced", "")}, "USD")


def test_a_mapping_to_what_is_inactive_gone_or_merged_is_found_and_named(law_firm: LawFirm) -> None:
    known(law_firm, income_account="1")
    law_firm.insert("payers", payer_id="P2", first_name="Bo")
    law_firm.invoice("2", "1.00", payer_id="P2")
    law_firm.sync()
    terms, bank = law_firm.books.all("Term")[0]["Id"], law_firm.books.all("PaymentMethod")[0]["Id"]
    with law_firm.deployment.open(FIRM, Run("mapping", "cli", PARTNER)) as session:
        assert import_rows(session, [Row("payment_method", "check", "", bank)]) == []
        customers = session.mappings.links("payer")
    law_firm.books.do("inactivate", entity="PaymentMethod", id=bank)
    law_firm.books.do("merge", loser_id=customers["P2"], survivor_id=customers["P1"])

    with law_firm.deployment.open(FIRM, Run("pre-flight", "cli", PARTNER)) as session:
        found = [finding.sentence for finding in examine(session).findings]

    assert terms
    assert found == [
        "Setting income_account: the Account with Id '1' is of AccountType Bank.",
        f"Mapping of payer P2: QuickBooks has no Customer with Id '{customers['P2']}'.",
        f"Mapping of payment method check: the PaymentMethod with Id '{bank}' is inactive in QuickBooks.",
    ]


def test_a_run_names_the_mapping_over_which_a_document_is_held(law_firm: LawFirm) -> None:
    known(law_firm)
    with law_firm.deployment.open(FIRM, Run("mapping", "cli", PARTNER)) as session:
        customer_id = session.mappings.links("payer")["P1"]
    law_firm.invoice("2", "1.00")
    law_firm.books.switch(inactivate_with_balance="allowed")
    law_firm.books.do("inactivate", entity="Customer", id=customer_id)

    report = law_firm.sync()

    assert law_firm.states()["2"] == ("held", "MAPPING_INACTIVE")
    assert [notice.split(" Make")[0] for notice in report.notices] == [
        f"warning MAPPING_TARGET: Mapping of payer P1: the Customer with Id '{customer_id}' is inactive in QuickBooks."
    ]


def test_what_was_seen_last_can_be_recalled_without_asking(law_firm: LawFirm) -> None:
    law_firm.books.do("preferences", SalesFormsPrefs={"CustomTxnNumbers": False})
    firm = law_firm.activate()
    before = recall(law_firm.ledger, firm)
    assert findings(law_firm) == ["warning CUSTOM_NUMBERS_OFF"]
    law_firm.books.count_anew()

    found = recall(law_firm.ledger, firm)

    assert before is None
    assert found is not None
    assert [fence.state for fence in found.fences] == ["on", "off", "off"]
    assert law_firm.books.requests() == {}


def test_a_scan_does_not_look_and_a_dry_run_looks_once(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.books.count_anew()

    law_firm.sync(["work_list"])
    scanned = law_firm.books.requests()
    law_firm.sync(["work_list", "sync_plan"])
    planned = law_firm.books.requests()

    assert scanned == {}
    assert LOOK.items() <= planned.items()
