"""``reconcile``."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import FIRM, LawFirm


def local_date(law_firm: LawFirm) -> str:
    return str(law_firm.time.now().astimezone(ZoneInfo("America/New_York")).date())


@pytest.mark.slow
def test_differences_are_printed_with_their_classes_and_a_past_day_asks_nothing(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.invoice("2", "50.00")
    law_firm.sync(invoice_ids=["1"])

    now = terminal.json("reconcile", "one")
    law_firm.books.count_anew()
    today = terminal.json("reconcile", "one", "--as-of", local_date(law_firm))

    assert now["reads"] == 1
    assert now["measures"] == today["measures"] == [
        {"measure": "billed", "ours": "150.00", "theirs": "100.00", "difference": "50.00", "explained": "50.00",
         "residual": "0.00"},
        {"measure": "open", "ours": "100.00", "theirs": "100.00", "difference": "0.00", "explained": "0.00",
         "residual": "0.00"},
    ]  # fmt: skip
    day = str(law_firm.today - timedelta(days=1))
    assert now["classes"] == [{"measure": "billed", "class": "new", "documents": 1, "amount": "50.00", "oldest": day}]
    assert law_firm.books.requests() == {}
    assert law_firm.query("select outcome from sync.run where run_id = :id", id=now["run"]) == [{"outcome": "done"}]


def test_a_day_of_which_nothing_is_known_is_bad_usage(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()

    assert "nothing is known" in terminal.run("reconcile", "one", "--as-of", "2020-01-01", code=2).err
    assert "future" in terminal.run("reconcile", "one", "--as-of", "2120-01-01", code=2).err
    assert "no date" in terminal.run("reconcile", "one", "--as-of", "March", code=2).err


def test_what_nothing_explains_ends_with_exit_code_1(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    law_firm.query_change("update sync.document set amount_cents = 9000")

    shown = terminal.run("reconcile", FIRM, "--as-of", local_date(law_firm), code=1)

    assert "NOT EXPLAINED" in shown.out
