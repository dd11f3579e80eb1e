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
