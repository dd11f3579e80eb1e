"""A bookkeeper's day in QuickBooks, by chance: payments received, changed, moved, voided, deleted, credit given.

Every step is one that QuickBooks allows; what it refuses (a payment at the bank) is passed over, as a person would.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.received import receive


@dataclass
class Day:
    """What one bookkeeper does with the payments on our invoices, and on a foreign one."""

    law_firm: LawFirm
    seed: int
    chance: random.Random = field(init=False)
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.books = self.law_firm.books
        self.customer = self.books.ours("Invoice")[0]["CustomerRef"]["value"]
        line = {
            "DetailType": "SalesItemLineDetail", "Amount": "9000.00",
            "SalesItemLineDetail": {"ItemRef": {"value": self.law_firm.item_id}},
        }  # fmt: skip
        self.books.create("Invoice", {"CustomerRef": {"value": self.customer}, "Line": [line]})

    def step(self) -> str:
        """Do one thing; says what."""
        steps: dict[Callable[[], object], int] = {
            self.receive: 6, self.relink: 5, self.annotate: 2, self.redate: 1, self.void: 2, self.delete: 2,
            self.deposit: 1, self.give_credit: 1, self.write_off: 1,
        }  # fmt: skip
        [chosen] = self.chance.choices(list(steps), weights=list(steps.values()))
        name = chosen.__name__  # type: ignore[attr-defined]
        try:
            chosen()
        except AssertionError:  # QuickBooks said no
            name += " (refused)"
        self.done.append(str(name))
        return str(name)

    # What a bookkeeper does

    def receive(self) -> None:
        """A payment on one to three invoices, or on none, sometimes with too much money."""
        chosen = self._some_invoices()
        shares = [{"id": row["Id"], "amount": self._part_of(row["Balance"])} for row in chosen]
        total = sum((Decimal(share["amount"]) for share in shares), Decimal(self.chance.choice([0, 0, 0, 25])))
        receive(self.law_firm, *[share for share in shares if share["amount"] != "0.00"], amount=str(total or 10))

    def relink(self) -> None:
        """Another amount, other invoices, or none."""
        payment = self._payment()
        invoices = {str(row["Id"]): Decimal(row["Balance"]) for row in self.books.all("Invoice")}
        for line in payment["Line"]:
            for linked in line["LinkedTxn"]:
                if linked["TxnType"] == "Invoice":
                    invoices[linked["TxnId"]] += Decimal(line["Amount"])
        kept = [line for line in payment["Line"] if line["LinkedTxn"][0]["TxnType"] != "Invoice"]
        lines = []
        for invoice in self.chance.sample(sorted(invoices), k=self.chance.randint(0, 3)):
            amount = self._part_of(invoices[invoice])
            if amount != "0.00":
                lines.append({"Amount": amount, "LinkedTxn": [{"TxnId": invoice, "TxnType": "Invoice"}]})
        credit = sum((Decimal(line["Amount"]) for line in kept), Decimal(0))
        applied = sum((Decimal(line["Amount"]) for line in lines), Decimal(0))
        total = max(applied - credit, Decimal(0)) + self.chance.choice([0, 0, 7])
        self._edit(payment, TotalAmt=str(total), Line=self._plain(kept) + lines)

    def annotate(self) -> None:
        """A note or a reference."""
        field_, value = self.chance.choice(
            [("PrivateNote", "seen"), ("PaymentRefNum", f"No {self.chance.random():.6f}")]
        )
        self._edit(self._payment(), **{field_: value})

    def redate(self) -> None:
        """Another date."""
        self._edit(self._payment(), TxnDate=f"2026-0{self.chance.randint(1, 9)}-1{self.chance.randint(0, 9)}")

    def void(self) -> None:
        """Void a payment."""
        self.books.do("void", entity="Payment", id=self._payment()["Id"])

    def delete(self) -> None:
        """Delete a payment."""
        self.books.do("delete", entity="Payment", id=self._payment()["Id"])

    def deposit(self) -> None:
        """Bring a payment to the bank: from then on it cannot be changed."""
        self.books.do("deposit", payments=[self._payment()["Id"]])

    def give_credit(self) -> None:
        """A credit memo on one invoice."""
        [invoice] = self._some_invoices(1)
        self.books.do("credit-memo", customer_id=self.customer, amount="11.00", invoice_id=invoice["Id"])

    def write_off(self) -> None:
        """A journal entry on one invoice."""
        [invoice] = self._some_invoices(1)
        self.books.do("journal-credit", customer_id=self.customer, amount="3.00", invoice_id=invoice["Id"])

    # Chance

    def _some_invoices(self, count: int | None = None) -> list[dict[str, Any]]:
        rows = sorted(self.books.all("Invoice"), key=lambda row: int(row["Id"]))
        return self.chance.sample(rows, k=min(len(rows), self.chance.randint(0, 3) if count is None else count))

    def _payment(self) -> dict[str, Any]:
        rows = sorted(self.books.all("Payment"), key=lambda row: int(row["Id"]))
        assert rows, "there is no payment yet"
        return self.chance.choice(rows)

    def _part_of(self, balance: Any) -> str:
        whole = Decimal(balance)
        part = whole if self.chance.random() < 0.2 else (whole * self.chance.randint(1, 40) / 100)
        return str(min(whole, part).quantize(Decimal("0.01")))

    def _plain(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"Amount": str(line["Amount"]), "LinkedTxn": line["LinkedTxn"]} for line in lines]

    def _edit(self, payment: dict[str, Any], **changes: Any) -> None:
        self.books.do("edit", entity="Payment", id=payment["Id"], changes=changes)
