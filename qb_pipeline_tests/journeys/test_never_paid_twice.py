"""What our payments apply to an invoice in QuickBooks never grows beyond what billing applies, after any request.

Billing changes by chance, QuickBooks keeps some payments where they are (deposits, closed books), a bookkeeper takes
others off, and runs are killed. The judge asks both sides by itself: the emulator by its own door, billing by SQL.
"""

import os
import random
import signal
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
import sqlalchemy as sa

from qb_pipeline import crash_points
from qb_pipeline.core.markers import find_marker
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.sync.plan.test_payments import lately
from qb_pipeline_tests.sync.test_pull_kills import fork

pytestmark = pytest.mark.slow

ROUNDS = 14

Money = dict[str, Decimal]


def applied_there(law_firm: LawFirm) -> Money:
    """What payments that carry our marker apply in QuickBooks, by billing's invoice id."""
    invoices = {
        row["Id"]: mark.source_id
        for row in law_firm.books.all("Invoice")
        if (mark := find_marker(row.get("PrivateNote", "")))
    }
    found: Money = defaultdict(Decimal)
    for payment in law_firm.books.ours("Payment"):
        for line in payment["Line"]:
            for linked in line["LinkedTxn"]:
                if linked["TxnId"] in invoices:
                    found[invoices[linked["TxnId"]]] += Decimal(line["Amount"])
    return found


def applied_in_billing(law_firm: LawFirm) -> Money:
    """What living payments of billing apply, by invoice id."""
    statement = (
        "select a.invoice_id, sum(a.amount) as amount from billing.payment_applications a"
        " join billing.payments p using (firm_id, payment_id) where p.status = 'completed' group by 1"
    )
    with law_firm.billing.connect() as connection:
        return {row.invoice_id: row.amount for row in connection.execute(sa.text(statement))}


class Judge:
    """Looks at both sides around every request that leaves."""

    def __init__(self, law_firm: LawFirm) -> None:
        self.law_firm = law_firm
        self.looks = 0
        self.before: Money = {}

    def hear(self, place: str) -> None:
        """Compare, where a request is about to leave or was answered."""
        if place.startswith("POST ") and place.endswith(": before it leaves"):
            self.before = applied_there(self.law_firm)
        elif place.startswith("POST ") and place.endswith(": answered"):
            self.looks += 1
            self.require()

    def require(self) -> None:
        """What exceeds billing must have stood there before."""
        meant = applied_in_billing(self.law_firm)
        for invoice_id, cents in applied_there(self.law_firm).items():
            most = max(meant.get(invoice_id, Decimal(0)), self.before.get(invoice_id, Decimal(0)))
            assert cents <= most, (invoice_id, cents, meant.get(invoice_id), self.before.get(invoice_id))


class Chance:
    """What people do on both sides, by chance."""

    def __init__(self, law_firm: LawFirm, seed: int) -> None:
        self.law_firm = law_firm
        self.pick = random.Random(seed)
        self.invoices: list[str] = []
        self.payments: list[str] = []
        self.numbers = count(1)
        for _ in range(3):
            self.bill()

    def step(self) -> str:
        """Do one thing; QuickBooks may say no."""
        steps: dict[Callable[[], object], int] = {
            self.bill: 1, self.pay: 6, self.void: 3, self.lose: 2, self.change: 4, self.move: 4, self.deposit: 4,
            self.take_from_the_bank: 2, self.close_the_books: 1, self.open_the_books: 1, self.take_off: 2,
        }  # fmt: skip
        [chosen] = self.pick.choices(list(steps), weights=list(steps.values()))
        try:
            chosen()
        except (AssertionError, IndexError):  # QuickBooks refused, or there is nothing to do it with
            return f"{chosen.__name__} (not done)"  # type: ignore[attr-defined]
        return str(chosen.__name__)  # type: ignore[attr-defined]

    # In billing

    def bill(self) -> None:
        self.invoices.append(f"i{len(self.invoices)}")
        self.law_firm.invoice(self.invoices[-1], "100.00", days_ago=3)

    def pay(self) -> None:
        self.payments.append(f"p{next(self.numbers)}")
        applied = {invoice: self._amount() for invoice in self.pick.sample(self.invoices, k=self.pick.randint(1, 2))}
        self.law_firm.payment(self.payments[-1], applied=applied, days_ago=self.pick.randint(0, 3))

    def void(self) -> None:
        self._change("update payments set status = 'void' where payment_id = :id", id=self.pick.choice(self.payments))

    def lose(self) -> None:
        payment = self.pick.choice(self.payments)
        self.payments.remove(payment)
        self.law_firm.remove("payment_applications", payment_id=payment)
        self.law_firm.remove("payments", payment_id=payment)

    def change(self) -> None:
        payment, amount = self.pick.choice(self.payments), self._amount()
        self._change(
            "update payment_applications set amount = :amount where payment_id = :id", id=payment, amount=amount
        )
        self._change(
            "update payments p set amount = (select sum(a.amount) from billing.payment_applications a"
            " where a.firm_id = p.firm_id and a.payment_id = p.payment_id) where payment_id = :id",
            id=payment,
        )

    def move(self) -> None:
        payment, to = self.pick.choice(self.payments), self.pick.choice(self.invoices)
        self.law_firm.remove("payment_applications", payment_id=payment)
        amount = self._amount()
        self.law_firm.apply(payment, to, amount, self.law_firm.today - timedelta(days=1))
        self._change("update payments set amount = :amount where payment_id = :id", id=payment, amount=amount)

    # In QuickBooks

    def deposit(self) -> None:
        self.law_firm.books.do("deposit", payments=[self._there()])

    def take_from_the_bank(self) -> None:
        deposit = self.pick.choice(self.law_firm.books.all("Deposit"))
        self.law_firm.books.do("delete", entity="Deposit", id=deposit["Id"])

    def close_the_books(self) -> None:
        self.law_firm.books.do("close-books", date=(self.law_firm.today - timedelta(days=1)).isoformat())

    def open_the_books(self) -> None:
        self.law_firm.books.do("close-books", date=None)

    def take_off(self) -> None:
        verb = self.pick.choice(["unapply", "void", "delete"])
        if verb == "unapply":
            self.law_firm.books.do("edit", entity="Payment", id=self._there(), changes={"Line": []})
        else:
            self.law_firm.books.do(verb, entity="Payment", id=self._there())

    def _there(self) -> str:
        return str(self.pick.choice(self.law_firm.books.ours("Payment"))["Id"])

    def _amount(self) -> str:
        return f"{self.pick.choice([10, 20, 30, 50])}.00"

    def _change(self, statement: str, **values: object) -> None:
        self.law_firm.change(statement, **values)


@pytest.mark.parametrize("seed", [1, 3])
def test_no_request_applies_more_to_an_invoice_than_billing_does(law_firm: LawFirm, seed: int) -> None:
    law_firm.activate()
    chance, judge = Chance(law_firm, seed), Judge(law_firm)
    done, kills = [], 0
    for number in range(ROUNDS):
        done.append([chance.step() for _ in range(3)])
        if number % 3 == 1:
            kills += sync_and_die(law_firm, judge, chance.pick.randint(1, 2))
        crash_points.on_reach = judge.hear
        try:
            law_firm.sync(**lately(law_firm))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {done}") from error
        finally:
            crash_points.on_reach = None
    [waits] = law_firm.query(
        "select count(*) as n from sync.log where activity = 'waiting' and reason = 'OTHER_STILL_APPLIED'"
    )
    print(f"\nseed {seed}: {judge.looks} requests, {kills} kills, {waits['n']} times a payment waited for another")
    assert judge.looks > ROUNDS
    assert kills > 0


def sync_and_die(law_firm: LawFirm, judge: Judge, nth: int) -> bool:
    """Sync in a process that is killed at the ``nth`` place before or after a request that writes, if it comes there;
    says whether it did. The dead run's lease has ended then."""
    left = nth

    def listen(place: str) -> None:
        nonlocal left
        judge.hear(place)
        left -= place.startswith("POST ")
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    pid = fork(law_firm, lambda: law_firm.sync(**lately(law_firm)), listen)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or status == 0
    if os.WIFSIGNALED(status):
        law_firm.time.sleep(400)
    return os.WIFSIGNALED(status)
