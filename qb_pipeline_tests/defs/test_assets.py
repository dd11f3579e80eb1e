"""The assets as Dagster makes them: a range of dates, one firm or several, all of the sync's or some."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from qb_pipeline.core.markers import find_marker
from qb_pipeline.definitions import defs
from qb_pipeline.defs import assets
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.extract.scan import Selection
from qb_pipeline.sync.stages import STAGES, Stage, sync_firm
from qb_pipeline_tests.bookkeeper import Bookkeeper
from qb_pipeline_tests.defs.conftest import (
    Orchestra,
    add_firm,
    failed_checks,
    failure,
    metadata_by_partition,
    metadata_of,
    partitions,
)
from qb_pipeline_tests.law_firm import FIRM, LawFirm
from qb_pipeline_tests.received import billed_rows, in_billing, in_quickbooks, receive, set_up


def test_three_days_are_sent_in_one_run_and_each_day_is_green(law_firm: LawFirm, orchestra: Orchestra) -> None:
    """A range, not one day: what passes for one day may fail for several."""
    law_firm.activate()
    for days_ago in range(3):
        law_firm.invoice(str(days_ago), "100.00", days_ago=days_ago)
    law_firm.invoice("too old", "100.00", days_ago=3)
    law_firm.payment("p", applied={"1": "40.00"})

    result = orchestra.sync(law_firm, days=3)

    assert result.success
    assert orchestra.materialized(result) == {step: partitions(FIRM, law_firm.today, 3) for step in STAGES}
    assert sorted(row["DocNumber"] for row in law_firm.books.ours("Invoice")) == ["N-0", "N-1", "N-2"]
    assert [str(row["TotalAmt"]) for row in law_firm.books.ours("Payment")] == ["40.0"]


def test_a_backfill_of_the_job_sends_its_whole_range_and_not_its_first_day_alone(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    """Jobs → sync → Materialize all: the run's tags carry the range and, beside it, the first partition by itself."""
    law_firm.activate()
    for day in range(3):
        law_firm.invoice(str(day), "100.00", days_ago=day)
    first = str(law_firm.today - timedelta(days=2))

    result = orchestra.sync(law_firm, days=3, **{"dagster/partition/date": first, "dagster/partition/firm": FIRM})

    assert result.success
    assert sorted(row["DocNumber"] for row in law_firm.books.ours("Invoice")) == ["N-0", "N-1", "N-2"]
    assert orchestra.materialized(result) == {step: partitions(FIRM, law_firm.today, 3) for step in STAGES}


def test_the_log_knows_the_dagster_run_its_trigger_and_its_actor(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")

    result = orchestra.sync(law_firm, trigger="schedule", actor="dagster")

    rows = law_firm.query("select distinct run_id, trigger, actor from reporting.sync_log")
    assert rows == [{"run_id": result.run_id, "trigger": "schedule", "actor": "dagster"}]


def test_a_run_that_a_person_launched_says_so(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")

    orchestra.sync(law_firm)

    assert law_firm.query("select distinct trigger from reporting.sync_log") == [{"trigger": "page"}]


def test_invoices_alone_send_no_payment(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("p", applied={"1": "40.00"})

    result = orchestra.sync(law_firm, assets=["quickbooks_invoices"])

    assert set(orchestra.materialized(result)) == {"quickbooks_invoices"}
    assert (len(law_firm.books.ours("Invoice")), law_firm.books.ours("Payment")) == (1, [])


def test_payments_alone_send_no_invoice(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("p1", applied={"1": "40.00"})
    orchestra.sync(law_firm, assets=["quickbooks_invoices"])
    law_firm.invoice("2", "100.00")

    result = orchestra.sync(law_firm, assets=["quickbooks_payments"])

    assert set(orchestra.materialized(result)) == {"quickbooks_payments"}
    assert [row["DocNumber"] for row in law_firm.books.ours("Invoice")] == ["N-1"]
    assert len(law_firm.books.ours("Payment")) == 1


def test_work_list_and_plan_alone_are_a_dry_run(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("p", applied={"1": "40.00"})
    before = law_firm.books.statistics()["metered"]["writes"]

    result = orchestra.sync(law_firm, assets=["work_list", "sync_plan"])

    assert law_firm.books.statistics()["metered"]["writes"] == before
    assert law_firm.states() == {"1": ("new", ""), "p": ("new", "")}
    today, yesterday = law_firm.today, law_firm.today - timedelta(days=1)
    shown = [metadata_of(result, "sync_plan", f"{day}|{FIRM}") for day in (yesterday, today)]
    assert [day["plan"] for day in shown] == [
        [{"kind": "invoice", "operation": "create", "documents": 1, "amount": "100.00"}],
        [{"kind": "payment", "operation": "create", "documents": 1, "amount": "40.00"}],
    ]
    assert [day.get("plan id") for day in shown] == [None, result.run_id]
    assert [tuple(row.values()) for day in shown for row in day["documents of the plan"]] == [
        ("invoice:1", str(yesterday), "create", ""),
        ("payment:p", str(today), "create", ""),
    ]


def test_one_chosen_invoice_goes_alone(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    for name in ("1", "2"):
        law_firm.invoice(name, "100.00")
    law_firm.payment("p", applied={"1": "40.00"})

    orchestra.sync(law_firm, invoice_ids=["2"])

    assert [row["DocNumber"] for row in law_firm.books.ours("Invoice")] == ["N-2"]
    assert law_firm.books.ours("Payment") == []


def test_many_chosen_documents_go_together(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    for name in ("1", "2", "3"):
        law_firm.invoice(name, "100.00")
        law_firm.payment(f"p{name}", applied={name: "40.00"})

    orchestra.sync(law_firm, invoice_ids=["1", "3"], payment_ids=["p3"])

    assert sorted(row["DocNumber"] for row in law_firm.books.ours("Invoice")) == ["N-1", "N-3"]
    assert len(law_firm.books.ours("Payment")) == 1


def test_two_firms_in_one_run_reach_their_own_companies(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    other = add_firm(law_firm, "two", invoices=2)

    result = orchestra.sync(law_firm, firm_ids=[FIRM, "two"], days=2)

    both = partitions(FIRM, law_firm.today, 2) | partitions("two", law_firm.today, 2)
    assert orchestra.materialized(result) == dict.fromkeys(STAGES, both)
    assert [row["DocNumber"] for row in law_firm.books.ours("Invoice")] == ["N-1"]
    assert sorted(row["DocNumber"] for row in other.ours("Invoice")) == ["N-two-0", "N-two-1"]


def test_a_firm_that_fails_leaves_the_other_done_and_green_and_names_its_next_step(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    """The failing firm comes first: those after it are done all the same."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")

    result = orchestra.sync(law_firm, firm_ids=["a-newcomer", FIRM], days=2)

    assert not result.success
    assert failure(result) == (
        "There is no firm a-newcomer. Firms here: one. Next step: qb-pipeline firm add a-newcomer --super-user "
        "YOUR-NAME\n"
        "Every other firm of this run is done."
    )
    assert orchestra.materialized(result) == dict.fromkeys(STAGES, partitions(FIRM, law_firm.today, 2))
    assert law_firm.states() == {"1": ("synced", "")}


def test_a_firm_that_quickbooks_does_not_let_in_fails_alone(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    other = add_firm(law_firm, "two", invoices=1)
    law_firm.books.switch(user_access="lost")

    result = orchestra.sync(law_firm, firm_ids=[FIRM, "two"], days=2)

    assert not result.success
    assert failure(result).endswith("Every other firm of this run is done.")
    both = partitions(FIRM, law_firm.today, 2) | partitions("two", law_firm.today, 2)
    went_through = dict.fromkeys(STAGES, partitions("two", law_firm.today, 2))
    assert orchestra.materialized(result) == went_through | {"work_list": both}  # billing could be read
    assert len(other.ours("Invoice")) == 1


@pytest.mark.parametrize(
    ("taken", "says"),
    [
        ([], "There is no firm one. Next step: qb-pipeline firm add one --super-user YOUR-NAME"),
        (["add"], "one is not subscribed: nothing is sent. Next step: qb-pipeline firm subscribe one"),
        (
            ["add", "subscribe"],
            "one has not chosen its model: nothing is sent. Next step: qb-pipeline firm model one 1|2",
        ),
        (
            ["add", "subscribe", "choose_model"],
            "one is not connected: nothing is sent. Next step: qb-pipeline connect one",
        ),
    ],
)
def test_a_firm_that_is_not_set_up_sends_nothing_and_is_told_its_next_step(
    law_firm: LawFirm, orchestra: Orchestra, taken: list[str], says: str
) -> None:
    law_firm.invoice("1", "100.00")
    firms, actor, now = law_firm.deployment.firms, "partner", law_firm.time.now()
    arguments = {
        "add": {"name": "Firm One", "time_zone": "UTC", "currency": "USD", "super_user": "partner"},
        "choose_model": {"model": 1},
    }
    for step in taken:
        getattr(firms, step)(FIRM, **arguments.get(step, {}), actor=actor, now=now)
    before = law_firm.books.statistics()["requests"]

    result = orchestra.sync(law_firm, days=1)

    assert failure(result) == says
    assert orchestra.materialized(result) == {}
    assert law_firm.books.statistics()["requests"] == before


def test_assets_carry_what_their_page_shows() -> None:
    specs = {spec.key.to_user_string(): spec for spec in assets.SYNC_SPECS}

    assert list(specs) == list(STAGES)
    for spec in [*specs.values(), *assets.billing_tables]:
        assert spec.description
        assert spec.group_name in ("billing", "sync", "quickbooks")
        assert spec.owners == ["team:finance-data"]
        assert spec.kinds


def test_assets_follow_from_billing_to_quickbooks() -> None:
    graph = defs().resolve_asset_graph()

    assert {
        key.to_user_string(): sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
    } == {
        "billing/invoices": [],
        "billing/payments": [],
        "work_list": ["billing/invoices", "billing/payments"],
        "mappings": [],
        "sync_plan": ["mappings", "work_list"],
        "quickbooks_releases": ["sync_plan", "work_list"],
        "quickbooks_customers_and_items": ["mappings", "quickbooks_releases", "sync_plan", "work_list"],
        "quickbooks_invoices": ["quickbooks_customers_and_items", "quickbooks_releases", "sync_plan", "work_list"],
        "quickbooks_payments": [
            "quickbooks_customers_and_items", "quickbooks_invoices", "quickbooks_releases", "sync_plan", "work_list",
        ],
        "received_payments": ["quickbooks_invoices"],
        "reconciliation": ["quickbooks_invoices", "quickbooks_payments"],
    }  # fmt: skip


def work_for_every_stage(law_firm: LawFirm, books: Bookkeeper, firm_id: str) -> None:
    """A synced invoice and its payment are voided; two are new, one of a client that QuickBooks lacks, one is paid."""
    yesterday, now = law_firm.today - timedelta(days=1), law_firm.time.now()
    for number in range(3):
        if number == 2:
            law_firm.insert("payers", firm_id=firm_id, payer_id="P2", first_name="Bo", last_name="Lee")
        invoice_id = f"{firm_id}-{number}"
        law_firm.insert(
            "invoices", firm_id=firm_id, invoice_id=invoice_id, invoice_number=f"N-{invoice_id}", total_amount=10,
            invoice_date=yesterday, payer_id="P2" if number == 2 else "P1", created_at=now, updated_at=now,
        )  # fmt: skip
        law_firm.insert(
            "invoice_lines", firm_id=firm_id, invoice_id=invoice_id, line_number=1, quantity=1, unit_price=10, amount=10
        )
        if number == 0:
            pay(law_firm, firm_id, f"{firm_id}-p0", invoice_id)
            with law_firm.deployment.open(firm_id, Run(f"before-{firm_id}", "test", "partner")) as session:
                sync_firm(session, Selection())
            void = "set status = 'void', updated_at = :now where firm_id = :firm_id"
            for relation in ("payments", "invoices"):
                law_firm.change(f"update {relation} {void}", firm_id=firm_id, now=law_firm.time.now())
    pay(law_firm, firm_id, f"{firm_id}-p1", f"{firm_id}-1")


def pay(law_firm: LawFirm, firm_id: str, payment_id: str, invoice_id: str) -> None:
    now = law_firm.time.now()
    law_firm.insert(
        "payments", firm_id=firm_id, payment_id=payment_id, amount=10, received_date=law_firm.today, created_at=now,
        updated_at=now,
    )  # fmt: skip
    law_firm.insert(
        "payment_applications", firm_id=firm_id, payment_id=payment_id, invoice_id=invoice_id, amount=10,
        applied_date=law_firm.today,
    )  # fmt: skip


FAULTS = {
    Stage.SYNC_PLAN: "query",
    Stage.RELEASES: "payment",
    Stage.CUSTOMERS_AND_ITEMS: "customer",
    Stage.INVOICES: "batch",
}
"""What QuickBooks does not answer, so that a stage of a firm with work for every stage fails."""


@pytest.mark.slow
@pytest.mark.parametrize("others", [[], ["three", "two"]], ids=["one firm", "three firms"])
@pytest.mark.parametrize("failing", FAULTS)
def test_the_stage_in_which_a_firm_fails_is_red_and_a_run_from_there_does_what_is_missing(
    law_firm: LawFirm, orchestra: Orchestra, failing: Stage, others: list[str]
) -> None:
    law_firm.activate()
    books = {FIRM: law_firm.books} | {firm_id: add_firm(law_firm, firm_id, invoices=0) for firm_id in others}
    for firm_id, its in books.items():
        work_for_every_stage(law_firm, its, firm_id)
    law_firm.books.fault({"what": "html_503", "match": FAULTS[failing], "times": None})

    result = orchestra.sync(law_firm, days=2, firm_ids=[FIRM, *others])

    index = STAGES.index(failing)
    keys = {firm_id: partitions(firm_id, law_firm.today, 2) for firm_id in books}
    all_firms = set().union(*keys.values())
    steps = {
        step: {event.step_key for event in result.all_events if event.event_type_value == f"STEP_{step}"}
        for step in ("SUCCESS", "FAILURE")
    }
    assert steps == {"SUCCESS": set(STAGES[:index]), "FAILURE": {failing}}
    assert ("HTTP 503" if failing is Stage.SYNC_PLAN else "were lost") in failure(result)
    expected = {stage: all_firms if number < index else all_firms - keys[FIRM] for number, stage in enumerate(STAGES)}
    assert orchestra.materialized(result) == {stage: marked for stage, marked in expected.items() if marked}
    assert {firm_id: held_once(its) for firm_id, its in books.items() if firm_id != FIRM} == {
        firm_id: {f"{firm_id}-{number}": 1 for number in (1, 2)} for firm_id in others
    }

    law_firm.books.heal()
    again = orchestra.sync(law_firm, days=2, firm_ids=[FIRM, *others], assets=[stage.value for stage in STAGES[index:]])

    assert again.success
    assert orchestra.materialized(again) == dict.fromkeys(STAGES[index:], all_firms)
    assert {firm_id: held_once(its) for firm_id, its in books.items()} == {
        firm_id: {f"{firm_id}-{number}": 1 for number in (1, 2)} for firm_id in books
    }
    assert {len(its.ours("Payment")) for its in books.values()} == {1}
    assert {row["state"] for row in law_firm.query("select state from sync.document where kind <> 'refund'")} == {
        "synced", "voided",
    }  # fmt: skip


def held_once(books: Bookkeeper) -> Counter[str]:
    """How many living invoices QuickBooks holds, by billing's id."""
    found = (find_marker(row["PrivateNote"]) for row in books.ours("Invoice"))
    return Counter(mark.source_id for mark in found if mark)


CANARY = "Zzyzxcanary"


@pytest.mark.slow
def test_nothing_of_a_client_reaches_dagsters_storage_and_nothing_is_pickled(law_firm: LawFirm, tmp_path: Path) -> None:
    """Sent, held and refused documents, and a row that breaks the contract: Dagster keeps ids, codes and sums only."""
    law_firm.activate()
    law_firm.insert(
        "payers",
        payer_id="P2",
        first_name=CANARY,
        last_name=f"{CANARY}son",
        email=f"{CANARY}@example.org",
        phone=f"{CANARY} 555",
        address_line1=f"1 {CANARY} Street",
    )
    law_firm.insert("payers", payer_id="P3", first_name="", last_name=CANARY)
    texts = {"customer_message": f"Dear {CANARY}", "internal_note": CANARY, "matter": CANARY, "terms": CANARY}
    lines = [{"quantity": 1, "unit_price": 7, "amount": 7, "description": f"Advice to {CANARY}"}]
    law_firm.invoice("sent", lines=lines, payer_id="P2", **texts)
    law_firm.invoice("held", lines=lines, payer_id="P3", **texts)
    law_firm.invoice("refused", lines=lines, payer_id="P2", invoice_number="N-sent", **texts)
    law_firm.payment("p", applied={"sent": "7.00"}, payer_id="P2", memo=CANARY)
    law_firm.books.create("Customer", {"DisplayName": f"{CANARY} of another program"})
    with dg.DagsterInstance.local_temp(str(tmp_path), {"telemetry": {"enabled": False}}) as instance:
        sent = Orchestra(instance).sync(law_firm)
        with law_firm.billing.begin() as connection:
            connection.execute(sa.text("alter table billing.payers drop constraint payers_kind_check"))
            connection.execute(
                sa.text("update billing.payers set kind = :kind where payer_id = 'P2'"), {"kind": CANARY}
            )
        law_firm.invoice("broken", lines=lines, payer_id="P2", **texts)
        broken = Orchestra(instance).sync(law_firm)

    assert (sent.success, failure(broken)) == (
        True,
        "Payers breaks its contract: kind: isin(('individual', 'corporation')) (1); rows P2. "
        "Compare the billing database with the contract (`billing check`) and correct it there.",
    )
    assert len(law_firm.books.ours("Payment")) == 1
    files = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert sum(sent.run_id.encode() in content for content in files.values()) > 0
    assert [str(path) for path, content in files.items() if CANARY.lower().encode() in content.lower()] == []
    of_dagster = [path for path in files if path.parts[0] != "home"]  # what is ours stands in the home
    assert [
        str(path)
        for path in of_dagster
        if path.suffix not in (".db", ".db-shm", ".db-wal", ".err", ".out", ".complete")
    ] == []


# The payments that QuickBooks received


def test_a_person_s_run_reads_the_chosen_dates_anew(law_firm: LawFirm, orchestra: Orchestra) -> None:
    [invoice] = set_up(law_firm, "100.00")
    receive(law_firm, {"id": invoice, "amount": "60.00"}, date=str(law_firm.today - timedelta(days=1)))
    receive(law_firm, {"id": invoice, "amount": "5.00"}, date=str(law_firm.today - timedelta(days=9)))

    result = orchestra.pull(law_firm, days=3)

    shown = metadata_by_partition(result, "received_payments")
    before, yesterday, today = (f"{law_firm.today - timedelta(days=ago)}|{FIRM}" for ago in (2, 1, 0))
    assert [str(row["amount"]) for row in billed_rows(law_firm)] == ["60.00"]
    assert {
        partition: (
            metadata["payments posted"], metadata["payments posted: amount"],
            metadata["of this date: payments that billing holds"],
        )
        for partition, metadata in shown.items()
    } == {before: (0, "0.00", 0), yesterday: (1, "60.00", 1), today: (0, "0.00", 0)}  # fmt: skip
    own = ("invoices with a recent payment", "requests: reads (metered)")
    assert {partition: [metadata.get(name) for name in own] for partition, metadata in shown.items()} == {
        before: [None, None], yesterday: [None, None], today: [1, 1],
    }  # fmt: skip


def test_days_of_a_firm_that_went_through_are_marked_although_another_failed(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    [invoice] = set_up(law_firm, "100.00")
    receive(law_firm, {"id": invoice, "amount": "60.00"}, date=str(law_firm.today))
    add_firm(law_firm, "two", invoices=0)

    result = orchestra.pull(law_firm, days=2, firm_ids=(FIRM, "two"))

    assert failure(result).endswith("Every other firm of this run is done.")
    assert orchestra.materialized(result) == {"received_payments": partitions(FIRM, law_firm.today, 2)}
    shown = metadata_by_partition(result, "received_payments", orchestra.instance)
    assert [shown[key]["payments posted: amount"] for key in sorted(shown)] == ["0.00", "60.00"]


def test_a_backfill_of_the_job_reads_its_whole_range_and_not_its_first_day_alone(
    law_firm: LawFirm, orchestra: Orchestra
) -> None:
    """Jobs → pull_payments → Materialize all: the tags carry the range and the first partition by itself."""
    [invoice] = set_up(law_firm, "100.00")
    receive(law_firm, {"id": invoice, "amount": "60.00"}, date=str(law_firm.today))
    first = str(law_firm.today - timedelta(days=2))

    result = orchestra.pull(law_firm, days=3, **{"dagster/partition/date": first, "dagster/partition/firm": FIRM})

    assert [str(row["amount"]) for row in billed_rows(law_firm)] == ["60.00"]
    assert orchestra.materialized(result) == {"received_payments": partitions(FIRM, law_firm.today, 3)}


@pytest.mark.slow
def test_a_firm_of_model_1_is_named_with_its_next_step(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()

    assert failure(orchestra.pull(law_firm)) == (
        "one uses model 1: its payments go to QuickBooks, and none come back. Next step: qb-pipeline firm model one 2"
    )


@pytest.mark.slow
def test_metadata_names_no_client_and_no_single_document(law_firm: LawFirm, orchestra: Orchestra) -> None:
    [invoice] = set_up(law_firm, "100.00")
    receive(law_firm, invoice, date=str(law_firm.today), note="secret note", reference="secret 1")

    result = orchestra.pull(law_firm)

    shown: Any = [*metadata_of(result, "received_payments").items(), *result.all_events]
    assert "secret" not in repr(shown)
    assert in_billing(law_firm) == in_quickbooks(law_firm)


# The reconciliation


def test_a_firm_that_agrees_is_green(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("p1", applied={"1": "40.00"})
    law_firm.sync()
    law_firm.books.count_anew()

    result = orchestra.reconcile(law_firm, FIRM)

    assert result.success
    assert failed_checks(result) == {}
    assert law_firm.books.requests() == {"GET cdc": 1, "POST query": 8}  # the first look: a page of each type
    rows = metadata_of(result, "reconciliation")["measures"]
    assert [tuple(row.values()) for row in rows] == [
        ("owed", "60.00", "60.00", "0.00", "0.00"),
        ("billed", "100.00", "100.00", "0.00", "0.00"),
        ("open", "60.00", "60.00", "0.00", "0.00"),
        ("received", "40.00", "40.00", "0.00", "0.00"),
    ]
    [logged] = law_firm.query(
        "select trigger, reads, writes, outcome from sync.run where run_id = :id", id=result.run_id
    )
    assert logged == {"trigger": "page", "reads": 9, "writes": 0, "outcome": "done"}


def test_a_firm_that_fails_is_named_and_the_other_is_done(law_firm: LawFirm, orchestra: Orchestra) -> None:
    law_firm.activate()
    add_firm(law_firm, "two", invoices=0)
    law_firm.deployment.firms.pause("two", actor="partner", now=law_firm.time.now())

    result = orchestra.reconcile(law_firm, FIRM, "two")

    assert not result.success
    assert "two" in failure(result)
    assert orchestra.materialized(result) == {"reconciliation": {FIRM}}
