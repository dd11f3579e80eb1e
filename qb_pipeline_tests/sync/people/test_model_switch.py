"""Switching an active firm to the other model: nothing falls between the two, nothing goes by both."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from qb_pipeline.billing.errors import ContractBrokenError
from qb_pipeline.ledger.setup.firms import Firm, SetUpError
from qb_pipeline.sync.people.model_switch import choose_model
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.received import pull, quickbooks_now, receive


def switch(law_firm: LawFirm, model: int) -> Firm:
    return choose_model(law_firm.deployment, FIRM, model, actor=PARTNER)


def guard(law_firm: LawFirm) -> list[datetime]:
    with law_firm.billing.connect() as connection:
        return list(connection.scalars(sa.text("select active_since from billing.payment_guard")))


def taken_back(law_firm: LawFirm) -> list[str]:
    """Amounts of payments that billing holds from QuickBooks."""
    with law_firm.billing.connect() as connection:
        statement = sa.text("select amount from billing.payments where origin = 'quickbooks' order by payment_id")
        return [str(amount) for amount in connection.scalars(statement)]


@pytest.fixture
def firm(law_firm: LawFirm) -> LawFirm:
    """Model 1, active, with an invoice of 100.00 in QuickBooks."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    return law_firm


def test_a_switch_keeps_its_moment_guards_billing_and_says_who(firm: LawFirm) -> None:
    switched = switch(firm, 2)

    assert (switched.model, switched.state) == (2, "active")
    assert guard(firm) == [switched.cut_over_at]
    with pytest.raises(sa.exc.IntegrityError, match="takes payments in QuickBooks only"):
        firm.payment("late", applied={"1": "10.00"})
    assert firm.query("select actor, event from sync.firm_event order by firm_event_id desc limit 1") == [
        {"actor": PARTNER, "event": "model 2"}
    ]


@pytest.mark.parametrize(
    ("mishap", "payment", "says"),
    [
        (None, {"applied": {"1": "10.00"}}, "1 new (p1)"),
        (None, {"amount": "10.00"}, "1 held (p1)"),
        ("commit_then_drop", {"applied": {"1": "10.00"}}, "1 unknown (p1)"),
    ],
)
def test_a_switch_is_refused_while_a_payment_is_not_settled(
    firm: LawFirm, mishap: str | None, payment: dict[str, Any], says: str
) -> None:
    firm.payment("p1", **payment)
    if "amount" in payment:
        firm.sync()
    if mishap:
        firm.books.fault(
            {"match": "batch", "what": mishap}, {"match": {"endpoint": "query"}, "what": "403", "times": None}
        )
        with pytest.raises(Exception, match="403"):
            firm.sync()
    before = firm.deployment.firms.get(FIRM)

    with pytest.raises(SetUpError) as refusal:
        switch(firm, 2)

    assert f"one has payments that are not settled under model 1: {says}." in str(refusal.value)
    assert str(refusal.value).endswith("then repeat: qb-pipeline firm model one 2")
    assert (firm.deployment.firms.get(FIRM), guard(firm)) == (before, [])


def test_payments_from_before_the_switch_stay_and_are_corrected_as_before(firm: LawFirm) -> None:
    firm.payment("p1", applied={"1": "10.00"}, reference="old")
    firm.sync()
    created = firm.time.now()
    firm.time.skipped += timedelta(minutes=1)
    switch(firm, 2)
    firm.remove("payment_guard")  # a billing database where the guard was put aside
    firm.payment("p2", applied={"1": "20.00"}, created_at=created)  # entered before, seen after
    firm.payment("p3", applied={"1": "30.00"}, created_at=firm.time.now())
    firm.change("update payments set status = 'void', updated_at = :now where payment_id = 'p1'", now=firm.time.now())

    firm.sync()

    assert firm.states("payment") == {"p1": ("voided", ""), "p2": ("synced", ""), "p3": ("held", "MODEL_2_PAYMENT")}
    assert sorted(str(row["TotalAmt"]) for row in firm.books.all("Payment")) == ["0", "20.0"]


@pytest.mark.slow
def test_there_and_back_with_strays_cleared_first(firm: LawFirm) -> None:
    switch(firm, 2)
    firm.remove("payment_guard")
    firm.payment("stray", applied={"1": "30.00"})
    firm.sync()
    with pytest.raises(SetUpError, match=r"not settled under model 2: 1 held \(stray\)"):
        switch(firm, 1)
    firm.change("update payments set status = 'void', updated_at = :now", now=firm.time.now())

    back = switch(firm, 1)
    firm.payment("p1", applied={"1": "40.00"})
    firm.sync()

    assert (back.model, guard(firm)) == (1, [])
    assert firm.states("payment") == {"p1": ("synced", ""), "stray": ("closed", "VOID_BEFORE_SENT")}


@pytest.mark.slow
def test_what_quickbooks_received_is_posted_before_the_way_back(firm: LawFirm) -> None:
    switch(firm, 2)
    [invoice] = firm.books.all("Invoice")
    received = receive(firm, {"id": invoice["Id"], "amount": 30})

    with pytest.raises(SetUpError) as refusal:
        switch(firm, 1)
    pull(firm)
    back = switch(firm, 1)

    assert str(refusal.value) == (
        f"one has payments in QuickBooks that billing does not hold yet: 1 open ({received}). "
        "Fetch them (qb-pipeline pull one), then repeat: qb-pipeline firm model one 1"
    )
    assert (back.model, taken_back(firm)) == (1, ["30.00"])


@pytest.mark.slow
def test_what_quickbooks_received_before_the_switch_is_not_pulled(firm: LawFirm) -> None:
    firm.time.skipped += timedelta(seconds=quickbooks_now(firm) - firm.time.now().timestamp())  # other tests' time
    [invoice] = firm.books.all("Invoice")
    receive(firm, {"id": invoice["Id"], "amount": 30})
    firm.time.sleep(60)
    switch(firm, 2)
    firm.time.sleep(60)
    receive(firm, {"id": invoice["Id"], "amount": 20})

    pull(firm)

    assert taken_back(firm) == ["20.00"]


def test_a_guard_that_cannot_be_written_leaves_the_model_as_it_was(firm: LawFirm) -> None:
    with firm.billing.begin() as connection:
        connection.exec_driver_sql("drop table billing.payment_guard")
    before = firm.deployment.firms.get(FIRM)

    with pytest.raises(ContractBrokenError):
        switch(firm, 2)

    assert firm.deployment.firms.get(FIRM) == before


@pytest.mark.slow
def test_a_switch_waits_for_the_run_that_writes(firm: LawFirm) -> None:
    from qb_pipeline.ledger.sending import lease

    realm_id = firm.books.realm_id
    with (
        lease.hold(firm.ledger, firm_id=FIRM, realm_id=realm_id, run_id="busy", now=firm.time.now),
        pytest.raises(lease.BusyError, match="one is BUSY: run busy"),
    ):
        switch(firm, 2)
