"""The lines of invoices, for reports.

Lines count while their fingerprint is the one of the content that QuickBooks accepted last.

Belongs here: storing them beside the fingerprint (content hash) of their invoice. Does not belong here: the choice of
the lines that a report shows (``sql/reporting/invoice_lines.sql``).
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from qb_pipeline.core.documents.invoice_lines import InvoiceLine
from qb_pipeline.core.money import dumps
from qb_pipeline.database import Queries

queries = Queries(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class LinesOfInvoice:
    """The lines of one invoice, as planned with the content that has this fingerprint."""

    document_id: int
    fingerprint: str
    lines: tuple[InvoiceLine, ...]


def store(engine: sa.Engine, firm_id: str, invoices: Iterable[LinesOfInvoice]) -> None:
    """Store the planned lines of a firm's invoices. Delete other lines of these invoices, except those of the content
    that QuickBooks accepted last."""
    found = [asdict(invoice) for invoice in invoices]
    if found:
        with engine.begin() as connection:
            parameters = {"invoices": dumps(found).decode()}
            connection.execute(queries["one_at_a_time"], {"firm_id": firm_id})
            connection.execute(queries["forget"], parameters)
            connection.execute(queries["store"], parameters)
