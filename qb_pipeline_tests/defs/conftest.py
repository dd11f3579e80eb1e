"""Dagster for real, in this process: an instance that is gone afterwards, and the job on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from qb_pipeline.defs import jobs
from qb_pipeline.defs.assets import billing_tables, sync_firms
from qb_pipeline.defs.partitions import firms
from qb_pipeline.defs.resources import ChosenDocuments
from qb_pipeline_tests.bookkeeper import Bookkeeper
from qb_pipeline_tests.conftest import numbers
from qb_pipeline_tests.law_firm import FIRM, LawFirm, activate

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Orchestra:
    """The job ``sync`` on an instance of its own."""

    instance: dg.DagsterInstance

    def sync(
        self,
        law_firm: LawFirm,
        *,
        days: int = 3,
        firm_ids: Sequence[str] = (FIRM,),
        assets: Sequence[str] | None = None,
        invoice_ids: Sequence[str] = (),
        payment_ids: Sequence[str] = (),
        **tags: str,
    ) -> dg.ExecuteInProcessResult:
        """Run it over the last days, today included, of some firms (neighbours in alphabetical order)."""
        self.instance.add_dynamic_partitions(firms.name or "", sorted(firm_ids))
        first, last = law_firm.today - timedelta(days=days - 1), law_firm.today
        # As ``definitions`` puts it together, but with this firm's companies and with the assets that were asked for.
        job = jobs.sync if assets is None else dg.define_asset_job("sync", selection=list(assets))
        chosen = ChosenDocuments(invoice_ids=list(invoice_ids), payment_ids=list(payment_ids))
        found = dg.Definitions(
            assets=[*billing_tables, sync_firms],
            jobs=[job],
            resources={"companies": law_firm.companies, "chosen": chosen},
        )
        return found.resolve_job_def("sync").execute_in_process(
            instance=self.instance,
            tags={
                "dagster/asset_partition_range_start": f"{first}|{min(firm_ids)}",
                "dagster/asset_partition_range_end": f"{last}|{max(firm_ids)}",
                **tags,
            },
            run_config=QUIET,
            raise_on_error=False,
        )

    def materialized(self, result: dg.ExecuteInProcessResult) -> dict[str, set[str]]:
        """The partitions that a run marked green, by asset, as the instance remembers them."""
        records = self.instance.get_records_for_run(
            result.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
        ).records
        found: dict[str, set[str]] = {}
        for record in records:
            key, partition = record.asset_key, record.partition_key
            assert key is not None
            assert partition is not None
            found.setdefault(key.to_user_string(), set()).add(partition)
        return found


@pytest.fixture
def orchestra() -> Iterator[Orchestra]:
    """An instance in memory."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Orchestra(instance)


@pytest.fixture
def stored_orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    """An instance on disk: what a schedule opens again by its reference."""
    with dg.DagsterInstance.local_temp(str(tmp_path), {"telemetry": {"enabled": False}}) as instance:
        yield Orchestra(instance)


def metadata_of(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """What an asset's page shows after a run; a table as its rows."""
    events = [event for event in result.get_asset_materialization_events() if event.asset_key == dg.AssetKey(asset)]
    metadata = events[0].step_materialization_data.materialization.metadata
    return {
        name: [dict(record.data) for record in value.records]
        if isinstance(value, dg.TableMetadataValue)
        else value.value
        for name, value in metadata.items()
    }


def failure(result: dg.ExecuteInProcessResult) -> str:
    """What a person reads on the failed step."""
    [event] = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data.user_failure_data
    assert data is not None, event.step_failure_data.error
    return data.description or ""


def partitions(firm_id: str, last: date, days: int) -> set[str]:
    """The keys of the last days of a firm."""
    return {f"{last - timedelta(days=n)}|{firm_id}" for n in range(days)}


def add_firm(law_firm: LawFirm, firm_id: str, *, invoices: int, time_zone: str = "America/New_York") -> Bookkeeper:
    """A second active firm in the same databases, with a company of its own and invoices of 10.00, dated yesterday."""
    books = Bookkeeper.of_new_company(law_firm.books.url, realm_id=str(9_130_000_000_000_000 + next(numbers)))
    income = next(account["Id"] for account in books.all("Account") if account["Name"] == "Legal Fees")
    books.create("Item", {"Name": "Consultation", "Type": "Service", "IncomeAccountRef": {"value": income}})
    law_firm.insert("firms", firm_id=firm_id, time_zone=time_zone)
    law_firm.insert("payers", firm_id=firm_id, payer_id="P1")
    law_firm.insert("fee_items", firm_id=firm_id, fee_item_id="F1")
    now = law_firm.time.now()
    for number in range(invoices):
        invoice_id = f"{firm_id}-{number}"
        law_firm.insert(
            "invoices",
            firm_id=firm_id,
            invoice_id=invoice_id,
            invoice_number=f"N-{invoice_id}",
            invoice_date=law_firm.today - timedelta(days=1),
            total_amount=10,
            created_at=now,
            updated_at=now,
        )
        law_firm.insert(
            "invoice_lines", firm_id=firm_id, invoice_id=invoice_id, line_number=1, quantity=1, unit_price=10, amount=10
        )
    activate(law_firm.companies, firm_id, books, model=1)
    return books
