"""Every reason code, reached: what a law office and its bookkeeper must do so that a document stops for this reason.

Each world is a firm whose documents go wrong together; the table of all worlds names every code, and is walked. Belongs
here: one document for each code. Does not belong here: the finer points of a rule (its room's tests).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest

from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.quickbooks.errors import OutcomeUnknownError
from qb_pipeline.sync.failures import CreditHalfError
from qb_pipeline_tests.journeys.test_client_credit import credit_accounts, keep_account, switch
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.sync.send.test_settle import copy_the_invoice, lose_the_answer

Step = Callable[[LawFirm], None]


@dataclass(frozen=True)
class World:
    """What happens before each sync, and why which document stands still at the end.

    ``reasons``: code to the document that has it; a document written ``id@part`` is one day of a credit.
    """

    name: str
    steps: tuple[Step, ...]
    reasons: dict[Problem, str]
    settings: dict[str, str] = field(default_factory=dict)
    model: int = 1


def person(firm: LawFirm, payer_id: str, first: str | None, last: str | None, **more: Any) -> None:
    """A payer of its own name, and its invoice ``i-<payer>``."""
    firm.insert("payers", payer_id=payer_id, first_name=first, last_name=last, **more)
    firm.invoice(f"i-{payer_id}", "10.00", payer_id=payer_id)


def customer(firm: LawFirm, display_name: str, first: str, last: str, **more: Any) -> str:
    names = {"DisplayName": display_name, "GivenName": first, "FamilyName": last}
    return str(firm.books.do("edit", entity="Customer", changes=names | more)["Id"])


def item(firm: LawFirm, name: str, **more: Any) -> str:
    [ours] = [row for row in firm.books.all("Item") if row["Id"] == firm.item_id]
    changes = {"Name": name, "Type": "Service", "IncomeAccountRef": ours["IncomeAccountRef"], **more}
    return str(firm.books.do("edit", entity="Item", changes=changes)["Id"])


def fee_item(firm: LawFirm, fee_item_id: str, name: str, code: str) -> None:
    """A fee item, and its invoice ``i-<fee item>``."""
    firm.insert("fee_items", fee_item_id=fee_item_id, name=name, code=code)
    firm.invoice(f"i-{fee_item_id}", lines=[{"fee_item_id": fee_item_id, "amount": "10.00"}])


# Payers and fee items


def meet_strangers(firm: LawFirm) -> None:
    person(firm, "ambiguous", "Amy", "Twice")
    customer(firm, "Amy Twice 1", "Amy", "Twice")
    customer(firm, "Amy Twice 2", "Amy", "Twice")
    person(firm, "inactive", "Ina", "Ctive")
    firm.books.do("inactivate", entity="Customer", id=customer(firm, "Ina Ctive", "Ina", "Ctive"))
    person(firm, "nameless", "Only", None)
    person(firm, "sub", "Sue", "Bordinate")
    parent = customer(firm, "Parent", "Pat", "Rent")
    customer(firm, "Sue Bordinate", "Sue", "Bordinate", Job=True, ParentRef={"value": parent})
    person(firm, "shared", "Twin", "Brother")
    person(firm, "shared2", "Twin", "Brother")
    customer(firm, "Twin Brother", "Twin", "Brother")
    person(firm, "nobody", None, None, kind="corporation", corporation_name="Nobody Inc.")
    person(firm, "colon", "Co:lon", "Name")
    person(firm, "long", "L" * 101, "Name")
    person(firm, "numbered", "Nell", "Doe A123456789")
    person(firm, "taken", "Tina", "Taken")
    firm.books.do("edit", entity="Vendor", changes={"DisplayName": "Tina Taken"})
    firm.books.do("edit", entity="Employee", changes={"DisplayName": "Tina Taken (taken)"})
    person(firm, "linked", "Linus", "Linked")
    customer(firm, "Linus Linked", "Linus", "Linked")
    person(firm, "merged", "Merle", "Merged")
    person(firm, "like", "Elizabeth", "Alike", email="liz@alike.example")
    customer(firm, "Liz Alike", "Liz", "Alike", PrimaryEmailAddr={"Address": "liz@alike.example"})
    fee_item(firm, "unmapped", "Unheard of", "UNH")
    fee_item(firm, "both", "By name", "BYC")
    item(firm, "By name")
    item(firm, "By code", Sku="BYC")
    fee_item(firm, "asleep", "Asleep", "SLP")
    firm.books.do("inactivate", entity="Item", id=item(firm, "Asleep"))
    fee_item(firm, "mapped", "Mapped", "MAP")
    item(firm, "Mapped")
    firm.invoice("i-itemless", lines=[{"fee_item_id": None, "amount": "10.00"}])


def lose_them(firm: LawFirm) -> None:
    """What was linked is merged away, made inactive or deleted; a namesake comes."""
    person(firm, "namesake", "Linus", "Linked")
    [mapped] = [row for row in firm.books.all("Item") if row["Name"] == "Mapped"]
    firm.books.do("inactivate", entity="Item", id=mapped["Id"])
    firm.invoice("i-mapped2", lines=[{"fee_item_id": "mapped", "amount": "10.00"}])
    [merged] = [row for row in firm.books.all("Customer") if row["DisplayName"] == "Merle Merged"]
    [theirs] = [row for row in firm.books.ours("Invoice") if row["CustomerRef"]["value"] == merged["Id"]]
    firm.books.do("merge", loser_id=merged["Id"], survivor_id=customer(firm, "Heir", "He", "Ir"))
    firm.books.do("delete", entity="Invoice", id=theirs["Id"])
    firm.invoice("i-merged2", "10.00", payer_id="merged")
    with firm.billing.begin() as connection:
        connection.exec_driver_sql("alter table billing.invoices drop constraint invoices_firm_id_payer_id_fkey")
    firm.invoice("i-orphan", "10.00", payer_id="gone")


# The document itself


def write_badly(firm: LawFirm) -> None:
    firm.books.switch(duplicate_numbers="refused")
    long_ago, far_ahead = date(2022, 1, 1), firm.today + timedelta(days=60)
    firm.invoice("no-lines", total_amount="0")
    firm.invoice("mismatch", "10.00", total_amount="11.00")
    firm.invoice("negative", "10.00", "-20.00")
    firm.invoice("nan", lines=[{"quantity": "NaN", "amount": "10.00"}])
    firm.invoice("numberless", "10.00", invoice_number=None)
    firm.invoice("long", "10.00", invoice_number="N" * 22)
    firm.invoice("control", "10.00", invoice_number="N\x07")
    firm.invoice("first", "10.00", invoice_number="SAME")
    firm.invoice("second", "10.00", invoice_number="same")
    firm.invoice("old", "10.00", invoice_date=long_ago)
    firm.invoice("ahead", "10.00", invoice_date=far_ahead)
    firm.invoice("euro", "10.00", currency="EUR")
    firm.invoice("taxed", "10.00", lines=[{"kind": "tax", "fee_item_id": None, "amount": "1.00"}])
    firm.invoice("nothing", "0.00")
    firm.invoice("void", "10.00", status="void")
    firm.invoice("draft", "10.00", status="draft")
    firm.invoice("open", "100.00")
    firm.insert("payers", payer_id="P2", first_name="Ben", last_name="Okafor")
    firm.invoice("other", "100.00", payer_id="P2")
    firm.payment("too-much", applied={"open": "110.00"})
    firm.payment("unapplied", amount="5.00")
    firm.payment("zero", amount="0.00")
    firm.payment("two", applied={"open": "5.00", "other": "5.00"})
    firm.payment("on-void", applied={"void": "5.00"})
    firm.payment("on-held", applied={"euro": "5.00"})
    firm.payment("on-draft", applied={"draft": "5.00"})
    firm.invoice("bounced", "20.00")
    firm.payment("echeck", applied={"bounced": "20.00"}, method="echeck", days_ago=1)
    firm.payment("rejection", amount="20.00", kind="rejection", reverses_payment_id="echeck")
    firm.payment("again", applied={"bounced": "20.00"})
    firm.payment("refund", amount="1.00", kind="refund", reverses_payment_id="echeck")
    firm.payment("reversal", amount="1.00", kind="reversal", reverses_payment_id="echeck")
    firm.payment("deposit", amount="50.00", kind="credit_deposit")
    firm.payment("theirs", applied={"open": "1.00"})
    firm.sync(["work_list"], payment_ids=["theirs"])
    firm.change("update payments set origin = 'quickbooks', external_id = 'qbo:1' where payment_id = 'theirs'")


# What QuickBooks holds, and what changed since


def post(firm: LawFirm) -> None:
    for name in (
        "drift", "deleted", "voided", "gone", "below", "applied", "payer", "conflict", "replaced", "withdrawn",
    ):  # fmt: skip
        firm.invoice(name, "100.00")
    for name in ("below", "applied", "payer"):
        firm.payment(f"p-{name}", applied={name: "80.00"})
    firm.payment("deposited", applied={"drift": "10.00"})
    firm.payment("former", applied={"replaced": "30.00"})


def meddle(firm: LawFirm) -> None:
    there = {row["DocNumber"]: row["Id"] for row in firm.books.ours("Invoice")}
    firm.books.do("edit", entity="Invoice", id=there["N-drift"], changes={"TxnDate": "2026-01-01"})
    firm.books.do("delete", entity="Invoice", id=there["N-deleted"])
    firm.books.do("void", entity="Invoice", id=there["N-voided"])
    paid = {row["PrivateNote"].split(":")[4].split()[0]: row["Id"] for row in firm.books.ours("Payment")}
    firm.books.do("deposit", payments=[paid["deposited"], paid["former"], paid["p-payer"]])
    firm.change("update payments set status = 'void' where payment_id = 'former'")
    firm.payment("instead", applied={"replaced": "30.00"})
    firm.insert("payers", payer_id="P2", first_name="Ben", last_name="Okafor")
    changed = ["drift", "deleted", "voided", "below"]
    firm.change("update invoice_lines set amount = 70, unit_price = 70 where invoice_id = any(:ids)", ids=changed)
    firm.change("update invoices set total_amount = 70 where invoice_id = any(:ids)", ids=changed)
    firm.change("update invoices set status = 'void' where invoice_id = 'applied'")
    firm.change("update invoices set status = 'draft' where invoice_id = 'withdrawn'")
    firm.change("update invoices set payer_id = 'P2' where invoice_id = 'payer'")
    firm.change("update payments set reference = 'new' where payment_id = 'deposited'")
    firm.remove("invoices", invoice_id="gone")
    firm.sync(["work_list"], first=firm.today - timedelta(days=5), last=firm.today)
    firm.invoice("odd", "10.00")
    firm.books.fault({"what": "echo_changed", "match": "batch", "field": "TxnDate", "value": "2001-01-01"})
    firm.sync(invoice_ids=["odd"])


def close_the_books(firm: LawFirm) -> None:
    firm.books.do("close-books", date=(firm.today - timedelta(days=100)).isoformat())
    firm.invoice("closed", "10.00", days_ago=120)


def copy(firm: LawFirm) -> None:
    """The answer is lost, and a person copies the invoice before anybody could look."""
    firm.invoice("copied", "10.00")
    lose_the_answer(firm)
    copy_the_invoice(firm)


def lose_every_answer(firm: LawFirm) -> None:
    firm.invoice("lost", "10.00")
    firm.books.fault({"what": "drop_before", "match": "batch", "times": None})


def tax(firm: LawFirm) -> None:
    firm.books.do("preferences", TaxPrefs={"UsingSalesTax": True})
    firm.books.switch(tax="recomputed", tax_percent=0.0)
    firm.insert("fee_items", fee_item_id="F2", name="Unheard of", code="UNH")
    firm.invoice("differs", "10.00", lines=[{"kind": "tax", "fee_item_id": None, "amount": "1.00"}])
    firm.invoice("many", *["1.00"] * 751, lines=[{"kind": "tax", "fee_item_id": None, "amount": "1.00"}])
    firm.invoice("accountless", lines=[{"fee_item_id": "F2", "amount": "10.00"}])
    firm.books.do("preferences", SalesFormsPrefs={"AllowDiscount": False})
    firm.invoice("discounted", "10.00", lines=[{"kind": "discount", "fee_item_id": None, "amount": "-1.00"}])
    firm.map("tax_code", "TAX", _sales_tax_code(firm))  # no code for a line in this country
    line = {"fee_item_id": "F1", "quantity": 1, "unit_price": "10.00", "amount": "10.00", "is_taxable": True}
    firm.invoice("coded", lines=[line])


def _sales_tax_code(firm: LawFirm) -> str:
    return next(row["Id"] for row in firm.books.all("TaxCode") if row["Id"].isdigit())


def list_early_invoices(firm: LawFirm) -> None:
    firm.invoice("early", "10.00", created_at=firm.time.now() - timedelta(days=9))
    firm.invoice("late", "10.00")
    firm.payment("mixed", applied={"early": "5.00", "late": "5.00"})
    firm.sync(["work_list"])
    since = (firm.time.now() - timedelta(days=3)).isoformat()
    firm.deployment.firms.change_settings("one", {"eligible_since": since}, actor="partner", now=firm.time.now())
    firm.sync(["work_list"], first=firm.today - timedelta(days=30), last=firm.today)


def move_an_invoice(firm: LawFirm) -> None:
    """A bookkeeper gives an invoice to another customer, and a client of another currency is billed."""
    firm.books.do("preferences", CurrencyPrefs={"MultiCurrencyEnabled": True})
    firm.invoice("i", "10.00")
    firm.sync()
    other = customer(firm, "Bo Lee", "Bo", "Lee")
    [invoice] = firm.books.ours("Invoice")
    firm.books.do("edit", entity="Invoice", id=invoice["Id"], changes={"CustomerRef": {"value": other}})
    firm.payment("taken", applied={"i": "10.00"})
    customer(firm, "Eva Euro", "Eva", "Euro", CurrencyRef={"value": "EUR"})
    person(firm, "euro", "Eva", "Euro")


def take_money(firm: LawFirm) -> None:
    firm.invoice("i", "10.00")
    firm.payment("taken", applied={"i": "10.00"})


def write_before_us(firm: LawFirm) -> None:
    """An earlier integration has left an invoice; its date is another one."""
    theirs = customer(firm, "Ana Diaz", "Ana", "Diaz")
    detail = {"ItemRef": {"value": firm.item_id}}
    line = {"DetailType": "SalesItemLineDetail", "Amount": "10", "SalesItemLineDetail": detail}
    changes = {"CustomerRef": {"value": theirs}, "DocNumber": "N-there", "TxnDate": "2026-01-01", "Line": [line]}
    firm.books.do("edit", entity="Invoice", changes=changes)
    firm.invoice("there", "10.00")


def lose_the_account_of_credit(firm: LawFirm) -> None:
    switch(firm, client_money="credit", **credit_accounts(firm))
    firm.invoice("credited", "100.00")
    firm.payment("credit", amount="40.00", kind="credit_application", method="credit")
    firm.apply("credit", "credited", "40.00", date(2026, 3, 1))
    keep_account(firm, is_active=False)


def receive_into_trust(firm: LawFirm) -> None:
    trust = next(row["Id"] for row in firm.books.all("Account") if row["AccountSubType"] == "TrustAccounts")
    firm.map("deposit_account", "check", trust)
    take_money(firm)


WORLDS = (
    World(
        "names that nobody can be sure of",
        (meet_strangers, lose_them),
        {
            Problem.AMBIGUOUS_NAME: "i-ambiguous",
            Problem.INACTIVE_CUSTOMER: "i-inactive",
            Problem.MISSING_NAME: "i-nameless",
            Problem.SUB_CUSTOMER_ONLY: "i-sub",
            Problem.NAME_SHARED: "i-shared",
            Problem.LINKED_TO_OTHER: "i-namesake",
            Problem.NO_BILLING_PERSON: "i-nobody",
            Problem.BAD_NAME: "i-colon",
            Problem.NAME_TOO_LONG: "i-long",
            Problem.IDENTITY_NUMBER: "i-numbered",
            Problem.UNKNOWN_PAYER: "i-orphan",
            Problem.NAME_TAKEN: "i-taken",
            Problem.LIKE_CUSTOMER: "i-like",
            Problem.CUSTOMER_GONE: "i-merged2",
            Problem.UNMAPPED_FEE_ITEM: "i-unmapped",
            Problem.AMBIGUOUS_ITEM: "i-both",
            Problem.INACTIVE_ITEM: "i-asleep",
            Problem.MAPPING_INACTIVE: "i-mapped2",
            Problem.UNKNOWN_FEE_ITEM: "i-itemless",
        },
    ),
    World(
        "documents that are not right in themselves",
        (write_badly,),
        {
            Problem.NO_LINES: "no-lines",
            Problem.TOTAL_MISMATCH: "mismatch",
            Problem.NEGATIVE_TOTAL: "negative",
            Problem.BAD_AMOUNT: "nan",
            Problem.NUMBER_MISSING: "numberless",
            Problem.NUMBER_TOO_LONG: "long",
            Problem.BAD_NUMBER: "control",
            Problem.NUMBER_TAKEN: "second",
            Problem.DATE_OUT_OF_RANGE: "old",
            Problem.DATED_AHEAD: "ahead",
            Problem.CURRENCY_MISMATCH: "euro",
            Problem.TAX_NOT_ALLOWED: "taxed",
            Problem.NOTHING_TO_BILL: "nothing",
            Problem.NOTHING_TO_PAY: "zero",
            Problem.VOID_BEFORE_SENT: "void",
            Problem.EXCEEDS_BALANCE: "too-much",
            Problem.UNAPPLIED: "unapplied",
            Problem.TWO_CUSTOMERS: "two",
            Problem.INVOICE_VOID: "on-void",
            Problem.INVOICE_NOT_SENT: "on-held",
            Problem.INVOICE_DRAFT: "on-draft",
            Problem.REJECTION_OPEN: "again",
            Problem.REJECTION: "rejection",
            Problem.REFUND: "refund",
            Problem.REVERSAL: "reversal",
            Problem.CREDIT_DEPOSIT: "deposit",
            Problem.FROM_QUICKBOOKS: "theirs",
        },
    ),
    World(
        "people meddle on both sides",
        (post, meddle, close_the_books),
        {
            Problem.DRIFT: "drift",
            Problem.REMOTE_DELETED: "deleted",
            Problem.REMOTE_VOIDED: "voided",
            Problem.SOURCE_GONE: "gone",
            Problem.WITHDRAWN: "withdrawn",
            Problem.PAID_BELOW: "below",
            Problem.PAYMENTS_APPLIED: "applied",
            Problem.PAYER_CHANGED: "payer",
            Problem.DEPOSITED: "deposited",
            Problem.OTHER_STILL_APPLIED: "instead",
            Problem.CONFLICT: "odd",
            Problem.PERIOD_CLOSED: "closed",
        },
    ),
    World(
        "customers that do not fit",
        (move_an_invoice,),
        {Problem.OTHER_CUSTOMER: "taken", Problem.CUSTOMER_CURRENCY: "i-euro"},
    ),
    World("a copy", (copy,), {Problem.COPIED: "copied"}),
    World("others wrote before us", (write_before_us,), {Problem.MAYBE_THERE: "there"}),
    World("a method that is mapped to the trust account", (receive_into_trust,), {Problem.TRUST_ACCOUNT: "taken"}),
    World(
        "an account of client credit that is inactive",
        (lose_the_account_of_credit,),
        {Problem.CREDIT_HALF: "credit@2026-03-01"},
    ),
    World("answers that never come", (lose_every_answer,), {Problem.OUTCOME_UNKNOWN: "lost"}),
    World(
        "a firm that creates items and sends tax",
        (tax,),
        {
            Problem.TOTAL_DIFFERS: "differs",
            Problem.TOO_MANY_LINES: "many",
            Problem.NO_INCOME_ACCOUNT: "accountless",
            Problem.DISCOUNTS_OFF: "discounted",
            Problem.REFUSED: "coded",
        },
        {"tax_policy": "total", "unmapped_fee_item": "create"},
    ),
    World(
        "a firm that creates no customers",
        (take_money,),
        {Problem.UNMATCHED_PAYER: "i"},
        {"unmatched_payer": "hold"},
    ),
    World(
        "a firm that begins at a date",
        (list_early_invoices,),
        {Problem.INELIGIBLE: "early", Problem.INVOICE_INELIGIBLE: "mixed"},
    ),
    World("payments come from QuickBooks", (take_money,), {Problem.MODEL_2_PAYMENT: "taken"}, model=2),
)


def test_every_code_has_a_document_that_reaches_it() -> None:
    reached = [code for world in WORLDS for code in world.reasons]

    assert sorted(reached) == sorted(Problem)


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_a_document_stops_for_its_reason_in_the_state_that_the_reason_has(law_firm: LawFirm, world: World) -> None:
    law_firm.model = world.model
    law_firm.activate(**world.settings)

    for step in world.steps:
        step(law_firm)
        with suppress(OutcomeUnknownError, CreditHalfError):
            law_firm.sync()

    states = law_firm.states()
    assert {code: states[document] for code, document in world.reasons.items()} == {
        code: (PROBLEMS[code].state, code) for code in world.reasons
    }
    told = {
        row["code"] for row in law_firm.query("select code from sync.problem where sentence <> '' and remedy <> ''")
    }
    assert set(world.reasons) <= told
