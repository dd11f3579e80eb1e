"""The resources of assets, schedules and sensors: the firms' companies, and the documents that a person chose.

No other module of ``defs`` opens engines. Nothing is opened before a run or a tick asks for it.
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
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.session.firm_session import QUARANTINE

EMULATOR_QUARANTINE = timedelta(seconds=10)
"""The quarantine (settling time) with the emulator. The emulator commits late only when a test tells it to, and then
within seconds."""


class ChosenDocuments(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The single documents to be synced (Sync Now), whatever their dates. Empty: every document of the chosen dates
    that needs a sync."""

    invoice_ids: list[str] = Field(
        default=[],
        description='Invoices to send, by number or billing\'s id, such as ["N-1001"] or ["invoice:17"]; their dates '
        "need not be the chosen ones. Empty: all that need it.",
    )
    payment_ids: list[str] = Field(
        default=[],
        description='Payments to send, by reference or billing\'s id, such as ["payment:17"] or, of a credit, '
        '["payment:17@2026-01-31"]. Empty, with invoices chosen: none.',
    )
    plan_id: str = Field(
        default="",
        description="Apply this plan and nothing else (its id comes from a dry run, or `qb-pipeline plan`).",
    )

    @property
    def is_any(self) -> bool:
        """Whether documents or a plan are chosen."""
        return bool(self.invoice_ids or self.payment_ids or self.plan_id)


def open_deployment(settings: config.Config, found: services.Services) -> Deployment:
    """Build the deployment from its settings and services. Connects to nothing yet."""
    return Deployment(
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
def deployment(context: dg.InitResourceContext) -> Iterator[Deployment]:
    """Open the deployment that the environment names, and keep embedded services up while the run or tick lasts.

    In a run, record first that this process works on the run (``orphans.sign``).
    """
    if context.run is not None and context.instance is not None:
        orphans.sign(context.run.run_id, context.instance)
    settings = config.load()
    with services.use(settings) as found:
        yield open_deployment(settings, found)
