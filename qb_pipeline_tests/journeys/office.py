"""A law office as it lives from day to day: what its people do in billing, drawn from a seed.

Belongs here: making and changing rows, for better or worse. Does not belong here: what must come of it
(``expectation``), running the pipeline.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import sqlalchemy as sa

from qb_pipeline_tests.journeys.expectation import Expectation, Share, read_invoices

PAYERS = 6


@dataclass
class Office:
    """One firm's people at work in billing; everything they do is drawn from ``random``."""

    firm_id: str
    random: Random
    expected: Expectation
    count: int = 0
    parked: list[tuple[dict[str, Any], list[dict[str, Any]]]] = field(default_factory=list)

    def live(self, connection: sa.Connection, today: date) -> None:
        """One day: a few things happen, in any order."""
        things = (
            (self.bill, 26), (self.pay, 22), (self.revise, 14), (self.void_invoice, 4), (self.mend, 6),
            (self.void_payment, 4), (self.edit_payment, 4), (self.apply_credit, 5), (self.take_back, 5),
            (self.rename, 4), (self.lose, 3), (self.find_again, 3),
        )  # fmt: skip
        happen, weights = zip(*things, strict=True)
        for thing in self.random.choices(happen, weights, k=self.random.randint(2, 6)):
            thing(connection, today)

    # New

    def hire(self, connection: sa.Connection) -> None:
        """The firm begins: payers and fee items."""
        _insert(connection, "firms", firm_id=self.firm_id, name=self.firm_id, time_zone="UTC", currency="USD")
        for number in range(PAYERS):
            _insert(
                connection, "payers", firm_id=self.firm_id, payer_id=f"P{number}", kind="individual",
                first_name="Client", last_name=f"{self.firm_id.title()} {'ABCDEFGHIJ'[number]}",
            )  # fmt: skip
        _insert(
            connection, "fee_items", firm_id=self.firm_id, fee_item_id="F1", code="CON", name="Consultation",
            kind="legal_fee",
        )  # fmt: skip

    def bill_everybody(self, connection: sa.Connection, today: date) -> None:
        """An invoice without any trouble for each payer."""
        for number in range(PAYERS):
            self.bill(connection, today, payer_id=f"P{number}", kind="plain")

    def bill(self, connection: sa.Connection, today: date, *, payer_id: str = "", kind: str = "") -> None:
        """Write an invoice; one in six has something wrong with it, one in five carries an older one's balance."""
        invoice_id = self._next("i")
        kind = (
            kind
            or self.random.choices(
                ("plain", "mismatch", "negative", "zero", "long", "euro", "draft", "twin"), (60, 3, 2, 2, 2, 2, 4, 2)
            )[0]
        )
        payer_id = payer_id or f"P{self.random.randrange(PAYERS)}"
        lines = [_line("fee", self.random.randint(1_000, 90_000)) for _ in range(self.random.randint(1, 4))]
        if self.random.random() < 0.3:
            lines.append(_line("discount", -self.random.randint(1, 900)))
        number = f"{self.firm_id}-{invoice_id}"
        if kind == "negative":
            lines.append(_line("fee", -sum(line["cents"] for line in lines) - 100))
        elif kind == "zero":
            lines = [_line("fee", 0)]
        elif kind == "long":
            number = number.ljust(22, "x")
        elif kind == "twin" and self.expected.invoices:
            number = self.expected.invoices[self.random.choice(sorted(self.expected.invoices))].number
        if kind in ("plain", "zero") and self.random.random() < 0.2:
            lines += self._forwarded(connection, payer_id)
        total = sum(line["cents"] for line in lines) + (100 if kind == "mismatch" else 0)
        _insert(
            connection, "invoices", firm_id=self.firm_id, invoice_id=invoice_id, invoice_number=number,
            payer_id=payer_id, status="draft" if kind == "draft" else "issued",
            invoice_date=today - timedelta(days=self.random.randint(0, 3)), currency="EUR" if kind == "euro" else "USD",
            total_amount=_dollars(total),
        )  # fmt: skip
        for position, line in enumerate(lines, start=1):
            cents = line.pop("cents")
            _insert(
                connection, "invoice_lines", firm_id=self.firm_id, invoice_id=invoice_id, line_number=position,
                amount=_dollars(cents), **line,
            )  # fmt: skip

    def _forwarded(self, connection: sa.Connection, payer_id: str) -> list[dict[str, Any]]:
        issued = self._issued(connection)
        owed = [
            key
            for key, there in sorted(self.expected.invoices.items())
            if key in issued and there.payer_id == payer_id and self.expected.open(key) > 0
        ]
        if not owed:
            return []
        key = self.random.choice(owed)
        return [_line("balance_forward", self.expected.open(key), forwarded_invoice_id=key)]

    def pay(self, connection: sa.Connection, today: date) -> None:
        """Somebody pays one or two invoices of one payer: whole, in part, or too much."""
        invoices = read_invoices(connection, self.firm_id)
        payable = [
            invoice
            for invoice in invoices.values()
            if invoice.total_cents > 0 and invoice.status != "void" and invoice.currency == "USD"
        ]
        if not payable:
            return
        first = self.random.choice(sorted(payable, key=lambda invoice: invoice.invoice_id)[-25:])
        others = [invoice for invoice in payable if invoice.payer_id == first.payer_id and invoice != first]
        chosen = [first, *others[: self.random.choice((0, 0, 1))]]
        applied = {}
        for invoice in chosen:
            owed = self.expected.open(invoice.invoice_id) or invoice.total_cents
            share = self.random.choice((owed, owed, owed // 2, owed // 3, invoice.total_cents))
            applied[invoice.invoice_id] = max(share, 1)
        self._receive(connection, today, applied, more=self.random.choice((0,) * 9 + (500,)))

    def _receive(self, connection: sa.Connection, today: date, applied: Share, *, more: int = 0, **values: Any) -> None:
        payment_id = self._next("p")
        header = {"kind": "payment", "method": "check", "received_date": today}
        header["amount"] = _dollars(sum(applied.values()) + more)
        _insert(
            connection, "payments", firm_id=self.firm_id, payment_id=payment_id, payer_id="P0", currency="USD",
            status="completed", **header | values,
        )  # fmt: skip
        for invoice_id, cents in applied.items():
            self._apply(connection, payment_id, invoice_id, cents, today)

    def _apply(self, connection: sa.Connection, payment_id: str, invoice_id: str, cents: int, day: date) -> None:
        _insert(
            connection, "payment_applications", firm_id=self.firm_id, payment_id=payment_id, invoice_id=invoice_id,
            amount=_dollars(cents), applied_date=day,
        )  # fmt: skip

    def apply_credit(self, connection: sa.Connection, today: date) -> None:
        """A deposit into credit, and an invoice paid from it on two days."""
        self._receive(connection, today, {}, more=50_000, kind="credit_deposit")
        issued = self._issued(connection)
        owed = [key for key in sorted(self.expected.invoices) if key in issued and self.expected.open(key) > 2]
        if not owed:
            return
        key = self.random.choice(owed)
        half = self.expected.open(key) // 2
        payment_id = self._next("c")
        _insert(
            connection, "payments", firm_id=self.firm_id, payment_id=payment_id, payer_id="P0", currency="USD",
            status="completed", kind="credit_application", method="credit", received_date=today,
            amount=_dollars(2 * half),
        )  # fmt: skip
        for days in (2, 0):
            self._apply(connection, payment_id, key, half, today - timedelta(days=days))

    # Changed

    def revise(self, connection: sa.Connection, today: date) -> None:
        """An invoice gets another amount, date, number, text or payer."""
        if not self.expected.invoices:
            return
        key = self.random.choice(sorted(self.expected.invoices))
        what = self.random.choice(("more", "less", "nothing", "day", "number", "text", "payer"))
        if what in ("more", "less", "nothing"):
            now = read_invoices(connection, self.firm_id).get(key)
            if now is None or now.line_cents != now.total_cents:
                return
            to = {"more": 1_234, "less": -now.new_cents // 2, "nothing": -now.new_cents}[what]
            self._do(
                connection,
                "update billing.invoice_lines set amount = amount + :by, description = :text where {here} "
                "and line_number = (select min(line_number) from billing.invoice_lines where {here} and kind = 'fee')",
                key=key, by=_dollars(to), text=self._next("revised "),
            )  # fmt: skip
            self._do(
                connection, "update billing.invoices set total_amount = total_amount + :by where {here}",
                key=key, by=_dollars(to),
            )  # fmt: skip
        elif what == "payer" and not self._is_paid(connection, key):
            self._do(
                connection, "update billing.invoices set payer_id = :to where {here}", key=key,
                to=f"P{self.random.randrange(PAYERS)}",
            )  # fmt: skip
        elif what == "text":
            self._do(
                connection, "update billing.invoice_lines set description = :to where {here} and kind = 'fee'", key=key,
                to=self._next("text "),
            )  # fmt: skip
        else:
            changes = {
                "day": ("update billing.invoices set invoice_date = :to where {here}", today),
                "number": ("update billing.invoices set invoice_number = :to where {here}", self._next("n")),
            }
            statement, value = changes.get(what, changes["number"])
            self._do(connection, statement, key=key, to=value)

    def void_invoice(self, connection: sa.Connection, today: date) -> None:
        """An invoice is void, paid or not."""
        if self.expected.invoices:
            key = self.random.choice(sorted(self.expected.invoices))
            self._do(connection, "update billing.invoices set status = 'void' where {here}", key=key)

    def mend(self, connection: sa.Connection, today: date) -> None:
        """Somebody clears what is wrong: totals, numbers, currency; drafts are issued."""
        for key, invoice in sorted(read_invoices(connection, self.firm_id).items()):
            if invoice.status == "draft":
                self._do(connection, "update billing.invoices set status = 'issued' where {here}", key=key)
            elif invoice.trouble == "TOTAL_MISMATCH":
                self._do(
                    connection, "update billing.invoices set total_amount = :to where {here}", key=key,
                    to=_dollars(invoice.line_cents),
                )  # fmt: skip
            elif invoice.trouble == "NUMBER_TOO_LONG" or self.expected.stopped.get(key) == "NUMBER_TAKEN":
                self._do(
                    connection, "update billing.invoices set invoice_number = :to where {here}", key=key,
                    to=self._next("n"),
                )  # fmt: skip
            elif invoice.trouble == "CURRENCY_MISMATCH":
                self._do(connection, "update billing.invoices set currency = 'USD' where {here}", key=key)

    def void_payment(self, connection: sa.Connection, today: date) -> None:
        """A payment is void."""
        if payment_id := self._any_payment():
            statement = "update billing.payments set status = 'void' where firm_id = :firm_id and payment_id = :key"
            self._do(connection, statement, key=payment_id)

    def edit_payment(self, connection: sa.Connection, today: date) -> None:
        """A payment was really less."""
        halve = "set amount = ceil(amount * 50) / 100 where firm_id = :firm_id and payment_id = :key"
        if payment_id := self._any_payment():
            self._do(connection, "update billing.payment_applications " + halve, key=payment_id)
            self._do(
                connection,
                "update billing.payments p set amount = (select sum(amount) from billing.payment_applications a "
                "where a.firm_id = p.firm_id and a.payment_id = p.payment_id) "
                "where p.firm_id = :firm_id and p.payment_id = :key",
                key=payment_id,
            )

    def take_back(self, connection: sa.Connection, today: date) -> None:
        """A payment is refunded or rejected; what was rejected is paid again."""
        payment_id = self._any_payment()
        there = self.expected.payments.get(payment_id)
        if there is None:
            return
        kind = self.random.choice(("refund", "rejection"))
        self._receive(connection, today, {}, more=there.cents, kind=kind, reverses_payment_id=payment_id)
        if kind == "rejection" and there.shares:
            self._receive(connection, today, dict(there.shares), method="card")

    def rename(self, connection: sa.Connection, today: date) -> None:
        """A client has another name."""
        self._do(
            connection, "update billing.payers set last_name = :to where firm_id = :firm_id and payer_id = :key",
            key=f"P{self.random.randrange(PAYERS)}", to=f"{self.firm_id.title()} {self._next('renamed ')}",
        )  # fmt: skip

    def lose(self, connection: sa.Connection, today: date) -> None:
        """A row of billing vanishes: an invoice that nothing pays and nothing carries."""
        free = [key for key in sorted(self.expected.invoices) if not self._is_paid(connection, key)]
        if not free:
            return
        key = self.random.choice(free)
        header = [
            dict(row) for row in self._do(connection, "select * from billing.invoices where {here}", key=key).mappings()
        ]
        lines = [
            dict(row)
            for row in self._do(connection, "select * from billing.invoice_lines where {here}", key=key).mappings()
        ]
        if header:
            self.parked.append((header[0], lines))
            self._do(connection, "delete from billing.invoices where {here}", key=key)

    def find_again(self, connection: sa.Connection, today: date) -> None:
        """A row that had vanished is back."""
        if self.parked:
            header, lines = self.parked.pop()
            _insert(connection, "invoices", **header)
            for line in lines:
                _insert(connection, "invoice_lines", **line)

    def _issued(self, connection: sa.Connection) -> set[str]:
        statement = "select invoice_id from billing.invoices where firm_id = :firm_id and status = 'issued'"
        return set(self._do(connection, statement).scalars())

    def _any_payment(self) -> str:
        known = [key for key in sorted(self.expected.payments) if "@" not in key]
        return self.random.choice(known) if known else ""

    def _is_paid(self, connection: sa.Connection, key: str) -> bool:
        found = self._do(
            connection,
            "select 1 from billing.payment_applications where {here} "
            "union all select 1 from billing.invoice_lines where firm_id = :firm_id and forwarded_invoice_id = :key",
            key=key,
        )
        return found.first() is not None

    def _do(self, connection: sa.Connection, statement: str, **values: Any) -> Any:
        text = statement.replace("{here}", "firm_id = :firm_id and invoice_id = :key")
        return connection.execute(sa.text(text), {"firm_id": self.firm_id, **values})

    def _next(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count:04}"


def _dollars(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def _line(kind: str, cents: int, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "fee_item_id": "F1" if kind == "fee" else None, "cents": cents, "description": kind, **more}


def _insert(connection: sa.Connection, relation: str, **row: Any) -> None:
    names, places = ", ".join(row), ", ".join(f":{name}" for name in row)
    connection.execute(sa.text(f"insert into billing.{relation} ({names}) values ({places})"), row)  # noqa: S608
