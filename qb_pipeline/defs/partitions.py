"""The partitions of every sync asset: document date × firm, and reading them back as scopes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg

from qb_pipeline import config

DAYS_AHEAD = 31

dates = dg.DailyPartitionsDefinition(start_date=config.load().first_date.isoformat(), end_offset=DAYS_AHEAD + 1)
firms = dg.DynamicPartitionsDefinition(name="firm")
date_by_firm = dg.MultiPartitionsDefinition({"date": dates, "firm": firms})


@dataclass(frozen=True, slots=True)
class Scope:
    """One firm and inclusive document dates."""

    firm_id: str
    first: date
    last: date


def read_scopes(keys: Iterable[str]) -> list[Scope]:
    """Read the partitions of a run as scopes, one per firm: a single run covers a rectangle of dates and firms."""
    found: dict[str, list[date]] = {}
    for key in keys:
        day, firm_id = key.split("|", 1)
        found.setdefault(firm_id, []).append(date.fromisoformat(day))
    return [Scope(firm_id, min(days), max(days)) for firm_id, days in sorted(found.items())]


def keys_of_run(run: dg.DagsterRun, keys: Sequence[str], instance: dg.DagsterInstance) -> list[str]:
    """Every partition that a run is for; ``keys`` are those that Dagster takes it for.

    A backfill of the job (Jobs, ``sync``, *Materialize all*) gives its run the range as tags and, beside them, date and
    firm of the first partition, which Dagster 1.13.27 then takes for the whole run, although it counts the range as
    done: without this the first day would be sent and all the others shown in green.
    """
    start, end = (run.tags.get(f"dagster/asset_partition_range_{name}") for name in ("start", "end"))
    if start is None or end is None:
        return list(keys)
    whole = dg.PartitionKeyRange(start, end)
    return list(date_by_firm.get_partition_keys_in_range(whole, dynamic_partitions_store=instance))


def range_tags(firm_id: str, first: date, last: date) -> dict[str, str]:
    """The tags that make a run of the job cover these dates of one firm."""
    return {
        "dagster/asset_partition_range_start": f"{first.isoformat()}|{firm_id}",
        "dagster/asset_partition_range_end": f"{last.isoformat()}|{firm_id}",
        "firm": firm_id,
    }


def firm_tags(firm_id: str) -> dict[str, str]:
    """The tags that make a run of a job without dates cover one firm."""
    return {
        "dagster/asset_partition_range_start": firm_id,
        "dagster/asset_partition_range_end": firm_id,
        "firm": firm_id,
    }
