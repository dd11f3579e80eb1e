"""Firms, tokens, companies and the clock: each is broken once."""

import re
from datetime import timedelta

import pytest

from qb_pipeline import config
from qb_pipeline.commands.checkup.finding import Finding
from qb_pipeline.core.planning.company_faults import COMPANY_FAULTS
from qb_pipeline.quickbooks.errors import CompanyFaultError
from qb_pipeline.quickbooks.oauth import Tokens
from qb_pipeline_tests.bookkeeper import Bookkeeper
from qb_pipeline_tests.commands.checkup.looks import change, look
from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.journeys.test_names_and_texts import age_payment
from qb_pipeline_tests.law_firm import FIRM, LawFirm

MINUTE = r"\d{4}-\d\d-\d\d \d\d:\d\d"


def keep(law_firm: LawFirm, access_token: str, *, days: float) -> None:
    """Store tokens of a connection that ends in so many days."""
    now = law_firm.time.now()
    tokens = Tokens(access_token, "r", now + timedelta(hours=1), now + timedelta(days=days))
    law_firm.deployment.tokens.save(
        FIRM, realm_id=law_firm.books.realm_id, environment="emulator", tokens=tokens, now=now
    )


@pytest.mark.parametrize(
    ("days", "verdict"), [(100, None), (13, "warning"), (-1, "broken")], ids=["good", "ending", "ended"]
)
def test_a_connection_near_its_end(law_firm: LawFirm, terminal: Terminal, days: int, verdict: str | None) -> None:
    law_firm.activate()
    keep(law_firm, law_firm.books.tokens()["access_token"], days=days)

    finding = look(terminal).get("tokens of one")

    assert (finding and finding.verdict) == verdict
    assert finding is None or finding.remedy == "qb-pipeline connect one"


def test_tokens_that_no_key_of_ours_opens(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()

    found = look(terminal, **{config.SECRET_KEY: "another key"})

    assert {part: finding.verdict for part, finding in found.items()} == {"tokens of one": "broken"}
    assert "another key" not in found["tokens of one"].found


def test_tokens_of_another_company(law_firm: LawFirm, terminal: Terminal) -> None:
    """The tokens open some company, and not the one that the firm belongs to."""
    law_firm.activate()
    other = Bookkeeper.of_new_company(law_firm.books.url, realm_id=law_firm.books.realm_id + "9", name="Other Firm")
    keep(law_firm, other.tokens()["access_token"], days=100)

    found = look(terminal)

    assert {part: finding.verdict for part, finding in found.items()} == {"company of one": "broken"}
    assert found["company of one"].found.startswith("these tokens do not open it")
    assert law_firm.books.realm_id in found["company of one"].remedy


def test_a_company_with_another_name(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    change(terminal.env[config.DATABASE_URL], "update sync.firm set company_name = 'Stranger & Co.'")

    assert look(terminal)["company of one"].found.endswith("we know it as 'Stranger & Co.'")


def test_documents_that_were_sent_with_an_identity_number_are_counted(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.invoice("i1", "10.00")
    law_firm.payment("p1", applied={"i1": "10.00"}, reference="retainer")
    law_firm.sync()
    assert "identity numbers of one" not in look(terminal)
    age_payment(law_firm, "retainer 123-45-6789")

    finding = look(terminal)["identity numbers of one"]

    assert (finding.verdict, finding.found) == ("warning", "1 documents in QuickBooks: payment:p1")
    assert "123-45-6789" not in finding.remedy


def test_settings_of_the_company_that_are_to_be_known_or_mended(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.books.do("preferences", SalesFormsPrefs={"CustomTxnNumbers": False}, TaxPrefs={"UsingSalesTax": False})
    law_firm.activate(tax_policy="total")

    found = look(terminal)

    assert {part: finding.verdict for part, finding in found.items()} == {
        "SALES_TAX_OFF of one": "broken",
        "AUTOMATED_SALES_TAX of one": "warning",
        "CUSTOM_NUMBERS_OFF of one": "warning",
    }
    assert all(finding.remedy for finding in found.values())


@pytest.mark.parametrize(
    ("code", "begins", "ends"),
    [
        ("130", {"cluster": "wrong"}, {"cluster": "right"}),
        ("140", {"lockout": "locked_out"}, {"lockout": "none"}),
        ("150", {"maintenance": "under_way"}, {"maintenance": "none"}),
        ("6190", {"subscription": "ended"}, {"subscription": "active"}),
    ],
)
def test_a_company_that_quickbooks_refuses_is_broken_until_a_write_succeeds(
    law_firm: LawFirm, terminal: Terminal, code: str, begins: dict[str, str], ends: dict[str, str]
) -> None:
    """Also while it answers reads again: that it takes documents is known once it has taken one."""
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.books.switch(**begins)
    with pytest.raises(CompanyFaultError):
        law_firm.sync()

    refused = look(terminal)["company of one"]
    law_firm.books.switch(**ends)
    mended = look(terminal)
    law_firm.sync()
    written = look(terminal)

    fault = COMPANY_FAULTS[code]
    assert mended == {"company of one": refused}
    assert (refused.verdict, refused.remedy) == ("broken", fault.remedy)
    assert re.fullmatch(
        rf"{re.escape(fault.sentence)} Fault {code} since {MINUTE} UTC(, last at {MINUTE})?; nothing was written since",
        refused.found,
    )
    assert written == {}


def test_a_firm_of_another_environment(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    change(terminal.env[config.DATABASE_URL], "update sync.firm set environment = 'sandbox'")

    assert look(terminal)["company of one"].found == (
        "it is a company in sandbox, and QUICKBOOKS_ENVIRONMENT is emulator"
    )


def test_quickbooks_that_does_not_answer(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()

    found = look(terminal, **{config.API_URL: "http://127.0.0.1:9"})

    assert {part: finding.verdict for part, finding in found.items()} == {"QuickBooks": "broken"}


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(0, None), (90, "warning"), (-90, "warning"), (400, "broken"), (-400, "broken")]
)
def test_a_clock_that_is_wrong(law_firm: LawFirm, terminal: Terminal, seconds: int, verdict: str | None) -> None:
    law_firm.activate()
    server = law_firm.time.now

    finding = look(terminal, clock=lambda: server() + timedelta(seconds=seconds)).get("clock")

    assert (finding and finding.verdict) == verdict
    assert finding is None or ("ahead of" in finding.found) == (seconds > 0)


def test_a_firm_that_is_not_set_up_to_its_end(terminal: Terminal) -> None:
    terminal.run("firm", "add", "one", "--super-user", "ana")

    assert look(terminal) == {
        "firm one": Finding(
            "firm one", "warning", "not subscribed: nothing is sent", "qb-pipeline firm subscribe one"
        )
    }  # fmt: skip


def test_a_time_zone_that_is_none(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.change("update firms set time_zone = 'Mars/Olympus'")
    change(terminal.env[config.DATABASE_URL], "update sync.firm set time_zone = 'Mars/Olympus'")

    assert look(terminal)["time zone of one"].found == "'Mars/Olympus' is no time zone"


def test_a_time_zone_that_billing_has_changed_since(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.change("update firms set time_zone = 'Europe/Paris'")

    found = look(terminal)

    assert found["time zone of one"] == Finding(
        "time zone of one",
        "warning",
        "billing says Europe/Paris and USD, we have America/New_York and USD",
        "qb-pipeline firm add one --super-user NAME",
    )


def test_a_firm_that_billing_does_not_know(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    for relation in ("fee_items", "payers", "firms"):
        law_firm.remove(relation)

    assert look(terminal)["firm one"].found == "billing does not know this firm"


def test_a_firm_that_is_stopped_until_it_is_reconciled(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.sync()
    with law_firm.ledger.begin() as connection:
        connection.exec_driver_sql("update sync.binding set reconcile_first = 'the ledger was restored'")

    finding = look(terminal)["firm one"]

    assert (finding.verdict, finding.found, finding.remedy) == (
        "broken", "the ledger was restored", "qb-pipeline db reconcile-first one",
    )  # fmt: skip
