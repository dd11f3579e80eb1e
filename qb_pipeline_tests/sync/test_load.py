"""A stage that sends does its own part under the lease, counts it, and ends green over nothing that stands unsent."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.sending.lease import BusyError
from qb_pipeline.ledger.setup.bindings import BindingError
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.failures import UnfinishedError
from qb_pipeline.sync.load import Passes, load_customers_and_items, load_documents
from qb_pipeline.sync.make_plan import MORE_LOOKS, Applied
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

INVOICES: Passes = ((False, Kind.INVOICE),)
PAYMENTS: Passes = ((False, Kind.PAYMENT),)
EVERYTHING = Selection()


@contextmanager
def opened(law_firm: LawFirm, run_id: str = "run-1") -> Iterator[FirmSession]:
    with law_firm.deployment.open(FIRM, Run(run_id, "test", PARTNER)) as session:
        session.log.begin(session.run, now=session.clock())
        yield session


def load(
    session: FirmSession,
    passes: Passes = INVOICES,
    selection: Selection = EVERYTHING,
    *,
    counted: Sequence[Kind] = (),
    applied: Applied | None = None,
) -> Learned:
    return load_documents(
        session, selection, passes, look_again_at=passes, counted=counted, applied=applied, records_refunds=False,
        is_first=True, is_last=True, has_looked=False,
    )  # fmt: skip


def load_references(session: FirmSession, selection: Selection = EVERYTHING) -> Learned:
    return load_customers_and_items(session, selection, applied=None, is_first=True, has_looked=False)


@pytest.fixture
def listed(law_firm: LawFirm) -> LawFirm:
    """Two invoices of two new clients, one of them paid, are on the work list."""
    law_firm.activate()
    law_firm.insert("payers", payer_id="P2", first_name="Bo", last_name="Lee")
    law_firm.invoice("1", "100.00")
    law_firm.invoice("2", "20.00", payer_id="P2")
    law_firm.payment("p", applied={"1": "40.00"})
    law_firm.sync(["work_list"])
    law_firm.books.count_anew()
    return law_firm


NEW = {"1": ("new", ""), "2": ("new", ""), "p": ("new", "")}


def test_a_stage_sends_what_its_passes_are_about_and_a_second_one_finds_nothing_left(listed: LawFirm) -> None:
    with opened(listed) as session:
        load(session)
        after_invoices, sends = listed.states(), listed.sends()
        load(session)
        again = listed.sends()
        load(session, PAYMENTS)

    assert after_invoices == NEW | {"1": ("synced", ""), "2": ("synced", "")}
    assert (again, listed.states()) == (sends, dict.fromkeys(NEW, ("synced", "")))


def test_without_passes_and_without_work_nothing_is_sent(listed: LawFirm) -> None:
    with opened(listed) as session:
        learned = load(session, ())
        load(session, INVOICES, Selection(documents=[DocumentName(Kind.PAYMENT, "p")]))

    assert (learned, listed.states(), listed.books.writes()) == (NOTHING, NEW, 0)


def test_only_the_kinds_that_are_to_be_counted_are_counted(listed: LawFirm) -> None:
    with opened(listed) as session:
        load(session)
        uncounted = session.censuses.of_run(session.run)
        load(session, PAYMENTS, counted=[Kind.PAYMENT])
        counted = session.censuses.of_run(session.run)

    assert (uncounted, [(row.kind, row.documents, row.living) for row in counted]) == (
        [], [("payment", 1, 1)],
    )  # fmt: skip


def test_customers_are_made_for_the_invoices_of_a_selection_before_any_of_them_leaves(listed: LawFirm) -> None:
    chosen = Selection(documents=[DocumentName(Kind.INVOICE, "2")])
    with opened(listed) as session:
        first = load_references(session, chosen)
        made, writes = listed.in_quickbooks("customer"), listed.books.writes()
        load_references(session, chosen)
        again = listed.books.writes()
        load_references(session, Selection(documents=[DocumentName(Kind.PAYMENT, "p")]))

    assert (first.not_created, made, writes, again) == ({}, {"P2": 1}, 1, 1)
    assert (listed.states(), listed.in_quickbooks("customer")) == (NEW, {"P2": 1})


def test_a_customer_that_cannot_be_made_is_told_and_its_invoice_says_so(listed: LawFirm) -> None:
    for name in ("Bo Lee", "Bo Lee (P2)"):
        listed.books.do("edit", entity="Vendor", changes={"DisplayName": name})

    with opened(listed) as session:
        learned = load_references(session)
        before = listed.states()
        load(session)

    assert learned.not_created == {(Kind.CUSTOMER, "P2"): Problem.NAME_TAKEN}
    assert (before, listed.states()) == (NEW, NEW | {"1": ("synced", ""), "2": ("held", "NAME_TAKEN")})


def test_while_another_run_writes_to_the_company_nothing_is_sent(listed: LawFirm) -> None:
    with opened(listed, "run-2") as other, other.sending(), opened(listed) as session:
        waiting = replace(session, sleep=lambda _seconds: None)
        with pytest.raises(BusyError, match="one is BUSY: run run-2"):
            load(waiting)
        with pytest.raises(BusyError, match="one is BUSY: run run-2"):
            load_references(waiting)

    assert (listed.states(), listed.books.requests()) == (NEW, {})


def test_a_firm_whose_ledger_was_restored_sends_nothing(listed: LawFirm) -> None:
    with opened(listed) as session:
        fingerprint = session.billing.fingerprint()
        session.bindings.bind(company="", billing=fingerprint, now=session.clock(), reconcile_first="restored")
        with pytest.raises(BindingError, match="qb-pipeline db reconcile-first one"):
            load(session)
        with pytest.raises(BindingError, match="qb-pipeline db reconcile-first one"):
            load_references(session)

    assert (listed.states(), listed.books.requests()) == (NEW, {})


def test_a_plan_of_nothing_that_is_applied_sends_nothing(listed: LawFirm) -> None:
    nothing: dict[int, Any] = {}
    with opened(listed) as session:
        load(session, applied=nothing)

    assert (listed.states(), listed.books.writes()) == (NEW, 0)


def test_a_stage_fails_over_what_stands_unsent_and_names_how_many(listed: LawFirm) -> None:
    """QuickBooks refuses it each time because somebody else is at work; the run looks again, and then gives up."""
    busy = {"what": "refused", "code": "6000", "detail": "Another user is working on this at the same time"}
    listed.books.fault(busy | {"match": "batch", "times": None})

    with opened(listed) as session, pytest.raises(UnfinishedError, match="one: 2 invoices of this run were not sent"):
        load(session)

    assert (listed.states(), listed.in_quickbooks("invoice")) == (NEW, {})
    assert listed.books.requests()["POST batch"] == 1 + MORE_LOOKS
