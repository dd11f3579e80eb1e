"""A person's answers: each reason that stays until somebody answers it can be ended, and none makes a second one."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from qb_pipeline.core.planning.resolutions import Answer, allowed_answers
from qb_pipeline.ledger.books.documents import STICKY
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.sync.people.evidence import Evidence, gather
from qb_pipeline.sync.people.naming import find_document
from qb_pipeline.sync.people.resolve import AnswerRefusedError, resolve
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.sync.plan.test_invoices import posted, revise
from qb_pipeline_tests.sync.send.test_settle import copy_the_invoice, lose_the_answer

QUARANTINE_SECONDS = 311


def evidence_of(law_firm: LawFirm, word: str = "N-1") -> Evidence:
    with law_firm.deployment.open(FIRM, Run("show", "test", PARTNER)) as session:
        return gather(session, find_document(session, word))


def answer(law_firm: LawFirm, choice: str, word: str = "N-1", *, actor: str = PARTNER, quickbooks_id: str = "") -> bool:
    """Answer, and then sync as the command does."""
    with law_firm.deployment.open(FIRM, Run(f"resolve-{uuid4()}", "resolve", actor)) as session:
        follows = resolve(session, gather(session, find_document(session, word)), Answer(choice), quickbooks_id)
    if follows:
        law_firm.sync()
    return follows


def drift(law_firm: LawFirm) -> str:
    invoice = posted(law_firm)
    law_firm.books.do("edit", entity="Invoice", id=invoice["Id"], changes={"TxnDate": "2026-02-02"})
    revise(law_firm, "150.00")
    law_firm.sync()
    return "N-1"


def differing_total(law_firm: LawFirm) -> str:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.books.fault({"what": "echo_changed", "match": "batch", "field": "TotalAmt", "value": 999})
    law_firm.sync()
    return "N-1"


def deleted(law_firm: LawFirm, verb: str = "delete") -> str:
    invoice = posted(law_firm)
    law_firm.books.do(verb, entity="Invoice", id=invoice["Id"])
    revise(law_firm, "150.00")
    law_firm.sync()
    return "N-1"


def voided(law_firm: LawFirm) -> str:
    return deleted(law_firm, "void")


def copied(law_firm: LawFirm) -> str:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    lose_the_answer(law_firm)
    copy_the_invoice(law_firm)
    law_firm.sync()
    return "N-1"


def conflict(law_firm: LawFirm) -> str:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.books.fault({"what": "echo_changed", "match": "batch", "field": "TxnDate", "value": "2001-01-01"})
    law_firm.sync()
    return "N-1"


def gone(law_firm: LawFirm) -> str:
    posted(law_firm)
    law_firm.remove("invoice_lines")
    law_firm.remove("invoices")
    law_firm.sync(invoice_ids=["1"])
    return "invoice:1"


WORLDS: dict[str, Callable[[LawFirm], str]] = {
    "DRIFT": drift,
    "TOTAL_DIFFERS": differing_total,
    "REMOTE_DELETED": deleted,
    "REMOTE_VOIDED": voided,
    "COPIED": copied,
    "CONFLICT": conflict,
    "SOURCE_GONE": gone,
}

ENDS = {
    ("DRIFT", "retry"): ("synced", ""),
    ("DRIFT", "keep"): ("synced", ""),
    ("TOTAL_DIFFERS", "retry"): ("synced", ""),
    ("TOTAL_DIFFERS", "keep"): ("synced", ""),
    ("REMOTE_DELETED", "retry"): ("held", "REMOTE_DELETED"),
    ("REMOTE_DELETED", "keep"): ("closed", "REMOTE_DELETED"),
    ("REMOTE_DELETED", "recreate"): ("synced", ""),
    ("REMOTE_VOIDED", "retry"): ("held", "REMOTE_VOIDED"),
    ("REMOTE_VOIDED", "keep"): ("closed", "REMOTE_VOIDED"),
    ("REMOTE_VOIDED", "recreate"): ("synced", ""),
    ("COPIED", "keep"): ("synced", ""),
    ("CONFLICT", "retry"): ("synced", ""),
    ("CONFLICT", "keep"): ("synced", ""),
    ("SOURCE_GONE", "keep"): ("closed", "SOURCE_GONE"),
    ("SOURCE_GONE", "void"): ("voided", ""),
}
REFUSED = {
    ("COPIED", "retry"): "QuickBooks still holds 2 documents with this mark",
    ("SOURCE_GONE", "retry"): "billing still does not have it",
}
QUICK = {("DRIFT", "retry"), ("SOURCE_GONE", "void")}


def test_every_reason_that_stays_is_walked_with_every_answer_that_it_takes() -> None:
    taken = {(str(reason), str(choice)) for reason in STICKY for choice in allowed_answers("held", reason)}

    assert taken == ENDS.keys() | REFUSED.keys()


@pytest.mark.parametrize(
    ("reason", "choice"), [pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow) for case in ENDS]
)
def test_a_reason_that_stays_ends_as_it_was_answered(law_firm: LawFirm, reason: str, choice: str) -> None:
    word = WORLDS[reason](law_firm)
    law_firm.time.sleep(QUARANTINE_SECONDS)
    before = evidence_of(law_firm, word)
    law_firm.books.count_anew()

    follows = answer(law_firm, choice, word)

    after = evidence_of(law_firm, word)
    assert (before.document.state, before.document.reason) == ("held", reason)
    assert (after.document.state, after.document.reason) == ENDS[reason, choice]
    assert [row.detail for row in after.log if row.activity == "resolved"] == [choice]
    assert follows == (choice != "keep")
    if choice == "keep":
        assert law_firm.books.writes() == 0
        law_firm.sync()  # and it stays so: nothing takes it up again
        assert law_firm.books.writes() == 0
    living = law_firm.in_quickbooks(after.document.kind)
    assert max(living.values(), default=0) <= (2 if reason in ("COPIED", "REMOTE_VOIDED") else 1)
    [event] = law_firm.query("select actor, detail from sync.firm_event where event = 'resolved'")
    assert (event["actor"], event["detail"]["answer"], event["detail"]["reason"]) == (PARTNER, choice, reason)


@pytest.mark.parametrize(("reason", "choice"), [pytest.param(*case, marks=pytest.mark.slow) for case in REFUSED])
def test_an_answer_that_proves_nothing_is_refused_and_moves_nothing(
    law_firm: LawFirm, reason: str, choice: str
) -> None:
    word = WORLDS[reason](law_firm)
    states = law_firm.states()

    with pytest.raises(AnswerRefusedError, match=REFUSED[reason, choice]):
        answer(law_firm, choice, word)

    assert law_firm.states() == states


def test_an_answer_that_does_not_fit_names_those_that_do(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="", last_name="Nguyen")
    law_firm.invoice("1", "10.00", payer_id="P2")
    law_firm.sync()

    with pytest.raises(AnswerRefusedError) as refused:
        answer(law_firm, "recreate")
    with pytest.raises(SetUpError, match="is no super user of one"):
        answer(law_firm, "keep", actor="clerk")
    answer(law_firm, "keep")  # entered by hand, say
    law_firm.sync()

    assert str(refused.value) == (
        "invoice:1 is held (MISSING_NAME), which does not take --recreate. It takes: "
        "--retry (look again, and send what billing says now); "
        "--keep (leave QuickBooks as it is; the document is done until billing changes it)"
    )
    assert law_firm.states() == {"1": ("closed", "MISSING_NAME")}


def test_what_is_made_anew_has_another_generation_and_its_payment_is_looked_at_again(law_firm: LawFirm) -> None:
    invoice = posted(law_firm, paid="40.00")
    law_firm.books.do("delete", entity="Invoice", id=invoice["Id"])
    revise(law_firm, "150.00")
    law_firm.sync()
    law_firm.time.sleep(QUARANTINE_SECONDS)

    answer(law_firm, "recreate")
    held = law_firm.states()["p1"]
    answer(law_firm, "retry", "payment:p1")

    [again] = law_firm.books.ours("Invoice")
    assert again["PrivateNote"].endswith(":invoice:1:g2")
    assert (again["Id"] != invoice["Id"], str(again["Balance"])) == (True, "110.0")
    assert (held, law_firm.states()) == (("held", "DRIFT"), {"1": ("synced", ""), "p1": ("synced", "")})
    assert law_firm.in_quickbooks("payment") == {"p1": 1}


@pytest.mark.slow
def test_nothing_is_made_anew_while_the_old_one_or_its_copy_lives(law_firm: LawFirm) -> None:
    deleted(law_firm)
    [attempt] = law_firm.query("select max(last_sent_at) as at from sync.attempt")
    with pytest.raises(AnswerRefusedError, match="a request may still take effect: answer again in"):
        answer(law_firm, "recreate")
    law_firm.time.sleep(QUARANTINE_SECONDS)
    marker = law_firm.query("select marker from sync.attempt_item where operation = 'create'")[-1]["marker"]
    [customer] = law_firm.books.all("Customer")
    line = {
        "DetailType": "SalesItemLineDetail",
        "Amount": "5",
        "SalesItemLineDetail": {"ItemRef": {"value": law_firm.item_id}},
    }
    changes = {"CustomerRef": {"value": customer["Id"]}, "PrivateNote": marker, "Line": [line], "DocNumber": "other"}
    law_firm.books.do("edit", entity="Invoice", changes=changes)

    with pytest.raises(AnswerRefusedError, match="QuickBooks holds another document with this mark"):
        answer(law_firm, "recreate")

    assert attempt["at"] is not None
    assert law_firm.in_quickbooks("invoice") == {"1": 1}


@pytest.mark.slow
def test_a_document_whose_id_another_one_claimed_is_found_and_linked(law_firm: LawFirm) -> None:
    first = posted(law_firm)
    law_firm.invoice("2", "20.00")
    law_firm.books.fault({"what": "echo_changed", "match": "batch", "field": "Id", "value": first["Id"]})
    law_firm.sync()
    held = law_firm.states()["2"]
    with pytest.raises(AnswerRefusedError, match="answer --retry, which links it"):
        answer(law_firm, "keep", "N-2")

    answer(law_firm, "retry", "N-2")

    assert (held, law_firm.states()["2"]) == (("held", "CONFLICT"), ("synced", ""))
    assert law_firm.in_quickbooks("invoice") == {"1": 1, "2": 1}


@pytest.mark.slow
def test_after_a_decision_a_later_change_in_quickbooks_is_drift_again(law_firm: LawFirm) -> None:
    drift(law_firm)
    with law_firm.deployment.open(FIRM, Run("resolve-1", "resolve", PARTNER)) as session:
        resolve(session, gather(session, find_document(session, "N-1")), Answer.RETRY)
    [invoice] = law_firm.books.ours("Invoice")
    law_firm.books.do("edit", entity="Invoice", id=invoice["Id"], changes={"TxnDate": "2026-02-03"})

    law_firm.sync()

    assert law_firm.states() == {"1": ("held", "DRIFT")}


@pytest.mark.slow
def test_what_a_person_kept_is_held_again_when_billing_changes_it(law_firm: LawFirm) -> None:
    drift(law_firm)
    answer(law_firm, "keep")
    [kept] = law_firm.books.ours("Invoice")
    revise(law_firm, "170.00")

    law_firm.sync()

    assert (kept["TxnDate"], law_firm.states()) == ("2026-02-02", {"1": ("held", "DRIFT")})


@pytest.mark.slow
def test_nothing_is_decided_while_quickbooks_cannot_be_read(law_firm: LawFirm) -> None:
    drift(law_firm)
    law_firm.books.fault(*({"what": "html_503", "match": "query"},) * 4)

    with pytest.raises(AnswerRefusedError, match="QuickBooks could not be read, so nothing is decided"):
        answer(law_firm, "keep")

    assert law_firm.states() == {"1": ("held", "DRIFT")}


def test_an_unknown_outcome_takes_no_decision_only_a_new_look(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    lose_the_answer(law_firm)
    for choice in ("keep", "void", "recreate"):
        with pytest.raises(AnswerRefusedError, match="It takes: --retry"):
            answer(law_firm, choice)

    answer(law_firm, "retry")

    assert law_firm.states() == {"1": ("synced", "")}
    assert law_firm.in_quickbooks("invoice") == {"1": 1}
