"""Dagster for real, in this process: an instance that is gone afterwards, and the job on it."""

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from qb_pipeline.definitions import defs
from qb_pipeline.defs import checks
from qb_pipeline.defs.partitions import firm_tags, firms
from qb_pipeline.defs.resources import ChosenDocuments
from qb_pipeline.ledger.processes import Process
from qb_pipeline_tests.bookkeeper import Bookkeeper
from qb_pipeline_tests.conftest import numbers
from qb_pipeline_tests.law_firm import FIRM, LawFirm, activate

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Orchestra:
    """The jobs on an instance of its own."""

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
        plan_id: str = "",
        **tags: str,
    ) -> dg.ExecuteInProcessResult:
        """Run it over the last days, today included, of some firms (neighbours in alphabetical order)."""
        self.instance.add_dynamic_partitions(firms.name or "", sorted(firm_ids))
        first, last = law_firm.today - timedelta(days=days - 1), law_firm.today
        chosen = ChosenDocuments(invoice_ids=list(invoice_ids), payment_ids=list(payment_ids), plan_id=plan_id)
        return self.job(law_firm, "sync", chosen=chosen, assets=assets).execute_in_process(
            instance=self.instance,
            tags={
                "dagster/asset_partition_range_start": f"{first}|{min(firm_ids)}",
                "dagster/asset_partition_range_end": f"{last}|{max(firm_ids)}",
                **tags,
            },
            run_config=QUIET,
            raise_on_error=False,
        )

    def pull(
        self, law_firm: LawFirm, *, days: int = 1, firm_ids: Sequence[str] = (FIRM,), **tags: str
    ) -> dg.ExecuteInProcessResult:
        """Run ``pull_payments`` over the last days; with a sensor's tags, or without, as a person launches it."""
        self.instance.add_dynamic_partitions(firms.name or "", list(firm_ids))
        first, last = law_firm.today - timedelta(days=days - 1), law_firm.today
        return self.job(law_firm, "pull_payments").execute_in_process(
            instance=self.instance,
            tags={
                "dagster/asset_partition_range_start": f"{first}|{firm_ids[0]}",
                "dagster/asset_partition_range_end": f"{last}|{firm_ids[-1]}",
                **tags,
            },
            run_config=QUIET,
            raise_on_error=False,
        )

    def reconcile(self, law_firm: LawFirm, *firm_ids: str) -> dg.ExecuteInProcessResult:
        """Run ``reconcile`` over firms, from the first to the last."""
        self.instance.add_dynamic_partitions(firms.name or "", list(firm_ids))
        return self.job(law_firm, "reconcile").execute_in_process(
            instance=self.instance,
            tags=firm_tags(firm_ids[0]) | {"dagster/asset_partition_range_end": firm_ids[-1]},
            run_config=QUIET,
            raise_on_error=False,
        )

    def job(
        self,
        law_firm: LawFirm,
        name: str,
        *,
        chosen: ChosenDocuments | None = None,
        assets: Sequence[str] | None = None,
    ) -> dg.JobDefinition:
        """A job as ``definitions`` has it, with this firm's companies; of ``assets`` alone where they are given."""
        found = defs()
        return dg.Definitions(
            assets=found.assets,
            jobs=found.jobs if assets is None else [dg.define_asset_job(name, selection=list(assets))],
            resources={"deployment": law_firm.deployment, "chosen": chosen or ChosenDocuments()},
            executor=found.executor,
        ).resolve_job_def(name)

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


def metadata_of(result: dg.ExecuteInProcessResult, asset: str, partition: str = "") -> dict[str, Any]:
    """What an asset's page shows of one partition after a run, by default of the newest; a table as its rows."""
    shown = metadata_by_partition(result, asset)
    return shown[partition or max(shown)]


def metadata_by_partition(
    result: dg.ExecuteInProcessResult, asset: str, failed_on: dg.DagsterInstance | None = None
) -> dict[str, dict[str, Any]]:
    """What an asset's page shows of each partition after a run; a table as its rows.

    ``failed_on``: where a failed run left its events; its result gives none.
    """
    found: dict[str, dict[str, Any]] = {}
    events = result.get_asset_materialization_events()
    if failed_on is not None:
        kind = dg.DagsterEventType.ASSET_MATERIALIZATION
        records = failed_on.get_records_for_run(result.run_id, of_type=kind).records
        events = [record.event_log_entry.get_dagster_event() for record in records]
    for event in events:
        materialization = event.step_materialization_data.materialization
        if event.asset_key == dg.AssetKey(asset):
            assert materialization.partition not in found, "a partition is marked once"
            found[str(materialization.partition)] = {
                name: _shown(each) for name, each in materialization.metadata.items()
            }
    return found


def evaluations(result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> list[dg.AssetCheckEvaluation]:
    """The verdicts of a run's checks, as the instance keeps them."""
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    records = instance.get_records_for_run(result.run_id, of_type=kind).records
    events = [record.event_log_entry.get_dagster_event() for record in records]
    return [event.asset_check_evaluation_data for event in events]


def metadata_of_check(
    result: dg.ExecuteInProcessResult, check: str, asset: str = "", *, instance: dg.DagsterInstance
) -> dict[str, Any]:
    """What stands beside a check's verdict; a table as its rows."""
    [found] = [
        each
        for each in evaluations(result, instance)
        if each.check_name == check and asset in ("", each.asset_key.to_user_string())
    ]
    return {name: _shown(each) for name, each in found.metadata.items()}


def failed_checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[str, str]]:
    """Severity and words of each check of a reconciliation that did not pass."""
    found = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert set(found) == {spec.name for spec in checks.RECONCILE_CHECKS}
    return {
        name: (each.severity.value, each.description or "") for name, each in sorted(found.items()) if not each.passed
    }


def _shown(value: Any) -> Any:
    return [dict(record.data) for record in value.records] if isinstance(value, dg.TableMetadataValue) else value.value


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
    activate(law_firm.deployment, firm_id, books, model=1)
    return books


@pytest.fixture
def dead() -> Process:
    """A process that was killed."""
    with subprocess.Popen(["sleep", "60"]) as child:  # noqa: S607
        named = Process.of(child.pid)
        child.kill()
    return named
