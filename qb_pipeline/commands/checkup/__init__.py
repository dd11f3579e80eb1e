"""The checks of ``doctor``: each yields findings about one part, with the remedy for a broken part.

Belongs here: the order of the checks. A part that depends on a broken part is not checked. Each file checks one kind of
part.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from qb_pipeline.commands.checkup.finding import BROKEN, Finding

if TYPE_CHECKING:
    from qb_pipeline.config import Config
    from qb_pipeline.embedded.services import Services

Clock = Callable[[], datetime]


def examine(*, clock: Clock = lambda: datetime.now(UTC)) -> Iterator[Finding]:
    """Check every part of the installation, and yield one finding after the other.

    For each connected firm, QuickBooks is asked for the company's record and settings (two metered reads) and for the
    objects that its mappings point at (one read for each mapped kind and 300 mappings).
    """
    from qb_pipeline import config
    from qb_pipeline.commands.checkup import machine
    from qb_pipeline.embedded import EmbeddedError, services

    yield from machine.versions()
    try:
        settings = config.load()
    except config.ConfigurationError as error:
        yield Finding("configuration", BROKEN, str(error), "Correct the setting that the message names.")
        return
    yield Finding("configuration", found=f"QuickBooks environment: {settings.environment}")
    yield machine.disk(settings.home)
    yield machine.alerts(settings.alert_urls)
    try:
        with services.use(settings) as found:
            where = f"embedded PostgreSQL in {found.home}" if settings.needs_postgres else "configured databases"
            yield Finding("services", found=where)
            yield from _behind_services(settings, found, clock)
    except EmbeddedError as error:
        yield Finding("services", BROKEN, str(error), "Read the log that the message shows.")


def _behind_services(settings: "Config", found: "Services", clock: Clock) -> Iterator[Finding]:
    """Check the databases, then Dagster's instance and the key, then the firms and their companies."""
    from qb_pipeline import database
    from qb_pipeline.commands.checkup import companies, dagster_instance, databases, machine
    from qb_pipeline.commands.terminal.console import set_environment
    from qb_pipeline.config import ConfigurationError
    from qb_pipeline.defs.resources import open_deployment
    from qb_pipeline.ledger.setup.firms import Firms

    findings = list(databases.databases(found, os.environ))
    yield from findings
    broken = {finding.part for finding in findings if finding.verdict == BROKEN}
    if "Dagster database" not in broken:
        with suppress(ConfigurationError):  # not a valid address: the databases' findings say so
            set_environment(found)
            yield from dagster_instance.dagster_instance(clock())
    if broken & {"pipeline database", "billing database", "pipeline schema"}:
        return
    key = machine.key(settings.home, os.environ)
    firms = Firms(database.engine(found.database_url)).all()
    if key.verdict != BROKEN and not machine.has_key(settings.home, os.environ):
        key = companies.missing_key(firms) or key
    yield key
    if key.verdict == BROKEN:
        return
    try:
        opened = replace(open_deployment(settings, found), clock=clock)
    except ValueError as error:
        yield Finding("QuickBooks", BROKEN, str(error), "Correct the setting that the message names.")
    else:
        yield from companies.firms(opened)
