"""What is owed, over random histories of both sides: the classes add up at every moment (E-40).

Ours is reckoned here once more, in Python and event by event; QuickBooks' side is compared with its own balances in
``journeys/test_owed.py``.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qb_pipeline.config import SQL
from qb_pipeline.core.documents.mirror import Settlement, Version, deleted_version
from qb_pipeline.core.documents.shares import Applied, divide_applied
from qb_pipeline.ledger.books import mirror
from qb_pipeline.ledger.books.documents import Decision
from qb_pipeline.ledger.books.mappings import Mapping, Mappings
from qb_pipeline.ledger.books.shares import Shares
from qb_pipeline.ledger.sending import lease
from qb_pipeline.ledger.sending.attempts import ItemOutcome
from qb_pipeline_tests.ledger.conftest import _empty
from qb_pipeline_tests.ledger.desk import (
    FIRM,
    NOON,
    PARTNER,
    REALM,
    RUN,
    TODAY,
    Desk,
    accepted,
    invoice,
    payment,
    set_up,
)

CLASSES = {
    "new", "waiting", "held", "refused", "sending", "unknown", "revised", "void_pending", "source_gone", "closed",
    "hand_entry", "recorded", "tax_variance", "drift", "remote_voided", "remote_deleted", "kept", "withdrawn",
    "received_in_quickbooks", "credit_memo", "journal", "write_off", "other_settlement", "unapplied_there",
    "applied_elsewhere", "unapplied_payment", "foreign_document",
}  # fmt: skip
"""Classes of ``owed``; ``adopted`` and ``ineligible`` are those of ``billed`` and ``received``."""


@dataclass
class World:
    """One firm's two sides, in a ledger, and what billing says of it in plain Python."""

    desk: Desk
    now: datetime = NOON
    totals: dict[str, int] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)
    paid: dict[str, dict[str, int]] = field(default_factory=dict)
    amounts: dict[str, int] = field(default_factory=dict)
    back: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    tokens: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        Mappings(self.desk.engine, FIRM).remember(
            [Mapping("payer", "P1", "C1", "", "person")], actor=PARTNER, now=NOON - timedelta(days=1)
        )

    # Billing

    def bill(self, source_id: str, cents: int, status: str = "issued") -> None:
        self.totals[source_id] = cents
        self.off = self.off | {source_id} if status == "void" else self.off - {source_id}
        self.desk.see(invoice(source_id, cents, status=status, updated_at=self.now), now=self.now)
        self._divide([], [])

    def pay(self, source_id: str, shares: dict[str, int], extra: int = 0, status: str = "completed") -> None:
        self.paid[source_id] = shares if status == "completed" else {}
        self.amounts[source_id] = sum(shares.values()) + extra if status == "completed" else 0
        row = payment(source_id, sum(shares.values()) + extra, status=status, updated_at=self.now)
        self.desk.see(row, now=self.now)
        document_id = self.desk.id_of(source_id)
        applied = [Applied(document_id, name, cents, TODAY) for name, cents in shares.items()]
        self._divide([document_id], divide_applied(applied, {}, {}, {}))

    def take_back(self, source_id: str, payment_id: str, cents: int, kind: str = "refund") -> None:
        self.back[payment_id] += cents
        row = payment(source_id, cents, payment_kind=kind, reverses_payment_id=payment_id, updated_at=self.now)
        self.desk.see(row, now=self.now)

    def _divide(self, payments: list[int], shares: list[Any]) -> None:
        kept = Shares(self.desk.engine, FIRM)
        kept.record(kept.undivided(limit=99), shares, payments=payments, forwarded={}, now=self.now)

    # The pipeline

    def send(self, source_id: str, **answered: Any) -> None:
        row = self.desk.row(source_id)
        operation = "update" if row["quickbooks_id"] else "create"
        pays = (
            [each for each in self.owed_of(source_id).items() if self._is_there(each[0])]
            if row["kind"] == "payment"
            else ()
        )
        attempt = self.desk.reserve(self.desk.item(source_id, operation, pays=pays), now=self.now)
        self.tokens[source_id] += 1
        found = {"quickbooks_id": f"Q-{source_id}", "sync_token": str(self.tokens[source_id]), **answered}
        self.desk.accept(attempt, accepted(attempt.items[0], **found), now=self.now)

    def decide(self, source_id: str, operation: str, reason: str) -> None:
        cents = self.desk.row(source_id)["amount_cents"]
        self.desk.decide(Decision(self.desk.id_of(source_id), operation, reason, cents), now=self.now)

    def _is_there(self, source_id: str) -> bool:
        return bool(self.desk.row(source_id)["quickbooks_id"])

    # QuickBooks

    def read(self, *versions: Version) -> None:
        with self.desk.engine.begin() as connection:
            mirror.see(connection, FIRM, versions, seen_by="reading", now=self.now)

    def payment_there(self, source_id: str, pays: dict[str, int], **values: Any) -> Version:
        """A payment of ours as a bookkeeper left it."""
        self.tokens[source_id] += 1
        total = self.desk.row(source_id)["quickbooks_total_cents"] or 0
        settlements = tuple(Settlement(f"Q-{name}", "payment", cents) for name, cents in pays.items())
        plain = Version(
            "payment", f"Q-{source_id}", str(self.tokens[source_id]), "live", "", "2026-03-01", "", "C1", total,
            total - sum(pays.values()), settlements,
        )  # fmt: skip
        return replace(plain, **values)

    def invoice_there(self, source_id: str, total: int, *, otherwise: int = 0, **values: Any) -> Version:
        """An invoice of ours as a bookkeeper left it, with the balance that is left of it."""
        self.tokens[source_id] += 1
        rows = self.desk.query(
            "select coalesce(sum(amount_cents), 0)::bigint as cents from sync.settlement "
            "where quickbooks_invoice_id = :id and valid_to = 'infinity'",
            id=f"Q-{source_id}",
        )
        plain = Version(
            "invoice", f"Q-{source_id}", str(self.tokens[source_id]), "live", "", "2026-03-01", "", "C1", total,
            total - rows[0]["cents"] - otherwise,
        )  # fmt: skip
        return replace(plain, **values)

    # What billing says is owed

    def owed_of(self, payment_id: str) -> dict[str, int]:
        """What of a payment still pays each invoice: unapplied money went back first, then the last invoices."""
        left = dict(self.paid[payment_id])
        rest = max(0, self.back[payment_id] - (self.amounts[payment_id] - sum(left.values())))
        for name in reversed(list(left)):
            taken = min(rest, left[name])
            left[name] -= taken
            rest -= taken
        return {name: cents for name, cents in left.items() if cents}

    def owed(self) -> dict[str, int]:
        """By invoice, in cents."""
        found = {name: 0 if name in self.off else cents for name, cents in self.totals.items()}
        for payment_id in self.paid:
            for name, cents in self.owed_of(payment_id).items():
                found[name] -= 0 if name in self.off else cents
        return found


def foreign(
    quickbooks_id: str, *settlements: Settlement, kind: str = "payment", total: int = 0, **values: Any
) -> Version:
    plain = Version(kind, quickbooks_id, "1", "live", "", "2026-03-01", "", "C1", total, 0, settlements)  # type: ignore[arg-type]
    return replace(plain, **values)


def entry(quickbooks_id: str, cents: int, **values: Any) -> Version:
    """A journal entry that changes what customer C1 owes."""
    return foreign(quickbooks_id, kind="journal_entry", total=cents, customer_key="C1", **values)


@pytest.fixture
def world(desk: Desk) -> World:
    return World(desk)


def as_of(connection: sa.Connection, moment: datetime | None) -> None:
    if moment is not None:
        connection.exec_driver_sql(f"set local reporting.as_of = '{moment.isoformat()}'")


def ask(engine: sa.Engine, statement: str, moment: datetime | None = None) -> list[dict[str, Any]]:
    with engine.begin() as connection:
        as_of(connection, moment)
        return [dict(row) for row in connection.execute(sa.text(statement)).mappings()]


def require_sound(engine: sa.Engine, moment: datetime | None = None) -> None:
    """The classes of each invoice, client and firm add up, and each difference has one."""
    for view, key in (("invoice_owed", "invoice_id"), ("customer_owed", "customer_id")):
        rows = ask(
            engine,
            f"select o.{key}, o.difference, coalesce(sum(d.amount), 0) as named from reporting.{view} o "  # noqa: S608
            f"left join reporting.owed_differences d using (firm_id, {key}) group by 1, 2",
            moment,
        )
        assert [row for row in rows if row["difference"] != row["named"]] == [], (view, moment)
    assert ask(engine, "select * from reporting.owed_differences where class = ''", moment) == []
    rows = ask(engine, "select residual from reporting.reconciliation where measure = 'owed'", moment)
    assert {row["residual"] for row in rows} <= {Decimal("0.00")}
    outside = "select distinct class from reporting.owed_differences"
    assert {row["class"] for row in ask(engine, outside, moment)} <= CLASSES


def billed_owed(engine: sa.Engine, moment: datetime) -> dict[str, int]:
    rows = ask(engine, "select invoice_id, (owed * 100)::bigint as cents from reporting.invoice_owed", moment)
    return {row["invoice_id"]: row["cents"] for row in rows}


# Random histories


def _events(world: World, chance: Random) -> list[Callable[[], None]]:
    """What may happen next, on either side."""
    desk = world.desk
    there = {row["source_id"]: row for row in desk.query("select * from sync.document where quickbooks_id is not null")}
    unsent = [
        row["source_id"] for row in desk.query("select source_id from sync.document where state in ('new', 'revised')")
    ]
    bills = [name for name in world.totals if name not in world.off]
    invoices_there = [name for name in world.totals if name in there]
    payments_there = [name for name in world.paid if name in there and there[name]["state"] in ("synced", "held")]
    number = len(world.totals) + len(world.paid) + len(world.back)
    cents = chance.randrange(1, 9_999)

    def some(names: list[str]) -> dict[str, int]:
        return {
            name: chance.randrange(1, 3_000) for name in chance.sample(names, min(len(names), chance.randrange(1, 3)))
        }

    found: list[Callable[[], None]] = [lambda: world.bill(f"i{number}", cents)]
    if bills:
        found += [
            lambda: world.pay(f"p{number}", some(bills), chance.choice([0, 0, 50])),
            lambda: world.bill(chance.choice(bills), cents),
            lambda: world.bill(chance.choice(bills), cents, "void"),
        ]
    if world.paid:
        payment_id = chance.choice(list(world.paid))
        if world.paid[payment_id] and bills:
            found += [
                lambda: world.pay(payment_id, some(bills)),
                lambda: world.take_back(f"r{number}-{chance.random()}", payment_id, chance.randrange(1, 60)),
            ]
    if unsent:
        source_id = chance.choice(unsent)
        found += [lambda: world.send(source_id)] * 4 + [lambda: world.decide(source_id, "hold", "UNMAPPED_FEE_ITEM")]
    if payments_there and invoices_there:
        moved = chance.choice(payments_there)
        total = there[moved]["quickbooks_total_cents"] or 0
        target = chance.choice(invoices_there)
        found += [
            lambda: world.read(world.payment_there(moved, {})),
            lambda: world.read(world.payment_there(moved, {target: total // 2} if total > 1 else {})),
            lambda: world.read(world.payment_there(moved, {}, total_cents=0, balance_cents=0, status="void")),
            lambda: world.decide(moved, "hold", "DRIFT"),
        ]
    if invoices_there:
        name = chance.choice(invoices_there)
        found += [
            lambda: world.read(foreign(f"F{number}", Settlement(f"Q-{name}", "payment", 7), total=11)),
            lambda: world.read(
                entry(f"J{number}", -9, is_write_off=chance.random() < 0.5),
                foreign(f"G{number}", Settlement(f"Q-{name}", "journal", 5, f"J{number}")),
            ),
            lambda: world.read(foreign(f"X{number}", kind="invoice", total=21, balance_cents=21)),
            lambda: world.read(world.invoice_there(name, cents, otherwise=chance.choice([0, 3]))),
            lambda: world.read(world.invoice_there(name, cents, customer_id="C2")),
            lambda: world.read(deleted_version("invoice", f"Q-{name}")),
        ]
    return found


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6))
def test_the_classes_add_up_at_every_moment_of_a_random_history(desk_engine: sa.Engine, seed: int) -> None:
    chance = Random(seed)
    _empty(desk_engine)
    set_up(desk_engine)
    with lease.hold(desk_engine, firm_id=FIRM, realm_id=REALM, run_id="run-1", now=lambda: NOON) as held:
        world = World(Desk(desk_engine, held))
        moments: dict[datetime, dict[str, int]] = {}
        for _ in range(25):
            chance.choice(_events(world, chance))()
            moments[world.now + timedelta(seconds=30)] = world.owed()
            world.now += timedelta(minutes=1)

    for moment in (*chance.sample(sorted(moments), 5), max(moments)):
        assert billed_owed(desk_engine, moment) == moments[moment], (seed, moment)
        require_sound(desk_engine, moment)
    require_sound(desk_engine)


# Every class once


@pytest.fixture
def seeded(world: World) -> World:
    """A difference of every class."""
    for number, name in enumerate((
        "new", "waiting", "held", "refused", "sending", "unknown", "revised", "void-soon", "gone", "closed", "taxed",
        "edited", "voided", "deleted", "kept", "withdrawn", "there", "other", "hand", "recorded", "written",
    )):  # fmt: skip
        world.bill(name, 10_000 + number)
    for name in (
        "revised",
        "void-soon",
        "gone",
        "edited",
        "voided",
        "deleted",
        "kept",
        "withdrawn",
        "there",
        "other",
        "hand",
        "recorded",
        "written",
    ):
        world.send(name)
    world.send("taxed", total_cents=10_011, state="held", reason="TOTAL_DIFFERS")
    desk = world.desk
    world.decide("waiting", "wait", "INVOICE_NOT_SENT")
    world.decide("held", "hold", "UNMAPPED_FEE_ITEM")
    world.decide("closed", "close", "REMOTE_DELETED")
    attempt = desk.reserve(desk.item("refused"))
    desk.accept(attempt, ItemOutcome(attempt.items[0].document_id, "refused", "refused", "REFUSED"))
    desk.reserve(desk.item("sending"))
    desk.attempts.unknown(desk.reserve(desk.item("unknown")), run=RUN, now=NOON, detail="cut")
    for name, pays in (
        ("p1", {"there": 600}),
        ("p2", {"hand": 700}),
        ("p3", {"recorded": 800}),
        ("p4", {"there": 900}),
    ):
        world.pay(name, pays)
        world.send(name)
    world.now += timedelta(hours=1)
    world.bill("revised", 9_000)
    world.bill("void-soon", 10_007, "void")
    desk.documents.gone([desk.id_of("gone")], run=RUN, now=world.now)
    world.decide("withdrawn", "hold", "WITHDRAWN")
    world.take_back("r2", "p2", 70, "rejection")
    world.take_back("r3", "p3", 80)
    record_entry(desk, "r3", 80)
    with desk.engine.begin() as connection:
        connection.exec_driver_sql(
            "update sync.document set is_kept = true, quickbooks_total_cents = 600 where source_id = 'kept'"
        )
    world.read(
        world.payment_there("p1", {"other": 200}),
        world.invoice_there("edited", 500),
        world.invoice_there("kept", 600),
        world.invoice_there("written", 10_020, otherwise=1),
        world.invoice_there("voided", 0, status="void"),
        deleted_version("invoice", "Q-deleted"),
        foreign("F1", Settlement("Q-written", "payment", 40), total=41),
        foreign("F2", Settlement("Q-written", "credit_memo", 42, "M1")),
        foreign("F3", Settlement("Q-written", "journal", 43, "J1")),
        foreign("F4", Settlement("Q-written", "journal", 44, "J2")),
        foreign("M1", kind="credit_memo", total=42),
        entry("J1", -43),
        entry("J2", -50, is_write_off=True),
        entry("J3", -9),
    )
    return world


def record_entry(desk: Desk, source_id: str, cents: int) -> None:
    """The journal entry of a refund is in QuickBooks."""
    with desk.engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into sync.document (firm_id, kind, source_id, state, state_since, source_hash, seen_at, "
            "quickbooks_id, sent_total_cents, amount_cents) "
            "values (%s, 'refund', %s, 'synced', %s, '', %s, 'E1', %s, %s)",
            (FIRM, source_id, NOON, NOON, cents, cents),
        )


def named(engine: sa.Engine) -> set[tuple[str, str, str]]:
    rows = ask(engine, "select invoice_id, class, amount from reporting.owed_differences")
    return {(row["invoice_id"], row["class"], str(row["amount"])) for row in rows}


def test_every_class_is_named_once_and_adds_up(seeded: World) -> None:
    engine = seeded.desk.engine

    assert {each[1] for each in named(engine)} == CLASSES
    assert named(engine) >= {
        ("there", "unapplied_there", "-4.00"), ("there", "applied_elsewhere", "-2.00"),
        ("other", "applied_elsewhere", "2.00"), ("", "unapplied_payment", "4.00"), ("hand", "hand_entry", "0.70"),
        ("recorded", "recorded", "0.80"), ("", "recorded", "-0.80"), ("written", "write_off", "0.44"),
        ("", "write_off", "0.06"), ("", "foreign_document", "0.09"), ("withdrawn", "withdrawn", "-100.15"),
    }  # fmt: skip
    require_sound(engine)


@contextmanager
def without(engine: sa.Engine, class_: str) -> Iterator[None]:
    """The views as they would be if the classification did not know a class."""
    texts = {name: (SQL / "reporting" / f"{name}.sql").read_text() for name in ("differences", "owed_differences")}
    sites = rf"(then |else |'', |source_id, |values \(|(?<!in )\((?=')|otherwise_cents, )'{class_}'"
    broken = {name: re.sub(sites, r"\1''", text) for name, text in texts.items()}
    assert broken != texts

    def put(views: dict[str, str]) -> None:
        with engine.begin() as connection:
            for text in views.values():
                connection.exec_driver_sql(text.replace("create view", "create or replace view").replace("%", "%%"))

    put(broken)
    try:
        yield
    finally:
        put(texts)


def test_without_any_one_class_a_residual_remains(seeded: World) -> None:
    engine = seeded.desk.engine
    for class_ in sorted(CLASSES):
        amount = sum(Decimal(each[2]) for each in named(engine) if each[1] == class_)
        with without(engine, class_):
            [row] = ask(engine, "select residual, unexplained from reporting.reconciliation where measure = 'owed'")

        assert row["unexplained"] > 0, class_
        assert row["residual"] == amount, class_
    require_sound(engine)


def test_a_report_of_a_moment_says_what_was_known_then(world: World) -> None:
    world.bill("1", 10_000)
    world.send("1")
    world.pay("p1", {"1": 6_000})
    then = world.now + timedelta(seconds=30)
    world.now += timedelta(minutes=1)
    world.pay("p1", {"1": 2_500})
    world.send("p1")

    rows = ask(world.desk.engine, "select owed, owed_in_quickbooks from reporting.invoice_owed", then)
    assert [tuple(row.values()) for row in rows] == [(40, 100)]
    rows = ask(world.desk.engine, "select owed, owed_in_quickbooks from reporting.invoice_owed")
    assert [tuple(row.values()) for row in rows] == [(75, 75)]
