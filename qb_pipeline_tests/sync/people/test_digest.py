"""How a firm stands on a morning."""

from datetime import timedelta
from decimal import Decimal

from qb_pipeline.core.alerts import FirmDay, Held
from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.sync.people.digest import read_day
from qb_pipeline_tests.law_firm import LawFirm


def test_what_is_held_and_when_the_connection_ends_without_asking_quickbooks(law_firm: LawFirm) -> None:
    firm = law_firm.activate()
    law_firm.invoice("1", total_amount="5.00")
    law_firm.invoice("2", total_amount="7.00")
    law_firm.sync()
    law_firm.books.count_anew()

    found = read_day(law_firm.deployment, firm, ["a-run"])

    no_lines = Held("invoice", "NO_LINES", 2, Decimal("12.00"), PROBLEMS[Problem.NO_LINES].remedy)
    ends = (law_firm.time.now() + timedelta(days=100)).date()
    assert found == FirmDay("one", "active", "", (no_lines,), ("a-run",), ends)
    assert law_firm.books.statistics()["requests"] == 0


def test_tokens_that_cannot_be_opened_have_ended(law_firm: LawFirm) -> None:
    firm = law_firm.activate()
    law_firm.deployment.keys = ["another key"]

    assert read_day(law_firm.deployment, firm, []).connection_ends == law_firm.today


def test_an_invoice_that_quickbooks_pays_from_money_of_others_is_said_by_the_run_and_in_the_digest(
    law_firm: LawFirm,
) -> None:
    firm = law_firm.activate()
    law_firm.books.do("preferences", SalesFormsPrefs={"AutoApplyCredit": True})
    customer = law_firm.books.create("Customer", {"DisplayName": "Ana Diaz", "GivenName": "Ana", "FamilyName": "Diaz"})
    law_firm.books.create("Payment", {"CustomerRef": {"value": customer["Id"]}, "TotalAmt": 40})
    law_firm.invoice("1", "100.00")

    report = law_firm.sync()

    assert "1 new invoices were paid by QuickBooks at once (PAID_AT_ONCE)" in report.notices
    said = "QuickBooks has paid 40.00 of 100.00 by itself, from money that others entered: compare with billing"
    assert law_firm.query("select detail from sync.log where reason = 'PAID_AT_ONCE'") == [{"detail": said}]
    assert read_day(law_firm.deployment, firm, []).paid_at_once == ("invoice:1",)
    law_firm.time.sleep(25 * 3600)
    assert read_day(law_firm.deployment, firm, []).paid_at_once == ()
