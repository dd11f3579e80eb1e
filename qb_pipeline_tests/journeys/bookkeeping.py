"""A bookkeeper of one firm at work in QuickBooks, from day to day, drawn from a seed.

Belongs here: what he does there through the emulator, and what he remembers of it. Does not belong here: what the
pipeline must say of it (``test_ninety_days_owed``), and his answers to the pipeline.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

from qb_pipeline_tests.bookkeeper import Bookkeeper
from qb_pipeline_tests.journeys.two_firms import links_of, name_of

Row = tuple[str, str]
"""A row of the by-hand list: what it is, and the payment in billing; a part is written ``id@date``."""

LIABILITY = "Client credit"


@dataclass(frozen=True)
class ToEnter:
    """What a row of the by-hand list asks for; ``original``: the payment in billing that it takes back.

    0 cents: what was entered is to be deleted, since billing took it back.
    """

    cents: int
    day: date
    original: str = ""


@dataclass(frozen=True)
class Entered:
    """A journal entry that he entered for a row."""

    quickbooks_id: str
    cents: int


@dataclass
class Bookkeeping:
    """One firm's bookkeeper; everything that he does is drawn from ``random``.

    ``touched``: Ids of everything in QuickBooks that he wrote or changed. ``entered``: the rows of the by-hand list
    that he entered. ``done``: how often he did what; ``diary``: when, and to which Ids.
    """

    books: Bookkeeper
    random: Random
    touched: set[str] = field(default_factory=set)
    entered: dict[Row, Entered] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    diary: list[str] = field(default_factory=list)

    def work(self, today: date, to_enter: Mapping[Row, ToEnter]) -> None:
        """One day: one to three things, and what is on the by-hand list now and then."""
        things = (
            (self.unapply, 5), (self.apply_again, 4), (self.move, 4), (self.deposit, 2), (self.write_off, 6),
            (self.move_invoice, 1), (self.receive, 2), (self.give_back, 1), (self.lose_entry, 1),
        )  # fmt: skip
        happen, weights = zip(*things, strict=True)
        left = self.random.randint(1, 3)
        for thing in self.random.choices(happen, weights, k=9):  # some of them find nothing to do
            if left and (touched := thing(today)):
                left -= 1
                self.touched |= touched
                self.note(today, thing.__name__, *sorted(touched))
        for row in self.random.sample(sorted(to_enter), k=min(len(to_enter), self.random.randint(0, 3))):
            self.enter(today, row, to_enter[row])

    def note(self, today: date, what: str, *ids: str) -> None:
        """Remember what was done."""
        self.done[what] += 1
        self.diary.append(f"{today} {what} {' '.join(ids)}")

    # Payments of ours

    def unapply(self, today: date) -> set[str]:
        """Take one of our payments off an invoice."""
        paying = [row for row in self._free_payments() if links_of(row)]
        if not paying:
            return set()
        payment = self.random.choice(paying)
        self.books.do("unapply", payment=payment["Id"], invoice=self.random.choice(sorted(links_of(payment))))
        return {payment["Id"]}

    def apply_again(self, today: date) -> set[str]:
        """Apply what is unapplied of our payment to an invoice of the same client; often the one it belongs to."""
        invoices = self._invoices()
        found = [
            (payment["Id"], invoice["Id"])
            for payment in self._free_payments()
            if payment["UnappliedAmt"] and payment["Id"] in self.touched
            for invoice in invoices
            if invoice["Balance"] and invoice["CustomerRef"]["value"] == payment["CustomerRef"]["value"]
        ]
        if not found:
            return set()
        payment_id, invoice_id = self.random.choice(found)
        self.books.do("apply", payment=payment_id, invoice=invoice_id)
        return {payment_id}

    def move(self, today: date) -> set[str]:
        """Let one of our payments pay another invoice of the same client, with all or half of it."""
        invoices = self._invoices()
        found = [
            (payment["Id"], left, invoice["Id"], min(Decimal(cents).scaleb(-2), invoice["Balance"]))
            for payment in self._free_payments()
            for left, cents in links_of(payment).items()
            for invoice in invoices
            if invoice["Id"] != left
            and invoice["Balance"]
            and invoice["CustomerRef"]["value"] == payment["CustomerRef"]["value"]
        ]
        if not found:
            return set()
        payment_id, left, to, most = self.random.choice(found)
        amount = self.random.choice((most, most, max(Decimal("0.01"), (most / 2).quantize(Decimal("0.01")))))
        self.books.do("move", payment=payment_id, **{"from": left, "to": to, "amount": str(amount)})
        return {payment_id}

    def deposit(self, today: date) -> set[str]:
        """Bring one or two payments to the bank; from then on nobody changes them."""
        undeposited = self.account("Undeposited Funds")
        free = [row for row in self._free_payments() if row["DepositToAccountRef"]["value"] == undeposited]
        chosen = self.random.sample(free, k=min(len(free), self.random.randint(1, 2)))
        if chosen:
            self.books.do("deposit", payments=[row["Id"] for row in chosen], date=str(today))
        return {row["Id"] for row in chosen}

    # Of his own

    def write_off(self, today: date) -> set[str]:
        """Write part of an invoice off: by an entry against an expense account or income, or by a credit memo."""
        found = [row for row in self._invoices() if row["Balance"]]
        if not found:
            return set()
        invoice = self.random.choice(found)
        amount = self._part_of(invoice["Balance"])
        order = {"customer_id": invoice["CustomerRef"]["value"], "amount": str(amount)}
        if self.random.random() < 0.8:
            order["invoice_id"] = invoice["Id"]
        if self.random.random() < 0.4:
            return {self.books.do("credit-memo", **order)["Id"]}
        account = self.account(self.random.choice(("Bank Charges", "Bank Charges", "Legal Fees")))
        return {self.books.do("journal-credit", account_id=account, **order)["Id"]}

    def move_invoice(self, today: date) -> set[str]:
        """Put an invoice that nothing pays under another client."""
        found = [row for row in self._invoices() if row["Balance"] == row["TotalAmt"]]
        customers = sorted(row["Id"] for row in self.books.all("Customer"))
        if not found:
            return set()
        invoice = self.random.choice(found)
        others = [each for each in customers if each != invoice["CustomerRef"]["value"]]
        if not others:
            return set()
        changes = {"CustomerRef": {"value": self.random.choice(others)}}
        self.books.do("edit", entity="Invoice", id=invoice["Id"], changes=changes)
        return {invoice["Id"]}

    def receive(self, today: date) -> set[str]:
        """Receive a payment that billing does not know: for an invoice, and some more than it has open."""
        found = [row for row in self._invoices() if row["Balance"]]
        if not found:
            return set()
        invoice = self.random.choice(found)
        amount, more = self._part_of(invoice["Balance"]), self.random.choice((0, 0, 7))
        paid = [{"id": invoice["Id"], "amount": str(amount)}] if self.random.random() < 0.7 else []
        order = {"customer_id": invoice["CustomerRef"]["value"], "amount": str(amount + more), "date": str(today)}
        return {self.books.do("receive-payment", invoices=paid, **order)["Id"]}

    def give_back(self, today: date) -> set[str]:
        """Delete a payment of his own: it was a mistake."""
        own = [row for row in self.books.all("Payment") if row["Id"] in self.touched and row["TotalAmt"]]
        own = [row for row in own if "qbp1:" not in row.get("PrivateNote", "")]
        if not own:
            return set()
        payment_id = self.random.choice(own)["Id"]
        self.books.do("delete", entity="Payment", id=payment_id)
        return {payment_id}

    # The by-hand list

    def lose_entry(self, today: date) -> set[str]:
        """Delete what he entered for a row, which is to be entered anew."""
        if not self.entered:
            return set()
        entry = self.entered.pop(self.random.choice(sorted(self.entered)))
        self.books.do("delete", entity="JournalEntry", id=entry.quickbooks_id)
        return {entry.quickbooks_id}

    def enter(self, today: date, row: Row, asked: ToEnter) -> None:
        """Enter a row as its remedy says, or correct what he had entered; with the original payment taken off."""
        what, _ = row
        former = self.entered.get(row)
        if former and not asked.cents:
            del self.entered[row]
            self.books.do("delete", entity="JournalEntry", id=former.quickbooks_id)
            self.note(today, "delete", *row, former.quickbooks_id)
            return
        if what == "credit_deposit":
            sides = ("Checking", LIABILITY)
        elif what == "credit_applied":
            sides = (LIABILITY, "Undeposited Funds")
        else:
            sides = ("Accounts Receivable (A/R)", "Checking")
        customer = self._customer_of(asked)
        if not customer:
            return
        changes = {"TxnDate": str(asked.day), "Line": self._lines(*sides, asked.cents, customer)}
        order = {"id": former.quickbooks_id} if former else {}
        made = self.books.do("edit", entity="JournalEntry", changes=changes, **order)
        self.entered[row] = Entered(made["Id"], asked.cents)
        self.touched.add(made["Id"])
        self.note(today, "correct" if former else "enter", *row, made["Id"])
        if asked.original:
            for payment in self._free_payments():
                if name_of(payment["PrivateNote"]) == asked.original:
                    for invoice_id in links_of(payment):
                        self.books.do("unapply", payment=payment["Id"], invoice=invoice_id)
                        self.touched.add(payment["Id"])

    def _customer_of(self, asked: ToEnter) -> str:
        """The customer of the payment that is taken back; of other rows that of the payer, once there is one."""
        for payment in self.books.ours("Payment") if asked.original else ():
            if name_of(payment["PrivateNote"]) == asked.original:
                return str(payment["CustomerRef"]["value"])
        if asked.original:
            return ""
        payers = {name_of(row["Notes"]): str(row["Id"]) for row in self.books.all("Customer")}
        return payers.get("P0", "")

    def _lines(self, debit: str, credit: str, cents: int, customer: str) -> list[dict[str, Any]]:
        named = {"Type": "Customer", "EntityRef": {"value": customer}}
        return [
            {
                "DetailType": "JournalEntryLineDetail",
                "Amount": str(Decimal(cents).scaleb(-2)),
                "JournalEntryLineDetail": {"PostingType": posting, "AccountRef": {"value": self.account(name)}}
                | ({"Entity": named} if name in (LIABILITY, "Accounts Receivable (A/R)") else {}),
            }
            for posting, name in (("Debit", debit), ("Credit", credit))
        ]

    def account(self, name: str) -> str:
        """An account by its name."""
        found = {row["Name"]: str(row["Id"]) for row in self.books.all("Account")}
        if name not in found:
            return str(self.books.create("Account", {"Name": name, "AccountType": "Other Current Liability"})["Id"])
        return found[name]

    def _invoices(self) -> list[dict[str, Any]]:
        return sorted((row for row in self.books.ours("Invoice") if row["TotalAmt"]), key=_name)

    def _free_payments(self) -> list[dict[str, Any]]:
        """Our payments that are in no deposit."""
        deposited = {
            each["TxnId"]
            for row in self.books.all("Deposit")
            for line in row["Line"]
            for each in line.get("LinkedTxn") or ()
        }
        free = (row for row in self.books.ours("Payment") if row["TotalAmt"] and row["Id"] not in deposited)
        return sorted(free, key=_name)

    def _part_of(self, amount: Decimal) -> Decimal:
        return Decimal(self.random.randint(1, int(amount * 100))).scaleb(-2)


def _name(row: Mapping[str, Any]) -> str:
    """Billing's id: Ids in QuickBooks are given in an order that differs from run to run."""
    return name_of(row["PrivateNote"])
