"""A person says which transaction a row of the by-hand list was entered as, and is believed where it agrees (E-47)."""

import pytest

from qb_pipeline.core.words import NotNamedError
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.sync.people.evidence import gather
from qb_pipeline.sync.people.hand_entries import enter_by_hand, read_transaction
from qb_pipeline.sync.people.naming import find_document
from qb_pipeline.sync.people.resolve import AnswerRefusedError, answers_that_apply
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.sync.verify.test_hand_entries import bounced, census, entered, entry, listed, take_off
from qb_pipeline_tests.sync.verify.test_reconcile import look


def say(law_firm: LawFirm, typed: str, document: str = "payment:bounce", actor: str = PARTNER) -> list[str]:
    """Answer as the command does; gives the payments that waited for it."""
    with law_firm.deployment.open(FIRM, Run("resolve-1", "resolve", actor)) as session:
        past = session.history.document(find_document(session, document))
        return [str(row.name) for row in enter_by_hand(session, past, typed)]


def refused(law_firm: LawFirm, typed: str, document: str = "payment:bounce") -> str:
    with pytest.raises(AnswerRefusedError) as error:
        say(law_firm, typed, document)
    return str(error.value)


def test_a_transaction_that_agrees_takes_the_row_off_and_names_the_payments_that_waited(law_firm: LawFirm) -> None:
    bounced(law_firm)
    journal_id = entry(law_firm, "60.00", days_ago=40)

    waited = say(law_firm, f"JournalEntry:{journal_id}")

    assert waited == ["payment:p2"]
    assert (listed(law_firm), entered(law_firm)) == ([], [("bounce", f"JournalEntry {journal_id}")])
    [row] = law_firm.query("select evidence, entered_by from reporting.entered_by_hand")
    assert row == {
        "evidence": f"JournalEntry {journal_id}, as partner said; client and amount agree", "entered_by": "partner",
    }  # fmt: skip
    assert law_firm.query("select detail from sync.firm_event where event = 'resolved'")[0]["detail"] == {
        "kind": "payment", "source_id": "bounce", "part": "", "entered": f"JournalEntry {journal_id}",
    }  # fmt: skip
    look(law_firm)
    census(law_firm)
    assert listed(law_firm) == []


def test_what_does_not_agree_is_refused_with_both_values(law_firm: LawFirm) -> None:
    there = bounced(law_firm)
    stranger = law_firm.books.do("edit", entity="Customer", changes={"DisplayName": "A Stranger"})["Id"]
    ours = law_firm.books.ours("Invoice")[0]["CustomerRef"]["value"]
    dearer, foreign = entry(law_firm, "60.01"), entry(law_firm, "60.00", of=stranger)

    assert refused(law_firm, "journalentry:9999") == "QuickBooks has no JournalEntry 9999"
    assert refused(law_firm, f"journalentry:{dearer}") == (
        f"JournalEntry {dearer} is over 60.01, and payment:bounce is over 60.00"
    )
    assert refused(law_firm, f"journalentry:{foreign}") == (
        f"JournalEntry {foreign} is of Customer {stranger}, and payment:bounce is of Customer {ours}"
    )
    assert refused(law_firm, f"payment:{there['p1']}") == (
        f"Payment {there['p1']} was sent by the sync: it is not what a person entered"
    )
    assert listed(law_firm) == [("rejection", "bounce", "")]


def test_one_transaction_serves_one_row(law_firm: LawFirm) -> None:
    bounced(law_firm)
    law_firm.payment("second", amount="60.00", kind="reversal", reverses_payment_id="p1")
    law_firm.sync()
    journal_id = entry(law_firm, "60.00")
    say(law_firm, f"journalentry:{journal_id}")

    assert refused(law_firm, f"journalentry:{journal_id}", "payment:second") == (
        f"JournalEntry {journal_id} is entered as payment:bounce already: one transaction serves one row"
    )
    assert refused(law_firm, f"journalentry:{journal_id}") == (
        "payment:bounce is not on the by-hand list (reporting.enter_by_hand)"
    )


def test_a_payment_that_a_person_voided_may_be_named(law_firm: LawFirm) -> None:
    there = bounced(law_firm)
    law_firm.books.do("void", entity="Payment", id=there["p1"])

    say(law_firm, f"payment:{there['p1']}")

    assert entered(law_firm) == [("bounce", f"Payment {there['p1']}")]
    census(law_firm)
    assert listed(law_firm) == []


def test_what_came_back_may_be_entered_as_another_transaction(law_firm: LawFirm) -> None:
    bounced(law_firm)
    journal_id = entry(law_firm, "60.00")
    say(law_firm, f"journalentry:{journal_id}")
    law_firm.books.do("delete", entity="JournalEntry", id=journal_id)
    census(law_firm)
    back = listed(law_firm)

    second = entry(law_firm, "60.00", days_ago=60)
    say(law_firm, f"journalentry:{second}")

    assert (back, listed(law_firm)) == ([("changed_rejection", "bounce", "")], [])
    assert entered(law_firm) == [("bounce", f"JournalEntry {second}")]


def test_show_offers_the_answer_and_only_a_super_user_gives_it(law_firm: LawFirm) -> None:
    there = bounced(law_firm)
    take_off(law_firm, there["p1"])
    journal_id = entry(law_firm, "60.00")
    with law_firm.deployment.open(FIRM, Run("show", "test", PARTNER)) as session:
        evidence = gather(session, find_document(session, "payment:bounce"))
        assert answers_that_apply(session, evidence) == ("entered",)

    with pytest.raises(SetUpError, match="clerk is no super user of one"):
        say(law_firm, f"journalentry:{journal_id}", actor="clerk")
    assert listed(law_firm) == [("rejection", "bounce", "")]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("145", "'145' names no transaction. Try: TYPE:ID, such as journalentry:145"),
        ("journalentry:x", "'journalentry:x' names no transaction. Try: TYPE:ID, such as journalentry:145"),
        ("journal:145", "'journal' is no type of transaction. "),
    ],
)
def test_a_word_that_names_no_transaction_is_refused(typed: str, said: str) -> None:
    with pytest.raises(NotNamedError) as error:
        read_transaction(typed)

    assert str(error.value).startswith(said)


def test_letters_do_not_matter() -> None:
    assert read_transaction(" JournalEntry: 145 ") == ("JournalEntry", "145")
