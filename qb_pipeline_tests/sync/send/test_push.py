"""Reserve, send, record: what a run costs, what each refusal becomes, what is not taken for success."""

from collections import Counter
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import pytest

from qb_pipeline.ledger.sending.lease import LeaseLostError
from qb_pipeline.quickbooks.errors import AuthorizationLostError
from qb_pipeline.quickbooks.throttle import Throttle
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


def invoices(law_firm: LawFirm, count: int) -> None:
    for number in range(count):
        law_firm.invoice(f"{number:03}", "10.00")


def known(law_firm: LawFirm, **settings: str) -> None:
    """An active firm whose customer and item have been found."""
    law_firm.activate(**settings)
    law_firm.invoice("known", "1.00")
    law_firm.sync()
    law_firm.books.count_anew()


@pytest.mark.parametrize("count", [1, 30, 31, 65])
def test_where_everything_is_known_a_run_is_full_batches_and_one_question_at_its_end(
    law_firm: LawFirm, count: int
) -> None:
    known(law_firm)
    invoices(law_firm, count)

    report = law_firm.sync()

    batches = ceil(count / 30)
    assert law_firm.books.requests() == {"GET cdc": 1, "POST batch": batches, "POST query": 1}
    assert (report.reads, report.writes, law_firm.books.statistics()["batch_items"]) == (2, batches, count)


def test_a_run_with_nothing_to_do_asks_nothing(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.invoice("held", "1.00", total_amount="2.00")
    law_firm.payment("waits", applied={"held": "1.00"})
    law_firm.sync()
    law_firm.books.count_anew()

    report = law_firm.sync()

    assert (law_firm.books.requests(), report.reads, report.writes) == ({}, 0, 0)


def test_one_refused_item_keeps_nobody_back(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.books.do("close-books", date="2024-12-31")
    invoices(law_firm, 3)
    law_firm.invoice("closed", "10.00", invoice_date="2024-06-30")

    report = law_firm.sync()

    assert law_firm.states() == {
        "known": ("synced", ""), "000": ("synced", ""), "001": ("synced", ""), "002": ("synced", ""),
        "closed": ("held", "PERIOD_CLOSED"),
    }  # fmt: skip
    assert report.totals_agree("invoice")
    [refused] = law_firm.query("select detail, amount_cents from sync.log where activity = 'refused'")
    assert refused == {"detail": "fault 6210", "amount_cents": 1000}


def test_a_batch_that_is_refused_as_a_whole_is_sent_in_halves(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.books.switch(batch_limit=8)
    invoices(law_firm, 30)

    law_firm.sync()

    assert set(law_firm.states().values()) == {("synced", "")}
    assert law_firm.books.requests() == {"GET cdc": 1, "POST batch": 1 + 2 + 4, "POST query": 1}


def test_too_many_requests_make_the_same_run_wait_and_go_on(law_firm: LawFirm) -> None:
    known(law_firm)
    invoices(law_firm, 40)
    law_firm.books.fault({"what": "429_xml", "match": "batch", "times": 3})
    law_firm.deployment.in_flight = 1  # two threads that sleep would move the test's clock twice

    law_firm.sync()

    assert set(law_firm.states().values()) == {("synced", "")}
    assert law_firm.sends() - 2 == law_firm.books.writes() == 2 + 3  # two requests were before


@pytest.mark.parametrize(
    ("echo", "state"),
    [
        ({"field": "TotalAmt", "value": 999}, ("held", "TOTAL_DIFFERS")),
        ({"field": "CustomerRef", "value": {"value": "77"}}, ("held", "CONFLICT")),
        ({"field": "PrivateNote", "value": "somebody else's"}, ("held", "CONFLICT")),
        ({"field": "TxnDate", "value": "2001-01-01"}, ("held", "CONFLICT")),
    ],
)
def test_an_answer_that_says_otherwise_is_no_success(
    law_firm: LawFirm, echo: dict[str, Any], state: tuple[str, str]
) -> None:
    known(law_firm)
    law_firm.invoice("1", "10.00")
    law_firm.books.fault({"what": "echo_changed", "match": "batch", **echo})

    report = law_firm.sync()

    assert law_firm.states()["1"] == state
    assert report.totals_agree("invoice") == (state[1] != "TOTAL_DIFFERS")


def test_a_payment_whose_links_are_lost_is_no_success(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.payment("p1", applied={"known": "1.00"})
    law_firm.books.fault({"what": "links_dropped", "match": "batch"})

    law_firm.sync()

    assert law_firm.states("payment") == {"p1": ("held", "CONFLICT")}


def taxed(law_firm: LawFirm) -> None:
    law_firm.books.do("preferences", TaxPrefs={"UsingSalesTax": True})
    known(law_firm, tax_policy="total")
    tax = {"kind": "tax", "fee_item_id": None, "amount": "8.88"}
    law_firm.invoice("1", lines=[{"amount": "100.00", "is_taxable": True}, tax])


def test_a_wrong_total_is_put_right_once_by_saying_the_tax_again(law_firm: LawFirm) -> None:
    taxed(law_firm)
    law_firm.books.switch(tax="as_sent")
    law_firm.books.fault({"what": "echo_changed", "match": "batch", "field": "TotalAmt", "value": 100})

    law_firm.sync()

    assert law_firm.states()["1"] == ("synced", "")
    assert law_firm.books.requests() == {"GET cdc": 1, "POST batch": 1, "POST invoice": 1, "POST query": 1}


def test_a_total_that_stays_wrong_is_held(law_firm: LawFirm) -> None:
    taxed(law_firm)
    law_firm.books.switch(tax="recomputed", tax_percent=0.0)

    report = law_firm.sync()
    law_firm.sync()

    assert law_firm.states()["1"] == ("held", "TOTAL_DIFFERS")
    assert not report.totals_agree("invoice")
    settings_again = {"GET preferences": 1, "GET companyinfo": 1}
    assert law_firm.books.requests() == {
        "GET cdc": 1,
        "POST batch": 1,
        "POST invoice": 1,
        "POST query": 1,
        **settings_again,
    }


def test_a_stale_token_is_read_again_in_the_same_run(law_firm: LawFirm) -> None:
    """Somebody touches the invoice between our look and our update."""
    known(law_firm)
    law_firm.change("update invoices set invoice_number = 'N-renumbered'")
    [ours] = law_firm.books.ours("Invoice")
    law_firm.books.fault({"what": "delay", "seconds": 0.0, "match": "batch"})
    original, changes = law_firm.deployment.clock, {"CustomerMemo": {"value": "by hand"}}
    reserved = Counter[str]()

    def touching_clock() -> Any:
        if not reserved and law_firm.query("select 1 from sync.attempt where operation = 'update'"):
            reserved["touched"] += 1
            law_firm.books.do("edit", entity="Invoice", id=ours["Id"], changes=changes)
        return original()

    law_firm.deployment.clock = touching_clock
    law_firm.sync()

    [after] = law_firm.books.ours("Invoice")
    assert (after["DocNumber"], law_firm.states()) == ("N-renumbered", {"known": ("synced", "")})


def test_a_paused_firm_stops_before_its_next_request_and_loses_nothing(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.invoice("1", "10.00")
    original = law_firm.deployment.clock

    def pausing() -> Any:
        if law_firm.query("select 1 from sync.attempt where state = 'sending'"):
            law_firm.deployment.firms.pause(FIRM, actor=PARTNER, now=original())
        return original()

    law_firm.deployment.clock = pausing
    with pytest.raises(LeaseLostError, match="paused"):
        law_firm.sync()
    law_firm.deployment.clock = original
    paused = law_firm.states()["1"], law_firm.books.writes()
    law_firm.deployment.firms.resume(FIRM, actor=PARTNER, now=law_firm.time.now())
    law_firm.sync()

    assert (paused, law_firm.states()["1"]) == ((("new", ""), 0), ("synced", ""))


def test_a_firm_that_is_not_let_in_any_more_sends_nothing_and_has_nothing_open(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.invoice("1", "10.00")
    law_firm.books.fault({"what": "403", "match": "batch", "times": None})

    with pytest.raises(AuthorizationLostError):
        law_firm.sync()
    law_firm.books.heal()
    law_firm.sync()

    assert law_firm.states() == {"known": ("synced", ""), "1": ("synced", "")}
    assert law_firm.time.skipped.total_seconds() < 300  # nothing was unknown, so nothing was waited for


def test_a_run_that_was_succeeded_records_nothing_any_more(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.invoice("1", "10.00")
    law_firm.books.fault({"what": "delay", "seconds": 0.0, "match": "batch"})
    original = law_firm.deployment.clock

    def overtaken() -> Any:
        if law_firm.query("select 1 from sync.attempt where state = 'sending'"):
            with law_firm.ledger.begin() as connection:
                connection.exec_driver_sql("update sync.lease set epoch = epoch + 1")
        return original()

    law_firm.deployment.clock = overtaken
    with pytest.raises(LeaseLostError):
        law_firm.sync()
    law_firm.deployment.clock = original
    law_firm.sync()

    assert law_firm.in_quickbooks("invoice") == {"known": 1, "1": 1}


def test_the_quarantine_counts_from_when_the_bytes_leave_and_not_from_when_they_were_written_down(
    law_firm: LawFirm,
) -> None:
    """After a 429 the repetition is written down at once, and waits a minute for its turn."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.books.fault({"what": "429_json", "match": "batch"})

    law_firm.sync()

    [row] = law_firm.query(
        "select sends, last_sent_at - first_sent_at >= interval '60 seconds' as waited from sync.attempt "
        "where endpoint = 'batch'"
    )
    assert row == {"sends": 2, "waited": True}


@pytest.mark.slow
def test_a_pause_stops_batches_that_wait_for_their_turn_while_others_are_in_flight(law_firm: LawFirm) -> None:
    """QuickBooks answers 429, the throttle puts what is to leave to sleep, and a person pauses the firm just then."""
    law_firm.activate()
    for number in range(240):
        law_firm.invoice(f"{number:03}", "1.00")
    paused_at: list[datetime] = []

    def sleep(seconds: float) -> None:
        if not paused_at:
            law_firm.deployment.firms.pause(FIRM, actor=PARTNER, now=law_firm.time.now())
            paused_at.append(law_firm.time.now())
        law_firm.time.sleep(seconds)

    law_firm.deployment.throttles[law_firm.books.realm_id] = Throttle(
        clock=lambda: law_firm.time.now().timestamp(), sleep=sleep
    )
    law_firm.books.fault(
        {"what": "429_json", "match": "batch/2"},
        {"what": "delay_after", "seconds": 0.3, "match": "batch", "times": None},
    )
    with pytest.raises(LeaseLostError, match=r"one is paused\. Next step: qb-pipeline firm resume one"):
        law_firm.sync()
    law_firm.books.heal()

    left = law_firm.query("select last_sent_at from sync.attempt where endpoint = 'batch' and state <> 'not_sent'")
    [last] = law_firm.query("select max(last_sent_at) as at from sync.attempt where state <> 'not_sent'")
    assert 0 < len(left) < 8
    assert last["at"] < paused_at[0] + timedelta(seconds=5)
    states = Counter(state for state, _ in law_firm.states().values())
    assert states == {"synced": 30 * len(left), "new": 240 - 30 * len(left)}

    law_firm.deployment.firms.resume(FIRM, actor=PARTNER, now=law_firm.time.now())
    law_firm.sync()
    assert law_firm.in_quickbooks("invoice") == Counter({f"{number:03}": 1 for number in range(240)})
