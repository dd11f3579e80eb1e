"""Refunds and rejections that are recorded in QuickBooks: once, with the right books, or left to a person."""

from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.ledger.books.census import Counts
from qb_pipeline.ledger.log import Run
from qb_pipeline.quickbooks.errors import TransientError
from qb_pipeline.sync.verify.binding import find_forgotten
from qb_pipeline.sync.verify.census import take_census
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


def recording(law_firm: LawFirm, *, mapped: bool = True) -> None:
    """A firm that records refunds; invoice 1 over 100.00 is paid by check p1."""
    law_firm.activate(record_refunds="on")
    if mapped:
        law_firm.map("deposit_account", "check", account(law_firm, "Checking"))
    law_firm.invoice("1", "100.00")
    law_firm.payment("p1", applied={"1": "100.00"}, days_ago=3)
    law_firm.sync()


def account(law_firm: LawFirm, name: str) -> str:
    return str(next(row["Id"] for row in law_firm.books.all("Account") if row["Name"] == name))


def entries(law_firm: LawFirm) -> list[list[tuple[str, str, str]]]:
    """Side, account and amount of each line of each journal entry of ours."""
    return [
        [
            (
                line["JournalEntryLineDetail"]["PostingType"],
                line["JournalEntryLineDetail"]["AccountRef"]["name"],
                str(line["Amount"]),
            )
            for line in row["Line"]
        ]
        for row in law_firm.books.ours("JournalEntry")
    ]


def owed(law_firm: LawFirm) -> tuple[list[str], list[str], list[Decimal]]:
    """What is open on invoices, unapplied on payments, and owed by customers."""
    return (
        [str(row["Balance"]) for row in law_firm.books.ours("Invoice")],
        [str(row["UnappliedAmt"]) for row in law_firm.books.ours("Payment")],
        [Decimal(row["Balance"]) for row in law_firm.books.all("Customer")],
    )


def by_hand(law_firm: LawFirm) -> list[str]:
    return [row["payment_id"] for row in law_firm.query("select payment_id from reporting.enter_by_hand order by 1")]


def pays(law_firm: LawFirm, payment_id: str = "p1") -> list[tuple[str, str, str]]:
    """Amount, type and Id of what a payment pays in QuickBooks."""
    [payment] = [row for row in law_firm.books.ours("Payment") if f":payment:{payment_id}:" in row["PrivateNote"]]
    links = [(str(line["Amount"]), line["LinkedTxn"][0]) for line in payment["Line"]]
    return [(amount, link["TxnType"], link["TxnId"]) for amount, link in links]


@pytest.mark.parametrize(("kind", "amount", "left"), [("refund", "25.00", "25.0"), ("rejection", "100.00", "100.0")])
@pytest.mark.parametrize("debit_entry", ["payable", "refused"])
def test_money_that_went_back_is_owed_again_and_its_payment_is_applied_to_the_entry(
    law_firm: LawFirm, kind: str, amount: str, left: str, debit_entry: str
) -> None:
    recording(law_firm)
    law_firm.books.switch(debit_entry=debit_entry)
    law_firm.payment("back", amount=amount, kind=kind, reverses_payment_id="p1", reference="returned")

    report = law_firm.sync()

    assert entries(law_firm) == [[("Debit", "Accounts Receivable (A/R)", left), ("Credit", "Checking", left)]]
    [entry] = law_firm.books.ours("JournalEntry")
    assert (entry["TxnDate"], entry["PrivateNote"].endswith(":refund:back:g1 returned")) == (
        law_firm.today.isoformat(), True,
    )  # fmt: skip
    said = "payment p1: QuickBooks does not apply it to the journal entry that takes it back (fault 620), so that this "
    said += "money stays unapplied: apply it to the entry in QuickBooks"
    is_paid = debit_entry == "payable"
    assert owed(law_firm) == ([left], ["0" if is_paid else left], [Decimal(left)])
    assert [each for each in pays(law_firm) if each[1] != "Invoice"] == [(left, "JournalEntry", entry["Id"])] * is_paid
    assert (report.notices, by_hand(law_firm)) == ([] if is_paid else [said], [])
    assert law_firm.states("payment")["p1"] == ("synced", "")
    assert law_firm.sync().writes == 0


@pytest.mark.parametrize(
    ("mapped", "says"),
    [
        (True, "refund back would be recorded in QuickBooks as a journal entry of 25.00"),
        (False, "refund back is left to be entered by hand: no deposit_account is mapped for method check"),
    ],
)
def test_a_plan_says_which_refunds_would_be_recorded(law_firm: LawFirm, mapped: bool, says: str) -> None:
    recording(law_firm, mapped=mapped)
    law_firm.payment("back", amount="25.00", kind="refund", reverses_payment_id="p1")

    report = law_firm.sync(["work_list", "sync_plan"])

    assert (report.notices, report.writes, entries(law_firm)) == ([says], 0, [])


def test_what_the_next_sync_records_is_not_to_be_entered_by_hand(law_firm: LawFirm) -> None:
    """A sensor lists it hours before the sync: whoever enters it meanwhile would have it twice."""
    recording(law_firm)
    law_firm.payment("back", amount="25.00", kind="refund", reverses_payment_id="p1")
    law_firm.payment("credit", amount="5.00", kind="credit_deposit")
    law_firm.payment("other", amount="5.00", kind="refund", reverses_payment_id="credit")

    law_firm.sync(["work_list"])
    listed = by_hand(law_firm)
    law_firm.deployment.firms.change_settings(
        "one", {"record_refunds": "off"}, actor="partner", now=law_firm.time.now()
    )

    assert (listed, by_hand(law_firm)) == (["credit", "other"], ["back", "credit", "other"])


def test_recorded_money_has_a_class_of_its_own_with_its_entry(law_firm: LawFirm) -> None:
    recording(law_firm)
    law_firm.payment("back", amount="25.00", kind="refund", reverses_payment_id="p1")
    law_firm.payment("bounce", amount="75.00", kind="rejection", reverses_payment_id="p1")
    law_firm.sync()
    before = law_firm.time.now()
    law_firm.time.sleep(60)
    ids = {row["PrivateNote"].split(":")[4]: row["Id"] for row in law_firm.books.ours("JournalEntry")}
    law_firm.change("update payments set amount = 30 where payment_id = 'back'")
    law_firm.sync()

    assert differences(law_firm) == [
        ("back", "hand_entry", "-5.00", ""),
        ("back", "recorded", "-25.00", ids["back"]),
        ("bounce", "recorded", "-75.00", ids["bounce"]),
    ]
    assert differences(law_firm, before.isoformat()) == [
        ("back", "recorded", "-25.00", ids["back"]),
        ("bounce", "recorded", "-75.00", ids["bounce"]),
    ]
    law_firm.books.do("delete", entity="JournalEntry", id=ids["bounce"])
    whole_census(law_firm)
    assert differences(law_firm)[-1] == ("bounce", "hand_entry", "-75.00", "")


def differences(law_firm: LawFirm, as_of: str = "") -> list[tuple[str, str, str, str]]:
    """Document, class, amount and QuickBooks Id of each difference in what was received."""
    statement = (
        "select source_id, class, amount, quickbooks_id "
        "from (select set_config('reporting.as_of', :as_of, true)) s, reporting.differences "
        "where measure = 'received' order by source_id, class"
    )
    return [tuple(map(str, row.values())) for row in law_firm.query(statement, as_of=as_of)]  # type: ignore[misc]


@pytest.mark.slow
def test_what_was_rejected_can_be_paid_again(law_firm: LawFirm) -> None:
    recording(law_firm)
    law_firm.payment("bounce", amount="100.00", kind="rejection", reverses_payment_id="p1")
    law_firm.payment("again", applied={"1": "100.00"}, method="card")

    law_firm.sync()
    law_firm.sync()

    assert law_firm.states("payment")["again"] == ("synced", "")
    assert owed(law_firm) == (["0"], ["0", "0"], [Decimal(0)])


@pytest.mark.slow
@pytest.mark.parametrize("what", ["commit_then_drop", "drop_before", "html_503"])
def test_a_lost_answer_is_found_out_and_nothing_is_recorded_twice(law_firm: LawFirm, what: str) -> None:
    recording(law_firm)
    law_firm.payment("back", amount="25.00", kind="refund", reverses_payment_id="p1")
    law_firm.books.fault({"what": what, "match": "journalentry"})

    law_firm.sync()

    assert len(entries(law_firm)) == 1
    assert owed(law_firm) == (["25.0"], ["0"], [Decimal(25)])
    assert law_firm.query("select state from sync.document where kind = 'refund'") == [{"state": "synced"}]


@pytest.mark.slow
def test_without_a_mapped_account_it_is_left_to_a_person_and_told(law_firm: LawFirm) -> None:
    recording(law_firm, mapped=False)
    law_firm.payment("back", amount="25.00", kind="refund", reverses_payment_id="p1")

    report = law_firm.sync()

    assert report.notices == [
        "refund back is left to be entered by hand: no deposit_account is mapped for method check"
    ]
    assert (entries(law_firm), by_hand(law_firm)) == ([], ["back"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"amount": "100.01"}, "it is more than what is left of payment p1"),
        ({"currency": "EUR"}, "it is not in the home currency"),
    ],
)
def test_what_does_not_fit_is_left_to_a_person(law_firm: LawFirm, change: dict[str, Any], why: str) -> None:
    recording(law_firm)
    law_firm.payment("back", **{"amount": "25.00", "kind": "refund", "reverses_payment_id": "p1"} | change)

    report = law_firm.sync()

    assert report.notices == [f"refund back is left to be entered by hand: {why}"]
    assert (entries(law_firm), by_hand(law_firm)) == ([], ["back"])


@pytest.mark.slow
def test_what_was_there_before_the_setting_stays_on_the_list(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.map("deposit_account", "check", account(law_firm, "Checking"))
    law_firm.invoice("1", "100.00")
    law_firm.payment("p1", applied={"1": "100.00"})
    law_firm.payment("old", amount="10.00", kind="refund", reverses_payment_id="p1")
    law_firm.sync()
    law_firm.deployment.firms.change_settings("one", {"record_refunds": "on"}, actor="partner", now=law_firm.time.now())
    law_firm.payment("new", amount="5.00", kind="refund", reverses_payment_id="p1")

    law_firm.sync()

    assert (len(entries(law_firm)), by_hand(law_firm)) == (1, ["old"])


@pytest.mark.slow
def test_of_a_deposited_payment_the_money_is_recorded_and_the_payment_is_for_a_person(law_firm: LawFirm) -> None:
    recording(law_firm, mapped=False)
    law_firm.map("deposit_account", "echeck", account(law_firm, "Checking"))
    law_firm.books.do("deposit", payments=[law_firm.books.ours("Payment")[0]["Id"]])
    law_firm.payment("bounce", amount="100.00", kind="rejection", method="echeck", reverses_payment_id="p1")

    law_firm.sync()
    law_firm.sync()

    assert (len(entries(law_firm)), law_firm.states("payment")["p1"]) == (1, ("held", "DEPOSITED"))
    assert owed(law_firm)[2] == [Decimal(100)]


@pytest.mark.slow
def test_a_recorded_refund_that_billing_voids_is_for_a_person_and_the_payment_pays_again(law_firm: LawFirm) -> None:
    recording(law_firm)
    law_firm.payment("back", amount="25.00", kind="refund", reverses_payment_id="p1")
    law_firm.sync()
    law_firm.change("update payments set status = 'void' where payment_id = 'back'")

    law_firm.sync()

    [entry] = law_firm.books.ours("JournalEntry")
    assert law_firm.query("select what, payment_id, remedy from reporting.enter_by_hand") == [
        {
            "what": "changed_refund",
            "payment_id": "back",
            "remedy": f"Correct or delete journal entry {entry['Id']} in QuickBooks.",
        }
    ]
    assert owed(law_firm)[:2] == (["0"], ["0"])


@pytest.mark.slow
def test_a_ledger_that_forgot_an_entry_is_found_out(law_firm: LawFirm) -> None:
    recording(law_firm)
    law_firm.payment("back", amount="25.00", kind="refund", reverses_payment_id="p1")
    law_firm.sync()
    with law_firm.deployment.open(FIRM, Run("look", "test", PARTNER)) as session:
        known = find_forgotten(session, None)
        with law_firm.ledger.begin() as connection:
            connection.exec_driver_sql(
                "update sync.document set quickbooks_id = null, state = 'new' where kind = 'refund'"
            )
        forgotten = find_forgotten(session, None)

    assert (known, forgotten) == ("", "QuickBooks holds 1 documents of ours that the ledger does not know")


@pytest.mark.slow
def test_a_refused_entry_is_told_and_recorded_when_it_can_be(law_firm: LawFirm) -> None:
    recording(law_firm)
    law_firm.books.do("close-books", date=(law_firm.today + timedelta(days=1)).isoformat())
    law_firm.payment("back", amount="25.00", kind="refund", reverses_payment_id="p1")

    told = law_firm.sync().notices
    refused = by_hand(law_firm)
    law_firm.books.do("close-books", date=None)
    law_firm.sync()

    assert told == [
        "refund back was refused by QuickBooks (fault 6210): correct the cause, or enter it by hand and set "
        "record_refunds=off"
    ]
    assert (refused, len(entries(law_firm)), by_hand(law_firm)) == (["back"], 1, [])


def test_a_plan_holds_a_refused_entry_until_it_can_be_recorded_or_a_person_names_it(law_firm: LawFirm) -> None:
    recording(law_firm)
    law_firm.books.do("close-books", date=law_firm.today.isoformat())
    law_firm.payment("back", amount="25.00", kind="refund", reverses_payment_id="p1", reference="returned")
    law_firm.sync()
    dry = ["work_list", "sync_plan"]

    held, kept = law_firm.sync(dry), law_firm.sync()
    named = law_firm.sync(dry, payment_ids=["back"])
    law_firm.books.do("close-books", date=None)
    cured = law_firm.sync(dry)

    stays = (
        "refund back stays refused by QuickBooks: nothing has changed since. Correct the cause, or enter it by hand "
        "and set record_refunds=off"
    )
    goes = "refund back would be recorded in QuickBooks as a journal entry of 25.00"
    assert [asdict(row) for row in held.plan] == [
        {
            "kind": "refund", "source_id": "back", "part": "", "number": "returned", "document_date": law_firm.today,
            "amount_cents": 2500, "operation": "hold", "reason": "PERIOD_CLOSED",
            "remedy": PROBLEMS[Problem.PERIOD_CLOSED].remedy, "before_cents": None, "after_cents": None, "changes": [],
        }
    ]  # fmt: skip
    assert (held.notices, held.notices[-1], kept.writes) == (kept.notices, stays, 0)
    assert (named.plan, named.notices[-1]) == ([], goes)
    assert (cured.plan, cured.notices[-1]) == ([], goes)


def test_a_recorded_refund_is_counted_like_every_document(law_firm: LawFirm) -> None:
    recording(law_firm)
    law_firm.payment("r1", amount="25.00", kind="refund", reverses_payment_id="p1")

    counted = {row.kind: (row.documents, row.living, row.is_sound) for row in law_firm.sync().census}

    assert counted == {"payment": (1, 1, True), "refund": (1, 1, True)}
    assert law_firm.sync().census == []


@pytest.mark.parametrize(("change", "found"), [("deleted", "missing"), ("edited", "changed"), ("copied", "copies")])
def test_what_a_person_did_to_a_recorded_refund_is_found_by_a_whole_census(
    law_firm: LawFirm, change: str, found: str
) -> None:
    recording(law_firm)
    law_firm.payment("r1", amount="25.00", kind="refund", reverses_payment_id="p1")
    law_firm.sync()
    [entry] = law_firm.books.ours("JournalEntry")
    lines = lines_of(entry)
    if change == "deleted":
        law_firm.books.do("delete", entity="JournalEntry", id=entry["Id"])
    elif change == "edited":
        dearer = [line | {"Amount": "30.00"} for line in lines]
        law_firm.books.do("edit", entity="JournalEntry", id=entry["Id"], changes={"Line": dearer})
    else:
        law_firm.time.sleep(3600)
        law_firm.books.do("edit", entity="JournalEntry", changes={"PrivateNote": entry["PrivateNote"], "Line": lines})

    [row] = whole_census(law_firm)

    verdicts = ("missing", "changed", "copies", "duplicates", "differing")
    assert {name for name in verdicts if getattr(row, name)} == {found}
    told = [
        (row["what"], row["remedy"].split(":")[0]) for row in law_firm.query("select * from reporting.enter_by_hand")
    ]
    assert (
        told
        == {
            "deleted": [("refund", "Enter the refund in QuickBooks by hand.")],
            "edited": [],
            "copied": [
                ("changed_refund", f"Look at journal entry {entry['Id']} in QuickBooks and put it right there; then")
            ],
        }[change]
    )


def test_an_entry_that_a_person_copied_counts_until_a_census_sees_it_alone_again(law_firm: LawFirm) -> None:
    recording(law_firm)
    law_firm.payment("r1", amount="25.00", kind="refund", reverses_payment_id="p1")
    law_firm.sync()
    law_firm.sync()
    before = owed(law_firm)
    [entry] = law_firm.books.ours("JournalEntry")
    law_firm.time.sleep(3600)
    copied = {"PrivateNote": entry["PrivateNote"], "Line": lines_of(entry)}
    copy = law_firm.books.do("edit", entity="JournalEntry", changes=copied)
    whole_census(law_firm)
    held = law_firm.query("select state, reason from sync.document where kind = 'refund'")
    law_firm.books.do("delete", entity="JournalEntry", id=copy["Id"])
    law_firm.change("update payments set reference = 'check 8' where payment_id = 'p1'")

    law_firm.sync()
    whole_census(law_firm)

    assert (held, owed(law_firm)) == ([{"state": "held", "reason": "COPIED"}], before)
    assert law_firm.query("select state, reason from sync.document where kind = 'refund'") == [
        {"state": "synced", "reason": ""}
    ]
    assert by_hand(law_firm) == []


def whole_census(law_firm: LawFirm) -> list[Counts]:
    with law_firm.deployment.open(FIRM, Run("count", "test", PARTNER)) as session:
        return [row for row in take_census(session, whole=True) if row.kind == "refund"]


def test_an_entry_that_a_person_changed_before_we_could_look_stays_held(law_firm: LawFirm) -> None:
    """It has another date, and the total that was meant: no count may set it free."""
    recording(law_firm)
    law_firm.payment("r1", amount="25.00", kind="refund", reverses_payment_id="p1")
    law_firm.books.fault(
        {"what": "commit_then_drop", "match": "journalentry"},
        {"what": "html_503", "match": "query/2", "times": None},
    )
    with pytest.raises(TransientError):
        law_firm.sync()
    law_firm.books.heal()
    [entry] = law_firm.books.ours("JournalEntry")
    law_firm.books.do("edit", entity="JournalEntry", id=entry["Id"], changes={"TxnDate": "2026-01-31"})

    law_firm.sync()
    after_the_run = law_firm.query("select state, reason from sync.document where kind = 'refund'")
    whole_census(law_firm)

    assert after_the_run == [{"state": "held", "reason": "CONFLICT"}]
    assert law_firm.query("select state, reason from sync.document where kind = 'refund'") == after_the_run


def lines_of(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of a journal entry as a person writes them again."""
    names = ("DetailType", "JournalEntryLineDetail")
    return [{name: line[name] for name in names} | {"Amount": str(line["Amount"])} for line in entry["Line"]]


def test_a_recorded_refund_whose_note_speaks_of_a_void_is_there_all_the_same(law_firm: LawFirm) -> None:
    """Every entry has a total of 0 in QuickBooks, as a void document has."""
    recording(law_firm)
    law_firm.payment("r1", amount="25.00", kind="refund", reverses_payment_id="p1", reference="voided check 7")

    counted = {row.kind: row.is_sound for row in law_firm.sync().census}

    assert counted == {"payment": True, "refund": True}
