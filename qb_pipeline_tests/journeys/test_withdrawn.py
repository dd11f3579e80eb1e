"""An invoice that billing makes a draft again: held or voided, as the firm says, and issued again (E-48)."""

from datetime import timedelta

import pytest

from qb_pipeline.core.planning.resolutions import Answer
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.people.evidence import gather
from qb_pipeline.sync.people.naming import find_document
from qb_pipeline.sync.people.resolve import AnswerRefusedError, answers_that_apply, resolve
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.sync.verify.test_reconcile import look, named

DAY = 24 * 3600


def issued(law_firm: LawFirm, *, paid: str = "", **settings: str) -> None:
    """Invoice 1 over 100.00 is in QuickBooks, and so is what was paid on it."""
    law_firm.activate(**settings)
    law_firm.invoice("1", "100.00")
    if paid:
        law_firm.payment("p1", applied={"1": paid})
    law_firm.sync()


def withdraw(law_firm: LawFirm) -> None:
    law_firm.change("update invoices set status = 'draft' where invoice_id = '1'")


def issue_again(law_firm: LawFirm, amount: str = "100.00") -> None:
    law_firm.change("update invoice_lines set amount = :amount, unit_price = :amount", amount=amount)
    law_firm.change("update invoices set status = 'issued', total_amount = :amount", amount=amount)


def answer(law_firm: LawFirm, choice: Answer) -> None:
    """Answer for invoice 1 as the command does, and sync it."""
    with law_firm.deployment.open(FIRM, Run("resolve-1", "resolve", PARTNER)) as session:
        resolve(session, gather(session, find_document(session, "invoice:1")), choice)
    law_firm.sync(invoice_ids=["1"])


def there(law_firm: LawFirm) -> list[tuple[str, str, str]]:
    """Number, generation and total of each invoice in QuickBooks; a void one has lost its mark."""
    return [
        (row["DocNumber"], row["PrivateNote"].partition(":g")[2][:1], f"{row['TotalAmt']:.2f}")
        for row in sorted(law_firm.books.all("Invoice"), key=lambda row: int(row["Id"]))
    ]


def test_it_is_held_and_counts_as_withdrawn_and_what_is_paid_on_it_waits(law_firm: LawFirm) -> None:
    issued(law_firm, paid="30.00")
    withdraw(law_firm)
    law_firm.payment("p2", applied={"1": "20.00"})

    law_firm.sync()

    assert law_firm.states() == {
        "1": ("held", "WITHDRAWN"), "p1": ("synced", ""), "p2": ("waiting", "INVOICE_DRAFT"),
    }  # fmt: skip
    assert named(law_firm) == {
        ("billed", "1", "withdrawn", "-100.00"), ("received", "p2", "waiting", "20.00"),
    }  # fmt: skip
    assert there(law_firm) == [("N-1", "1", "100.00")]
    assert look(law_firm).residual == 0


def test_a_run_that_finds_it_withdrawn_asks_quickbooks_nothing_for_it(law_firm: LawFirm) -> None:
    issued(law_firm)
    withdraw(law_firm)
    law_firm.sync()
    law_firm.books.count_anew()

    law_firm.sync()

    assert law_firm.books.requests() == {}


@pytest.mark.parametrize("how", ["changed since", "its day", "chosen", "moved to another day"])
def test_every_way_to_read_billing_finds_it(law_firm: LawFirm, how: str) -> None:
    issued(law_firm)
    withdraw(law_firm)
    day = law_firm.today
    if how == "moved to another day":
        law_firm.change("update invoices set invoice_date = '2026-01-05'")

    if how == "changed since":
        look(law_firm)
        assert law_firm.states() == {"1": ("revised", "")}
    elif how == "chosen":
        law_firm.sync(invoice_ids=["1"])
        assert law_firm.states() == {"1": ("held", "WITHDRAWN")}
    else:
        law_firm.sync(["work_list"], first=day - timedelta(days=10), last=day)
        assert law_firm.states() == {"1": ("revised", "")}


@pytest.mark.parametrize(("amount", "writes"), [("100.00", 0), ("120.00", 1)])
def test_issued_again_it_is_a_revision_and_its_payments_go(law_firm: LawFirm, amount: str, writes: int) -> None:
    issued(law_firm)
    withdraw(law_firm)
    law_firm.payment("p2", applied={"1": "20.00"})
    law_firm.sync()
    issue_again(law_firm, amount)
    law_firm.books.count_anew()

    law_firm.sync()

    assert law_firm.states() == {"1": ("synced", ""), "p2": ("synced", "")}
    assert there(law_firm) == [("N-1", "1", amount)]
    assert law_firm.books.writes() == writes + 1
    assert named(law_firm) == set()


def test_a_person_may_void_it_and_issued_again_it_is_made_anew(law_firm: LawFirm) -> None:
    """Under the same number, whatever QuickBooks does about numbers."""
    law_firm.books.switch(duplicate_numbers="refused")
    issued(law_firm)
    withdraw(law_firm)
    law_firm.sync()

    answer(law_firm, Answer.VOID)
    voided = law_firm.states(), named(law_firm), there(law_firm)
    law_firm.sync()
    issue_again(law_firm, "90.00")
    law_firm.payment("p2", applied={"1": "20.00"})
    law_firm.sync()

    assert voided == ({"1": ("voided", "")}, set(), [("N-1", "", "0.00")])
    assert law_firm.states() == {"1": ("synced", ""), "p2": ("synced", "")}
    assert there(law_firm) == [("N-1", "", "0.00"), ("N-1", "2", "90.00")]
    assert named(law_firm) == set()


def test_a_person_may_keep_it_until_billing_issues_it_again(law_firm: LawFirm) -> None:
    issued(law_firm)
    withdraw(law_firm)
    law_firm.sync()

    answer(law_firm, Answer.KEEP)
    kept = law_firm.states(), named(law_firm)
    law_firm.sync()
    issue_again(law_firm, "90.00")
    law_firm.sync()

    assert kept == ({"1": ("closed", "WITHDRAWN")}, {("billed", "1", "withdrawn", "-100.00")})
    assert (law_firm.states(), there(law_firm)) == ({"1": ("synced", "")}, [("N-1", "1", "90.00")])


def test_a_new_look_is_no_answer_while_it_is_a_draft(law_firm: LawFirm) -> None:
    issued(law_firm)
    withdraw(law_firm)
    law_firm.sync()

    with law_firm.deployment.open(FIRM, Run("resolve-1", "resolve", PARTNER)) as session:
        evidence = gather(session, find_document(session, "invoice:1"))
        offered = answers_that_apply(session, evidence)
        with pytest.raises(AnswerRefusedError, match="issue it there, or answer --void or --keep"):
            resolve(session, evidence, Answer.RETRY)

    assert offered == (Answer.KEEP, Answer.VOID)


def test_the_firm_may_have_it_voided_and_issued_again_it_is_made_anew(law_firm: LawFirm) -> None:
    law_firm.books.switch(duplicate_numbers="refused")
    issued(law_firm, withdrawn_invoice="void")
    withdraw(law_firm)

    law_firm.sync()
    voided = law_firm.states(), named(law_firm)
    law_firm.change("update invoices set internal_note = 'still a draft'")
    law_firm.sync()
    still = law_firm.states()
    issue_again(law_firm)
    law_firm.sync()

    assert voided == ({"1": ("voided", "")}, set())
    assert still == {"1": ("voided", "")}
    assert (law_firm.states(), there(law_firm)) == (
        {"1": ("synced", "")}, [("N-1", "", "0.00"), ("N-1", "2", "100.00")],
    )  # fmt: skip


def test_what_is_paid_is_not_voided_until_the_payments_are_off(law_firm: LawFirm) -> None:
    issued(law_firm, paid="30.00", withdrawn_invoice="void")
    withdraw(law_firm)
    law_firm.sync()
    held = law_firm.states()["1"]
    law_firm.change("update payments set status = 'void'")

    law_firm.sync()

    assert (held, law_firm.states()) == (
        ("held", "PAYMENTS_APPLIED"), {"1": ("voided", ""), "p1": ("voided", "")},
    )  # fmt: skip


def test_the_setting_counts_for_what_is_held_already(law_firm: LawFirm) -> None:
    issued(law_firm)
    withdraw(law_firm)
    law_firm.sync()
    law_firm.deployment.firms.change_settings(
        FIRM, {"withdrawn_invoice": "void"}, actor=PARTNER, now=law_firm.time.now()
    )

    law_firm.sync()

    assert law_firm.states() == {"1": ("voided", "")}


def test_what_was_never_sent_waits_and_a_new_draft_is_not_listed(law_firm: LawFirm) -> None:
    law_firm.activate(withdrawn_invoice="void")
    law_firm.invoice("1", "100.00", total_amount="90.00")
    law_firm.sync()
    withdraw(law_firm)
    law_firm.invoice("2", "5.00", status="draft")

    report = law_firm.sync()

    assert law_firm.states() == {"1": ("waiting", "INVOICE_DRAFT")}
    assert report.scanned["seen"] == 0
    assert law_firm.query("select billed from reporting.documents where source_id = '1'") == [{"billed": 0}]


def test_what_a_person_took_out_of_quickbooks_stays_held_for_that(law_firm: LawFirm) -> None:
    issued(law_firm)
    [invoice] = law_firm.books.ours("Invoice")
    law_firm.books.do("delete", entity="Invoice", id=invoice["Id"])
    look(law_firm)
    withdraw(law_firm)

    law_firm.sync()

    assert law_firm.states() == {"1": ("held", "REMOTE_DELETED")}


def test_an_invoice_that_is_withdrawn_after_the_plan_does_not_leave(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    issue_again(law_firm, "120.00")
    law_firm.sync(["work_list", "sync_plan"])
    withdraw(law_firm)

    law_firm.sync()

    assert (law_firm.states(), there(law_firm)) == ({"1": ("held", "WITHDRAWN")}, [("N-1", "1", "100.00")])
