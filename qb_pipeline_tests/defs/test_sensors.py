"""Sensors: they look at billing and the work list, and never at QuickBooks."""

import dagster as dg
import pytest

from qb_pipeline.definitions import defs
from qb_pipeline.defs.sensors import auto_sync_payments, sync_again
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


def tick(sensor: dg.SensorDefinition, law_firm: LawFirm) -> list[dg.RunRequest]:
    """Evaluate a sensor once; gives the runs that it asks for."""
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(
            instance=instance, resources={"companies": law_firm.companies}, definitions=defs()
        )
        return list(sensor.evaluate_tick(context).run_requests or [])


def change_settings(law_firm: LawFirm, **settings: str) -> None:
    law_firm.companies.firms.change_settings(FIRM, settings, actor=PARTNER, now=law_firm.time.now())


def test_a_revised_invoice_is_asked_for_by_name_and_on_its_date(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00", days_ago=3)
    law_firm.invoice("2", "20.00", days_ago=1)
    law_firm.sync()
    law_firm.change("update invoices set terms = 'Net 10', updated_at = now() where invoice_id = '1'")
    asked = law_firm.books.statistics()["requests"]

    [request] = tick(sync_again, law_firm)

    day = next(row["document_date"] for row in law_firm.query("select * from sync.document where source_id = '1'"))
    assert request.run_config == {"resources": {"chosen": {"config": {"invoice_ids": ["1"], "payment_ids": []}}}}
    assert {key: request.tags[key] for key in ("firm", "trigger", "dagster/asset_partition_range_start")} == {
        "firm": FIRM,
        "trigger": "sync_again",
        "dagster/asset_partition_range_start": f"{day}|{FIRM}",
    }
    assert law_firm.books.statistics()["requests"] == asked


def test_a_lost_cursor_changes_nothing_equal_work_has_an_equal_key(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.sync()
    law_firm.change("update invoices set status = 'void', updated_at = now() where invoice_id = '1'")

    first, second = tick(sync_again, law_firm), tick(sync_again, law_firm)

    assert [request.run_key for request in first] == [request.run_key for request in second]
    assert len(first) == 1


def test_without_a_revision_nothing_is_asked_for(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")

    assert tick(sync_again, law_firm) == []


def test_payments_go_by_themselves_only_where_the_firm_wants_it(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.sync()
    law_firm.payment("p1", applied={"1": "10.00"})

    before = tick(auto_sync_payments, law_firm)
    change_settings(law_firm, auto_sync_payments="on")
    after = tick(auto_sync_payments, law_firm)

    assert before == []
    assert [request.run_config["resources"]["chosen"]["config"]["payment_ids"] for request in after] == [["p1"]]


@pytest.mark.parametrize("sensor", [sync_again, auto_sync_payments], ids=lambda sensor: sensor.name)
def test_a_firm_that_is_not_active_is_never_touched(law_firm: LawFirm, sensor: dg.SensorDefinition) -> None:
    law_firm.invoice("1", "10.00")

    assert tick(sensor, law_firm) == []
    assert law_firm.query("select * from sync.document") == []
