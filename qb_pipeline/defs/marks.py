"""The events by which Dagster shows partitions in green or as failed, each partition with metadata of its own.

Dagster writes one planned event per asset for a run (``DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS``), not one per
partition. It then shows no partition of a failed run as failed. Therefore this module writes planned events for these
partitions one by one after a run has failed: only a failure costs an event per partition.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.events import (
    AssetMaterializationPlannedData,
    DagsterEvent,
    DagsterEventBatchMetadata,
    DagsterEventType,
)

from qb_pipeline.defs.partitions import keys_of_run

ByPartition = Mapping[str, Mapping[str, Any]]
"""Metadata, keyed by partition key."""


def all_done(context: dg.AssetExecutionContext, asset: str, metadata: ByPartition) -> dg.MaterializeResult[None]:
    """Return the result of an asset in a run in which no firm failed; each partition gets its own metadata.

    Partitions that Dagster does not attribute to the run (``partitions.keys_of_run``) get their own events here.
    """
    targeted = set(context.partition_keys)
    for key, values in metadata.items():
        if key in targeted:
            context.add_asset_metadata(values, asset, key)
    some_done(context, asset, {key: values for key, values in metadata.items() if key not in targeted})
    return dg.MaterializeResult(asset)


def some_done(context: dg.AssetExecutionContext, asset: str, metadata: ByPartition) -> None:
    """Record a materialization for each of these partitions, in a run whose partitions Dagster does not record
    itself."""
    for key, values in metadata.items():
        context.log_event(dg.AssetMaterialization(asset, partition=key, metadata=values, tags=_tags(key)))


def evaluate(context: dg.AssetExecutionContext, results: Iterable[dg.AssetCheckResult]) -> None:
    """Record the results of checks whose own step this run does not reach."""
    step = context.get_step_execution_context()
    for result in results:
        assert result.asset_key is not None  # noqa: S101 - ``checks`` names it
        assert result.check_name is not None  # noqa: S101
        evaluation = dg.AssetCheckEvaluation(
            asset_key=result.asset_key,
            check_name=result.check_name,
            passed=bool(result.passed),
            metadata=result.metadata,
            severity=result.severity,
            description=result.description,
        )
        DagsterEvent.asset_check_evaluation(step, evaluation)  # building the event stores it, as in Dagster's code


def _tags(key: str) -> dict[str, str]:
    """Return the tags by which Dagster finds the event of a partition with two dimensions; empty for other
    partitions."""
    if "|" not in key:
        return {}
    day, firm_id = key.split("|", 1)
    return {"dagster/partition/date": day, "dagster/partition/firm": firm_id}


@dg.failure_hook(name="failed_days_look_failed")
def failed_days_look_failed(context: dg.HookContext) -> None:
    """Make the partitions that a failed step leaves undone look failed, whatever the cause."""
    run = context.instance.get_run_by_id(context.run_id)
    if run is not None:
        mark_failed(context.instance, run)


def mark_failed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int:
    """Make each partition of a failed run look failed that has not been materialized since the run was asked for.

    In a run of several firms, a firm with at least one materialized partition of an asset has succeeded there; its
    partitions of that asset are left as they are. A second call writes nothing more.

    Returns:
        The number of events written: one per asset and partition.
    """
    wanted: dict[dg.AssetKey, _Asset] = {}
    for record in instance.get_records_for_run(
        run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    ).records:
        event = record.event_log_entry.get_dagster_event()
        planned = event.asset_materialization_planned_data
        asset = wanted.setdefault(planned.asset_key, _Asset(event.step_key or ""))
        if planned.partition is not None:
            asset.planned.add(planned.partition)
        elif planned.partitions_subset is not None:
            asset.keys.update(planned.partitions_subset.get_partition_keys())
    materialized = instance.get_asset_partitions_for_run(run.run_id, {DagsterEventType.ASSET_MATERIALIZATION})
    events = []
    for asset_key, asset in sorted(wanted.items()):
        keys = asset.keys | asset.planned
        if any("|" in key for key in keys):
            keys |= set(keys_of_run(run, sorted(keys), instance))
        planned_at = instance.get_asset_event_summary_records(
            event_type=DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
            asset_key=asset_key,
            run_id=run.run_id,
            limit=1,
            ascending=True,
        )
        if not planned_at:
            continue  # a person has wiped the asset since
        since = instance.event_log_storage.get_latest_storage_id_by_partition(
            asset_key, DagsterEventType.ASSET_MATERIALIZATION, after_cursor=planned_at[0].storage_id
        )
        went_through = {_firm_of(key) for key in materialized.get(asset_key, ()) if key}
        if len({_firm_of(key) for key in keys}) > 1:
            keys = {key for key in keys if _firm_of(key) not in went_through}
        events += [_planned(run, asset_key, asset, key) for key in sorted(keys - asset.planned - since.keys())]
    _report(instance, run, events)
    return len(events)


def _firm_of(key: str) -> str:
    return key.rsplit("|", 1)[-1]


@dataclass(slots=True)
class _Asset:
    """The partitions of an asset that a run planned: all of them (``keys``), and those with an event of their own
    (``planned``)."""

    step_key: str
    keys: set[str] = field(default_factory=set)
    planned: set[str] = field(default_factory=set)


def _planned(run: dg.DagsterRun, asset_key: dg.AssetKey, asset: _Asset, key: str) -> DagsterEvent:
    return DagsterEvent.build_asset_materialization_planned_event(
        run.job_name, asset.step_key, AssetMaterializationPlannedData(asset_key, partition=key)
    )


def _report(instance: dg.DagsterInstance, run: dg.DagsterRun, events: Sequence[DagsterEvent]) -> None:
    batch = f"failed partitions of {run.run_id}"
    for number, event in enumerate(events, start=1):
        is_last = number == len(events)
        instance.report_dagster_event(
            event, run.run_id, logging.DEBUG, batch_metadata=DagsterEventBatchMetadata(batch, is_last)
        )
