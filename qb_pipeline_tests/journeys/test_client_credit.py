"""Money paid from a client's credit is counted once: both halves are posted (``client_money=credit``), whatever happens
between them, and the clearing account is at 0.00 after each run."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from qb_pipeline.core.planning.resolutions import Answer
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.failures import CreditHalfError
from qb_pipeline.sync.people.evidence import gather
from qb_pipeline.sync.people.resolve import resolve
from qb_pipeline.sync.verify.census import take_census
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.sync.plan.test_journal_entries import lines_of
from qb_pipeline_tests.sync.verify.test_recovery import backup, recover, restore

CLEARING = "Client credit clearing"
LIABILITY = "Client credit"


def credit_accounts(law_firm: LawFirm) -> dict[str, str]:
    """The accounts of client money, made in QuickBooks; the settings that name them."""
    liability = law_firm.books.create("Account", {"Name": LIABILITY, "AccountType": "Other Current Liability"})
    clearing = law_firm.books.create("Account", {"Name": CLEARING, "AccountType": "Other Current Asset"})
    return {"client_credit_account": liability["Id"], "client_clearing_account": clearing["Id"]}


def posting(law_firm: LawFirm) -> None:
    """A firm that posts both halves; a deposit into credit of 1,000.00 that the bookkeeper has entered as told, and
    invoice 1 over 700.00."""
    law_firm.activate(client_money="credit", **credit_accounts(law_firm))
    law_firm.invoice("1", "700.00", days_ago=9)
    law_firm.payment("deposit", amount="1000.00", kind="credit_deposit", days_ago=9)
    law_firm.sync()
    enter_deposit(law_firm)


def enter_deposit(law_firm: LawFirm) -> None:
    law_firm.books.do(
        "edit",
        entity="JournalEntry",
        changes={"Line": [side("Debit", "Checking", law_firm), side("Credit", LIABILITY, law_firm)]},
    )


def side(posting_type: str, account: str, law_firm: LawFirm) -> dict[str, object]:
    account_id = next(row["Id"] for row in law_firm.books.all("Account") if row["Name"] == account)
    detail = {"PostingType": posting_type, "AccountRef": {"value": account_id}}
    return {"Amount": "1000.00", "DetailType": "JournalEntryLineDetail", "JournalEntryLineDetail": detail}


def use_credit(law_firm: LawFirm, amount: str = "400.00", day: date | None = None) -> None:
    law_firm.payment("c", amount="900.00", kind="credit_application", method="credit", reference="retainer")
    law_firm.apply("c", "1", amount, day or law_firm.today)


def balances(law_firm: LawFirm) -> dict[str, Decimal]:
    """What stands on the accounts of client money, and on those that it must not touch."""
    names = ("Checking", LIABILITY, CLEARING, "Undeposited Funds")
    rows = {row["Name"]: row for row in law_firm.books.all("Account")}
    return {name: Decimal(rows[name]["CurrentBalance"]) for name in names}


def owed(law_firm: LawFirm) -> Decimal:
    return sum((Decimal(row["Balance"]) for row in law_firm.books.all("Customer")), Decimal(0))


def test_without_the_setting_the_second_half_is_listed(law_firm: LawFirm) -> None:
    """Checking 1,000, Undeposited Funds 400, the liability still 1,000: the bookkeeper is told what is missing."""
    law_firm.activate()
    credit_accounts(law_firm)
    law_firm.invoice("1", "700.00", days_ago=9)
    law_firm.payment("deposit", amount="1000.00", kind="credit_deposit", days_ago=9)
    enter_deposit(law_firm)
    use_credit(law_firm)

    law_firm.sync()

    found = law_firm.query(
        "select what, document_date, payer_id, amount from reporting.enter_by_hand where what = 'credit_applied'"
    )
    assert [tuple(map(str, row.values())) for row in found] == [("credit_applied", str(law_firm.today), "P1", "400.00")]
    assert balances(law_firm) == {"Checking": 1000, LIABILITY: 1000, CLEARING: 0, "Undeposited Funds": 400}


def test_both_halves_are_posted_and_counted(law_firm: LawFirm) -> None:
    posting(law_firm)
    use_credit(law_firm)

    report = law_firm.sync()

    assert balances(law_firm) == {"Checking": 1000, LIABILITY: 600, CLEARING: 0, "Undeposited Funds": 0}
    [entry] = law_firm.books.ours("JournalEntry")
    [payment] = law_firm.books.ours("Payment")
    lines = [line["JournalEntryLineDetail"] for line in entry["Line"]]
    assert [(each["PostingType"], each["AccountRef"]["name"]) for each in lines] == [
        ("Debit", LIABILITY), ("Credit", CLEARING),
    ]  # fmt: skip
    assert lines[0]["Entity"]["EntityRef"]["value"] == payment["CustomerRef"]["value"]
    assert (entry["TxnDate"], entry["PrivateNote"].endswith(f":credit:c@{law_firm.today}:g1 retainer")) == (
        payment["TxnDate"], True,
    )  # fmt: skip
    assert {row.kind: (row.documents, row.is_sound) for row in report.census} == {
        "payment": (1, True), "credit": (1, True),
    }  # fmt: skip
    assert [row["what"] for row in law_firm.query("select what from reporting.enter_by_hand")] == ["credit_deposit"]
    law_firm.books.count_anew()
    assert (law_firm.sync().writes, law_firm.books.requests()) == (0, {})


def test_both_halves_are_edited_and_voided_together(law_firm: LawFirm) -> None:
    posting(law_firm)
    use_credit(law_firm)
    law_firm.sync()
    seen = []
    for change in ("update payment_applications set amount = 300", "update payments set status = 'void'"):
        law_firm.change(f"{change} where payment_id = 'c'")
        law_firm.sync()
        [entry] = law_firm.books.ours("JournalEntry")
        seen.append((str(entry["Line"][0]["Amount"]), balances(law_firm)[LIABILITY], balances(law_firm)[CLEARING]))

    assert seen == [("300.0", 700, 0), ("0", 1000, 0)]
    assert owed(law_firm) == 700
    assert law_firm.sync().writes == 0


@pytest.mark.slow
@pytest.mark.parametrize("what", ["commit_then_drop", "drop_before", "html_503"])
@pytest.mark.parametrize("half", ["payment", "entry"])
def test_an_answer_that_is_lost_is_found_out_in_the_same_run(law_firm: LawFirm, what: str, half: str) -> None:
    posting(law_firm)
    use_credit(law_firm)
    law_firm.books.fault({"what": what, "match": "batch" if half == "payment" else "batch/2"})

    law_firm.sync()

    assert (len(law_firm.books.ours("Payment")), len(law_firm.books.ours("JournalEntry"))) == (1, 1)
    assert (balances(law_firm)[CLEARING], state(law_firm), law_firm.sync().writes) == (0, ("synced", ""), 0)


def test_what_was_in_quickbooks_before_the_setting_stays_by_hand(law_firm: LawFirm) -> None:
    law_firm.activate()
    accounts = credit_accounts(law_firm)
    law_firm.invoice("1", "700.00", days_ago=9)
    use_credit(law_firm, "100.00", law_firm.today - timedelta(days=1))
    law_firm.sync()
    switch(law_firm, client_money="credit", **accounts)
    law_firm.apply("c", "1", "400.00", law_firm.today)

    law_firm.sync()

    found = law_firm.query("select part, amount from reporting.enter_by_hand where what = 'credit_applied'")
    assert [tuple(map(str, row.values())) for row in found] == [(str(law_firm.today - timedelta(days=1)), "100.00")]
    assert balances(law_firm) == {"Checking": 0, LIABILITY: -400, CLEARING: 0, "Undeposited Funds": 100}


def switch(law_firm: LawFirm, **settings: str) -> None:
    law_firm.deployment.firms.change_settings("one", settings, actor="partner", now=law_firm.time.now())


def test_a_run_never_ends_green_over_one_half(law_firm: LawFirm) -> None:
    posting(law_firm)
    use_credit(law_firm)
    keep_account(law_firm, is_active=False)

    for _ in range(2):
        with pytest.raises(CreditHalfError, match=r"its journal entry is held \(MAPPING_INACTIVE\)"):
            law_firm.sync()
    sent, held = law_firm.sends(), state(law_firm)
    keep_account(law_firm, is_active=True)
    half = balances(law_firm)[CLEARING]
    law_firm.sync(first=law_firm.today - timedelta(days=40), last=law_firm.today - timedelta(days=30))

    assert (held, half, state(law_firm), balances(law_firm)[CLEARING]) == (
        ("held", "CREDIT_HALF"), 400, ("synced", ""), 0,
    )  # fmt: skip
    assert law_firm.sends() == sent + 1  # neither the refused entry nor the payment went twice


def keep_account(law_firm: LawFirm, *, is_active: bool) -> None:
    """Make the account of client credit inactive, or active again."""
    account = next(row for row in law_firm.books.all("Account") if row["Name"].startswith(f"{LIABILITY}"))
    changes = {"Active": is_active, "Name": LIABILITY}
    law_firm.books.do("edit", entity="Account", id=account["Id"], changes=changes)


def state(law_firm: LawFirm) -> tuple[str, str]:
    return law_firm.states("payment")[f"c@{law_firm.today}"]


def payment_of(law_firm: LawFirm) -> int:
    return int(
        law_firm.query("select document_id from sync.document where kind = 'payment' and part <> ''")[0]["document_id"]
    )


def test_a_void_whose_entry_cannot_follow_is_no_green_run_either(law_firm: LawFirm) -> None:
    posting(law_firm)
    use_credit(law_firm)
    law_firm.sync()
    [entry] = law_firm.books.ours("JournalEntry")
    dearer = [line | {"Amount": "450.00"} for line in lines_of(entry)]
    law_firm.books.do("edit", entity="JournalEntry", id=entry["Id"], changes={"Line": dearer})
    law_firm.change("update payments set status = 'void' where payment_id = 'c'")

    with pytest.raises(CreditHalfError, match=rf"journal entry {entry['Id']} is held \(DRIFT\)"):
        law_firm.sync()
    held = state(law_firm)
    nothing = [line | {"Amount": "0"} for line in lines_of(entry)]
    law_firm.books.do("edit", entity="JournalEntry", id=entry["Id"], changes={"Line": nothing})
    law_firm.sync()

    assert (held, state(law_firm), balances(law_firm)[CLEARING]) == (("held", "CREDIT_HALF"), ("voided", ""), 0)


@pytest.mark.parametrize("answer", ["retry", "keep"])
def test_an_entry_that_a_person_deleted_is_made_anew_or_left_as_the_person_says(law_firm: LawFirm, answer: str) -> None:
    posting(law_firm)
    use_credit(law_firm)
    law_firm.sync()
    [entry] = law_firm.books.ours("JournalEntry")
    law_firm.books.do("delete", entity="JournalEntry", id=entry["Id"])
    with law_firm.deployment.open(FIRM, Run("count", "test", PARTNER)) as session:
        take_census(session, whole=True)
    with pytest.raises(CreditHalfError, match=rf"journal entry {entry['Id']} is held \(REMOTE_DELETED\)"):
        law_firm.sync()

    with law_firm.deployment.open(FIRM, Run("answer", "test", PARTNER)) as session:
        resolve(session, gather(session, payment_of(law_firm)), Answer(answer))
    law_firm.sync()

    assert (state(law_firm), len(law_firm.books.ours("JournalEntry"))) == (("synced", ""), int(answer == "retry"))
    assert balances(law_firm)[CLEARING] == (0 if answer == "retry" else 400)


@pytest.mark.parametrize("by", ["void", "delete"])
def test_when_a_person_voids_or_deletes_the_payment_its_entry_follows_and_comes_back_with_it(
    law_firm: LawFirm, by: str
) -> None:
    posting(law_firm)
    use_credit(law_firm)
    law_firm.sync()
    [payment] = law_firm.books.ours("Payment")
    law_firm.books.do(by, entity="Payment", id=payment["Id"])
    with law_firm.deployment.open(FIRM, Run("count", "test", PARTNER)) as session:
        take_census(session, whole=True)

    law_firm.sync()
    followed = balances(law_firm)
    law_firm.time.sleep(400)
    with law_firm.deployment.open(FIRM, Run("answer", "test", PARTNER)) as session:
        resolve(session, gather(session, payment_of(law_firm)), Answer.RECREATE)
    law_firm.sync()

    assert (followed[LIABILITY], followed[CLEARING]) == (1000, 0)
    assert (balances(law_firm)[LIABILITY], balances(law_firm)[CLEARING], state(law_firm)) == (600, 0, ("synced", ""))
    assert len(law_firm.books.ours("JournalEntry")) == 1


def test_a_plan_says_which_halves_would_be_posted_and_writes_nothing(law_firm: LawFirm) -> None:
    posting(law_firm)
    use_credit(law_firm)

    report = law_firm.sync(["work_list", "sync_plan"])

    assert (report.writes, report.notices) == (
        0,
        [
            "1 payments from credit would be received into the clearing account, each with a journal entry that takes "
            "it out of the client's credit: 400.00 in all"
        ],
    )


def test_a_restored_ledger_finds_both_halves_again(law_firm: LawFirm, server: sa.Engine, server_url: str) -> None:
    posting(law_firm)
    with backup(law_firm, server, server_url) as copy:
        use_credit(law_firm)
        law_firm.sync()
        restore(law_firm, copy)

        recovered = recover(law_firm)
        report = law_firm.sync()

    assert (recovered.linked, report.writes) == ({"synced": 2}, 0)
    assert (len(law_firm.books.ours("JournalEntry")), balances(law_firm)[CLEARING]) == (1, 0)
