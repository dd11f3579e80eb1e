"""A payment finds too little open: what else pays its invoice is named, and the remedy helps the next sync."""

from collections.abc import Callable
from typing import Any

import pytest

from qb_pipeline_tests.law_firm import LawFirm


def posted(law_firm: LawFirm) -> dict[str, Any]:
    """Invoice 1 over 100.00 and our payment of 20.00 on it stand in QuickBooks."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("p0", applied={"1": "20.00"})
    law_firm.sync()
    return dict(law_firm.books.ours("Invoice")[0])


def detail(law_firm: LawFirm) -> str:
    """What the list of held documents says of payment p1."""
    [row] = law_firm.query("select detail from reporting.held_documents where source_id = 'p1'")
    return str(row["detail"])


def credit_that_it_applied_by_itself(law_firm: LawFirm, invoice: dict[str, Any]) -> str:
    law_firm.books.do("preferences", SalesFormsPrefs={"AutoApplyCredit": True})
    customer = invoice["CustomerRef"]["value"]
    money = law_firm.books.do("receive-payment", customer_id=customer, amount="30.00")
    law_firm.invoice("2", "100.00")
    law_firm.sync()
    return f"Payment {money['Id']} of {money['TxnDate']} pays 30.00"


def a_credit_memo(law_firm: LawFirm, invoice: dict[str, Any]) -> str:
    customer = invoice["CustomerRef"]["value"]
    memo = law_firm.books.do("credit-memo", customer_id=customer, amount="30.00", invoice_id=invoice["Id"])
    [link] = [row for row in law_firm.books.all("Payment") if row["TotalAmt"] == 0]
    return f"CreditMemo {memo['Id']} pays 30.00 by Payment {link['Id']} of {link['TxnDate']}"


def a_payment_of_others(law_firm: LawFirm, invoice: dict[str, Any]) -> str:
    customer = invoice["CustomerRef"]["value"]
    pays = [{"id": invoice["Id"], "amount": "30.00"}]
    made = law_firm.books.do("receive-payment", customer_id=customer, invoices=pays, amount="45.00")
    return f"Payment {made['Id']} of {made['TxnDate']} pays 30.00"


OTHERS: tuple[Callable[[LawFirm, dict[str, Any]], str], ...] = (
    credit_that_it_applied_by_itself, a_credit_memo, a_payment_of_others,
)  # fmt: skip


@pytest.mark.parametrize("others", OTHERS, ids=lambda others: others.__name__)
def test_what_else_pays_the_invoice_is_named_until_a_person_unapplies_it(
    law_firm: LawFirm, others: Callable[[LawFirm, dict[str, Any]], str]
) -> None:
    invoice = posted(law_firm)
    words = others(law_firm, invoice)
    name = "2" if others is credit_that_it_applied_by_itself else "1"
    law_firm.payment("p1", applied={name: "80.00"})

    law_firm.sync()
    first = detail(law_firm)
    law_firm.books.count_anew()
    law_firm.sync()

    assert law_firm.states("payment") == {"p0": ("synced", ""), "p1": ("held", "EXCEEDS_BALANCE")}
    said = f"invoice:{name}: {70 if name == '2' else 50}.00 open, {words}"
    assert (law_firm.books.writes(), first.removeprefix("fault 6000: "), detail(law_firm)) == (0, said, said)
    [theirs] = [row for row in law_firm.books.all("Payment") if "qbp1:" not in row.get("PrivateNote", "")]
    target = next(line["LinkedTxn"][0]["TxnId"] for line in theirs["Line"])
    law_firm.books.do("unapply", payment=theirs["Id"], invoice=target)
    law_firm.sync()
    assert law_firm.states("payment") == {"p0": ("synced", ""), "p1": ("synced", "")}


def test_less_in_billing_helps_too_and_nothing_else_is_told_as_what_is_open(law_firm: LawFirm) -> None:
    posted(law_firm)
    law_firm.payment("p1", applied={"1": "90.00"})

    law_firm.sync()
    said = detail(law_firm)
    law_firm.change("update payment_applications set amount = 80 where payment_id = 'p1'")
    law_firm.change("update payments set amount = 80 where payment_id = 'p1'")
    law_firm.sync()

    assert said == "invoice:1: 80.00 open"
    assert law_firm.states("payment") == {"p0": ("synced", ""), "p1": ("synced", "")}
