"""``pull`` and ``webhook``, and where a recent payment shows."""

import re
import signal
import time
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import requests

from qb_pipeline.ledger.books.pulls import asked_at
from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.received import in_billing, pull, receive, set_up


@pytest.mark.slow
def test_payments_are_fetched_and_posted_now_in_a_dagster_run(law_firm: LawFirm, terminal: Terminal) -> None:
    [invoice] = set_up(law_firm, "100.00")
    payment = receive(law_firm, {"id": invoice, "amount": "60.00"})

    outcome = terminal.json("pull", "one")
    again = terminal.run("pull", "one")

    assert in_billing(law_firm) == {(payment, invoice): Decimal("60.00")}
    assert len(outcome.pop("runs")) == 1
    assert outcome == {
        "firm": "one", "failed": [], "changed": 1, "posted": [{"kind": "payment", "rows": 1, "amount": "60.00"}],
        "states": [{"state": "done", "payments": 1, "unapplied": "0.00"}], "troubles": [], "reads": 2,
    }  # fmt: skip
    assert again.out.splitlines()[0] == "Billing has everything."
    assert again.out.splitlines()[-1] == "0 payments are new or changed · requests: 1 reads"


@pytest.mark.slow
def test_what_needs_a_person_ends_with_exit_code_3(law_firm: LawFirm, terminal: Terminal) -> None:
    [invoice] = set_up(law_firm, "100.00")
    receive(law_firm, invoice, date=str(law_firm.today - timedelta(days=900)))
    law_firm.query_change("update sync.firm set currency = 'CAD'")

    shown = terminal.run("pull", "one", code=3)

    assert "it is in USD, and the firm's currency is CAD" in shown.out


def test_a_firm_of_model_1_is_refused_with_its_next_step(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()

    assert "uses model 1" in terminal.run("pull", "one", code=1).err


@pytest.mark.slow
def test_an_invoice_with_a_recent_payment_is_marked_wherever_it_is_shown(law_firm: LawFirm, terminal: Terminal) -> None:
    one, two, _ = set_up(law_firm, "100.00", "50.00", "25.00")
    today = datetime.now(ZoneInfo("America/New_York")).date()
    receive(law_firm, {"id": one, "amount": "60.00"}, date=str(today - timedelta(days=7)))
    receive(law_firm, {"id": one, "amount": "5.00"}, date=str(today - timedelta(days=8)))
    receive(law_firm, {"id": two, "amount": "7.00"}, date=str(today - timedelta(days=9)))
    pull(law_firm)

    def recent() -> list[tuple[str, int, str]]:
        rows = law_firm.query("select * from reporting.recent_quickbooks_payments order by invoice_id, age_days")
        return [(row["invoice_id"], row["age_days"], str(row["amount"])) for row in rows]

    week = recent()
    listed = {row["id"]: row["recent_payment"] for row in terminal.json("list", "one", "--state", "synced")}
    in_view = law_firm.query(
        "select invoice_id, recent_payment_age_days as days from reporting.invoice_reconciliation order by 1"
    )
    shown = terminal.json("show", "one", "invoice:1")["received"]
    terminal.run("firm", "set", "one", "recent_payment_days=8")

    assert (week, recent()) == ([("1", 7, "60.00")], [("1", 7, "60.00"), ("1", 8, "5.00")])
    assert listed == {"1": str(today - timedelta(days=7)), "2": None, "3": None}
    assert [row["days"] for row in in_view] == [7, None, None]
    assert [(row["amount"], row["is_recent"]) for row in shown] == [("5.00", False), ("60.00", True)]
    assert "recent" in terminal.run("show", "one", "invoice:1").out


@pytest.mark.slow
@pytest.mark.signals
def test_webhooks_of_the_company_are_received_by_a_server_and_noted_as_a_hint(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    [invoice] = set_up(law_firm, "100.00")
    pull(law_firm)
    terminal.env["QUICKBOOKS_WEBHOOK_TOKEN"] = "verifier"
    law_firm.books.switch(webhook_doubled_percent=100.0, webhook_shuffled=True)
    server = terminal.start("webhook", "--port", "0")
    try:
        assert server.stdout is not None
        [url] = re.findall(r"http://\S+", server.stdout.readline())
        law_firm.books.point_webhooks(url, "verifier")

        receive(law_firm, invoice)

        deadline = time.monotonic() + 60
        while (hinted := asked_at(law_firm.ledger, "one")[1]) is None:
            assert time.monotonic() < deadline, "no hint was noted"
            time.sleep(0.05)
        assert requests.post(url, data=b"{}", headers={"intuit-signature": "forged"}, timeout=10).status_code == 401
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)
    assert hinted <= law_firm.time.now()


def test_without_the_app_s_token_no_webhook_is_served(terminal: Terminal) -> None:
    assert "QUICKBOOKS_WEBHOOK_TOKEN is not set" in terminal.run("webhook", code=1).err
