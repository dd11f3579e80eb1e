"""The company's accounting balances, whatever is written to it, in whatever order."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from qb_pipeline.emulator.books.chart import open_company
from qb_pipeline.emulator.books.clock import Clock
from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.double_entry import applied_to
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.money import cents, dollars
from qb_pipeline.emulator.books.reports import find_open
from qb_pipeline.emulator.books.switches import Switches
from qb_pipeline.emulator.books.writes import write
from qb_pipeline.emulator.steering.bookkeeper import VERBS
from qb_pipeline_tests.emulator.conftest import NOON, Body

amounts = st.sampled_from([1, 99, 100, 101, 250, 1000, 33_333]) | st.integers(1, 50_000)


def audit(company: Company) -> None:
    """Work everything out again from the documents alone, and compare."""
    table = {entity: [record.decode() for record in company.tables[entity].rows.values()] for entity in company.tables}
    applied: dict[str, Counter[str]] = {"Invoice": Counter(), "CreditMemo": Counter(), "JournalEntry": Counter()}
    linked: dict[str, set[tuple[str, str]]] = {"Invoice": set(), "CreditMemo": set()}
    owed: Counter[str] = Counter()
    debits = {entry["Id"] for entry in table["JournalEntry"] if debits_receivables(company, entry)}
    for payment in table["Payment"]:
        credit = 0
        for kind, sums in applied.items():
            for target, amount in applied_to(payment, kind).items():
                is_paid = kind == "Invoice" or (kind == "JournalEntry" and target in debits)
                sums[target] += amount
                credit += -amount if is_paid else amount
                if kind in linked:
                    linked[kind].add((target, payment["Id"]))
                if kind == "JournalEntry":
                    owed[payment["CustomerRef"]["value"]] += -amount if is_paid else amount
        assert cents(payment["UnappliedAmt"]) == cents(payment["TotalAmt"]) + credit >= 0
        owed[payment["CustomerRef"]["value"]] -= cents(payment["UnappliedAmt"])
    for kind, sign in (("Invoice", 1), ("CreditMemo", -1)):
        for body in table[kind]:
            assert cents(body["Balance"]) == cents(body["TotalAmt"]) - applied[kind][body["Id"]] >= 0
            links = {(body["Id"], link["TxnId"]) for link in body["LinkedTxn"] if link["TxnType"] == "Payment"}
            assert links == {each for each in linked[kind] if each[0] == body["Id"]}
            owed[body["CustomerRef"]["value"]] += sign * cents(body["Balance"])
    for entry_id, customer, amount in booked_to_receivables(company, table):
        owed[customer] += amount
        assert applied["JournalEntry"][entry_id] <= abs(amount)
    deposited = {link["TxnId"] for each in table["Deposit"] for line in each["Line"] for link in line["LinkedTxn"]}
    says = {each["Id"] for each in table["Payment"] if any(link["TxnType"] == "Deposit" for link in each["LinkedTxn"])}
    assert deposited == says
    assert {key: value for key, value in company.customer_cents.items() if value} == {
        k: v for k, v in owed.items() if v
    }
    aged: Counter[str] = Counter()
    for item in find_open(company, "9999-12-31", all_applications=False):
        aged[item.customer] += item.cents
    assert aged == owed  # counters: what is 0 counts as absent
    assert sum(company.account_cents.values()) == 0
    assert company.account_cents[company.account_of("receivable")] == sum(owed.values())


def booked_to_receivables(company: Company, table: dict[str, list[Body]]) -> Iterator[tuple[str, str, int]]:
    """Lines of journal entries and purchases: the entry's Id ("" for a purchase), customer, cents that it owes more."""
    receivable = company.account_of("receivable")
    for entry in table["JournalEntry"]:
        for line in entry["Line"]:
            detail = line["JournalEntryLineDetail"]
            if detail["AccountRef"]["value"] == receivable:
                sign = 1 if detail["PostingType"] == "Debit" else -1
                yield entry["Id"], detail["Entity"]["EntityRef"]["value"], sign * cents(line["Amount"])
    for purchase in table["Purchase"]:
        for line in purchase["Line"]:
            if line["AccountBasedExpenseLineDetail"]["AccountRef"]["value"] == receivable:
                yield "", purchase["EntityRef"]["value"], cents(line["Amount"]) * (-1 if purchase["Credit"] else 1)


def purchase_of(customer: str, amount: Any, account: str, **more: Any) -> Body:
    """A cheque to a customer, booked to one account."""
    detail = {"AccountRef": {"value": account}}
    kind = "AccountBasedExpenseLineDetail"
    line: Body = {"DetailType": kind, "Amount": amount, kind: detail}
    payee = {"value": customer, "type": "Customer"}
    return {"PaymentType": "Check", "AccountRef": {"value": "1"}, "EntityRef": payee, "Line": [line], **more}


def side(posting: str, account: str, customer: str, amount: int) -> Body:
    """A line of a journal entry; the amount in cents."""
    detail = {"PostingType": posting, "AccountRef": {"value": account}}
    detail |= {"Entity": {"Type": "Customer", "EntityRef": {"value": customer}}}
    return {"DetailType": "JournalEntryLineDetail", "Amount": dollars(amount), "JournalEntryLineDetail": detail}


def debits_receivables(company: Company, entry: Body) -> bool:
    return any(
        line["JournalEntryLineDetail"]["PostingType"] == "Debit"
        and line["JournalEntryLineDetail"]["AccountRef"]["value"] == company.account_of("receivable")
        for line in entry["Line"]
    )


class Bookkeeping(RuleBasedStateMachine):
    """A client and a bookkeeper write to one company as they please."""

    customers = Bundle("customers")
    invoices = Bundle("invoices")
    payments = Bundle("payments")
    memos = Bundle("memos")
    deposits = Bundle("deposits")
    entries = Bundle("entries")
    returned = Bundle("returned")

    def __init__(self) -> None:
        super().__init__()
        self.company = Company("1", "Law Firm", Clock(source=lambda: NOON), Switches(tax_percent=8.25))
        open_company(self.company)

    @initialize(target=customers)
    def two_customers(self) -> Any:
        return multiple(self.a_customer("Ada"), self.a_customer("Grace"))

    def a_customer(self, name: str) -> str:
        return write(self.company, "Customer", "create", {"DisplayName": name})[1]

    def attempt(self, entity: str, operation: str, body: Body, **options: Any) -> str | None:
        """Write; QuickBooks may refuse, and then nothing has happened."""
        before = {name: dict(table.rows) for name, table in self.company.tables.items()}
        try:
            return write(self.company, entity, operation, body, **options)[1]
        except FaultError:
            assert before == {name: dict(table.rows) for name, table in self.company.tables.items()}
            return None

    def order(self, verb: str, order: Body) -> Body | None:
        try:
            return VERBS[verb](self.company, order)
        except (FaultError, ValueError):
            return None

    def current(self, entity: str, identifier: str) -> Body:
        record = self.company.live(entity, identifier)
        return {"Id": identifier, "SyncToken": str(record.token) if record else "0"}

    @rule(target=invoices, customer=customers, parts=st.lists(amounts, min_size=1, max_size=3), taxed=st.booleans())
    def invoice(self, customer: str, parts: list[int], taxed: bool) -> Any:
        detail = {"ItemRef": {"value": "1"}, "TaxCodeRef": {"value": "TAX" if taxed else "NON"}}
        lines = [
            {"DetailType": "SalesItemLineDetail", "Amount": dollars(each), "SalesItemLineDetail": detail}
            for each in parts
        ]
        made = self.attempt("Invoice", "create", {"CustomerRef": {"value": customer}, "Line": lines})
        return made if made else multiple()

    @rule(target=memos, customer=customers, amount=amounts)
    def memo(self, customer: str, amount: int) -> Any:
        made = self.order("credit-memo", {"customer_id": customer, "amount": dollars(amount)})
        return made["Id"] if made else multiple()

    @rule(
        target=payments,
        customer=customers,
        total=amounts,
        chosen=st.lists(st.tuples(invoices, amounts), max_size=3),
        credits=st.lists(st.tuples(memos, amounts), max_size=2),
    )
    def payment(self, customer: str, total: int, chosen: list[Any], credits: list[Any]) -> Any:
        made = self.attempt("Payment", "create", self.payment_body(customer, total, chosen, credits))
        return made if made else multiple()

    def payment_body(self, customer: str, total: int, chosen: list[Any], credits: list[Any]) -> Body:
        lines = [
            {"Amount": dollars(amount), "LinkedTxn": [{"TxnId": identifier, "TxnType": kind}]}
            for kind, links in (("Invoice", chosen), ("CreditMemo", credits))
            for identifier, amount in links
        ]
        return {"CustomerRef": {"value": customer}, "TotalAmt": dollars(total), "Line": lines}

    @rule(invoice=invoices, difference=st.integers(-2, 2), more=st.just(0) | amounts)
    def pay_about(self, invoice: str, difference: int, more: int) -> None:
        record = self.company.live("Invoice", invoice)
        if record is not None:
            amount = record.balance_cents + difference
            self.attempt(
                "Payment", "create", self.payment_body(record.customer, amount + more, [(invoice, amount)], [])
            )

    @rule(
        payment=payments, total=amounts, chosen=st.lists(st.tuples(invoices, amounts), max_size=2), sparse=st.booleans()
    )
    def change_payment(self, payment: str, total: int, chosen: list[Any], sparse: bool) -> None:
        record = self.company.live("Payment", payment)
        body = self.payment_body(record.customer if record else "1", total, chosen, [])
        self.attempt("Payment", "update", {**self.current("Payment", payment), **body, "sparse": sparse})

    @rule(invoice=invoices, amount=amounts)
    def change_invoice(self, invoice: str, amount: int) -> None:
        line = {"DetailType": "SalesItemLineDetail", "Amount": dollars(amount), "SalesItemLineDetail": {}}
        self.attempt("Invoice", "update", {**self.current("Invoice", invoice), "sparse": True, "Line": [line]})

    @rule(invoice=invoices, how=st.sampled_from(["void", "delete"]), by_hand=st.booleans())
    def end_invoice(self, invoice: str, how: str, by_hand: bool) -> None:
        self.attempt("Invoice", how, self.current("Invoice", invoice), by_hand=by_hand)

    @rule(payment=payments, how=st.sampled_from(["void", "delete"]))
    def end_payment(self, payment: str, how: str) -> None:
        include = frozenset({"void"}) if how == "void" else frozenset[str]()
        operation = "update" if how == "void" else "delete"
        self.attempt("Payment", operation, self.current("Payment", payment), include=include)

    @rule(memo=memos)
    def delete_memo(self, memo: str) -> None:
        self.attempt("CreditMemo", "delete", self.current("CreditMemo", memo), by_hand=True)

    @rule(target=entries, customer=customers, amount=amounts, invoice=st.none() | invoices)
    def journal(self, customer: str, amount: int, invoice: str | None) -> Any:
        order = {"customer_id": customer, "amount": dollars(amount), "invoice_id": invoice}
        made = self.order("journal-credit", order)
        return made["Id"] if made else multiple()

    @rule(entry=entries, invoice=invoices, difference=st.integers(-2, 2))
    def pay_by_journal(self, entry: str, invoice: str, difference: int) -> None:
        record = self.company.live("Invoice", invoice)
        customer, credit = self.company.tables["JournalEntry"].rows[entry].owed[0]
        amount = min(record.balance_cents if record else 100, -credit) + difference
        links = [("Invoice", invoice), ("JournalEntry", entry)]
        lines = [{"Amount": dollars(amount), "LinkedTxn": [{"TxnId": each, "TxnType": kind}]} for kind, each in links]
        self.attempt("Payment", "create", {"CustomerRef": {"value": customer}, "TotalAmt": 0, "Line": lines})

    @rule(payment=payments, invoice=invoices, to=invoices, amount=st.none() | amounts.map(dollars))
    def unapply_apply_or_move(self, payment: str, invoice: str, to: str, amount: Any) -> None:
        self.order("move", {"payment": payment, "from": invoice, "to": to, "amount": amount})
        self.order("unapply", {"payment": payment, "invoice": to})
        self.order("apply", {"payment": payment, "invoice": invoice, "amount": amount})

    @rule(customer=customers, amount=amounts, account=st.sampled_from(["1", "3", "11"]), credit=st.booleans())
    def pay_back(self, customer: str, amount: int, account: str, credit: bool) -> None:
        self.attempt("Purchase", "create", purchase_of(customer, dollars(amount), account, Credit=credit))

    @rule(target=returned, customer=customers, amount=amounts)
    def return_money(self, customer: str, amount: int) -> Any:
        sides = (("Debit", self.company.account_of("receivable")), ("Credit", "1"))
        made = self.attempt("JournalEntry", "create", {"Line": [side(*each, customer, amount) for each in sides]})
        return made if made else multiple()

    @rule(entry=returned, payment=payments, difference=st.integers(-2, 2))
    def pay_entry(self, entry: str, payment: str, difference: int) -> None:
        body, record = self.current("Payment", payment), self.company.live("JournalEntry", entry)
        owes = record.owed[0][1] if record else 100
        line = {"Amount": dollars(owes + difference), "LinkedTxn": [{"TxnId": entry, "TxnType": "JournalEntry"}]}
        self.attempt("Payment", "update", {**body, "sparse": True, "Line": [line]})

    @rule(entry=returned)
    def delete_entry(self, entry: str) -> None:
        self.attempt("JournalEntry", "delete", self.current("JournalEntry", entry))

    @rule(target=deposits, chosen=st.lists(payments, min_size=1, max_size=2, unique=True))
    def deposit(self, chosen: list[str]) -> Any:
        made = self.order("deposit", {"payments": chosen})
        return made["Id"] if made else multiple()

    @rule(deposit=deposits)
    def delete_deposit(self, deposit: str) -> None:
        self.attempt("Deposit", "delete", self.current("Deposit", deposit))

    @rule(on=st.booleans())
    def switch_automatic_credit(self, on: bool) -> None:
        self.order("preferences", {"SalesFormsPrefs": {"AutoApplyCredit": on}})

    @rule(loser=customers, survivor=customers)
    def merge(self, loser: str, survivor: str) -> None:
        self.order("merge", {"loser_id": loser, "survivor_id": survivor})

    @rule(target=customers, name=st.sampled_from(["Katherine", "Dorothy", "Mary"]))
    def new_customer(self, name: str) -> Any:
        made = self.attempt("Customer", "create", {"DisplayName": name})
        return made if made else multiple()

    @invariant()
    def it_balances(self) -> None:
        audit(self.company)


TestBookkeeping = Bookkeeping.TestCase
TestBookkeeping.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.slow
def test_it_balances_for_a_long_time() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    longer = settings(max_examples=1000, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Bookkeeping, settings=longer)
