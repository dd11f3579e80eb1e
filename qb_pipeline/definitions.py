"""The entry point of Dagster.

Importing this module reads nothing. Loading the definitions reads the environment, but no database and no network.
"""

import dagster as dg

from qb_pipeline import config
from qb_pipeline.defs.build import build_defs


@dg.definitions
def defs() -> dg.Definitions:
    """Build the code location ``qb_pipeline`` from the settings in the environment."""
    settings = config.load()
    return build_defs(first_date=settings.first_date, pull_seconds=settings.pull_seconds)
