"""The partitions of every sync asset (document date × firm), and the scopes that are read from their keys."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import dagster as dg

from qb_pipeline.core.date_ranges import DAYS_AHEAD

FURTHER_DATES = "further_dates"
"""The tag of a run whose dates have gaps. Its value has every stretch of dates except the one in Dagster's own tags."""

firms = dg.DynamicPartitionsDefinition(name="firm")


class _DateByFirm(dg.MultiPartitionsDefinition):
    """The partitions document date × firm, which remember the last range of one firm that they were asked for.

    Dagster 1.13.27 computes a run's range again for each partition that gets metadata of its own: 40 s for 391 dates of
    four assets. The dates in a range of one firm do not change.
    """

    def get_partition_keys_in_range(self, partition_key_range: dg.PartitionKeyRange, *args: Any, **kwargs: Any) -> Any:
        ends = (str(partition_key_range.start), str(partition_key_range.end))
        if ends[0].split("|")[1:] != ends[1].split("|")[1:]:
            return super().get_partition_keys_in_range(partition_key_range, *args, **kwargs)
        known, keys = self._remembered
        if known != ends:
            keys = super().get_partition_keys_in_range(partition_key_range, *args, **kwargs)
            self._remembered = (ends, keys)
        return list(keys)

    _remembered: tuple[Any, Sequence[str]] = ((), ())


def build_date_by_firm(first_date: date) -> dg.MultiPartitionsDefinition:
    """Build the partitions: every date from ``first_date`` on × every firm."""
    dates = dg.DailyPartitionsDefinition(start_date=first_date.isoformat(), end_offset=DAYS_AHEAD + 1)
    return _DateByFirm({"date": dates, "firm": firms})


@dataclass(frozen=True, slots=True)
class Scope:
    """One firm and an inclusive range of document dates."""

    firm_id: str
    first: date
    last: date


def read_scopes(keys: Iterable[str]) -> list[Scope]:
    """Return the scopes of a run's partition keys, one per firm, sorted by firm id.

    A single run covers a rectangle of dates and firms.
    """
    found: dict[str, list[date]] = {}
    for key in keys:
        day, firm_id = key.split("|", 1)
        found.setdefault(firm_id, []).append(date.fromisoformat(day))
    return [Scope(firm_id, min(days), max(days)) for firm_id, days in sorted(found.items())]


def dates_of(keys: Iterable[str], firm_id: str) -> list[date]:
    """Return the dates of one firm's partition keys, ascending."""
    return sorted(date.fromisoformat(day) for day, of_firm in (key.split("|", 1) for key in keys) if of_firm == firm_id)


def keys_of_run(run: dg.DagsterRun, keys: Sequence[str], instance: dg.DagsterInstance) -> list[str]:
    """Return the keys of all partitions that a run is for; ``keys`` are those that Dagster attributes to the run.

    A backfill of the job (Jobs, ``sync``, *Materialize all*) gives its run tags with the range and tags with the date
    and firm of the first partition. Dagster 1.13.27 then attributes only the first partition to the run, although it
    counts the whole range as done. Without this function only the first day would be sent, and all the others shown in
    green.

    Dagster can name only one stretch of dates for a run. When dates have gaps, ``FURTHER_DATES`` names the other
    stretches.
    """
    start, end = (run.tags.get(f"dagster/asset_partition_range_{name}") for name in ("start", "end"))
    if start is None or end is None:
        return list(keys)
    (first, first_firm), (last, last_firm) = start.split("|", 1), end.split("|", 1)
    firm_ids = firms_between(first_firm, last_firm, instance)
    found = [f"{day}|{firm_id}" for day in _days(first, last) for firm_id in firm_ids]
    further = [
        f"{day}|{first_firm}"
        for stretch in run.tags.get(FURTHER_DATES, "").split()
        for day in _days(*stretch.split(".."))
    ]
    return found + further


def firms_between(first: str, last: str, instance: dg.DagsterInstance) -> list[str]:
    """Return the firm ids of a range of partitions, in Dagster's order; only the two ends when Dagster lacks one of
    them."""
    if first == last:
        return [first]
    known = instance.get_dynamic_partitions(firms.name or "")
    if first not in known or last not in known:
        return sorted({first, last})
    return list(known[known.index(first) : known.index(last) + 1])


def _days(first: str, last: str) -> list[date]:
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    return [begin + timedelta(days=n) for n in range((end - begin).days + 1)]


def range_tags(firm_id: str, first: date, last: date) -> dict[str, str]:
    """Return the tags that make a run of a job cover these inclusive dates of one firm."""
    return {
        "dagster/asset_partition_range_start": f"{first.isoformat()}|{firm_id}",
        "dagster/asset_partition_range_end": f"{last.isoformat()}|{firm_id}",
        "firm": firm_id,
    }


def stretch_tags(firm_id: str, stretches: Sequence[tuple[date, date]]) -> dict[str, str]:
    """Return the tags that make one run cover these inclusive stretches of dates. Dagster's own tags have the longest
    one."""
    longest = max(stretches, key=lambda stretch: stretch[1] - stretch[0])
    further = " ".join(f"{first}..{last}" for first, last in stretches if (first, last) != longest)
    return range_tags(firm_id, *longest) | ({FURTHER_DATES: further} if further else {})


def firm_tags(firm_id: str) -> dict[str, str]:
    """Return the tags that make a run of a job without dates cover one firm."""
    return {
        "dagster/asset_partition_range_start": firm_id,
        "dagster/asset_partition_range_end": firm_id,
        "firm": firm_id,
    }
