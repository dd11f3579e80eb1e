"""What ``doctor`` looks at: every moving part, and how to mend the one that is broken."""

import importlib.metadata
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qb_pipeline.config import Config
    from qb_pipeline.embedded.services import Services
    from qb_pipeline.sync.companies import Companies

WARN_BEFORE = timedelta(days=14)
"""How long before a connection ends a person is told to reconnect: bookkeepers take holidays."""

DAGSTER_FAMILY = {"dagster": "1.13.27", "dagster-webserver": "1.13.27", "dagster-postgres": "0.29.27"}
"""Released together; a lone upgrade of one of them breaks the set."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: ``verdict`` is ok, warning or broken; ``remedy`` says what to do unless it is ok."""

    part: str
    verdict: str
    found: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at everything; what depends on a broken part is left out."""
    from qb_pipeline import config
    from qb_pipeline.config import ConfigurationError
    from qb_pipeline.embedded import EmbeddedError, services

    findings = list(_versions())
    try:
        settings = config.load()
        config.secret_keys(settings.home)
    except ConfigurationError as error:
        return [
            *findings,
            Finding("configuration", "broken", str(error), "Correct the setting that the message names."),
        ]
    findings.append(Finding("configuration", "ok", f"QuickBooks environment: {settings.environment}"))
    try:
        with services.use(settings) as found:
            findings.append(Finding("services", "ok", _where(settings, found)))
            findings += _databases(settings, found)
            if not any(finding.verdict == "broken" for finding in findings):
                findings += _firms(settings, found)
    except EmbeddedError as error:
        findings.append(Finding("services", "broken", str(error), "Read the log that the message shows."))
    return findings


def _versions() -> Iterator[Finding]:
    for package, wanted in DAGSTER_FAMILY.items():
        has = importlib.metadata.version(package)
        if has != wanted:
            yield Finding(package, "broken", f"version {has}, tested with {wanted}", "Install requirements.lock again.")


def _where(settings: "Config", found: "Services") -> str:
    return "embedded PostgreSQL in " + str(found.home) if settings.needs_postgres else "configured databases"


def _databases(settings: "Config", found: "Services") -> Iterator[Finding]:
    import sqlalchemy as sa

    from qb_pipeline import config, database
    from qb_pipeline.billing import contract
    from qb_pipeline.ledger import schema

    urls = {
        "pipeline database": (config.DATABASE_URL, found.database_url),
        "billing database": (config.BILLING_URL, found.billing_url),
        "Dagster database": (config.DAGSTER_URL, found.dagster_url),
    }
    reachable = set()
    for part, (variable, url) in urls.items():
        try:
            with database.engine(url).connect() as connection:
                connection.execute(sa.text("select 1"))
        except (sa.exc.SQLAlchemyError, config.ConfigurationError) as error:
            reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
            yield Finding(part, "broken", reason, f"Start the server, or correct {variable}.")
        else:
            reachable.add(part)
            yield Finding(part, "ok", "reachable")
    given = os.environ.get(config.DAGSTER_URL, "")
    if given and not given.startswith("postgresql+psycopg2://"):
        yield Finding(
            "Dagster's driver",
            "broken",
            f"{config.DAGSTER_URL} does not name the driver psycopg2",
            f"Write postgresql+psycopg2://… in {config.DAGSTER_URL}: every run dies with psycopg 3 (dagster#33958).",
        )
    if "pipeline database" in reachable:
        has, needs = schema.revision(database.engine(found.database_url)) or "none", schema.newest_revision()
        if has != needs:
            yield Finding("pipeline schema", "broken", f"revision {has}, needs {needs}", "qb-pipeline db upgrade")
        elif not schema.is_current(database.engine(found.database_url)):
            yield Finding("pipeline schema", "broken", "views of another release", "qb-pipeline db upgrade")
        else:
            yield Finding("pipeline schema", "ok", f"revision {has}")
    if "billing database" in reachable:
        violations = contract.check_contract(database.engine(found.billing_url))
        if violations:
            first = violations[0]
            where = f"{first.relation}.{first.column}".rstrip(".")
            text = f"{len(violations)} violations, the first: {where}: {first.problem}"
            yield Finding(
                "billing contract", "broken", text, "qb-pipeline billing check (or: qb-pipeline billing init)"
            )
        else:
            yield Finding("billing contract", "ok", "met")


def _firms(settings: "Config", found: "Services") -> Iterator[Finding]:
    from qb_pipeline.defs.resources import open_companies

    companies = open_companies(settings, found)
    for firm in companies.firms.all():
        part = f"firm {firm.firm_id}"
        if firm.next_step:
            yield Finding(part, "warning", f"{firm.state}: nothing is sent", firm.next_step)
        if firm.connected_at is not None:
            yield _connection(companies, firm.firm_id)


def _connection(companies: "Companies", firm_id: str) -> Finding:
    from qb_pipeline.ledger.firms import SetUpError

    part, remedy = f"tokens of {firm_id}", f"qb-pipeline connect {firm_id}"
    try:
        tokens = companies.tokens.load(firm_id)
    except SetUpError as error:
        return Finding(part, "broken", str(error), remedy)
    ends = min(filter(None, (tokens.refresh_expires_at, tokens.refresh_hard_expires_at)))
    left = ends - companies.clock()
    if left <= timedelta(0):
        return Finding(part, "broken", f"the connection ended on {ends:%Y-%m-%d}", remedy)
    if left < WARN_BEFORE:
        return Finding(part, "warning", f"the connection ends on {ends:%Y-%m-%d}", remedy)
    return Finding(part, "ok", f"good until {ends:%Y-%m-%d}")
