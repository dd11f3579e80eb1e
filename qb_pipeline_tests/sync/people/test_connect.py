"""A consent becomes a connection: to this company, and to no other."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from qb_pipeline.ledger.setup.bindings import BindingError
from qb_pipeline.ledger.setup.firms import Firm, SetUpError
from qb_pipeline.sync.people.connect import connect_firm
from qb_pipeline_tests.bookkeeper import Bookkeeper
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

REDIRECT = "http://localhost:8723/callback"


def consent(law_firm: LawFirm, realm_id: str) -> Firm:
    """A person allows it on the emulator's page."""
    oauth = law_firm.deployment.oauth(REDIRECT)
    page = oauth.authorization_url("state")
    form = requests.get(page, timeout=10).text
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    answer = requests.post(
        page.split("?")[0],
        data={**fields, "company": realm_id, "answer": "allow"},
        allow_redirects=False,
        timeout=10,
    )
    granted = parse_qs(urlsplit(answer.headers["Location"]).query)
    return connect_firm(law_firm.deployment, FIRM, oauth, granted["code"][0], granted["realmId"][0], actor=PARTNER)


def choose_model(law_firm: LawFirm) -> None:
    now, firms = law_firm.time.now(), law_firm.deployment.firms
    firms.add(FIRM, name="One", time_zone="UTC", currency="USD", super_user=PARTNER, actor=PARTNER, now=now)
    firms.subscribe(FIRM, actor=PARTNER, now=now)
    firms.choose_model(FIRM, 1, actor=PARTNER, now=now)


def test_a_consent_pins_the_firm_to_its_company_and_keeps_the_tokens(law_firm: LawFirm) -> None:
    choose_model(law_firm)

    firm = consent(law_firm, law_firm.books.realm_id)
    law_firm.deployment.firms.activate(FIRM, eligible_since=None, actor=PARTNER, now=law_firm.time.now())
    law_firm.invoice("1", "1.00")
    law_firm.sync()

    assert (firm.realm_id, firm.company_name, firm.state) == (law_firm.books.realm_id, "Firm One", "connected")
    assert law_firm.states() == {"1": ("synced", "")}


def test_another_company_is_refused_and_its_tokens_are_not_kept(law_firm: LawFirm) -> None:
    choose_model(law_firm)
    consent(law_firm, law_firm.books.realm_id)
    kept = law_firm.query("select ciphertext from sync.token")
    other = Bookkeeper.of_new_company(law_firm.books.url, realm_id=f"{law_firm.books.realm_id[:-4]}9999")

    with pytest.raises(SetUpError, match=f"one belongs to company {law_firm.books.realm_id}"):
        consent(law_firm, other.realm_id)

    assert law_firm.query("select ciphertext from sync.token") == kept


def test_a_company_that_another_installation_writes_to_is_connected_and_nothing_is_sent(law_firm: LawFirm) -> None:
    choose_model(law_firm)
    note = "qbp1:zzzzzz:acme:invoice:7:g1"
    customer = law_firm.books.create("Customer", {"DisplayName": "Their client"})["Id"]
    line = {
        "DetailType": "SalesItemLineDetail",
        "Amount": 1,
        "SalesItemLineDetail": {"ItemRef": {"value": law_firm.item_id}},
    }
    law_firm.books.create("Invoice", {"CustomerRef": {"value": customer}, "PrivateNote": note, "Line": [line]})

    consent(law_firm, law_firm.books.realm_id)
    law_firm.deployment.firms.activate(FIRM, eligible_since=None, actor=PARTNER, now=law_firm.time.now())
    law_firm.invoice("1", "1.00")

    with pytest.raises(BindingError, match=r"another installation of this pipeline \(zzzzzz\); both would send"):
        law_firm.sync()
    assert len(law_firm.books.all("Invoice")) == 1


def test_a_company_that_was_made_anew_under_the_same_id_is_not_connected_again(law_firm: LawFirm) -> None:
    choose_model(law_firm)
    consent(law_firm, law_firm.books.realm_id)
    consent(law_firm, law_firm.books.realm_id)
    with law_firm.ledger.begin() as connection:
        connection.exec_driver_sql("update sync.binding set company = 'made another day'")

    with pytest.raises(BindingError, match="is not the one that this firm was connected with"):
        consent(law_firm, law_firm.books.realm_id)
