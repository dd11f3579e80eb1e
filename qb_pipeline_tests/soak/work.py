"""A day of a law firm: every kind of request that the pipeline knows, on top of what earlier days left.

Belongs here: what billing and the bookkeeper do. Does not belong here: faults, kills, judging.
"""

from decimal import Decimal

from qb_pipeline.core.states import Kind
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.foreign_documents import Pair, answer
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.soak.checker import CANARY, Allowed, remember_foreign
from qb_pipeline_tests.soak.plans import LAG_SECONDS

NAP_SECONDS = LAG_SECONDS + 1
"""After so long a query shows what was written."""


def open_firm(firm: LawFirm, allowed: Allowed) -> None:
    """Activate it; the company has books of its own, and one invoice is in QuickBooks already."""
    account = next(row["Id"] for row in firm.books.all("Account") if row["Name"] == "Legal Fees")
    firm.activate(unmapped_fee_item="create", income_account=account)
    customer = firm.books.create("Customer", {"DisplayName": "Walk-in"})["Id"]
    for amount in ("75.00", "120.50"):
        firm.books.do("next-number", customer_id=customer, amount=amount, item_id=firm.item_id)
    firm.books.do("receive-payment", customer_id=customer, amount="20.00")
    remember_foreign(firm, allowed)
    firm.books.count_anew()
    firm.time.sleep(NAP_SECONDS)
    morning(firm, 0)
    firm.sync()


def morning(firm: LawFirm, day: int) -> None:
    """New invoices and payments, for a new payer with a new fee item too."""
    firm.insert("payers", payer_id=f"P{day}x", first_name="Bo", last_name=f"{CANARY} {_letters(day)}")
    firm.insert("fee_items", fee_item_id=f"F{day}x", name=f"Advice {_letters(day)}", code=f"A{day}")
    line = {"fee_item_id": f"F{day}x", "amount": "100.00", "description": f"{CANARY} spoke to us"}
    firm.invoice(f"{day}a", lines=[line], payer_id=f"P{day}x", customer_message=CANARY)
    firm.invoice(f"{day}b", "100.00")
    firm.invoice(f"{day}c", "80.00", "5.01")
    firm.payment(f"{day}pa", applied={f"{day}a": "40.00"}, payer_id=f"P{day}x", memo=CANARY)
    firm.payment(f"{day}pb", applied={f"{day}b": "30.00"})


def second_thoughts(firm: LawFirm, day: int) -> None:
    """What was sent on an earlier day is revised and voided: an update and a void of each kind."""
    revise(firm, f"{day}b", "120.00")
    firm.change("update payment_applications set amount = 35 where payment_id = :id", id=f"{day}pa")
    _touch(firm, "payments", "payment_id", f"{day}pa", "amount = 35")
    _touch(firm, "payments", "payment_id", f"{day}pb", "status = 'void'")
    _touch(firm, "invoices", "invoice_id", f"{day}c", "status = 'void'")


def namesake(firm: LawFirm, allowed: Allowed, number: str) -> None:
    """The bookkeeper writes an invoice of the firm's own that bears a number of ours, for a customer of ours.

    A partner has said beforehand that ours is another one: nothing holds it, and only its mark tells the two apart.
    """
    customer = firm.books.ours("Invoice")[0]["CustomerRef"]["value"]
    line = {
        "DetailType": "SalesItemLineDetail",
        "Amount": "61",
        "SalesItemLineDetail": {"ItemRef": {"value": firm.item_id}},
    }
    changes = {"CustomerRef": {"value": customer}, "DocNumber": number, "Line": [line]}
    theirs = firm.books.do("edit", entity="Invoice", changes=changes)
    ours = Pair(DocumentName(Kind.INVOICE, number.removeprefix("N-")), theirs["Id"])
    with firm.ledger.begin() as connection:
        answer(connection, FIRM, [ours], "new", actor=PARTNER, now=firm.time.now())
    remember_foreign(firm, allowed)


def change(firm: LawFirm, what: str, day: int) -> None:
    """What billing does between two tries of the same day."""
    acts = {
        "nothing": lambda: None,
        "a new invoice": lambda: firm.invoice(f"{day}d", "64.00"),
        "an invoice is revised": lambda: revise(firm, f"{day}b", "111.00"),
        "an invoice is voided": lambda: _touch(firm, "invoices", "invoice_id", f"{day}c", "status = 'void'"),
        "an invoice vanishes": lambda: vanish(firm, f"{day}c"),
        "a new payment": lambda: firm.payment(f"{day}pd", applied={f"{day}b": "10.00"}),
        "a payment is voided": lambda: _touch(firm, "payments", "payment_id", f"{day}pb", "status = 'void'"),
        "a payment vanishes": lambda: forget_payment(firm, f"{day}pb"),
    }
    acts[what]()


def revise(firm: LawFirm, invoice_id: str, amount: str) -> None:
    """Give an invoice of one line another amount."""
    value = Decimal(amount)
    firm.change(
        "update invoice_lines set amount = :amount, unit_price = :amount where invoice_id = :id",
        amount=value,
        id=invoice_id,
    )
    _touch(firm, "invoices", "invoice_id", invoice_id, "total_amount = :amount", amount=value)


def vanish(firm: LawFirm, invoice_id: str) -> None:
    """An invoice is deleted from billing, with its lines."""
    firm.remove("invoice_lines", invoice_id=invoice_id)
    firm.remove("invoices", invoice_id=invoice_id)


def forget_payment(firm: LawFirm, payment_id: str) -> None:
    """A payment is deleted from billing, with its applications."""
    firm.remove("payment_applications", payment_id=payment_id)
    firm.remove("payments", payment_id=payment_id)


def _touch(firm: LawFirm, relation: str, key: str, identifier: str, what: str, **values: object) -> None:
    firm.change(f"update {relation} set {what} where {key} = :id", id=identifier, **values)  # noqa: S608 - ours


def _letters(number: int) -> str:
    """A name of its own for each number: digits in names mean something to some matchers."""
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:05}").capitalize()
