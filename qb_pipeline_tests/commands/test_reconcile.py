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
    terminal.run("reconcile", "one")  # the first one reads the company in pages

    now = terminal.json("reconcile", "one")
    law_firm.books.count_anew()
    today = terminal.json("reconcile", "one", "--as-of", local_date(law_firm))

    assert now["reads"] == 1
    assert now["measures"] == today["measures"] == [
        {"measure": "owed", "ours": "150.00", "theirs": "100.00", "difference": "50.00", "explained": "50.00",
         "residual": "0.00"},
        {"measure": "billed", "ours": "150.00", "theirs": "100.00", "difference": "50.00", "explained": "50.00",
         "residual": "0.00"},
        {"measure": "open", "ours": "100.00", "theirs": "100.00", "difference": "0.00", "explained": "0.00",
         "residual": "0.00"},
    ]  # fmt: skip
    day = str(law_firm.today - timedelta(days=1))
    new = {"class": "new", "documents": 1, "amount": "50.00", "oldest": day}
    assert now["classes"] == [{"measure": "owed", **new}, {"measure": "billed", **new}]
    assert law_firm.books.requests() == {}
    assert law_firm.query("select outcome from sync.run where run_id = :id", id=now["run"]) == [{"outcome": "done"}]


def test_money_that_a_bookkeeper_took_off_an_invoice_is_named_held_and_put_back(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    """60.00 paid of 100.00: billing says that 40.00 are open, QuickBooks 100.00, and both documents look synced."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("p1", applied={"1": "60.00"}, reference="cheque 7")
    terminal.run("sync", "one")
    [payment] = law_firm.books.ours("Payment")
    law_firm.books.do("edit", entity="Payment", id=payment["Id"], changes={"Line": []})

    found = terminal.json("reconcile", "one")

    assert {(row["measure"], row["class"], row["amount"]) for row in found["classes"]} == {
        ("owed", "unapplied_there", "-60.00"),
        ("owed", "unapplied_payment", "60.00"),
    }
    owed = "select owed, owed_in_quickbooks from reporting.invoice_owed"
    assert [tuple(row.values()) for row in law_firm.query(owed)] == [(40, 100)]
    terminal.run("sync", "one", code=3)
    assert law_firm.states("payment") == {"p1": ("held", "DRIFT")}
    shown = terminal.run("show", "one", "payment:p1").out
    assert "60.00 was sent, QuickBooks has 0.00" in shown

    terminal.run("resolve", "one", "payment:p1", "--retry", "--yes", "--as", "partner")
    terminal.run("sync", "one")

    assert law_firm.states("payment") == {"p1": ("synced", "")}
    assert [row["Balance"] for row in law_firm.books.ours("Invoice")] == [40]
    assert terminal.json("reconcile", "one")["classes"] == []
    assert [tuple(row.values()) for row in law_firm.query(owed)] == [(40, 40)]


def test_a_day_of_which_nothing_is_known_is_bad_usage(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()

    nobody_looked = terminal.run("reconcile", "one", "--as-of", "2020-01-01", code=2).err
    assert "nothing is known of one as of 2020-01-01: this firm has no records yet" in nobody_looked
    law_firm.sync()
    [row] = law_firm.query("select records_since from sync.firm")
    begin = row["records_since"].astimezone(ZoneInfo("America/New_York"))
    refused = terminal.run("reconcile", "one", "--as-of", "2020-01-01", code=2).err
    assert f"as of 2020-01-01: records of this firm begin {begin:%Y-%m-%d %H:%M}" in " ".join(refused.split())
    assert "future" in terminal.run("reconcile", "one", "--as-of", "2120-01-01", code=2).err
    assert "no date" in terminal.run("reconcile", "one", "--as-of", "March", code=2).err


def test_what_nothing_explains_ends_with_exit_code_1(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    law_firm.query_change("update sync.document set amount_cents = 9000")

    shown = terminal.run("reconcile", FIRM, "--as-of", local_date(law_firm), code=1)

    assert "NOT EXPLAINED" in shown.out
