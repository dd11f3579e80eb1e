"""Every difference between billing and QuickBooks has one class, and the classes add up to all of it (D-3).

Seeded: more than forty differences of every class, written down here with what each must be called. The classification
is SQL (sql/reporting/differences.sql); taking any class out of it leaves a residual, which is how a wrong one would
show.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from qb_pipeline.config import PROJECT, SQL
from qb_pipeline.core.documents.mirror import Settlement, Version, deleted_version
from qb_pipeline.ledger.books import mirror
from qb_pipeline.ledger.books.documents import Decision
from qb_pipeline.ledger.sending.attempts import ItemOutcome
from qb_pipeline_tests.ledger.books import test_shares
from qb_pipeline_tests.ledger.desk import FIRM, LATER, NOON, RUN, TODAY, Desk, accepted, invoice, payment

Difference = tuple[str, str, str, str]
"""Measure, document, class, amount."""

CLASSES = {
    "forwarded_balance", "new", "waiting", "held", "refused", "sending", "unknown", "revised", "void_pending",
    "source_gone", "ineligible", "hand_entry", "closed", "adopted", "tax_variance", "total_differs", "drift",
    "remote_voided", "remote_deleted", "received_in_quickbooks", "credit_memo", "journal", "other_settlement", "kept",
    "withdrawn", "recorded",
}  # fmt: skip

SEEDED: set[Difference] = {
    # not sent, and why
    ("billed", "new-1", "new", "1.01"),
    ("billed", "new-2", "new", "2.00"),
    ("received", "p-new", "new", "3.00"),
    ("billed", "ahead", "waiting", "4.00"),
    ("received", "p-waiting", "waiting", "5.00"),
    ("billed", "held", "held", "6.00"),
    ("received", "p-held", "held", "7.00"),
    ("billed", "void-held", "held", "-8.00"),
    ("billed", "refused", "refused", "9.00"),
    ("received", "p-refused", "refused", "10.00"),
    ("billed", "sending", "sending", "11.00"),
    ("received", "p-sending", "sending", "12.00"),
    ("billed", "unknown", "unknown", "13.00"),
    ("received", "p-unknown", "unknown", "14.00"),
    ("billed", "ineligible", "ineligible", "15.00"),
    ("billed", "kept-out", "closed", "16.00"),
    # balance forward
    ("billed", "forwarded", "forwarded_balance", "17.00"),
    ("billed", "nothing", "forwarded_balance", "18.00"),
    ("billed", "forwarded-held", "forwarded_balance", "1.00"),
    ("billed", "forwarded-held", "held", "18.00"),
    # by hand
    ("received", "deposit", "hand_entry", "20.00"),
    ("received", "refund", "hand_entry", "-21.00"),
    ("received", "rejection", "hand_entry", "-22.00"),
    ("received", "reversal", "hand_entry", "-23.00"),
    # recorded in QuickBooks by an entry
    ("received", "recorded", "recorded", "-49.00"),
    ("received", "recorded-less", "recorded", "-50.00"),
    ("received", "recorded-less", "hand_entry", "-1.00"),
    ("received", "entered", "recorded", "53.00"),
    # changed in billing since it was sent
    ("billed", "revised", "revised", "24.00"),
    ("billed", "lowered", "revised", "-25.00"),
    ("received", "p-revised", "revised", "26.00"),
    ("billed", "void-soon", "void_pending", "-27.00"),
    ("received", "p-void-soon", "void_pending", "-28.00"),
    ("billed", "gone", "source_gone", "-29.00"),
    ("billed", "taken-back", "withdrawn", "-49.00"),
    # what QuickBooks made of it
    ("billed", "taxed", "tax_variance", "-0.01"),
    ("received", "p-other", "total_differs", "0.02"),
    # what a person did there
    ("billed", "edited", "drift", "-30.00"),
    ("billed", "edited-revised", "drift", "31.00"),
    ("billed", "edited-revised", "revised", "32.00"),
    ("billed", "taxed-edited", "tax_variance", "-0.03"),
    ("billed", "taxed-edited", "drift", "-33.00"),
    ("received", "p-edited", "drift", "34.00"),
    ("billed", "voided-there", "remote_voided", "35.00"),
    ("received", "p-voided-there", "remote_voided", "36.00"),
    ("billed", "deleted", "remote_deleted", "37.00"),
    ("received", "p-deleted", "remote_deleted", "38.00"),
    ("billed", "deleted-known", "remote_deleted", "39.00"),
    ("billed", "unvoided", "drift", "-40.00"),
    ("billed", "kept", "kept", "-46.00"),
    ("billed", "kept-old", "kept", "47.00"),
    # there before us
    ("billed", "adopted", "adopted", "0.41"),
    ("billed", "adopted-edited", "drift", "-48.00"),
    # settled there by something else than our payments
    ("open", "paid-there", "received_in_quickbooks", "42.00"),
    ("open", "credited", "credit_memo", "43.00"),
    ("open", "written-off", "journal", "44.00"),
    ("open", "deposit-line", "other_settlement", "45.00"),
    ("open", "both", "credit_memo", "1.00"),
    ("open", "both", "received_in_quickbooks", "2.00"),
}


def reading(desk: Desk, *versions: Version) -> None:
    with desk.engine.begin() as connection:
        mirror.see(connection, FIRM, versions, seen_by="reading", now=LATER)


def there(source_id: str, kind: str = "invoice", *, total_cents: int, **values: Any) -> Version:
    """A document as a later reading finds it."""
    plain = Version(kind, f"Q-{source_id}", "7", "live", "", "2026-03-01", "", "C1", total_cents, total_cents)
    return replace(plain, **values)


def foreign(quickbooks_id: str, *settlements: tuple[str, str, int]) -> Version:
    """A payment that is none of ours."""
    found = tuple(Settlement(f"Q-{one}", means, cents) for one, means, cents in settlements)  # type: ignore[arg-type]
    return Version("payment", quickbooks_id, "0", "live", "", "2026-03-01", "", "C1", 0, 0, found)


@pytest.fixture
def seeded(desk: Desk) -> Desk:
    """A firm with every difference that there can be, and some documents that agree."""
    sent = {
        "agrees": 9_999, "forwarded": 3_700, "revised": 1_000, "lowered": 5_000, "void-soon": 2_700, "void-held": 800,
        "gone": 2_900, "edited": 100, "edited-revised": 5_000, "voided-there": 3_500, "deleted": 3_700,
        "deleted-known": 3_900, "unvoided": 4_000, "paid-there": 5_000, "credited": 5_000, "written-off": 5_000,
        "deposit-line": 5_000, "both": 5_000, "kept": 100, "kept-old": 100, "voided": 7_000, "paid": 6_000,
        "taken-back": 4_900,
    }  # fmt: skip
    paid = {"p-paid": 6_000, "p-revised": 100, "p-void-soon": 2_800, "p-edited": 3_500, "p-voided-there": 3_600,
            "p-deleted": 3_800}  # fmt: skip
    unsent = {
        "new-1": 101, "new-2": 200, "ahead": 400, "held": 600, "refused": 900, "sending": 1_100, "unknown": 1_300,
        "ineligible": 1_500, "kept-out": 1_600, "nothing": 1_800, "forwarded-held": 1_900, "taxed": 1_000,
        "taxed-edited": 1_000, "adopted": 2_000, "adopted-edited": 2_000,
    }  # fmt: skip
    p_unsent = {"p-new": 300, "p-waiting": 500, "p-held": 700, "p-refused": 1_000, "p-sending": 1_200,
                "p-unknown": 1_400, "p-other": 1_000}  # fmt: skip
    hand = {"deposit": ("credit_deposit", 2_000), "refund": ("refund", 2_100), "rejection": ("rejection", 2_200),
            "reversal": ("reversal", 2_300), "recorded": ("refund", 4_900),
            "recorded-less": ("rejection", 5_100), "entered": ("credit_deposit", 5_300)}  # fmt: skip
    far = {"ahead": {"document_date": TODAY + timedelta(days=40)}}
    desk.see(*(invoice(name, cents, **far.get(name, {})) for name, cents in (sent | unsent).items()))
    desk.see(*(payment(name, cents) for name, cents in (paid | p_unsent).items()))
    desk.see(*(payment(name, cents, payment_kind=kind) for name, (kind, cents) in hand.items()))

    # In QuickBooks as it was meant
    desk.decide(Decision(desk.id_of("forwarded"), "create", "", 3_700, 1_700))
    for name, cents in sent.items():
        desk.sync(name, total_cents=2_000 if name == "forwarded" else cents)
    for name, cents in paid.items():
        desk.sync(name, pays=[("paid", cents)] if name == "p-paid" else [])
    desk.see(invoice("voided", 7_000, status="void", updated_at=LATER))
    desk.sync("voided", "void", total_cents=0)
    desk.see(invoice("unvoided", 4_000, status="void", updated_at=LATER))
    desk.sync("unvoided", "void", total_cents=0)

    # Not sent
    desk.decide(
        Decision(desk.id_of("p-waiting"), "wait", "INVOICE_NOT_SENT", 500),
        Decision(desk.id_of("ineligible"), "close", "INELIGIBLE", 1_500),
        Decision(desk.id_of("kept-out"), "close", "REMOTE_DELETED", 1_600),
        Decision(desk.id_of("nothing"), "close", "NOTHING_TO_BILL", 1_800, 1_800),
        Decision(desk.id_of("forwarded-held"), "hold", "UNMAPPED_FEE_ITEM", 1_900, 100),
    )
    desk.hold("held", "UNMAPPED_FEE_ITEM")
    desk.hold("p-held", "EXCEEDS_BALANCE")
    for name in ("refused", "p-refused"):
        attempt = desk.reserve(desk.item(name))
        desk.accept(attempt, ItemOutcome(attempt.items[0].document_id, "refused", "refused", "REFUSED"))
    for name in ("sending", "p-sending"):
        desk.reserve(desk.item(name))
    for name in ("unknown", "p-unknown"):
        attempt = desk.reserve(desk.item(name))
        desk.attempts.unknown(attempt, run=RUN, now=NOON, detail="cut")

    # Answered with another total
    for name, meant, answered in (("taxed", 1_000, 1_001), ("taxed-edited", 1_000, 1_003), ("p-other", 1_000, 998)):
        attempt = desk.reserve(desk.item(name, total_cents=meant))
        held = {"state": "held", "reason": "TOTAL_DIFFERS", "quickbooks_id": f"Q-{name}"}
        desk.accept(attempt, accepted(attempt.items[0], total_cents=answered, **held))

    # Changed in billing since
    desk.see(
        invoice("revised", 3_400, updated_at=LATER),
        invoice("lowered", 2_500, updated_at=LATER),
        invoice("kept-old", 4_800, updated_at=LATER),
        invoice("edited-revised", 8_200, updated_at=LATER),
        invoice("void-soon", 2_700, status="void", updated_at=LATER),
        invoice("void-held", 800, status="void", updated_at=LATER),
        invoice("taken-back", 4_900, status="draft", updated_at=LATER),
        payment("p-revised", 2_700, updated_at=LATER),
        payment("p-void-soon", 2_800, status="void", updated_at=LATER),
    )
    desk.hold("void-held", "PAYMENTS_APPLIED")
    desk.hold("taken-back", "WITHDRAWN")
    desk.enter("entered", 5_300)
    desk.documents.gone([desk.id_of("gone")], run=RUN, now=LATER)

    # What people did in QuickBooks, as a reading finds it
    adopt(desk, "adopted", 1_959)
    adopt(desk, "adopted-edited", 2_000)
    keep(desk, "kept", 4_700)
    keep(desk, "kept-old", 100)
    reading(
        desk,
        there("edited", total_cents=3_100),
        there("kept", total_cents=4_700),
        there("adopted-edited", total_cents=6_800),
        there("edited-revised", total_cents=1_900),
        there("taxed-edited", total_cents=4_303),
        there("p-edited", "payment", total_cents=100, balance_cents=100),
        there("voided-there", total_cents=0, status="void"),
        there("p-voided-there", "payment", total_cents=0, status="void"),
        deleted_version("invoice", "Q-deleted"),
        deleted_version("payment", "Q-p-deleted"),
        there("unvoided", total_cents=4_000),
        there("paid", total_cents=6_000, balance_cents=0),
        there("paid-there", total_cents=5_000, balance_cents=800),
        there("credited", total_cents=5_000, balance_cents=700),
        there("written-off", total_cents=5_000, balance_cents=600),
        there("deposit-line", total_cents=5_000, balance_cents=500),
        there("both", total_cents=5_000, balance_cents=4_700),
        foreign("F1", ("paid-there", "payment", 4_200)),
        foreign("F2", ("credited", "credit_memo", 4_300)),
        foreign("F3", ("written-off", "journal", 4_400)),
        foreign("F4", ("both", "credit_memo", 100), ("both", "payment", 150)),
        foreign("F5", ("both", "payment", 50)),
    )
    desk.hold("deleted-known", "REMOTE_DELETED")  # a sync found it before a reading did
    record(desk, "recorded", 4_900)
    record(desk, "recorded-less", 5_000)
    return desk


def record(desk: Desk, source_id: str, cents: int) -> None:
    """QuickBooks has the journal entry of a refund."""
    with desk.engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into sync.document (firm_id, kind, source_id, state, state_since, source_hash, seen_at, "
            "quickbooks_id, sent_total_cents) values (%s, 'refund', %s, 'synced', %s, '', %s, %s, %s)",
            (FIRM, source_id, NOON, NOON, f"J-{source_id}", cents),
        )


def adopt(desk: Desk, source_id: str, cents: int) -> None:
    """Link a document to what an earlier integration put there."""
    with desk.engine.begin() as connection:
        connection.exec_driver_sql(
            f"update sync.document set state = 'synced', quickbooks_id = 'Q-{source_id}', customer_id = 'C1', "  # noqa: S608
            f"quickbooks_total_cents = {cents}, sent_total_cents = {cents} where source_id = '{source_id}'"
        )
        connection.exec_driver_sql(
            "insert into sync.adoption (document_id, body, adopted_at, adopted_by) "
            "select document_id, '', state_since, 'x' from sync.document where source_id = %s",
            (source_id,),
        )


def keep(desk: Desk, source_id: str, cents: int) -> None:
    """A person takes what QuickBooks holds as accepted."""
    with desk.engine.begin() as connection:
        connection.exec_driver_sql(
            f"update sync.document set state = 'synced', reason = '', is_kept = true, quickbooks_total_cents = {cents} "  # noqa: S608
            f"where source_id = '{source_id}'"
        )


def differences(desk: Desk) -> list[Difference]:
    rows = desk.query("select measure, source_id, class, amount from reporting.differences")
    return [(row["measure"], row["source_id"], row["class"], str(row["amount"])) for row in rows]


def residuals(desk: Desk) -> dict[str, str]:
    """Of the measures that look at documents by themselves; ``owed`` has tests of its own (``test_shares``)."""
    rows = desk.query(
        "select measure, residual from reporting.reconciliation where firm_id = :firm and measure <> 'owed'", firm=FIRM
    )
    return {row["measure"]: str(row["residual"]) for row in rows}


def test_every_seeded_difference_is_named_and_nothing_else(seeded: Desk) -> None:
    found = Counter(differences(seeded))

    assert set(found) - SEEDED == set()
    assert SEEDED - set(found) == set()
    assert set(found.values()) == {1}
    assert len(SEEDED) >= 40


def test_every_class_is_seeded() -> None:
    assert {each[2] for each in SEEDED} == CLASSES


def test_the_classes_add_up_to_the_whole_difference_to_the_cent(seeded: Desk) -> None:
    """The whole is summed up here from the ledger's own rows, not from the view that names the differences."""
    assert residuals(seeded) == {"billed": "0.00", "received": "0.00", "open": "0.00"}

    explained: dict[str, Decimal] = defaultdict(Decimal)
    for measure, _, _, amount in SEEDED:
        explained[measure] += Decimal(amount)
    [sides] = seeded.query(
        """
        select sum(case when d.source_status in ('void', 'draft') or d.reason = 'SOURCE_GONE' then 0
                        else d.amount_cents end)
               - sum(case when d.reason = 'REMOTE_DELETED' then 0
                          else coalesce(m.total_cents, d.quickbooks_total_cents, 0) end) as cents
        from sync.document d
        left join sync.mirror m on m.quickbooks_id = d.quickbooks_id and m.valid_to = 'infinity'
        where d.kind = 'invoice'
        """
    )
    assert explained["billed"] == sides["cents"].scaleb(-2)
    assert {
        row["measure"]: row["difference"]
        for row in seeded.query("select * from reporting.reconciliation where measure <> 'owed'")
    } == explained


def test_what_our_payments_pay_is_no_difference(seeded: Desk) -> None:
    [row] = seeded.query(
        "select in_quickbooks, paid_by_us, paid, open from reporting.invoice_reconciliation where invoice_id = 'paid'"
    )

    assert [str(value) for value in row.values()] == ["60.00", "60.00", "60.00", "0.00"]


@contextmanager
def without(desk: Desk, class_: str) -> Iterator[None]:
    """The views as they would be if the classification did not know a class."""
    text = (SQL / "reporting" / "differences.sql").read_text()
    broken, times = re.subn(rf"(then |else |\(|otherwise_cents, )'{class_}'", r"\1''", text)
    assert times
    broken = broken.replace("create view", "create or replace view")
    with desk.engine.begin() as connection:
        connection.exec_driver_sql(broken.replace("%", "%%"))
    try:
        yield
    finally:
        with desk.engine.begin() as connection:
            connection.exec_driver_sql(text.replace("create view", "create or replace view").replace("%", "%%"))


def test_without_any_one_class_a_residual_remains(seeded: Desk) -> None:
    """The check can fail, whichever class is wrong: each is taken out once."""
    for class_ in sorted(CLASSES):
        with without(seeded, class_):
            left = {measure for measure, amount in residuals(seeded).items() if amount != "0.00"}
            unnamed = {each[:2] for each in differences(seeded) if each[2] == ""}

        assert left == {each[0] for each in SEEDED if each[2] == class_}, class_
        assert unnamed == {each[:2] for each in SEEDED if each[2] == class_}, class_
    assert residuals(seeded) == {"billed": "0.00", "received": "0.00", "open": "0.00"}


def test_what_nothing_explains_is_shown_without_a_class(desk: Desk) -> None:
    """A document that claims to be as billing means it, and is not: a fault of ours, which must not hide."""
    desk.see(invoice("1", 10_000))
    desk.sync("1", total_cents=9_000)

    assert differences(desk) == [("billed", "1", "", "10.00")]
    assert residuals(desk) == {"billed": "10.00", "open": "0.00"}


def test_the_page_names_every_class() -> None:
    classes = (PROJECT / "docs" / "reconciliation.md").read_text().split("\n## Classes\n")[1]

    assert set(re.findall(r"^\| `(\w+)` \|", classes, re.MULTILINE)) == CLASSES | test_shares.CLASSES
