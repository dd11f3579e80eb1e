"""``pull``."""

from datetime import timedelta
from decimal import Decimal

import pytest

from qb_pipeline_tests.commands.terminal import Terminal
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.received import in_billing, receive, set_up


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
