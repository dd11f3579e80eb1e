"""The partitions of every sync asset: document date × firm, and reading them back as scopes."""

from collections.abc import Iterable
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
