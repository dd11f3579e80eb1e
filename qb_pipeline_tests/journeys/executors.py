"""The sync's assets in a job of another executor: a data team may run the steps as processes of their own."""

import sys
from datetime import date

import dagster as dg

from qb_pipeline import definitions
from qb_pipeline.commands.terminal.console import working
from qb_pipeline.sync.stages import STAGES


def in_process() -> dg.JobDefinition:
    """All steps in the run's process, as in ``defs.jobs``."""
    return _job(dg.in_process_executor)


def multiprocess() -> dg.JobDefinition:
    """A process for each step."""
    return _job(dg.multiprocess_executor)


def _job(executor: dg.ExecutorDefinition) -> dg.JobDefinition:
    found = definitions.defs()
    return dg.Definitions(
        assets=found.assets,
        resources=found.resources,
        jobs=[dg.define_asset_job("sync", [stage.value for stage in STAGES], executor_def=executor)],
    ).resolve_job_def("sync")


def execute(executor: str, first: date, last: date, firm_id: str, assets: list[str]) -> bool:
    """Run the chosen assets over a range of dates; says whether every step went through."""
    job = dg.reconstructable({"in_process": in_process, "multiprocess": multiprocess}[executor])
    with working(), dg.DagsterInstance.get() as instance:
        result = dg.execute_job(
            job,
            instance=instance,
            asset_selection=[dg.AssetKey(name) for name in assets],
            tags={
                "dagster/asset_partition_range_start": f"{first}|{firm_id}",
                "dagster/asset_partition_range_end": f"{last}|{firm_id}",
            },
        )
        return result.success


if __name__ == "__main__":
    name, begin, end, firm, *chosen = sys.argv[1:]
    sys.exit(0 if execute(name, date.fromisoformat(begin), date.fromisoformat(end), firm, chosen) else 1)
