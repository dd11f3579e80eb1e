"""Whatever moves receivables is in the mirror, in amounts: credit memos, entries, and what of them is used (E-40)."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.verify.reconcile import reconcile
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


def look(law_firm: LawFirm) -> None:
    with law_firm.deployment.open(FIRM, Run(f"run-{uuid4()}", "test", PARTNER)) as session:
        reconcile(session)


def with_invoice(law_firm: LawFirm) -> tuple[str, str]:
    """An invoice of 100.00 that is in QuickBooks: its Id and its customer's."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    [row] = law_firm.books.ours("Invoice")
    return row["Id"], row["CustomerRef"]["value"]


def items(law_firm: LawFirm) -> list[tuple[Any, ...]]:
    rows = law_firm.query(
        "select kind, customer_id, effect_cents, open_cents, is_write_off from sync.open_item_then "
        "where status = 'live' order by kind, effect_cents, customer_id"
    )
    return [tuple(row.values()) for row in rows]


def owed(law_firm: LawFirm, customer_id: str) -> int:
    """What a customer owes by the mirror, in cents."""
    rows = law_firm.query(
        "select coalesce(sum(open_cents), 0)::bigint as cents from sync.open_item_then where customer_id = :id",
        id=customer_id,
    )
    return int(rows[0]["cents"])


def balance(law_firm: LawFirm, customer_id: str) -> int:
    """What it owes by QuickBooks' own account."""
    return int(Decimal(law_firm.books.read("Customer", customer_id)["Balance"]) * 100)


def account(law_firm: LawFirm, kind: str) -> str:
    return next(row["Id"] for row in law_firm.books.all("Account") if row["AccountType"] == kind)


def test_the_open_items_of_a_customer_are_its_balance(law_firm: LawFirm) -> None:
    invoice_id, customer = with_invoice(law_firm)
    books = law_firm.books
    books.do("credit-memo", customer_id=customer, amount=25, invoice_id=invoice_id, item_id=law_firm.item_id)
    books.do("credit-memo", customer_id=customer, amount=5, item_id=law_firm.item_id)
    books.do("journal-credit", customer_id=customer, amount=35, invoice_id=invoice_id)
    books.do("journal-credit", customer_id=customer, amount=7)
    books.do("receive-payment", customer_id=customer, amount=13, invoices=[{"id": invoice_id, "amount": 10}])
    books.do("next-number", customer_id=customer, amount=40, item_id=law_firm.item_id)

    look(law_firm)

    assert items(law_firm) == [
        ("credit_memo", customer, -2_500, 0, False),
        ("credit_memo", customer, -500, -500, False),
        ("invoice", customer, 4_000, 4_000, False),
        ("invoice", customer, 10_000, 3_000, False),
        ("journal_entry", customer, -3_500, 0, True),
        ("journal_entry", customer, -700, -700, True),
        ("payment", customer, -1_300, -300, False),
        ("payment", customer, 0, 0, False),
        ("payment", customer, 0, 0, False),
    ]
    assert owed(law_firm, customer) == balance(law_firm, customer) == 5_500


def test_one_entry_may_concern_several_customers_and_stop_concerning_one(law_firm: LawFirm) -> None:
    _, customer = with_invoice(law_firm)
    other = law_firm.books.create("Customer", {"DisplayName": "Other"})["Id"]

    def lines(*owing: tuple[str, int]) -> list[dict[str, Any]]:
        accounts = {"Credit": account(law_firm, "Accounts Receivable"), "Debit": account(law_firm, "Expense")}
        return [
            {
                "DetailType": "JournalEntryLineDetail",
                "Amount": amount,
                "JournalEntryLineDetail": {
                    "PostingType": side,
                    "AccountRef": {"value": accounts[side]},
                    "Entity": {"Type": "Customer", "EntityRef": {"value": who}},
                },
            }
            for who, amount in owing
            for side in ("Debit", "Credit")
        ]

    entry = law_firm.books.create("JournalEntry", {"Line": lines((customer, 10), (other, 20))})
    look(law_firm)
    assert [owed(law_firm, each) for each in (customer, other)] == [9_000, -2_000]

    law_firm.books.do("edit", entity="JournalEntry", id=entry["Id"], changes={"Line": lines((customer, 15))})
    look(law_firm)
    assert [owed(law_firm, each) for each in (customer, other)] == [8_500, 0]

    law_firm.books.do("delete", entity="JournalEntry", id=entry["Id"])
    look(law_firm)
    assert [owed(law_firm, each) for each in (customer, other)] == [10_000, 0]
    assert [balance(law_firm, each) for each in (customer, other)] == [10_000, 0]


def test_what_was_looked_at_before_costs_no_account_again(law_firm: LawFirm) -> None:
    """Each reading looks back a little, so that it shows the entry once more."""
    _, customer = with_invoice(law_firm)
    look(law_firm)
    law_firm.books.do("journal-credit", customer_id=customer, amount=7)
    law_firm.books.count_anew()
    look(law_firm)
    assert law_firm.books.requests() == {"GET cdc": 1, "POST query": 1}
    law_firm.books.count_anew()

    look(law_firm)

    assert law_firm.books.requests() == {"GET cdc": 1}
