"""Firms stand or fall alone: one that fails is named when the others are done.

Belongs here: catching what stops one firm, and naming it. Does not belong here: what is done with a firm.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from logging import Logger

import dagster as dg

from qb_pipeline.sync.failures import FIRM_ERRORS, explain


def _nobody(_firm_id: str, _error: BaseException) -> None:
    """Nobody else is told."""


@dataclass
class Failures:
    """The firms that failed so far, each with what stopped it and the next step.

    ``tell`` hears of each failure; ``others_went_through`` is called where an error is of no firm alone, such as a
    ledger that is gone: the firms before it are done.
    """

    log: Logger
    tell: Callable[[str, BaseException], None] = _nobody
    others_went_through: Callable[[], None] = lambda: None
    by_firm: dict[str, str] = field(default_factory=dict)
    errors: dict[str, BaseException] = field(default_factory=dict)

    @contextmanager
    def of(self, firm_id: str) -> Iterator[None]:
        """Work on one firm in the block; what stops it alone (``FIRM_ERRORS``) is kept, and ends the block."""
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
        """The failure of a run that names each of them; a repetition at once would meet the same."""
        others = "\nEvery other firm of this run is done." if are_others_done else ""
        return dg.Failure(
            description="\n".join(self.by_firm.values()) + others,
            metadata={firm_id: dg.MetadataValue.text(message) for firm_id, message in self.by_firm.items()},
            allow_retries=False,
        )
