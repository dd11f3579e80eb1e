"""Hypothesis as billing, bookkeeper, network and grim reaper of one firm; what must hold is looked at after each step.

Belongs here: what may happen, and what it explains. Does not belong here: what must hold (``checker``).
"""

from contextlib import ExitStack
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from qb_pipeline_tests.soak import work
from qb_pipeline_tests.soak.checker import MARKER, Allowed, look, remember_foreign, state_of_everything
from qb_pipeline_tests.soak.matrix import TRIES, sync_here
from qb_pipeline_tests.soak.plans import ENDPOINTS, FAULTS, IN_BATCHES, QUARANTINE_SECONDS
from qb_pipeline_tests.soak.world import Stop, World, run_to_its_end

PLACES = (
    "see a chunk: committed", "record decisions: committed", "reserve: committed", "leaving: committed",
    "POST batch: before it leaves", "POST batch: answered", "POST payment: before it leaves", "POST invoice: answered",
    "POST customer: answered", "record: before its commit", "record: committed", "unknown: committed",
    "sending_again: committed", "remember a mapping: before its commit",
)  # fmt: skip

TAKEN_OUT = {"REMOTE_DELETED", "REMOTE_VOIDED"}
PAYMENT_OF_ONE_TAKEN_OUT = {"INVOICE_NOT_SENT", "EXCEEDS_BALANCE", "MAPPING_INACTIVE", "REMOTE_VOIDED", "DRIFT"}
RENUMBERED = {"DRIFT", "CONFLICT"}
PAID_ELSEWHERE = {"PAYMENTS_APPLIED", "PAID_BELOW"}

seconds = st.integers(1, 40)
which = st.integers(0, 7)


class Firm(RuleBasedStateMachine):
    """One firm, from its first document to rest. ``world`` is set before the machine runs."""

    world: World

    @initialize()
    def open(self) -> None:
        self.stack = ExitStack()
        self.firm = self.stack.enter_context(self.world.firm())
        self.allowed = Allowed()
        work.open_firm(self.firm, self.allowed)
        self.count = 0
        self.unpaid: list[str] = ["0c"]
        self.open_invoices: list[str] = ["0a", "0b"]
        self.payments: dict[str, str] = {"0pb": "0b"}
        self.is_merged = False

    # Billing

    @rule(amount=st.integers(100, 900))
    def invoice(self, amount: int) -> None:
        self.count += 1
        name = f"i{self.count}"
        self.firm.invoice(name, f"{amount}.00")
        (self.unpaid if self.count % 2 else self.open_invoices).append(name)

    @rule(number=which)
    def payment(self, number: int) -> None:
        self.count += 1
        name, invoice = f"p{self.count}", self.open_invoices[number % len(self.open_invoices)]
        self.firm.payment(name, applied={invoice: "0.50"})
        self.payments[name] = invoice
        self._explain("payment", name, self.allowed.reasons.get(("invoice", invoice), set()) & PAYMENT_OF_ONE_TAKEN_OUT)
        if ("invoice", invoice) in self.allowed.removed:
            self._explain("payment", name, PAYMENT_OF_ONE_TAKEN_OUT)

    @rule(number=which, amount=st.integers(150, 800))
    def revise(self, number: int, amount: int) -> None:
        choices = [name for name in (*self.open_invoices, *self.unpaid) if name != "0c"]
        work.revise(self.firm, choices[number % len(choices)], f"{amount}.00")

    @precondition(lambda self: self.unpaid)
    @rule(number=which)
    def void_invoice(self, number: int) -> None:
        name = self.unpaid.pop(number % len(self.unpaid))
        self.firm.change("update invoices set status = 'void' where invoice_id = :id", id=name)

    @precondition(lambda self: self.unpaid)
    @rule(number=which)
    def delete_invoice(self, number: int) -> None:
        work.vanish(self.firm, self.unpaid.pop(number % len(self.unpaid)))

    @precondition(lambda self: self.payments)
    @rule(number=which)
    def void_payment(self, number: int) -> None:
        name = sorted(self.payments)[number % len(self.payments)]
        del self.payments[name]
        self.firm.change("update payments set status = 'void' where payment_id = :id", id=name)

    @precondition(lambda self: self.payments)
    @rule(number=which)
    def delete_payment(self, number: int) -> None:
        name = sorted(self.payments)[number % len(self.payments)]
        del self.payments[name]
        work.forget_payment(self.firm, name)

    # The bookkeeper

    @rule()
    def namesake(self) -> None:
        if self.firm.books.ours("Invoice"):
            work.namesake(self.firm, self.allowed, f"N-i{self.count + 1}")

    @rule(number=which)
    def receive_payment(self, number: int) -> None:
        """A customer pays the bookkeeper a part of what we billed."""
        found = self._ours(number)
        if found is not None:
            invoice, name = found
            customer = invoice["CustomerRef"]["value"]
            share = [{"id": invoice["Id"], "amount": "0.50"}]
            self.firm.books.do("receive-payment", customer_id=customer, amount="0.50", invoices=share)
            self._explain("invoice", name, PAID_ELSEWHERE)
            remember_foreign(self.firm, self.allowed)

    @rule(number=which, verb=st.sampled_from(["void", "delete"]))
    def take_out(self, number: int, verb: str) -> None:
        """A person takes one of our invoices out of the books."""
        found = self._ours(number)
        if found is not None and found[0]["TotalAmt"] == found[0]["Balance"]:
            invoice, name = found
            self.firm.books.do(verb, entity="Invoice", id=invoice["Id"])
            self.allowed.removed.add(("invoice", name))
            self._explain("invoice", name, TAKEN_OUT)
            for payment, paid in self.payments.items():
                if paid == name:
                    self._explain("payment", payment, PAYMENT_OF_ONE_TAKEN_OUT)

    @rule(number=which)
    def renumber(self, number: int) -> None:
        """A person gives one of our invoices another number, perhaps before we know that it is there."""
        found = self._ours(number)
        if found is not None:
            invoice, name = found
            changes = {"DocNumber": f"X-{invoice['Id']}"}
            self.firm.books.do("edit", entity="Invoice", id=invoice["Id"], changes=changes)
            self._explain("invoice", name, RENUMBERED)
            for payment, paid in self.payments.items():
                if paid == name:
                    self._explain("payment", payment, PAYMENT_OF_ONE_TAKEN_OUT)

    @precondition(lambda self: not self.is_merged)
    @rule()
    def merge(self) -> None:
        """The bookkeeper merges our customer into one of her own."""
        ours = [row for row in self.firm.books.all("Customer") if ":customer:P1:" in row.get("Notes", "")]
        moved = [
            row for row in self.firm.books.ours("Invoice") if ours and row["CustomerRef"]["value"] == ours[0]["Id"]
        ]
        if moved:
            twin = self.firm.books.do("edit", entity="Customer", changes={"DisplayName": "Diaz, Ana"})["Id"]
            self.firm.books.do("merge", loser_id=ours[0]["Id"], survivor_id=twin)
            self.allowed.merged[ours[0]["Id"]] = twin
            self.allowed.foreign.clear()
            remember_foreign(self.firm, self.allowed)
            self.is_merged = True

    # The network, and time

    @rule(seconds=seconds)
    def wait(self, seconds: int) -> None:
        self.firm.time.sleep(seconds + 0.5)

    @rule(fault=st.sampled_from(FAULTS), endpoint=st.sampled_from(ENDPOINTS))
    def something_will_go_wrong(self, fault: dict[str, Any], endpoint: str) -> None:
        self.firm.books.fault(fault | {"match": "batch" if fault["what"] in IN_BATCHES else endpoint})

    # The pipeline

    @rule(whole=st.booleans())
    def sync(self, whole: bool) -> None:
        self.allowed.kills += not sync_here(self.firm, whole=whole)

    @rule(place=st.sampled_from(PLACES), nth=st.integers(1, 2))
    def sync_and_die(self, place: str, nth: int) -> None:
        run_to_its_end(self.firm, self.world.output, Stop(place, nth))
        self.allowed.kills += 1

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "firm"):
            _demand_none(look(self.firm, self.allowed, quiet=False))

    def teardown(self) -> None:
        """Let all come to rest: then everything is where it belongs, and one more run changes nothing."""
        if not hasattr(self, "stack"):
            return
        with self.stack:
            self.firm.books.heal()
            good = 0
            for _ in range(TRIES):
                self.firm.time.sleep(QUARANTINE_SECONDS)
                good += sync_here(self.firm, whole=True)
                if good == 2:
                    break
            self.allowed.kills += TRIES
            _demand_none(look(self.firm, self.allowed, self.world.output))
            self.firm.time.sleep(work.NAP_SECONDS)
            settled = state_of_everything(self.firm)
            assert sync_here(self.firm, whole=True)
            assert state_of_everything(self.firm) == settled

    def _ours(self, number: int) -> tuple[dict[str, Any], str] | None:
        """One of our living invoices, and its id in billing."""
        rows = [row for row in self.firm.books.ours("Invoice") if row["TotalAmt"]]
        row = rows[number % len(rows)] if rows else None
        match = MARKER.search(row["PrivateNote"]) if row else None
        return (row, match.group(4)) if row and match else None

    def _explain(self, kind: str, name: str, reasons: set[str]) -> None:
        if reasons:
            self.allowed.reasons.setdefault((kind, name), set()).update(reasons)


def _demand_none(violations: list[str]) -> None:
    assert not violations, "\n".join(violations)
