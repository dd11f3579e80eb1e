"""The errors between us and the billing database.

BillingError
├── BillingUnavailableError    the same read may work later: a lock, a time-out, a server that is down or a standby
└── ContractBrokenError        billing does not keep the contract: a person must act
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa


class BillingError(Exception):
    """The billing database could not be used. The message tells the cause and the remedy."""


class BillingUnavailableError(BillingError):
    """The same read may work later."""


class ContractBrokenError(BillingError):
    """The billing database does not keep the contract. Nothing may be sent before a person has corrected it."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn a database error into one of ours. Use it only around our own statements, never around a caller's code."""
    try:
        yield
    except sa.exc.ProgrammingError as error:
        raise ContractBrokenError(
            f"billing does not look as agreed ({_first_line(error)}); run: qb-pipeline billing check"
        ) from error
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        raise BillingUnavailableError(
            f"the billing database did not answer ({_first_line(error)}); try again, or run: qb-pipeline doctor"
        ) from error


def _first_line(error: sa.exc.DBAPIError) -> str:
    """Return the first line of the database's message. Further lines may quote the statement."""
    return str(error.orig).partition("\n")[0]
