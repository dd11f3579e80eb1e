"""Setting a firm up, step by step, as a person types it."""

import re
from typing import Any

import pytest
import requests

from qb_pipeline.core.planning.company_faults import COMPANY_FAULTS
from qb_pipeline.core.settings import FirmSettings, to_text
from qb_pipeline.quickbooks.errors import CompanyFaultError
from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.sync.people.test_payer_questions import like_customer, name_payer


def consent(page: str, realm_id: str) -> str:
    """Open the consent page as a browser would, choose the company and allow; gives where it sends the browser."""
    form = requests.get(page, timeout=10).text
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    answer = requests.post(
        page.split("?", maxsplit=1)[0],
        data={**fields, "company": realm_id, "answer": "allow"},
        allow_redirects=False,
        timeout=10,
    )
    return answer.headers["Location"]


def set_up(terminal: Terminal, *steps: str) -> None:
    for step in steps:
        terminal.run(*step.split(), "--as", "ana")


def test_the_steps_in_their_order_each_name_the_next_one(terminal: Terminal) -> None:
    assert terminal.run("firm", "add", "one", "--super-user", "ana").out == (
        "Firm One is added. Next step: qb-pipeline firm subscribe one\n"
    )
    assert terminal.run("firm", "subscribe", "one", "--as", "ana").out == (
        "one is subscribed. Next step: qb-pipeline firm model one 1|2\n"
    )
    assert terminal.run("firm", "model", "one", "1", "--as", "ana").out == (
        "one uses model 1. Next step: qb-pipeline connect one\n"
    )


@pytest.mark.parametrize(
    ("taken", "command", "says"),
    [
        ((), "firm subscribe one", "firm add one"),
        (("firm add one --super-user ana",), "firm model one 1", "firm subscribe one"),
        (("firm add one --super-user ana",), "connect one --no-browser", "firm subscribe one"),
        (("firm add one --super-user ana", "firm subscribe one"), "connect one --no-browser", "firm model one"),
        (("firm add one --super-user ana", "firm subscribe one"), "firm activate one", "firm model one"),
        (
            ("firm add one --super-user ana", "firm subscribe one", "firm model one 2"),
            "firm activate one",
            "connect one",
        ),
    ],
)
def test_a_step_out_of_order_names_the_missing_one(
    terminal: Terminal, taken: tuple[str, ...], command: str, says: str
) -> None:
    set_up(terminal, *taken)

    printed = terminal.run(*command.split(), "--as", "ana", code=1)

    assert f"Next step: qb-pipeline {says}" in printed.err
    assert printed.out == ""


def test_a_model_must_be_chosen_and_there_are_two(terminal: Terminal) -> None:
    set_up(terminal, "firm add one --super-user ana", "firm subscribe one")

    terminal.run("firm", "model", "one", "--as", "ana", code=2)
    terminal.run("firm", "model", "one", "3", "--as", "ana", code=2)

    assert terminal.json("firm", "show", "one")["model"] is None


def test_an_active_firm_is_switched_when_its_payments_are_settled(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.payment("p1", applied={"1": "10.00"})

    refused = terminal.run("firm", "model", "one", "2", "--as", "partner", code=1)
    law_firm.sync()
    switched = terminal.run("firm", "model", "one", "2", "--as", "partner").out

    assert "not settled under model 1: 1 new (p1)" in refused.err
    assert re.fullmatch(
        r"one uses model 2 for payments created since \d{4}-\d\d-\d\d \d\d:\d\d. Next step: qb-pipeline sync one\n",
        switched,
    )
    assert terminal.json("firm", "show", "one")["model"] == 2


@pytest.mark.parametrize("command", ["firm subscribe one", "firm model one 1", "firm activate one"])
def test_only_a_super_user_takes_these_steps(terminal: Terminal, command: str) -> None:
    set_up(terminal, "firm add one --super-user ana")

    printed = terminal.run(*command.split(), "--as", "bob", code=1)

    assert printed.err.startswith("Error: bob is no super user of one (ana may).")


def test_a_firm_that_billing_does_not_know_is_not_added(terminal: Terminal) -> None:
    printed = terminal.run("firm", "add", "nobody", "--super-user", "ana", code=1)

    assert printed.err.startswith("Error: billing has no firm nobody.")


def test_show_says_the_state_the_next_step_and_the_settings(terminal: Terminal) -> None:
    set_up(terminal, "firm add one --super-user ana", "firm subscribe one")

    shown = terminal.json("firm", "show", "one")
    history = [(row["actor"], row["event"]) for row in shown.pop("history")]

    assert history == [("ana", "added"), ("ana", "subscribed")]
    assert shown == {
        "findings": [],
        "fences": [],
        "firm": "one",
        "name": "Firm One",
        "state": "subscribed",
        "next_step": "qb-pipeline firm model one 1|2",
        "model": None,
        "company": None,
        "company_id": None,
        "environment": None,
        "company_fault": "",
        "connection": "not connected",
        "cut_over_at": None,
        "activated_at": None,
        "eligible_since": "all",
        **{name: value for name, value in to_text(FirmSettings()).items() if name != "eligible_since"},
    }
    assert "state                subscribed\n" in terminal.run("firm", "show", "one").out


def test_show_and_the_view_say_what_quickbooks_said_of_the_company_until_a_write_succeeds(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.books.switch(subscription="ended")
    with pytest.raises(CompanyFaultError):
        law_firm.sync()
    fault = COMPANY_FAULTS["6190"]

    shown, viewed = terminal.json("firm", "show", "one")["company_fault"], company_fault(law_firm)
    law_firm.books.switch(subscription="active")
    mended = terminal.json("firm", "show", "one")["company_fault"], company_fault(law_firm)
    law_firm.sync()
    written = terminal.json("firm", "show", "one")["company_fault"], company_fault(law_firm)

    since = viewed.pop("company_fault_since")
    assert shown == f"{fault.sentence} Fault 6190 since {since:%Y-%m-%d %H:%M} UTC; nothing was written since"
    assert viewed == {
        "company_fault": "6190",
        "company_fault_sentence": fault.sentence,
        "company_fault_remedy": fault.remedy,
    }
    assert mended == (shown, {**viewed, "company_fault_since": since})
    assert written == ("", dict.fromkeys([*viewed, "company_fault_since"]))


def company_fault(law_firm: LawFirm) -> dict[str, Any]:
    """What an analyst reads of it."""
    [row] = law_firm.query(
        "select company_fault, company_fault_sentence, company_fault_remedy, company_fault_since"
        " from reporting.firm_status where firm_id = 'one'"
    )
    return row


def test_what_pre_flight_found_is_printed_by_the_step_and_shown_with_the_firm(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    law_firm.books.do("preferences", SalesFormsPrefs={"CustomTxnNumbers": False})
    law_firm.activate()

    said = terminal.run("firm", "activate", "one", "--as", "partner").out.splitlines()
    shown = terminal.json("firm", "show", "one")

    assert len(said) == 2
    assert said[1].startswith("warning CUSTOM_NUMBERS_OFF: Custom transaction numbers are off: ")
    assert [(row["code"], row["severity"]) for row in shown["findings"]] == [("CUSTOM_NUMBERS_OFF", "warning")]
    assert [(row["name"], row["state"]) for row in shown["fences"]][1:] == [
        ("custom transaction numbers", "off"),
        ("duplicate-number warning", "off"),
    ]
    assert "fences against duplicates" in terminal.run("firm", "show", "one").out


def test_a_step_stands_although_the_company_could_not_be_looked_at(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.books.fault({"match": {"endpoint": "preferences"}, "what": "403", "times": None})

    said = terminal.run("firm", "activate", "one", "--as", "partner").out.splitlines()

    assert said[1].startswith("Pre-flight: the company could not be looked at (")
    assert terminal.json("firm", "show", "one")["state"] == "active"


def test_every_firm_is_listed_with_its_next_step(terminal: Terminal) -> None:
    empty = terminal.run("firm", "list").out
    set_up(terminal, "firm add one --super-user ana")

    assert empty == "No firm yet. Next step: qb-pipeline firm add KEY --super-user YOUR-NAME\n"
    assert terminal.json("firm", "list") == [
        {
            "firm": "one",
            "name": "Firm One",
            "state": "not subscribed",
            "model": "",
            "company": "",
            "next_step": "qb-pipeline firm subscribe one",
        }
    ]


def test_activation_without_any_mapping_is_allowed_and_takes_what_is_created_from_now_on(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    law_firm.invoice("before", "10.00")
    law_firm.activate()

    said = terminal.run("firm", "activate", "one", "--as", "partner").out
    law_firm.invoice("after", "10.00")

    assert re.fullmatch(
        r"one is active for documents created since \d{4}-\d\d-\d\d \d\d:\d\d. Next step: qb-pipeline sync one\n", said
    )
    shown = terminal.json("firm", "show", "one")
    assert (shown["state"], shown["next_step"]) == ("active", "")
    assert shown["activated_at"] < shown["eligible_since"]  # its first activation, and this one
    assert [row["id"] for row in terminal.json("list", "one")] == ["after"]


def test_eligible_since_takes_a_date_of_the_firm_or_all(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    activate = ("firm", "activate", "one", "--as", "partner", "--eligible-since")

    assert "created since 2026-01-05 00:00." in terminal.run(*activate, "2026-01-05").out
    assert terminal.json("firm", "show", "one")["eligible_since"] == "2026-01-05T05:00:00+00:00"
    assert "created since ever." in terminal.run(*activate, "all").out
    assert terminal.json("firm", "show", "one")["eligible_since"] == "all"
    terminal.run(*activate, "tomorrow", code=1)


def test_settings_are_set_together_or_not_at_all(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()

    account = next(row["Id"] for row in law_firm.books.all("Account") if row["Name"] == "Legal Fees")

    said = terminal.run(
        "firm", "set", "one", "unmapped_fee_item=create", "income_account=legal fees", "daily_sync_at=07:30"
    )
    wrong = terminal.run("firm", "set", "one", "income_account=80", "tax_policy=some", code=1)
    unknown = terminal.run("firm", "set", "one", "colour=blue", code=1)
    terminal.run("firm", "set", "one", "income_account", code=2)

    shown = terminal.json("firm", "show", "one")
    assert (
        said.out == f"one: unmapped_fee_item = create, income_account = {account} (Legal Fees), daily_sync_at = 07:30\n"
    )
    assert (shown["unmapped_fee_item"], shown["income_account"]) == ("create", account)
    assert shown["daily_sync_at"] == "07:30"
    assert wrong.err == "Error: tax_policy=some: must be none or total\n"
    assert unknown.err.startswith("Error: no setting 'colour'; settings are ")


def test_an_income_account_that_cannot_be_used_is_refused_with_those_that_can(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    law_firm.activate()
    accounts = {row["Name"]: row["Id"] for row in law_firm.books.all("Account")}
    law_firm.books.create("Account", {"Name": "Fees", "AccountType": "Income"})
    law_firm.books.create(
        "Account",
        {"Name": "Fees", "AccountType": "Income", "SubAccount": True, "ParentRef": {"value": accounts["Legal Fees"]}},
    )
    law_firm.books.do("inactivate", entity="Account", id=accounts["Interest Earned"])
    law_firm.books.count_anew()

    refused = {
        text: terminal.run("firm", "set", "one", f"income_account={text}", code=1).err
        for text in ("Retainers", "9999", "interest earned", accounts["Checking"], "Fees")
    }
    requests = law_firm.books.requests()
    chosen = terminal.run("firm", "set", "one", "income_account=Legal Fees:Fees").out
    cleared = terminal.run("firm", "set", "one", "income_account=").out

    for err in refused.values():
        assert f"Legal Fees (Id {accounts['Legal Fees']}, Income)" in err
        assert "Interest Earned (Id" not in err
    assert "QuickBooks has no Account of this Id or name." in refused["Retainers"]
    assert "QuickBooks has no Account of this Id or name." in refused["9999"]
    assert "is inactive in QuickBooks." in refused["interest earned"]
    assert "is of AccountType Bank." in refused[accounts["Checking"]]
    assert "that may be Fees (Id " in refused["Fees"]
    assert requests == {"POST query": 5}
    assert "(Legal Fees:Fees)" in chosen
    assert cleared == "one: income_account = \n"
    assert terminal.json("firm", "show", "one")["income_account"] == ""


@pytest.mark.slow
def test_before_connect_an_income_account_is_taken_by_its_id_which_connect_checks(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    set_up(terminal, "firm add one --super-user ana", "firm subscribe one", "firm model one 1")

    by_name = terminal.run("firm", "set", "one", "income_account=Legal Fees", code=1)
    terminal.run("firm", "set", "one", "income_account=9999")
    code, out, _ = Pasting(terminal, law_firm).run()

    assert by_name.err == (
        "Error: income_account=Legal Fees: must be the Id of an account, a number; "
        "a name is understood once the firm is connected\n"
    )
    assert code == 0
    assert "warning MAPPING_TARGET: Setting income_account: QuickBooks has no Account with Id '9999'." in out


@pytest.mark.slow
def test_a_paused_firm_sends_nothing_until_it_is_resumed(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")

    terminal.run("firm", "pause", "one")
    refused = terminal.run("sync", "one", code=1)
    terminal.run("firm", "resume", "one")
    terminal.run("sync", "one")

    assert refused.err == "Error: one is paused: nothing is sent. Next step: qb-pipeline firm resume one\n"
    assert len(law_firm.books.ours("Invoice")) == 1


@pytest.mark.slow
def test_connect_prints_the_consent_page_and_finishes_when_the_person_has_allowed(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    set_up(terminal, "firm add one --super-user ana", "firm subscribe one", "firm model one 1")
    process = terminal.start("connect", "one", "--no-browser", "--port", "0", "--as", "ana")
    said: list[str] = []
    assert process.stdout is not None
    while not any("/connect/oauth2" in line for line in said):
        said.append(process.stdout.readline())
        assert said[-1], "connect ended"

    back = consent(said[-1].strip(), law_firm.books.realm_id)
    page = requests.get(back, timeout=10)
    out, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (0, "")
    assert page.status_code == 200
    assert out.strip() == (
        f"one is connected to Firm One ({law_firm.books.realm_id}). Next step: qb-pipeline firm activate one\n"
        "To map payers and fee items before: qb-pipeline mapping suggest one"
    )
    assert terminal.json("firm", "show", "one")["company_id"] == law_firm.books.realm_id
    stored = law_firm.query("select ciphertext from sync.token")[0]["ciphertext"]
    assert b"refresh" not in bytes(stored)


class Pasting:
    """Standard input of a person who reads the printed page, allows, and pastes where the browser ended."""

    def __init__(self, terminal: Terminal, law_firm: LawFirm, answer: str = "") -> None:
        self.terminal, self.law_firm, self.answer = terminal, law_firm, answer

    def run(self) -> tuple[int, str, str]:
        redirect = "https://localhost/callback"
        process = self.terminal.start(
            "connect", "one", "--redirect-uri", redirect, "--as", "ana", stdin=-1,
        )  # fmt: skip
        assert process.stdout is not None
        line = ""
        while "/connect/oauth2" not in line:
            line = process.stdout.readline()
            assert line, "connect ended"
        back = self.answer or consent(line.strip(), self.law_firm.books.realm_id)
        assert back.startswith(redirect)
        out, err = process.communicate(back + "\n", timeout=30)
        return process.returncode, out, err


@pytest.mark.slow
def test_a_person_without_a_browser_here_pastes_the_redirected_address(law_firm: LawFirm, terminal: Terminal) -> None:
    set_up(terminal, "firm add one --super-user ana", "firm subscribe one", "firm model one 1")

    code, out, _ = Pasting(terminal, law_firm).run()

    assert code == 0
    assert f"one is connected to Firm One ({law_firm.books.realm_id})." in out


@pytest.mark.slow
def test_a_pasted_address_of_another_attempt_connects_nothing(law_firm: LawFirm, terminal: Terminal) -> None:
    set_up(terminal, "firm add one --super-user ana", "firm subscribe one", "firm model one 1")
    forged = "https://localhost/callback?state=other&code=abc&realmId=1"

    code, _, err = Pasting(terminal, law_firm, forged).run()

    assert (code, err) == (1, "Error: the answer does not belong to this question; run `qb-pipeline connect` again\n")
    assert terminal.json("firm", "show", "one")["company"] is None


@pytest.mark.slow
def test_disconnecting_revokes_the_tokens_and_keeps_links_and_company(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    terminal.run("sync", "one")
    refresh_token = law_firm.deployment.tokens.load("one").refresh_token

    said = terminal.run("disconnect", "one", "--as", "ana").out

    shown: Any = terminal.json("firm", "show", "one")
    linked = law_firm.query(
        "select count(*) as n from sync.document where kind = 'invoice' and quickbooks_id is not null"
    )
    assert said == "one is disconnected; its links are kept. Next step: qb-pipeline connect one\n"
    assert (shown["state"], shown["company_id"]) == ("model chosen", law_firm.books.realm_id)
    assert linked == [{"n": 1}]
    assert law_firm.query("select count(*) as n from sync.token") == [{"n": 0}]
    revoked = requests.post(
        f"{law_firm.books.url}/oauth2/v1/tokens/bearer",
        data={"grant_type": "refresh_token", "refresh_token": refresh_token},
        auth=("emulator-client", "emulator-secret"),
        timeout=10,
    )
    assert revoked.status_code == 400


def test_a_connection_that_a_person_ended_in_quickbooks_can_be_put_down_here_too(
    law_firm: LawFirm, terminal: Terminal
) -> None:
    law_firm.activate()
    requests.delete(f"{law_firm.books.admin}/tokens", timeout=10).raise_for_status()

    said = terminal.run("disconnect", "one", "--as", "ana").out

    assert said == "one is disconnected; its links are kept. Next step: qb-pipeline connect one\n"
    assert law_firm.query("select count(*) as n from sync.token") == [{"n": 0}]


def test_every_step_says_who_took_it(law_firm: LawFirm, terminal: Terminal) -> None:
    set_up(terminal, "firm add one --super-user ana", "firm subscribe one", "firm model one 1")

    events = law_firm.query("select actor, event from sync.firm_event order by firm_event_id")

    assert events == [
        {"actor": "ana", "event": "added"},
        {"actor": "ana", "event": "subscribed"},
        {"actor": "ana", "event": "model 1"},
    ]


def test_activation_says_how_many_payers_will_be_asked_about(law_firm: LawFirm, terminal: Terminal) -> None:
    name_payer(law_firm)
    law_firm.insert("payers", payer_id="P2", first_name="Bo", last_name="Lee")
    law_firm.invoice("1", "10.00")
    law_firm.invoice("2", "10.00", payer_id="P2")
    law_firm.activate()
    activate = ("firm", "activate", "one", "--as", "partner", "--eligible-since", "all")

    none = terminal.run(*activate).out
    like_customer(law_firm)
    one = terminal.run(*activate).out

    said = "Payers that a person will be asked about:"
    assert none.splitlines()[-1] == f"{said} 0 of 2 that have no customer yet"
    assert one.splitlines()[-1] == (
        f"{said} 1 of 2 that have no customer yet; QuickBooks may have them under other names. "
        "To see and answer them: qb-pipeline plan one"
    )
    assert law_firm.states() == {}
