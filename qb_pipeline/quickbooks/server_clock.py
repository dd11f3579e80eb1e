"""QuickBooks' clock, read from the Date header of a page that needs no token."""

from datetime import datetime
from email.utils import parsedate_to_datetime

from qb_pipeline.quickbooks.environments import Environment
from qb_pipeline.quickbooks.errors import TransientError
from qb_pipeline.quickbooks.transport import exchange, open_session

SECONDS = 20.0


def read_server_time(environment: Environment) -> datetime:
    """Read the time of the server of the discovery document, in whole seconds. No token is sent, and Intuit does not
    meter this request.

    Raises:
        QuickBooksError: no answer came, or the answer had no date.
    """
    with open_session() as session:
        reply = exchange(session, "GET", environment.discovery_url, seconds=SECONDS, headers={})
    try:
        return parsedate_to_datetime(reply.headers.get("Date", ""))
    except ValueError as error:
        raise TransientError(
            "the discovery document came without a date", sent=True, http_status=reply.status
        ) from error
