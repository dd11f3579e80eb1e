"""Dagster's entry point. Importing it reads nothing; loading it reads the environment, not a database or network."""

import dagster as dg

from qb_pipeline import config
from qb_pipeline.defs.build import build_defs


@dg.definitions
def defs() -> dg.Definitions:
    """The code location ``qb_pipeline``, as the environment has it."""
    settings = config.load()
    return build_defs(first_date=settings.first_date, pull_seconds=settings.pull_seconds)
