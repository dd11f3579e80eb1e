"""A payer who may be a customer under another name gets none of its own before a person has said so, once."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from qb_pipeline.core.planning.resolutions import Answer
from qb_pipeline.core.words import NotNamedError
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.sync.firm_report import FirmReport
from qb_pipeline.sync.people.payer_questions import Question, answer_payer, count_questions, find_questions
from qb_pipeline.sync.people.resolve import AnswerRefusedError
from qb_pipeline.sync.verify.adoption import approve, propose
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.sync.people.test_resolve import answer as answer_document

LIKE = ("held", "LIKE_CUSTOMER")
SYNCED = ("synced", "")
EMAIL = "liz@doe.example"


def like_customer(law_firm: LawFirm, given: str = "Elisabeth", **more: Any) -> str:
    """The customer that P1 may be, under a name that is not quite the same; gives its Id."""
    names = {"DisplayName": f"{given} Doe", "GivenName": given, "FamilyName": "Doe"}
    body = {**names, "PrimaryEmailAddr": {"Address": EMAIL}, **more}
    return str(law_firm.books.do("edit", entity="Customer", changes=body)["Id"])


def name_payer(law_firm: LawFirm, first: str = "Elizabeth", last: str = "Doe", email: str = EMAIL) -> None:
    law_firm.change(
        "update payers set first_name = :first, last_name = :last, email = :email where payer_id = 'P1'",
        first=first, last=last, email=email,
    )  # fmt: skip


@pytest.fixture
def asked(law_firm: LawFirm) -> LawFirm:
    """P1 has two invoices and a payment, and may be a customer."""
    name_payer(law_firm)
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.invoice("2", "30.00")
    law_firm.payment("p", applied={"1": "40.00"})
    return law_firm


def ask(law_firm: LawFirm, payer_id: str = "P1") -> list[Question]:
    with law_firm.deployment.open(FIRM, Run("show", "test", PARTNER)) as session:
        return find_questions(session, [payer_id])


def answer(
    law_firm: LawFirm, said: str, quickbooks_id: str = "", *, payer_id: str = "P1", actor: str = PARTNER
) -> list[str]:
    """Answer, without the sync that follows; gives the documents that waited for it."""
    with law_firm.deployment.open(FIRM, Run(f"resolve-{uuid4()}", "resolve", actor)) as session:
        return [str(row.name) for row in answer_payer(session, payer_id, Answer(said), quickbooks_id)]


def plan(law_firm: LawFirm) -> FirmReport:
    return law_firm.sync(["work_list", "sync_plan"])


def customers(law_firm: LawFirm) -> list[str]:
    return [row["DisplayName"] for row in law_firm.books.all("Customer")]


def details(law_firm: LawFirm) -> set[str]:
    return {row["detail"] for row in law_firm.query("select detail from sync.log where reason = 'LIKE_CUSTOMER'")}


def test_a_payer_who_looks_like_a_customer_is_held_through_three_syncs_and_the_plan_says_so(asked: LawFirm) -> None:
    customer_id = like_customer(asked)

    planned = plan(asked)
    after_each = []
    for _ in range(3):
        asked.sync()
        after_each.append(asked.states())

    assert {(row.source_id, row.operation, row.reason) for row in planned.plan} == {
        ("1", "hold", "LIKE_CUSTOMER"), ("2", "hold", "LIKE_CUSTOMER"), ("p", "wait", "INVOICE_NOT_SENT"),
    }  # fmt: skip
    assert planned.would_create == []
    assert after_each == [{"1": LIKE, "2": LIKE, "p": ("waiting", "INVOICE_NOT_SENT")}] * 3
    assert customers(asked) == ["Elisabeth Doe"]
    assert asked.sends() == 0
    [detail] = details(asked)
    assert detail.startswith(f"Customer Id {customer_id}: ")


def test_holding_costs_no_request_beyond_the_list_of_customers(asked: LawFirm) -> None:
    like_customer(asked)
    asked.sync()
    asked.books.count_anew()

    asked.sync()

    assert asked.books.requests() == {"POST query": 1}


def test_the_same_links_the_customer_and_one_sync_sends(asked: LawFirm) -> None:
    customer_id = like_customer(asked)
    asked.sync()

    waited = answer(asked, "same", customer_id)
    asked.sync()
    sends = asked.sends()
    asked.sync()

    assert waited == ["invoice:1", "invoice:2", "payment:p"]
    assert asked.states() == {"1": SYNCED, "2": SYNCED, "p": SYNCED}
    assert customers(asked) == ["Elisabeth Doe"]
    assert {row["CustomerRef"]["value"] for row in asked.books.ours("Invoice")} == {customer_id}
    assert asked.sends() == sends
    assert asked.query("select quickbooks_id, origin, changed_by from sync.mapping where kind = 'payer'") == [
        {"quickbooks_id": customer_id, "origin": "person", "changed_by": PARTNER}
    ]
    assert asked.query("select kind, source_id, quickbooks_id, answer, answered_by from sync.duplicate_answer") == [
        {"kind": "customer", "source_id": "P1", "quickbooks_id": customer_id, "answer": "same", "answered_by": PARTNER}
    ]
    assert asked.query("select actor, detail from sync.firm_event where event = 'resolved'") == [
        {
            "actor": PARTNER,
            "detail": {"kind": "customer", "source_id": "P1", "answer": "same", "quickbooks_ids": customer_id},
        }
    ]


def test_another_client_gets_a_customer_and_one_sync_sends(asked: LawFirm) -> None:
    like_customer(asked)
    asked.sync()

    waited = answer(asked, "new")
    planned = plan(asked)
    asked.sync()
    sends = asked.sends()
    asked.sync()

    assert waited == ["invoice:1", "invoice:2", "payment:p"]
    assert {row.operation for row in planned.plan} == {"create"}
    assert planned.would_create == [("customer", "P1")]
    assert asked.states() == {"1": SYNCED, "2": SYNCED, "p": SYNCED}
    assert customers(asked) == ["Elisabeth Doe", "Elizabeth Doe"]
    assert asked.sends() == sends


def test_a_customer_that_comes_after_the_answer_is_asked_about_and_no_other(asked: LawFirm) -> None:
    """No sync has come in between; nobody has seen the second one."""
    first = like_customer(asked)
    asked.sync()
    answer(asked, "new")
    second = like_customer(asked, "Elisabeth", DisplayName="Elisabeth Doe 2")

    asked.sync()
    [question] = ask(asked)
    answer(asked, "new")
    asked.sync()

    assert [each.quickbooks_id for each in question.candidates] == [second]
    assert asked.states("invoice") == {"1": SYNCED, "2": SYNCED}
    assert asked.query("select quickbooks_id, answer from sync.duplicate_answer order by quickbooks_id::int") == [
        {"quickbooks_id": first, "answer": "new"}, {"quickbooks_id": second, "answer": "new"},
    ]  # fmt: skip


def test_whom_a_person_has_told_apart_is_not_matched_by_name_later(asked: LawFirm) -> None:
    """The bookkeeper corrects the customer's name, and now it is the payer's."""
    other = like_customer(asked)
    asked.sync()
    answer(asked, "new")
    asked.books.do("edit", entity="Customer", id=other, changes={"DisplayName": "Doe E.", "GivenName": "Elizabeth"})
    asked.time.sleep(60)  # a query may lag

    asked.sync()

    assert asked.states("invoice") == {"1": SYNCED, "2": SYNCED}
    assert other not in {row["CustomerRef"]["value"] for row in asked.books.ours("Invoice")}
    assert customers(asked) == ["Doe E.", "Elizabeth Doe"]


def test_at_most_three_are_shown_and_an_answer_is_about_all(asked: LawFirm) -> None:
    ids = [like_customer(asked, DisplayName=f"Elisabeth Doe {number}") for number in range(5)]
    asked.sync()

    [question] = ask(asked)
    answer(asked, "new")
    asked.sync()

    assert (len(question.candidates), question.more) == (3, 2)
    assert {each.quickbooks_id for each in question.candidates} < set(ids)
    assert all(detail.endswith(" | and 2 more") and detail.count("Customer Id") == 3 for detail in details(asked))
    assert asked.states("invoice") == {"1": SYNCED, "2": SYNCED}


def inactive(law_firm: LawFirm) -> tuple[str, str]:
    customer_id = like_customer(law_firm)
    law_firm.books.do("inactivate", entity="Customer", id=customer_id)
    return customer_id, rf"the Customer with Id '{customer_id}' is inactive in QuickBooks\. Make it active"


def sub_customer(law_firm: LawFirm) -> tuple[str, str]:
    parent = law_firm.books.create("Customer", {"DisplayName": "Parent Holding"})["Id"]
    customer_id = like_customer(law_firm, Job=True, ParentRef={"value": parent})
    return (
        customer_id,
        rf"'{customer_id}' is a sub-customer in QuickBooks\. Make it a customer of its own there, or map",
    )


def merged(law_firm: LawFirm) -> tuple[str, str]:
    customer_id = like_customer(law_firm)
    gone = like_customer(law_firm, DisplayName="Elisabeth Doe 2")
    law_firm.books.do("merge", loser_id=gone, survivor_id=customer_id)
    return gone, rf"no Customer with Id '{gone}'\. .*merged goes on under the Id of the other one"


def another_payer_s(law_firm: LawFirm) -> tuple[str, str]:
    like_customer(law_firm)
    theirs = law_firm.books.create("Customer", {"DisplayName": "Bo Lee"})["Id"]
    law_firm.insert("payers", payer_id="P2", first_name="Bo", last_name="Lee")
    law_firm.map("payer", "P2", theirs)
    return theirs, rf"Customer Id {theirs} belongs to customer:P2 already\. .*correct the mapping of P2"


def stranger(law_firm: LawFirm) -> tuple[str, str]:
    customer_id = like_customer(law_firm)
    other = law_firm.books.create("Customer", {"DisplayName": "Somebody Else"})["Id"]
    return other, rf"Id {other} is not among the customers that customer:P1 looks like \(Ids {customer_id}\)"


@pytest.mark.parametrize("world", [inactive, sub_customer, merged, another_payer_s, stranger])
def test_a_customer_that_cannot_be_the_payer_s_is_refused_with_a_remedy(
    asked: LawFirm, world: Callable[[LawFirm], tuple[str, str]]
) -> None:
    """What is inactive, and what is a sub-customer, holds the payer all the same."""
    quickbooks_id, why = world(asked)
    asked.sync()

    with pytest.raises(AnswerRefusedError, match=why):
        answer(asked, "same", quickbooks_id)

    assert asked.states("invoice") == {"1": LIKE, "2": LIKE}
    assert asked.query("select * from sync.duplicate_answer") == []
    assert asked.query("select * from sync.mapping where source_id = 'P1'") == []


def test_an_answer_is_a_super_user_s_and_about_a_payer_who_is_asked_about(asked: LawFirm) -> None:
    like_customer(asked)
    asked.sync()

    with pytest.raises(SetUpError, match="clerk is no super user"):
        answer(asked, "new", actor="clerk")
    with pytest.raises(NotNamedError, match="customer:P9 names no payer of one"):
        answer(asked, "new", payer_id="P9")
    with pytest.raises(AnswerRefusedError, match=r"the answer is about its payer\. .*resolve one customer:P1 --new"):
        answer_document(asked, "new")
    assert asked.query("select * from sync.duplicate_answer") == []

    name_payer(asked, "Somebody", "Different", "")
    with pytest.raises(AnswerRefusedError, match="looks like no customer that is free: it needs no answer"):
        answer(asked, "new")
    name_payer(asked, "Somebody", "")
    with pytest.raises(AnswerRefusedError, match=r"takes no such answer \(MISSING_NAME\)"):
        answer(asked, "new")


def test_documents_of_a_payer_who_has_a_customer_are_left_alone(asked: LawFirm) -> None:
    asked.sync()
    linked = asked.query("select quickbooks_id from sync.mapping where kind = 'payer'")[0]["quickbooks_id"]
    late = like_customer(asked)
    asked.invoice("3", "5.00")

    asked.sync()
    sends = asked.sends()
    with pytest.raises(AnswerRefusedError, match=f"customer:P1 is Customer Id {linked} already and needs no answer"):
        answer(asked, "same", late)
    asked.sync()

    assert asked.states("invoice") == {"1": SYNCED, "2": SYNCED, "3": SYNCED}
    assert asked.sends() == sends
    assert {row["CustomerRef"]["value"] for row in asked.books.ours("Invoice")} == {linked}


def test_two_payers_may_look_like_one_customer_and_the_other_goes_by_itself(asked: LawFirm) -> None:
    customer_id = like_customer(asked)
    asked.insert("payers", payer_id="P2", first_name="Elizabet", last_name="Doe", email=EMAIL)
    asked.invoice("other", "7.00", payer_id="P2")
    asked.sync()
    held = asked.states("invoice")

    answer(asked, "same", customer_id)
    asked.sync()

    assert held == {"1": LIKE, "2": LIKE, "other": LIKE}
    assert asked.states("invoice") == {"1": SYNCED, "2": SYNCED, "other": SYNCED}
    assert customers(asked) == ["Elisabeth Doe", "Elizabet Doe"]


def test_a_customer_that_is_by_name_another_payer_s_is_asked_about_by_nobody(asked: LawFirm) -> None:
    """Whichever of the two a run has come to: the other one's invoice only stands on the work list."""
    like_customer(asked)
    asked.insert("payers", payer_id="P2", first_name="Elisabeth", last_name="Doe")
    asked.invoice("theirs", "7.00", payer_id="P2")
    asked.sync(["work_list"])

    asked.sync(invoice_ids=["1"])

    assert asked.states("invoice") == {"1": SYNCED, "2": ("new", ""), "theirs": ("new", "")}
    assert customers(asked) == ["Elisabeth Doe", "Elizabeth Doe"]


def test_a_payer_whose_look_alike_is_another_one_now_goes_by_itself(asked: LawFirm) -> None:
    customer_id = like_customer(asked)
    asked.sync()
    gone = {"DisplayName": "Bo Lee", "GivenName": "Bo", "FamilyName": "Lee", "PrimaryEmailAddr": {"Address": "b@o.com"}}
    asked.books.do("edit", entity="Customer", id=customer_id, changes=gone)
    asked.time.sleep(60)  # a query may lag

    asked.sync()

    assert asked.states("invoice") == {"1": SYNCED, "2": SYNCED}
    assert customers(asked) == ["Bo Lee", "Elizabeth Doe"]


def test_a_firm_that_creates_no_customers_is_asked_nothing(law_firm: LawFirm) -> None:
    name_payer(law_firm)
    like_customer(law_firm)
    law_firm.activate(unmatched_payer="hold")
    law_firm.invoice("1", "100.00")

    law_firm.sync()

    assert law_firm.states() == {"1": ("held", "UNMATCHED_PAYER")}
    assert ask(law_firm) == []


def test_after_the_answer_adoption_finds_what_an_earlier_integration_sent(asked: LawFirm) -> None:
    """Adopted once before, when nobody knew the customer."""
    customer_id = like_customer(asked)
    detail = {"ItemRef": {"value": asked.item_id}}
    line = {"Amount": 100, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
    day = asked.query("select now() as n")[0]["n"].date()
    asked.change("update invoices set invoice_date = :day where invoice_id = '1'", day=day)
    body = {"CustomerRef": {"value": customer_id}, "DocNumber": "N-1", "Line": [line], "TxnDate": str(day)}
    asked.books.create("Invoice", body)

    def adopt() -> dict[str, str]:
        with asked.deployment.open(FIRM, Run(f"adopt-{uuid4()}", "cli", PARTNER)) as session:
            proposals = propose(session)
            approve(session, proposals)
        return {row.document.source_id: row.verdict for row in proposals}

    before = adopt()
    asked.sync()
    held = asked.states("invoice")
    answer(asked, "same", customer_id)
    after = adopt()
    asked.sync()

    assert before["1"] != "match"
    assert held == {"1": LIKE, "2": LIKE}
    assert after["1"] == "match"
    assert asked.states() == {"1": SYNCED, "2": SYNCED, "p": SYNCED}
    assert sorted(row["DocNumber"] for row in asked.books.all("Invoice")) == ["N-1", "N-2"]


def test_neither_log_nor_plan_nor_answer_holds_a_name_or_an_address(asked: LawFirm) -> None:
    """Of each likeness, the kind alone; a person's mapping keeps the name of what was mapped, as every mapping, and so
    do the names of customers, which reports show."""
    like_customer(asked, "Liz", DisplayName="Doe, Liz", BillAddr={"Line1": "9 Canary Row", "City": "Canaryville"})
    like_customer(asked, Title="Dr.", MiddleName="Canary")
    plan(asked)
    asked.sync()
    answer(asked, "new")
    asked.sync()

    [question, *_] = [*ask(asked), None]
    tables = asked.query("select table_name from information_schema.tables where table_schema = 'sync'")
    assert len(tables) > 20
    assert question is None
    told = {"attempt", "attempt_item", "mapping", "mirror", "customer_name", "shown_customer", "shown_payer"}
    for name in {row["table_name"] for row in tables} - told:
        for row in asked.query(f"select to_jsonb(t)::text as said from sync.{name} t"):  # noqa: S608
            assert not [word for word in ("Liz", "Elisabeth", "Canary", "Doe", "doe.example") if word in row["said"]]


def test_how_many_will_be_asked_about_is_known_before_the_first_sync(asked: LawFirm) -> None:
    like_customer(asked)
    asked.insert("payers", payer_id="P2", first_name="Bo", last_name="Lee")
    asked.insert("payers", payer_id="P3", first_name="Cy", last_name="Known")
    asked.books.create("Customer", {"DisplayName": "Cy Known"})
    for payer_id in ("P2", "P3"):
        asked.invoice(payer_id, "7.00", payer_id=payer_id)

    with asked.deployment.open(FIRM, Run("activate", "cli", PARTNER)) as session:
        counted = count_questions(session)

    assert counted == (1, 2)
    assert asked.states() == {}
