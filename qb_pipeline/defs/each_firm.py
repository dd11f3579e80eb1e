"""The failures of single firms in a run. A firm that fails stops no other firm, and is named when the others are done.

Belongs here: catching the error of one firm, and naming the firm. Does not belong here: the work on a firm.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from logging import Logger

import dagster as dg

from qb_pipeline.sync.failures import FIRM_ERRORS, explain


def _nobody(_firm_id: str, _error: BaseException) -> None:
    """Do nothing: nobody else is told of the failure."""


@dataclass
class Failures:
    """The firms that failed so far: their messages with the next step (``by_firm``) and their errors, keyed by firm id.

    ``tell`` is called with each failure. ``others_went_through`` is called when an error is of no firm alone, such as
    the loss of the ledger: the firms before it are done.
    """

    log: Logger
    tell: Callable[[str, BaseException], None] = _nobody
    others_went_through: Callable[[], None] = lambda: None
    by_firm: dict[str, str] = field(default_factory=dict)
    errors: dict[str, BaseException] = field(default_factory=dict)

    @contextmanager
    def of(self, firm_id: str) -> Iterator[None]:
        """Run the block for one firm. An error that stops only this firm (``FIRM_ERRORS``) ends the block and is
        stored."""
        try:
            yield
        except FIRM_ERRORS as error:
            self.by_firm[firm_id] = explain(firm_id, error)
            self.errors[firm_id] = error
            self.tell(firm_id, error)
            self.log.error(f"{firm_id}: {self.by_firm[firm_id]}")
        except Exception:
            self.others_went_through()
            raise

    def failure(self, *, are_others_done: bool = False) -> dg.Failure:
        """Return the failure of the run, which names each failed firm. It allows no retry: a retry at once would fail
        again."""
        others = "\nEvery other firm of this run is done." if are_others_done else ""
        return dg.Failure(
            description="\n".join(self.by_firm.values()) + others,
            metadata={firm_id: dg.MetadataValue.text(message) for firm_id, message in self.by_firm.items()},
            allow_retries=False,
        )
