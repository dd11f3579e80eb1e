"""What a plan keeps for its stages comes back digit for digit, as long as all that it rests on stands."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.documents.payloads import Content
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.ledger.books.applications import Application
from qb_pipeline.ledger.books.documents import WORK_COLUMNS, WorkItem, work_items
from qb_pipeline.ledger.books.planned import PlannedDocument
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.mapping.references import NOT_YET
from qb_pipeline.sync.plan.keep import Ahead, Kept, find_basis, keep, read_ready, stands, take, write_ready
from qb_pipeline.sync.plan.plan import Plan, make_ready
from qb_pipeline.sync.plan.ready import Ready
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm
from qb_pipeline_tests.sync.plan.test_plan import work

RUN = Run("run-1", "test", PARTNER)
BODY = {"CustomerRef": {"value": "7"}}


def item(document_id: int, kind: Kind = Kind.INVOICE, **values: Any) -> WorkItem:
    """A row of the work list; an invoice's number is its own."""
    [row] = work("")
    return replace(row, document_id=document_id, kind=kind, source_id=str(document_id), **values)


def frame(*rows: WorkItem) -> pd.DataFrame:
    return pd.DataFrame([asdict(row) for row in rows], columns=WORK_COLUMNS)


def decided(operation: Operation, *rows: WorkItem, pays: frozenset[str] = frozenset(), **ready: Any) -> Plan:
    """A plan that does the same with each of these; ``pays`` are the invoices that payments hang on."""
    plan = Plan(hangs_on={row.document_id: pays for row in rows if row.kind == Kind.PAYMENT})
    for row in rows:
        plan.decide(row, operation)
        if ready:
            plain: dict[str, Any] = {
                "document_id": row.document_id, "kind": row.kind, "source_id": row.source_id, "part": "",
                "operation": operation, "former_state": row.state, "source_hash": row.source_hash, "marker": "mark",
                "body": BODY, "fingerprint": "", "total_cents": 100,
            }  # fmt: skip
            plan.ready.append(Ready(**plain | ready))
    return plan


def added(operation: Operation, *rows: WorkItem, voids: bool = False, pays: frozenset[str] = frozenset()) -> Ahead:
    """What lies ahead when one chunk was planned."""
    ahead = Ahead()
    ahead.add(decided(operation, *rows, pays=pays), frame(*rows), voids=voids)
    return ahead


def test_where_nothing_lies_ahead_everything_is_decided_for_good() -> None:
    rows = item(1, number="N-1"), item(2, Kind.PAYMENT)
    plan = decided(Operation.CREATE, *rows, pays=frozenset({"1"}))

    for voids in (True, False):
        assert Ahead().undecided(plan, frame(*rows), voids=voids) == set()
    assert Ahead().undecided(Plan(), frame(), voids=False) == set()


@pytest.mark.parametrize("operation", [Operation.SKIP, Operation.HOLD, Operation.WAIT, Operation.CLOSE])
def test_what_is_not_sent_changes_nothing_for_what_comes_later(operation: Operation) -> None:
    rows = item(1, number="N-1"), item(2, Kind.PAYMENT)

    assert added(operation, *rows, voids=True, pays=frozenset({"1"})) == Ahead()


def test_what_hangs_on_a_void_is_decided_when_it_is_done() -> None:
    """A payment's void sets money free for everything; an invoice's void keeps no other void back."""
    payment, invoice = item(1, Kind.PAYMENT), item(2, number="N-2")
    to_void, to_send = decided(Operation.VOID, invoice), decided(Operation.CREATE, invoice)
    after_payment = added(Operation.VOID, payment, voids=True)
    after_invoice = added(Operation.VOID, item(3, number="N-3"), voids=True)

    assert [
        ahead.undecided(plan, frame(invoice), voids=voids)
        for ahead in (after_payment, after_invoice)
        for plan, voids in ((to_void, True), (to_send, False))
    ] == [{2}, {2}, set(), {2}]
    assert after_payment.undecided(decided(Operation.VOID, payment), frame(payment), voids=True) == set()


def test_only_a_payment_on_what_is_changed_and_an_invoice_of_its_number_hang_on_it() -> None:
    ahead = added(Operation.UPDATE, item(1, number="N-1"))
    same, other = item(2, number="N-1"), item(3, number="N-3")
    on_it, elsewhere = item(4, Kind.PAYMENT), item(5, Kind.PAYMENT)
    plan = decided(Operation.CREATE, same, other)
    plan.add(decided(Operation.CREATE, on_it, pays=frozenset({"1", "0"})))
    plan.add(decided(Operation.CREATE, elsewhere, pays=frozenset({"9"})))

    assert ahead.undecided(plan, frame(same, other, on_it, elsewhere), voids=False) == {2, 4}


def test_a_payment_that_is_sent_changes_what_is_open_on_its_invoices_for_the_next() -> None:
    first, second = item(1, Kind.PAYMENT), item(2, Kind.PAYMENT)
    ahead = added(Operation.CREATE, first, pays=frozenset({"9"}))

    assert ahead == Ahead(invoices={"9"})
    assert ahead.undecided(
        decided(Operation.CREATE, second, pays=frozenset({"9"})), frame(second), voids=False
    ) == {2}  # fmt: skip


@pytest.mark.parametrize(
    ("ready", "undecided"),
    [
        ({"body": BODY}, set()),
        ({"body": {"CustomerRef": {"value": NOT_YET}}}, {1}),
        ({"body": BODY | {"Line": [{"SalesItemLineDetail": {"ItemRef": {"value": NOT_YET}}}]}}, {1}),
        ({"applications": (Application("9", "", 100),)}, {1}),
        ({"applications": (Application("9", "17", 100),)}, set()),
    ],
)
def test_a_document_that_needs_what_quickbooks_lacks_yet_is_decided_later(
    ready: dict[str, Any], undecided: set[int]
) -> None:
    assert Ahead().undecided(decided(Operation.CREATE, item(1), **ready), frame(item(1)), voids=False) == undecided


# With a ledger


@contextmanager
def opened(law_firm: LawFirm, run: Run = RUN) -> Iterator[FirmSession]:
    """A session of one stage; the run goes on after it."""
    with law_firm.deployment.open(FIRM, run) as session:
        session.log.begin(run, now=session.clock())
        yield session


def keep_basis(session: FirmSession) -> None:
    basis = find_basis(session)
    assert basis is not None
    session.planned.keep_basis(session.run, basis)


@pytest.fixture
def listed(law_firm: LawFirm) -> LawFirm:
    """Three invoices are on the work list."""
    law_firm.activate()
    for name in ("1", "2", "3"):
        law_firm.invoice(name, "100.00")
    law_firm.sync(["work_list"])
    return law_firm


def on_the_list(session: FirmSession) -> pd.DataFrame:
    [frame] = session.documents.choose(Kind.INVOICE, first=None, last=None)
    return frame


def plan_all(session: FirmSession, rows: pd.DataFrame) -> Plan:
    plan = Plan()
    for row in work_items(rows):
        body = BODY | {"DocNumber": row.number, "TotalAmt": Decimal("100.00")}
        content = Content(body, row.amount_cents, f"print-{row.source_id}", ("a notice",))
        plan.decide(row, Operation.CREATE)
        plan.ready.append(make_ready(session, row, Operation.CREATE, content, body))
    return plan


AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, places=7)
BODIES = st.dictionaries(st.text(max_size=4), AMOUNTS | st.text(max_size=4) | st.booleans() | st.none(), max_size=4)
APPLICATIONS = st.builds(Application, st.text(max_size=3), st.text("123", min_size=1, max_size=3), st.integers(1))


def test_what_is_ready_comes_back_as_it_was_kept(listed: LawFirm) -> None:
    with opened(listed) as session:
        row = work_items(on_the_list(session))[0]

        @given(
            BODIES,
            st.text(max_size=4),
            st.integers(),
            st.lists(APPLICATIONS, max_size=2),
            st.lists(st.text(max_size=4)),
        )
        def law(body: dict[str, Any], mark: str, cents: int, pays: list[Application], notices: list[str]) -> None:
            content = Content(body, cents, mark, tuple(notices))
            ready = make_ready(session, row, Operation.UPDATE, content, body, tuple(pays))
            kept = PlannedDocument(row.document_id, Operation.UPDATE, row.source_hash, write_ready(ready))
            assert read_ready(session, row, kept) == ready

        law()


def test_a_stage_takes_what_was_planned_in_the_order_of_the_work_list_and_leaves_what_moved(listed: LawFirm) -> None:
    with opened(listed) as session:
        rows = on_the_list(session)
        plan, ids = plan_all(session, rows), list(rows["document_id"])
        without_a_plan = take(session, rows)
        keep_basis(session)
        keep(session, plan, ())
        whole, turned, nothing = take(session, rows), take(session, rows[::-1]), take(session, rows[:0])
        listed.change(
            "update invoices set total_amount = 90, updated_at = :now where invoice_id = '2'", now=listed.time.now()
        )
        after_billing = take(session, rows)
        session.planned.forget(session.run)
        forgotten = take(session, rows)

    assert without_a_plan == nothing == forgotten == Kept()
    assert whole == Kept(tuple(plan.ready), frozenset(ids))
    assert turned == Kept(tuple(plan.ready[::-1]), frozenset(ids))
    assert after_billing == Kept((plan.ready[0], plan.ready[2]), frozenset({ids[0], ids[2]}))


def test_what_is_undecided_is_not_kept_or_only_by_name(listed: LawFirm) -> None:
    """Where a plan is applied, each of its documents is named, so that one that moves is noticed."""
    with opened(listed) as session:
        rows = on_the_list(session)
        plan, ids = plan_all(session, rows), list(rows["document_id"])
        keep_basis(session)

        keep(session, plan, ids[:2])
        unnamed = set(session.planned.unmoved(session.run, ids)), take(session, rows)
        keep(session, plan, ids[:2], named=True)
        named = set(session.planned.unmoved(session.run, ids)), take(session, rows)

    decided_for_good = Kept((plan.ready[2],), frozenset(ids[2:]))
    assert (unnamed, named) == (({ids[2]}, decided_for_good), (set(ids), decided_for_good))


def test_a_document_that_is_not_sent_is_decided_and_not_ready(listed: LawFirm) -> None:
    with opened(listed) as session:
        rows = on_the_list(session)
        plan = Plan()
        for row in work_items(rows):
            plan.decide(row, Operation.SKIP)
        keep_basis(session)
        keep(session, plan, ())

        assert take(session, rows) == Kept((), frozenset(rows["document_id"]))


def test_what_was_planned_stands_for_the_very_next_one_who_writes_to_the_company(law_firm: LawFirm) -> None:
    law_firm.activate()
    with opened(law_firm) as session:
        without_a_plan = stands(session, 1)
        keep_basis(session)
        with session.sending() as sender:
            busy, next_one = find_basis(session), stands(session, sender.epoch)
        with session.sending() as sender:
            after_another = stands(session, sender.epoch)

    assert (without_a_plan, busy, next_one, after_another) == (False, None, True, False)


def test_a_setting_or_a_mapping_that_a_person_changes_overtakes_the_plan_until_it_is_changed_back(
    law_firm: LawFirm,
) -> None:
    law_firm.activate(tax_policy="none")
    other = law_firm.books.create("Customer", {"DisplayName": "Diaz & Sons"})["Id"]
    firms = law_firm.deployment.firms
    with opened(law_firm) as session:
        keep_basis(session)

    def still() -> bool:
        with opened(law_firm) as session:
            return stands(session, 1)

    found = [still()]
    for policy in ("total", "none"):
        firms.change_settings(FIRM, {"tax_policy": policy}, actor=PARTNER, now=law_firm.time.now())
        found.append(still())
    law_firm.map("payer", "P1", other)
    found.append(still())

    assert found == [True, False, True, False]
