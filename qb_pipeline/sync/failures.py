"""The errors that stop one firm and no other, and their wording.

Belongs here: the errors and their words. Does not belong here: catching them (``defs.each_firm``, commands).
"""

import re

from qb_pipeline.billing.errors import BillingError
from qb_pipeline.core.schemas import ContractBroken
from qb_pipeline.core.words import NotNamedError
from qb_pipeline.ledger.sending import lease
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.quickbooks.errors import (
    AuthorizationLostError,
    OutcomeUnknownError,
    QuickBooksError,
    RequestRejectedError,
    ThrottledError,
    TransientError,
)
from qb_pipeline.stopping import StoppedError
from qb_pipeline.sync.plan.approval import StalePlanError
from qb_pipeline.sync.send.settle import DuplicateError
from qb_pipeline.sync.verify.census import CensusError


class UnfinishedError(Exception):
    """Documents that a run was to send are still unsent. A run never ends green with this error."""


class CreditHalfError(UnfinishedError):
    """QuickBooks holds only one half of a payment from credit. A run never ends green with this error."""


FIRM_ERRORS = (
    SetUpError, StalePlanError, NotNamedError, lease.BusyError, lease.LeaseLostError, DuplicateError, CensusError,
    UnfinishedError, QuickBooksError, BillingError, ContractBroken, StoppedError,
)  # fmt: skip
"""The errors that stop one firm and no other."""


def explain(firm_id: str, error: BaseException) -> str:
    """Return the message of the error that stopped a firm, with the next command if the error itself cannot know it."""
    if isinstance(error, AuthorizationLostError):
        return f"{error}. Next step: qb-pipeline connect {firm_id}"
    return str(error)


IN_WORDS: dict[type[BaseException], str] = {
    AuthorizationLostError: "connection lost",
    OutcomeUnknownError: "an answer was lost",
    ThrottledError: "QuickBooks asks to wait",
    TransientError: "QuickBooks did not answer",
    RequestRejectedError: "QuickBooks refused a request",
    lease.BusyError: "another run is at work",
    lease.LeaseLostError: "paused, or another run took over",
    DuplicateError: "QuickBooks holds a document twice",
    CensusError: "QuickBooks does not hold each document once",
    CreditHalfError: "a payment from credit has only one half",
    UnfinishedError: "documents were left unsent",
    StalePlanError: "the plan has moved",
    BillingError: "billing cannot be used",
    ContractBroken: "billing breaks its contract",
}


def in_words(error: BaseException, firm_id: str = "") -> str:
    """Describe in a few words, for a list, the error that stopped a run.

    The whole sentence is with the run (``explain``). An error of ours without words of its own gives its first
    sentence. An error of a library gives only its class, because its message may quote a client's data.
    """
    for each in type(error).__mro__:
        if each in IN_WORDS:
            return IN_WORDS[each]
    if not isinstance(error, FIRM_ERRORS):
        return type(error).__name__
    said = str(error).removeprefix(f"{firm_id}: ")  # the list names the firm already
    return re.split(r"[.;:] ", f"{said} ")[0].strip(" .")
