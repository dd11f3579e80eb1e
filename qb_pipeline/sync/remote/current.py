"""One object of QuickBooks as it is now.

A query may show an object that was written just now as it was before, or not yet.

Belongs here: that one read. Does not belong here: the choice of the cases that are worth its price.
"""

from qb_pipeline.core.states import Kind
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.quickbooks.errors import RequestRejectedError
from qb_pipeline.sync.remote.outcomes import ENTITY
from qb_pipeline.sync.session.firm_session import FirmSession

NOT_FOUND = "610"
"""The fault of an object that is gone. Source: Intuit, error codes (read 2026-11-21)."""


def read_current(session: FirmSession, kind: Kind, quickbooks_id: str) -> Entity | None:
    """Read one object by its Id. Return None if it is deleted, or a customer that was merged into another."""
    try:
        return session.quickbooks.read(ENTITY[kind], quickbooks_id)
    except RequestRejectedError as error:
        if NOT_FOUND in error.codes:
            return None
        raise
