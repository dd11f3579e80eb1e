"""What assets, schedules and sensors work with: the firms' companies, and the documents that a person chose.

The only room of Dagster that opens engines. Nothing is opened before a run or a tick asks for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import dagster as dg
from pydantic import Field

from qb_pipeline import config, database
from qb_pipeline.defs import orphans
from qb_pipeline.embedded import services
from qb_pipeline.quickbooks.environments import environment
from qb_pipeline.sync.companies import Companies
from qb_pipeline.sync.workplace import QUARANTINE

EMULATOR_QUARANTINE = timedelta(seconds=10)
"""The emulator commits late only when a test tells it to, and then within seconds."""


class ChosenDocuments(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Sync single documents (Sync Now). Empty: everything that needs it in the chosen dates."""

    invoice_ids: list[str] = Field(
        default=[], description='Billing\'s ids of the invoices to send, such as ["inv-1001"]. Empty: all that need it.'
    )
    payment_ids: list[str] = Field(
        default=[], description="Billing's ids of the payments to send. Empty, with invoices chosen: none."
    )
    plan_id: str = Field(
        default="",
        description="Apply this plan and nothing else (its id comes from a dry run, or `qb-pipeline plan`).",
    )


def open_companies(settings: config.Config, found: services.Services) -> Companies:
    """Put the companies of this deployment together; connects to nothing yet."""
    return Companies(
        ledger=database.engine(found.database_url),
        billing=database.engine(found.billing_url),
        environment=environment(
            settings.environment, api_url=found.emulator_url or settings.api_url, discovery_url=settings.discovery_url
        ),
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        keys=config.secret_keys(settings.home),
        first_date=settings.first_date,
        home=found.home,
        quarantine=EMULATOR_QUARANTINE if settings.environment == "emulator" else QUARANTINE,
    )


@dg.resource(description="The firms, their QuickBooks companies and their side of billing.")
@contextmanager
def companies(context: dg.InitResourceContext) -> Iterator[Companies]:
    """Open what the environment names, and keep embedded services up for as long as the run or tick lasts."""
    if context.run is not None and context.instance is not None:
        orphans.sign(context.run.run_id, context.instance)
    settings = config.load()
    with services.use(settings) as found:
        yield open_companies(settings, found)
