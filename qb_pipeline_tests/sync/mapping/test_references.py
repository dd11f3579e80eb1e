"""Customers and items that invoices need: found, created once, remembered, never guessed."""

from typing import Any

import pytest

from qb_pipeline.core.mapping.look_alikes import LookAlike, find_look_alikes
from qb_pipeline.sync.mapping.references import describe_alike
from qb_pipeline.sync.stages import STAGES
from qb_pipeline_tests.core.rows import corporation, customer, payers, person
from qb_pipeline_tests.core.rows import customers as customer_rows
from qb_pipeline_tests.law_firm import LawFirm


def customers(law_firm: LawFirm) -> list[str]:
    return [row["DisplayName"] for row in law_firm.books.all("Customer")]


def enter_customer(law_firm: LawFirm, display_name: str, first: str = "", last: str = "", **more: Any) -> str:
    changes = {"DisplayName": display_name, "GivenName": first, "FamilyName": last, **more}
    made = law_firm.books.do("edit", entity="Customer", changes={key: value for key, value in changes.items() if value})
    return str(made["Id"])


def test_the_first_run_maps_on_demand_and_the_second_asks_nothing(law_firm: LawFirm) -> None:
    law_firm.activate()
    customer_id = enter_customer(law_firm, "Diaz (old file)", "ANA", "Diaz")
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    law_firm.invoice("2", "100.00")
    law_firm.books.count_anew()

    law_firm.sync()

    assert law_firm.query("select kind, source_id, quickbooks_id, origin from sync.mapping order by kind") == [
        {"kind": "fee_item", "source_id": "F1", "quickbooks_id": law_firm.item_id, "origin": "matched"},
        {"kind": "payer", "source_id": "P1", "quickbooks_id": customer_id, "origin": "matched"},
    ]
    # what others wrote since, the batch, and the census
    assert law_firm.books.requests() == {"GET cdc": 1, "POST batch": 1, "POST query": 1}


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        ([("Ana Diaz", "Ana", "Diaz"), ("Ana Diaz - old", "Ana", "Diaz")], "AMBIGUOUS_NAME"),
        ([], "MISSING_NAME"),
    ],
)
def test_missing_and_ambiguous_names_are_held_and_never_guessed(
    law_firm: LawFirm, there: list[tuple[str, str, str]], reason: str
) -> None:
    law_firm.activate()
    for names in there:
        enter_customer(law_firm, *names)
    if reason == "MISSING_NAME":
        law_firm.change("update payers set last_name = null")
    law_firm.invoice("1", "100.00")

    law_firm.sync()

    assert law_firm.states() == {"1": ("held", reason)}
    assert customers(law_firm) == [names[0] for names in there]


def test_the_form_of_a_mark_matches_by_itself_and_an_accent_asks(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.change("update payers set last_name = 'O''Brien-Diaz' where payer_id = 'P1'")
    law_firm.insert("payers", payer_id="P2", first_name="José", last_name="Ruiz")
    typed = enter_customer(law_firm, "Ana O’Brien–Diaz", "Ana", "O’Brien–Diaz")
    enter_customer(law_firm, "Jose Ruiz", "Jose", "Ruiz")
    law_firm.invoice("1", "100.00")
    law_firm.invoice("2", "100.00", payer_id="P2")

    law_firm.sync()

    assert law_firm.states() == {"1": ("synced", ""), "2": ("held", "LIKE_CUSTOMER")}
    assert [row["CustomerRef"]["value"] for row in law_firm.books.ours("Invoice")] == [typed]
    assert customers(law_firm) == ["Ana O’Brien–Diaz", "Jose Ruiz"]


def test_a_corporation_gets_its_billing_person_s_details(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.insert(
        "payers",
        payer_id="P2",
        kind="corporation",
        first_name=None,
        last_name=None,
        corporation_name="Harbor Light Clinic",
        billing_first_name="Elena",
        billing_last_name="Rossi",
        billing_email="elena@harbor.example",
        billing_phone="212 555 0100",
    )
    law_firm.invoice("1", "100.00", payer_id="P2")

    law_firm.sync()

    [customer] = law_firm.books.all("Customer")
    assert [
        customer["DisplayName"], customer["CompanyName"], customer["GivenName"], customer["FamilyName"],
        customer["PrimaryEmailAddr"]["Address"], customer["PrimaryPhone"]["FreeFormNumber"],
    ] == [
        "Harbor Light Clinic", "Harbor Light Clinic", "Elena", "Rossi", "elena@harbor.example", "212 555 0100",
    ]  # fmt: skip


def test_a_name_that_a_vendor_has_gets_the_payer_s_id(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.books.do("edit", entity="Vendor", changes={"DisplayName": "Ana Diaz"})
    law_firm.invoice("1", "100.00")

    law_firm.sync()

    assert (customers(law_firm), law_firm.states()) == (["Ana Diaz (P1)"], {"1": ("synced", "")})


@pytest.mark.parametrize("dry", [False, True])
def test_a_suffixed_name_that_is_taken_as_well_holds_the_invoice(law_firm: LawFirm, dry: bool) -> None:
    law_firm.activate()
    for entity, name in (("Vendor", "Ana Diaz"), ("Employee", "ANA  diaz (p1)" if dry else "Ana Diaz (P1)")):
        law_firm.books.do("edit", entity=entity, changes={"DisplayName": name})
    law_firm.invoice("1", "100.00")

    law_firm.sync(["work_list", "sync_plan"] if dry else STAGES)

    assert (customers(law_firm), law_firm.states()) == ([], {"1": ("held", "NAME_TAKEN")})


@pytest.mark.parametrize("dry", [False, True])
@pytest.mark.parametrize(
    ("account", "why"),
    [
        ("9999", "QuickBooks has no Account with Id '9999'."),
        ("Checking", "is of AccountType Bank."),
        ("Legal Fees", "is inactive in QuickBooks."),
    ],
)
def test_no_item_is_created_for_an_account_that_cannot_be_used(
    law_firm: LawFirm, account: str, why: str, dry: bool
) -> None:
    """The account is asked for once, before anything is sent; a fee item that is known needs none."""
    accounts = {row["Name"]: row["Id"] for row in law_firm.books.all("Account")}
    law_firm.activate(unmapped_fee_item="create", income_account=accounts.get(account, account))
    if account == "Legal Fees":
        law_firm.books.do("inactivate", entity="Account", id=accounts[account])
    for fee_item_id in ("F2", "F3"):
        law_firm.insert("fee_items", fee_item_id=fee_item_id, name=f"Research {fee_item_id}", code=fee_item_id)
        law_firm.invoice(fee_item_id, lines=[{"fee_item_id": fee_item_id, "amount": "80.00"}])
    law_firm.invoice("known", "10.00")
    items = law_firm.books.all("Item")

    report = law_firm.sync(["work_list", "sync_plan"] if dry else STAGES)

    states = law_firm.states()
    assert (states["F2"], states["F3"]) == (("held", "NO_INCOME_ACCOUNT"), ("held", "NO_INCOME_ACCOUNT"))
    assert states["known"] == (("new", "") if dry else ("synced", ""))
    [notice] = [notice for notice in report.notices if "income_account" in notice]
    assert why in notice
    assert law_firm.books.all("Item") == items


def test_two_payers_of_one_name_are_created_apart(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2")
    law_firm.invoice("1", "100.00")
    law_firm.invoice("2", "100.00", payer_id="P2")

    law_firm.sync()

    assert customers(law_firm) == ["Ana Diaz", "Ana Diaz (P2)"]


def test_an_inactive_customer_that_is_linked_holds_its_invoices(law_firm: LawFirm) -> None:
    law_firm.activate()
    customer_id = enter_customer(law_firm, "Ana Diaz", "Ana", "Diaz")
    law_firm.invoice("1", "100.00")
    law_firm.sync(["work_list", "sync_plan", "quickbooks_invoices"], invoice_ids=["1"])
    law_firm.books.do("inactivate", entity="Customer", id=customer_id)
    law_firm.invoice("2", "100.00")

    law_firm.sync()
    held = law_firm.states()["2"]
    law_firm.books.do("activate", entity="Customer", id=customer_id)
    law_firm.sync()

    assert (held, law_firm.states()["2"]) == (("held", "MAPPING_INACTIVE"), ("synced", ""))


def test_an_unknown_fee_item_holds_or_is_created_as_the_firm_says(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.insert("fee_items", fee_item_id="F2", name="Research", code="RES")
    law_firm.invoice("1", lines=[{"fee_item_id": "F2", "amount": "80.00"}])
    law_firm.sync()
    held = law_firm.states()
    account = next(row["Id"] for row in law_firm.books.all("Account") if row["Name"] == "Legal Fees")
    settings = {"unmapped_fee_item": "create", "income_account": account}
    law_firm.deployment.firms.change_settings("one", settings, actor="partner", now=law_firm.time.now())

    law_firm.sync()

    assert (held, law_firm.states()) == ({"1": ("held", "UNMAPPED_FEE_ITEM")}, {"1": ("synced", "")})
    assert "Research" in [row["Name"] for row in law_firm.books.all("Item")]


def test_an_address_that_is_none_is_left_out_and_logged(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.change("update payers set email = 'none (ask daughter)'")
    law_firm.invoice("1", "100.00")

    law_firm.sync()

    notices = law_firm.query("select kind, detail from sync.log where activity = 'notice' order by log_id")
    assert notices == [
        {"kind": "customer", "detail": "PrimaryEmailAddr: no usable address, sent without"},
        {"kind": "invoice", "detail": "BillEmail: no usable address, sent without"},
    ]


def test_a_dry_run_creates_no_customer(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")

    law_firm.sync(["work_list", "sync_plan"])

    assert (customers(law_firm), law_firm.query("select * from sync.mapping where kind = 'payer'")) == ([], [])


@pytest.mark.slow
def test_names_are_found_however_they_are_written_and_nothing_is_guessed(law_firm: LawFirm) -> None:
    """Payer by payer: what QuickBooks has, what billing says, and where the invoice goes."""
    law_firm.activate()
    cases = {
        # Payer: (first, last), (display, given, family) in QuickBooks, display name of the invoice's customer or reason
        "apostrophe": (("Sean", "O'Brien"), ("O'Brien, Sean", "Sean", "O'Brien"), "O'Brien, Sean"),
        "backslash": (("Back\\slash", "Smith"), ("Back\\slash Smith", "Back\\slash", "Smith"), "Back\\slash Smith"),
        "injection": (("x' OR '1'='1", "Drop"), None, "x' OR '1'='1 Drop"),
        "composed": (("Jose\u0301", "Pen\u0303a"), ("Peña", "José", "Peña"), "Peña"),
        "accent": (("Jose", "Pena"), None, "Jose Pena"),
        "spaces": (("  Mary   Ann ", "Lee"), ("Mary Ann Lee", "Mary Ann", "Lee"), "Mary Ann Lee"),
        "case": (("ADA", "LOVELACE"), ("Ada Lovelace", "Ada", "Lovelace"), "Ada Lovelace"),
        "script": (("小明", "王"), ("王小明", "小明", "王"), "王小明"),
        "display": (("Dana", "Display"), ("dana  display", "", ""), "dana display"),
        "suffix": (("Sam", "Suffix"), None, "Sam Suffix"),
    }
    for payer_id, ((first, last), there, _) in cases.items():
        if there:
            enter_customer(law_firm, *there)
        law_firm.insert("payers", payer_id=payer_id, first_name=first, last_name=last)
        law_firm.invoice(payer_id, "10.00", payer_id=payer_id)
    law_firm.books.do("inactivate", entity="Customer", id=enter_customer(law_firm, "Gone Away"))
    enter_customer(law_firm, "Del Eted (deleted)", "", "")  # QuickBooks' own way to say inactive; this one is not
    for payer_id, first, last in (("gone", "Gone", "Away"), ("deleted", "Del", "Eted")):
        law_firm.insert("payers", payer_id=payer_id, first_name=first, last_name=last)
        law_firm.invoice(payer_id, "10.00", payer_id=payer_id)

    law_firm.sync()

    found = {
        row["DocNumber"][2:]: " ".join(row["CustomerRef"]["name"].split()) for row in law_firm.books.ours("Invoice")
    }
    assert found == {payer_id: customer for payer_id, (_, _, customer) in cases.items()}
    assert law_firm.states()["gone"] == ("held", "INACTIVE_CUSTOMER")
    assert law_firm.states()["deleted"] == ("held", "LIKE_CUSTOMER")


def test_the_log_hears_in_which_ways_a_payer_is_like_a_customer_and_no_word_of_a_name() -> None:
    nickname = LookAlike("7", 95, ("nickname: Liz for Elizabeth", "same e-mail"), ())
    suffix = LookAlike("12", 80, ("same name", "spelling: Doe for Do"), ("suffix Jr, not Sr", "another city: Boston"))
    company = LookAlike("3", 75, ("legal form: Inc for Ltd",), ("legal form Inc on one side only", "inactive"))

    assert describe_alike([nickname]) == "Customer Id 7: nickname, same e-mail"
    assert describe_alike([suffix, company, nickname, nickname]) == (
        "Customer Id 12: same name, spelling; differs: suffix, another city | "
        "Customer Id 3: legal form; differs: legal form, inactive | "
        "Customer Id 7: nickname, same e-mail | and 1 more"
    )


CONTACTS = {"email": "ella@canary.example", "phone": "212 555 0143", "address_line1": "9 Canary Row"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (person("P", "Elizabeth", "Zabriskie"), customer("1", "Liz", "Zabriskie")),
        (person("P", "Elizabeth", "Zabriskie"), customer("1", "E.", "Zabriskie", **CONTACTS)),
        (person("P", "Elizabeth", "Zabriskie"), customer("1", "Zabriskie", "Elizabeth")),
        (person("P", "Elizabeth", "Zabriskie"), customer("1", "Elizabeht", "Zabriskie")),
        (person("P", "Elizabeth", "Zabriskie"), customer("1", "Elizabeth", "Oldcastle", **CONTACTS)),
        (person("P", "Elizabeth", "Zabriskie"), customer("1", "Elizabeth", "Zabriskie-Moe")),
        (person("P", "Elizabeth", "Zabriskie"), customer("1", "Élizabeth", "Zabriskie", city="Canaryville")),
        (person("P", "Elizabeth", "Zabriskie", middle_name="Quinn"), customer("1", "Quinn", "Zabriskie", **CONTACTS)),
        (person("P", "Elizabeth", "Zabriskie", suffix="Jr."), customer("1", "Liz", "Zabriskie", **CONTACTS)),
        (person("P", "Jürgen", "Müllerheim"), customer("1", "Juergen", "Muellerheim")),
        (
            person("P", "Elizabeth", "Zabriskie", email="ella@canary.example"),
            customer("1", "Liz", "Zabriskie", display_name="Liz & Tom Zabriskie", **CONTACTS),
        ),
        (
            corporation("P", "Zabriskie Holdings, Inc."),
            customer("1", "", "", display_name="Zabriskie Holdings LLC", company_name="Zabriskie Holdings LLC"),
        ),
        (
            corporation("P", "Zabriskie Canary"),
            customer("1", "", "", display_name="Zabriskie Canary Group", company_name="Zabriskie Canary Group"),
        ),
    ],
)
def test_no_word_of_a_name_or_an_address_reaches_the_log_however_two_are_alike(
    ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    contacts = {**CONTACTS, "city": "Canary Springs"} if "email" in theirs else {}

    found = find_look_alikes(payers({**contacts, **ours}), customer_rows(theirs), least=0)

    described = describe_alike(found["P"]).casefold()
    names = [
        word.casefold()
        for row in (ours, theirs)
        for name, text in row.items()
        if name not in ("kind", "customer_id", "payer_id")
        for word in str(text).replace("&", " ").replace("@", " ").replace(",", " ").split()
    ]
    assert described.startswith("customer id 1: ")
    assert [word for word in names if len(word) > 3 and word in described] == []
