"""The work list follows billing: what is chosen, what changed, what vanished and what came back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from qb_pipeline.core.planning.preflight import read_settings
from qb_pipeline.ledger.log import Run
from qb_pipeline.sync.extract.scan import sweep
from qb_pipeline.sync.session.company_reads import CompanyReads
from qb_pipeline_tests.law_firm import FIRM, LawFirm

SCAN = ["work_list"]


def whole(law_firm: LawFirm, **more: object) -> object:
    return law_firm.sync(first=law_firm.today - timedelta(days=400), last=law_firm.today, **more)  # type: ignore[arg-type]


def test_listing_changes_nothing_in_quickbooks(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.books.count_anew()

    report = law_firm.sync(SCAN)

    assert report.scanned == {"seen": 1, "changed": 1}
    assert (law_firm.states(), law_firm.books.requests()) == ({"1": ("new", "")}, {})


def test_without_dates_everything_unsynced_is_sent(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("old", "1.00", days_ago=400)
    law_firm.invoice("new", "2.00", days_ago=0)

    law_firm.sync()

    assert law_firm.states() == {"old": ("synced", ""), "new": ("synced", "")}


def test_both_ends_of_a_date_range_belong_to_it(law_firm: LawFirm) -> None:
    law_firm.activate()
    for days in (1, 2, 3, 4):
        law_firm.invoice(str(days), "1.00", days_ago=days)
        law_firm.payment(f"p{days}", applied={str(days): "1.00"}, days_ago=days)

    law_firm.sync(first=law_firm.today - timedelta(days=3), last=law_firm.today - timedelta(days=2))

    assert law_firm.states() == dict.fromkeys(("2", "3", "p2", "p3"), ("synced", ""))


def test_only_documents_created_since_the_firm_says_so_are_available(law_firm: LawFirm) -> None:
    activation = datetime(2026, 3, 1, tzinfo=UTC)
    law_firm.activate(eligible_since=activation)
    law_firm.invoice("before", "1.00", created_at=activation - timedelta(seconds=1))
    law_firm.invoice("after", "1.00", created_at=activation)
    law_firm.payment("on-before", applied={"before": "1.00"})
    law_firm.payment("on-both", applied={"before": "0.50", "after": "0.50"})
    law_firm.payment("on-after", applied={"after": "1.00"})

    law_firm.sync()

    assert law_firm.states() == {
        "after": ("synced", ""), "on-after": ("synced", ""), "on-both": ("held", "INVOICE_INELIGIBLE"),
    }  # fmt: skip


def test_a_posted_row_that_vanishes_is_held_and_nothing_is_voided(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.payment("p1", applied={"1": "40.00"})
    law_firm.sync()
    law_firm.remove("payment_applications")
    law_firm.remove("payments")
    law_firm.books.count_anew()

    whole(law_firm)

    assert law_firm.states() == {"1": ("synced", ""), "p1": ("held", "SOURCE_GONE")}
    assert law_firm.books.requests() == {}
    [invoice] = law_firm.books.ours("Invoice")
    assert str(invoice["Balance"]) == "60.0"
    assert law_firm.activities("held") == [("payment", "p1", "held", "SOURCE_GONE")]


def test_a_row_that_comes_back_takes_up_its_document(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    with law_firm.billing.begin() as connection:
        connection.exec_driver_sql("create table kept_lines as select * from billing.invoice_lines")
        connection.exec_driver_sql("create table kept as select * from billing.invoices")
    law_firm.remove("invoice_lines")
    law_firm.remove("invoices")
    whole(law_firm)
    assert law_firm.states() == {"1": ("held", "SOURCE_GONE")}
    with law_firm.billing.begin() as connection:
        connection.exec_driver_sql("insert into billing.invoices select * from kept")
        connection.exec_driver_sql("insert into billing.invoice_lines select * from kept_lines")

    whole(law_firm)

    assert law_firm.states() == {"1": ("synced", "")}
    assert [row["SyncToken"] for row in law_firm.books.all("Invoice")] == ["0"]


def test_an_unsent_row_that_vanishes_is_closed_and_new_again_when_it_is_back(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync(SCAN)
    law_firm.remove("invoice_lines")
    law_firm.remove("invoices")

    law_firm.sync()
    gone = law_firm.states()
    law_firm.invoice("1", "100.00")
    law_firm.sync()

    assert (gone, law_firm.states()) == ({"1": ("closed", "VOID_BEFORE_SENT")}, {"1": ("synced", "")})


def test_what_moves_to_another_date_is_not_taken_for_gone(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00", days_ago=5)
    law_firm.sync()
    law_firm.change("update invoices set invoice_date = invoice_date - 30")
    day = law_firm.today - timedelta(days=5)

    law_firm.sync(first=day, last=day)

    assert law_firm.states() == {"1": ("revised", "")}


def test_a_day_of_credit_that_is_taken_back_is_gone_although_the_payment_is_there(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00", days_ago=9)
    law_firm.payment("c", amount="80.00", kind="credit_application", method="credit")
    before, after = law_firm.today - timedelta(days=6), law_firm.today - timedelta(days=2)
    law_firm.apply("c", "1", "30.00", before)
    law_firm.apply("c", "1", "50.00", after)
    law_firm.sync()
    law_firm.remove("payment_applications", applied_date=after)

    whole(law_firm)

    assert law_firm.states("payment") == {f"c@{before}": ("synced", ""), f"c@{after}": ("held", "SOURCE_GONE")}


def test_an_invoice_that_is_a_draft_again_is_seen_and_not_gone(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    law_firm.change("update invoices set status = 'draft'")

    whole(law_firm)

    assert law_firm.states() == {"1": ("held", "WITHDRAWN")}


def test_what_is_dated_far_ahead_waits_until_its_day_is_near(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00", days_ago=-40)
    law_firm.sync()
    waiting = law_firm.states()
    law_firm.time.sleep(10 * 24 * 3600)

    law_firm.sync()

    assert (waiting, law_firm.states()) == ({"1": ("waiting", "DATED_AHEAD")}, {"1": ("synced", "")})


def test_a_day_of_credit_outside_the_dates_is_looked_up_before_it_is_taken_for_gone(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00", days_ago=9)
    law_firm.payment("c", amount="80.00", kind="credit_application", method="credit")
    before, after = law_firm.today - timedelta(days=6), law_firm.today - timedelta(days=2)
    law_firm.apply("c", "1", "30.00", before)
    law_firm.apply("c", "1", "50.00", after)
    law_firm.sync()

    law_firm.sync(first=after, last=after)

    assert law_firm.states("payment") == {f"c@{before}": ("synced", ""), f"c@{after}": ("synced", "")}


def sweep_now(law_firm: LawFirm) -> dict[str, int]:
    with law_firm.deployment.open(FIRM, Run("daily", "schedule", "dagster")) as session:
        return sweep(session)


def test_a_sweep_finds_once_a_day_what_changed_without_saying_so_and_what_was_deleted(law_firm: LawFirm) -> None:
    law_firm.activate()
    for name in ("changed", "deleted", "kept"):
        law_firm.invoice(name, "100.00", days_ago=300)
    law_firm.sync()
    assert sweep_now(law_firm) == {"seen": 3, "changed": 0, "gone": 0}
    with law_firm.billing.begin() as connection:
        connection.exec_driver_sql("set local session_replication_role = replica")  # no trigger moves updated_at
        connection.exec_driver_sql("update billing.invoices set total_amount = 90 where invoice_id = 'changed'")
        connection.exec_driver_sql("delete from billing.invoices where invoice_id = 'deleted'")

    assert sweep_now(law_firm) == {}
    assert set(law_firm.states().values()) == {("synced", "")}
    law_firm.time.skipped += timedelta(days=1)

    assert sweep_now(law_firm) == {"seen": 2, "changed": 1, "gone": 1}
    assert law_firm.states() == {
        "changed": ("revised", ""), "deleted": ("held", "SOURCE_GONE"), "kept": ("synced", ""),
    }  # fmt: skip


def test_a_sweep_is_bounded_by_its_period_and_by_the_closing_of_the_books(law_firm: LawFirm) -> None:
    law_firm.activate()
    for days_ago in (403, 397, 20, 7):
        law_firm.invoice(str(days_ago), "100.00", days_ago=days_ago)
    with law_firm.deployment.open(FIRM, Run("daily", "schedule", "dagster")) as session:
        counts = [sweep(session)["seen"]]
        law_firm.time.skipped += timedelta(days=1)
        settings = replace(read_settings({}, {}), books_closed_through=law_firm.today - timedelta(days=12))
        closed = CompanyReads(session.quickbooks, remembered=settings, remember=lambda _settings: None)
        counts.append(sweep(replace(session, company=closed))["seen"])

    assert counts == [3, 1]
