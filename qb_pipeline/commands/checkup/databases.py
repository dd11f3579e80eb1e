"""Checks of the three databases: connection, driver in the URL, schema, and billing's contract."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from qb_pipeline.commands.checkup.finding import BROKEN, Finding

if TYPE_CHECKING:
    import sqlalchemy as sa

    from qb_pipeline.embedded.services import Services

UPGRADE = "qb-pipeline db upgrade"


def databases(found: "Services", environ: Mapping[str, str]) -> Iterator[Finding]:
    """Check the connection to each database, then the pipeline's schema and billing's contract where they can be
    reached."""
    import sqlalchemy as sa

    from qb_pipeline import config, database

    yield from _driver(environ)
    urls = {
        "pipeline database": (config.DATABASE_URL, found.database_url),
        "billing database": (config.BILLING_URL, found.billing_url),
        "Dagster database": (config.DAGSTER_URL, found.dagster_url),
    }
    for part, (variable, url) in urls.items():
        try:
            with database.engine(url).connect() as connection:
                connection.execute(sa.select(1))
        except (sa.exc.SQLAlchemyError, config.ConfigurationError) as error:
            reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
            yield Finding(part, BROKEN, reason, f"Start the server, or correct {variable}.")
            continue
        yield Finding(part, found="reachable")
        if variable == config.DATABASE_URL:
            yield _pipeline_schema(database.engine(url))
        if variable == config.BILLING_URL:
            yield _billing_contract(database.engine(url))


def _driver(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding when the URL of Dagster's database does not name the driver psycopg2.

    Our commands set the driver themselves. A daemon that a service manager starts reads the variable unchanged.
    """
    from qb_pipeline.config import DAGSTER_URL

    given = environ.get(DAGSTER_URL, "")
    if given and not given.startswith("postgresql+psycopg2://"):
        yield Finding(
            "Dagster's driver",
            BROKEN,
            f"{DAGSTER_URL} does not name the driver psycopg2",
            f"Write postgresql+psycopg2://… in {DAGSTER_URL}: every run dies with psycopg 3 (dagster#33958).",
        )


def _pipeline_schema(engine: "sa.Engine") -> Finding:
    from qb_pipeline.ledger.setup import schema

    has, needs = schema.revision(engine) or "none", schema.newest_revision()
    if has != needs:
        return Finding("pipeline schema", BROKEN, f"revision {has}, needs {needs}", UPGRADE)
    if not schema.is_current(engine):
        return Finding("pipeline schema", BROKEN, "views of another release", UPGRADE)
    return Finding("pipeline schema", found=f"revision {has}")


def _billing_contract(engine: "sa.Engine") -> Finding:
    from qb_pipeline.billing import contract
    from qb_pipeline.billing.errors import BillingError

    remedy = "qb-pipeline billing check (in an empty database: qb-pipeline billing init); docs/billing-database.md"
    try:
        violations = contract.check_contract(engine)
    except BillingError as error:
        return Finding("billing contract", BROKEN, str(error), remedy)
    if not violations:
        return Finding("billing contract", found="met")
    first = violations[0]
    where = f"{first.relation}.{first.column}".rstrip(".")
    several = f"{len(violations)} violations, the first: " if len(violations) > 1 else ""
    return Finding("billing contract", BROKEN, f"{several}{where} {first.problem}", remedy)
