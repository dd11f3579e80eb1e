"""``show`` and ``resolve``."""

from datetime import timedelta
from decimal import Decimal

import pytest

from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import PARTNER, LawFirm
from qb_pipeline_tests.sync.people.test_payer_questions import EMAIL, like_customer, name_payer
from qb_pipeline_tests.sync.people.test_resolve import drift
from qb_pipeline_tests.sync.plan.test_invoices import posted
from qb_pipeline_tests.sync.remote.test_standing import refused
from qb_pipeline_tests.sync.verify.test_adoption import enter_invoice
from qb_pipeline_tests.sync.verify.test_hand_entries import bounced, entry, listed, take_off


def test_show_tells_everything_of_one_document(law_firm: LawFirm, terminal: Terminal) -> None:
    drift(law_firm)

    shown = terminal.json("show", "one", "N-1")
    printed = terminal.run("show", "one", "invoice:1").out

    yesterday = str(law_firm.today - timedelta(days=1))
    expected = {
        "kind": "invoice", "source_id": "1", "number": "N-1", "document_date": yesterday, "amount": "150.00",
        "state": "held", "reason": "DRIFT",
    }  # fmt: skip
    assert {name: shown[name] for name in expected} == expected
    assert (shown["operation"], shown["answers"], shown["quickbooks"]["total"]) == ("hold", ["retry", "keep"], "100.0")
    assert {row["field"]: (row["billing"], row["quickbooks"]) for row in shown["fields"] if row["differs"]} == {
        "TxnDate": (yesterday, "2026-02-02"),
        "Line[1].Amount": ("150.00", "100.0"),
        "Line[1].SalesItemLineDetail.UnitPrice": ("150", "100"),
        "TotalAmt": ("150.00", "100.0"),
    }
    assert [row["activity"] for row in shown["log"]] == ["seen", "created", "revised", "held"]
    assert [row["intuit_tid"] != "" for row in shown["attempts"]] == [True]
    assert [row["run_id"] for row in shown["runs"]] == [row["run_id"] for row in shown["log"][::2]]
    for words in (
        "Reason: DRIFT. A person changed in QuickBooks what billing owns",
        "You may answer: resolve --keep: leave QuickBooks as it is",
        "line 1: amount",
        shown["attempts"][0]["request_id"],
    ):
        assert words in printed


def test_show_works_while_a_firm_is_paused_and_names_the_next_step_where_it_is_not_connected(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    posted(law_firm)
    terminal.run("firm", "pause", "one")

    assert "QuickBooks: there" in terminal.run("show", "one", "N-1").out
    said = terminal.run("show", "two", "x", code=1).err
    assert "There is no firm two. Firms here: one." in said
    assert "qb-pipeline firm add two" in said


def test_one_answer_is_wanted_from_a_super_user(law_firm: LawFirm, terminal: Terminal) -> None:
    drift(law_firm)

    assert "give one answer" in terminal.run("resolve", "one", "N-1", code=2).err
    assert "give one answer" in terminal.run("resolve", "one", "N-1", "--keep", "--retry", code=2).err
    assert "is no super user" in terminal.run("resolve", "one", "N-1", "--keep", "--as", "clerk", code=1).err
    assert law_firm.states() == {"1": ("held", "DRIFT")}


def test_what_a_person_keeps_is_said_and_stays(law_firm: LawFirm, terminal: Terminal) -> None:
    drift(law_firm)

    printed = terminal.run("resolve", "one", "N-1", "--keep", "--as", "partner").out

    assert printed.splitlines()[-1] == "invoice:1 is now synced"
    assert law_firm.states() == {"1": ("synced", "")}


def there_already(law_firm: LawFirm) -> str:
    """Invoice 1 is held: an earlier integration left it in QuickBooks, a day off. Gives its Id there."""
    law_firm.activate()
    law_firm.books.create("Customer", {"DisplayName": "Ana Diaz", "GivenName": "Ana", "FamilyName": "Diaz"})
    there = enter_invoice(law_firm, "N-1", "100.00", law_firm.today)
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    assert law_firm.states() == {"1": ("held", "MAYBE_THERE")}
    return there


def test_the_same_document_is_linked_by_its_id_and_another_one_is_sent(law_firm: LawFirm, terminal: Terminal) -> None:
    there = there_already(law_firm)
    shown = terminal.run("show", "one", "N-1").out
    assert f"Invoice Id {there}: date: billing" in shown

    wrong = terminal.run("resolve", "one", "N-1", "--same", "999", "--as", "partner", code=1).err
    clerk = terminal.run("resolve", "one", "N-1", "--same", there, "--as", "clerk", code=1).err
    same = terminal.run("resolve", "one", "N-1", "--same", there, "--as", "partner").out

    assert "999" in wrong
    assert "is no super user" in clerk
    assert same.splitlines()[-1] == "invoice:1 is now synced"
    assert [row["Id"] for row in law_firm.books.all("Invoice")] == [there]


@pytest.mark.slow
def test_another_document_than_the_one_that_is_there_is_sent_by_the_same_command(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    there = there_already(law_firm)

    done = terminal.json("resolve", "one", "N-1", "--new", "--yes", "--as", "partner")

    assert (done["answer"], done["state"], done["failed"]) == ("new", "synced", "")
    assert sorted(row["DocNumber"] for row in law_firm.books.all("Invoice")) == ["N-1", "N-1"]
    assert [row["Id"] for row in law_firm.books.ours("Invoice")] != [there]


@pytest.mark.slow
def test_an_answer_is_followed_by_a_sync_of_the_one_document(law_firm: LawFirm, terminal: Terminal) -> None:
    drift(law_firm)
    law_firm.invoice("2", "20.00")

    done = terminal.json("resolve", "one", "N-1", "--retry", "--yes", "--as", "partner")

    [invoice] = law_firm.books.ours("Invoice")
    assert (done["document"], done["answer"], done["state"], done["failed"]) == ("invoice:1", "retry", "synced", "")
    assert invoice["TotalAmt"] == Decimal("150")
    [run] = law_firm.query("select trigger, actor from sync.run where run_id = :run", run=done["run"])
    assert (run["trigger"], run["actor"]) == ("resolve", "partner")


def test_all_documents_of_a_reason_are_shown_and_answered_together(law_firm: LawFirm, terminal: Terminal) -> None:
    refused(law_firm)
    law_firm.invoice("2", "10.00", total_amount="11.00")
    law_firm.sync()

    shown = terminal.json("show", "one", "N-000")
    listed = {row["id"]: row["refused_at"] for row in terminal.json("list", "one")}
    printed = terminal.run("resolve", "one", "--reason", "REFUSED", "--retry", "--yes", "--as", PARTNER).out
    nothing = terminal.json("resolve", "one", "--reason", "REFUSED", "--retry", "--as", PARTNER)

    assert (shown["operation"], shown["problem"], shown["refused_fault"]) == ("hold", "REFUSED", "6000")
    assert (listed["000"] is not None, listed["2"]) == (True, None)
    assert "invoice:000" in printed
    assert "1 is now synced" in printed
    assert nothing == {"reason": "REFUSED", "answer": "retry", "documents": [], "run": "", "failed": ""}
    assert law_firm.states()["2"] == ("held", "TOTAL_MISMATCH")


def test_a_reason_is_answered_only_where_that_needs_no_evidence(law_firm: LawFirm, terminal: Terminal) -> None:
    drift(law_firm)
    before = law_firm.states()

    one_by_one = terminal.run("resolve", "one", "--reason", "DRIFT", "--retry", "--as", PARTNER, code=1).err
    unknown = terminal.run("resolve", "one", "--reason", "drifted", "--retry", "--as", PARTNER, code=1).err

    assert "qb-pipeline resolve one invoice:1 --retry" in one_by_one
    assert "drifted" in unknown
    assert "DRIFT" in unknown
    assert "--reason takes --retry only" in terminal.run("resolve", "one", "--reason", "DRIFT", "--keep", code=2).err
    assert "name one document" in terminal.run("resolve", "one", "--retry", code=2).err
    assert "is no super user" in terminal.run("resolve", "one", "--reason", "DRIFT", "--retry", "--as", "x", code=1).err
    assert law_firm.states() == before


@pytest.fixture
def look_alikes(law_firm: LawFirm) -> tuple[str, str]:
    """P1 and P2 may each be a customer, and are held for it; gives the Ids of the two customers."""
    name_payer(law_firm)
    law_firm.insert("payers", payer_id="P2", first_name="Robert", last_name="Moe")
    law_firm.activate()
    doe = like_customer(law_firm)
    names = {"DisplayName": "Rob Moe", "GivenName": "Rob", "FamilyName": "Moe"}
    moe = law_firm.books.do("edit", entity="Customer", changes=names)["Id"]
    law_firm.invoice("1", "100.00")
    law_firm.payment("p", applied={"1": "40.00"})
    law_firm.invoice("2", "30.00", payer_id="P2")
    law_firm.sync()
    return doe, moe


def test_show_names_the_customers_that_a_payer_looks_like_to_who_asks(
    law_firm: LawFirm, terminal: Terminal, look_alikes: tuple[str, str]
) -> None:
    doe, _ = look_alikes

    payer = terminal.json("show", "one", "customer:P1")
    invoice = terminal.json("show", "one", "invoice:1")
    printed = terminal.run("show", "one", "invoice:1").out
    of_payer = terminal.run("show", "one", "customer:P1").out

    [candidate] = payer["candidates"]
    assert (payer["payer_id"], payer["payer_name"], payer["more"]) == ("P1", "Elizabeth Doe", 0)
    assert (candidate["quickbooks_id"], candidate["name"]) == (doe, "Elisabeth Doe")
    assert "same e-mail" in candidate["reasons"]
    assert (invoice["reason"], invoice["look_alikes"]) == ("LIKE_CUSTOMER", [payer])
    for said in (printed, of_payer):
        assert "customer:P1  Elizabeth Doe" in said
        assert "Elisabeth Doe" in said
        assert "It is one of these customers: qb-pipeline resolve one customer:P1 --same ID" in said
        assert "qb-pipeline resolve one customer:P1 --new" in said
    assert law_firm.states()["1"] == ("held", "LIKE_CUSTOMER")


def test_answers_about_payers_are_a_super_user_s_and_refused_with_a_remedy(
    law_firm: LawFirm, terminal: Terminal, look_alikes: tuple[str, str]
) -> None:
    _, moe = look_alikes

    clerk = terminal.run("resolve", "one", "customer:P1", "--new", "--as", "clerk", code=1).err
    other = terminal.run("resolve", "one", "customer:P1", "--same", moe, "--as", "partner", code=1).err
    nobody = terminal.run("resolve", "one", "customer:P9", "--new", "--as", "partner", code=1).err
    of_invoice = terminal.run("resolve", "one", "invoice:1", "--new", "--as", "partner", code=1).err

    assert "clerk is no super user" in clerk
    assert f"Id {moe} is not among the customers that customer:P1 looks like" in other
    assert "customer:P9 names no payer of one" in nobody
    assert "the answer is about its payer. Try: qb-pipeline resolve one customer:P1 --new" in of_invoice
    assert law_firm.query("select * from sync.duplicate_answer") == []


@pytest.mark.slow
def test_an_answer_about_a_payer_is_followed_by_a_sync_of_all_its_documents(
    law_firm: LawFirm, terminal: Terminal, look_alikes: tuple[str, str]
) -> None:
    doe, _ = look_alikes

    printed = terminal.run("resolve", "one", "customer:P1", "--same", doe, "--as", "partner").out
    told = terminal.json("resolve", "one", "customer:P2", "--new", "--as", "partner")
    sends = law_firm.sends()
    law_firm.sync()

    customers = {row["DisplayName"]: row["Id"] for row in law_firm.books.all("Customer")}
    assert printed.splitlines()[-2:] == [f"customer:P1 is Customer Id {doe}", "2 are now synced"]
    assert {name: value for name, value in told.items() if name != "run"} == {
        "document": "customer:P2", "answer": "new", "customer_id": customers["Robert Moe"],
        "documents": ["invoice:2"], "failed": "",
    }  # fmt: skip
    assert sorted(customers) == ["Elisabeth Doe", "Rob Moe", "Robert Moe"]
    assert law_firm.states() == {"1": ("synced", ""), "2": ("synced", ""), "p": ("synced", "")}
    assert law_firm.sends() == sends
    assert not law_firm.query(
        "select 1 from sync.log where detail like :name or detail like :email", name="%Doe%", email=f"%{EMAIL}%"
    )


@pytest.mark.slow
def test_what_was_entered_by_hand_is_named_and_the_payment_that_waited_goes(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    there = bounced(law_firm)
    journal_id = entry(law_firm, "60.00", days_ago=40)
    take_off(law_firm, there["p1"])
    arguments = ("resolve", "one", "payment:bounce", "--entered", f"journalentry:{journal_id}", "--as")

    assert "'journal' is no type of transaction" in terminal.run(
        *arguments[:4], "journal:1", "--as", PARTNER, code=1
    ).err  # fmt: skip
    assert "is no super user" in terminal.run(*arguments, "clerk", code=1).err
    printed = terminal.run(*arguments, PARTNER).out

    assert printed.splitlines()[-2:] == [
        f"payment:bounce is entered as journalentry:{journal_id}, and off the by-hand list",
        "1 is now synced",
    ]
    assert (listed(law_firm), law_firm.states("payment")["p2"]) == ([], ("synced", ""))
