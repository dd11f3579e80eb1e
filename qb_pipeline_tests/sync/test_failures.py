"""What stops one firm is said in words that a person can act on and that quote nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.billing.errors import BillingError
from qb_pipeline.core.schemas import ContractBroken
from qb_pipeline.core.words import NotNamedError
from qb_pipeline.ledger.sending.lease import BusyError, LeaseLostError
from qb_pipeline.ledger.setup.bindings import BindingError
from qb_pipeline.quickbooks.errors import AuthorizationLostError, RequestRejectedError, ThrottledError, TransientError
from qb_pipeline.stopping import StoppedError
from qb_pipeline.sync.failures import FIRM_ERRORS, IN_WORDS, UnfinishedError, explain, in_words
from qb_pipeline.sync.plan.approval import StalePlanError
from qb_pipeline.sync.send.settle import DuplicateError
from qb_pipeline.sync.verify.census import CensusError

CLIENT = "Ana Diaz owes 100.00. She lives in Albany"


class LibraryError(RuntimeError):
    """Of somebody else: what it says may quote a client's data."""


def test_a_lost_connection_names_the_command_of_its_firm_and_every_other_error_says_the_rest_itself() -> None:
    lost = AuthorizationLostError("QuickBooks no longer lets us in", intuit_tid="t-1")

    assert explain("one", lost) == (
        "QuickBooks no longer lets us in; intuit_tid=t-1. Next step: qb-pipeline connect one"
    )  # fmt: skip
    assert explain("one", UnfinishedError("one: run the sync again")) == "one: run the sync again"
    assert explain("one", LibraryError("no space left")) == "no space left"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (BusyError("one is BUSY: run 7"), "another run is at work"),
        (LeaseLostError("one is paused"), "paused, or another run took over"),
        (ThrottledError("HTTP 429", seconds=60), "QuickBooks asks to wait"),
        (TransientError("HTTP 503", sent=False), "QuickBooks did not answer"),
        (RequestRejectedError("fault 6000", faults=[], http_status=400), "QuickBooks refused a request"),
        (DuplicateError("two of invoice 1"), "QuickBooks holds a document twice"),
        (CensusError("two of invoice 1"), "QuickBooks does not hold each document once"),
        (UnfinishedError("20 invoices"), "documents were left unsent"),
        (StalePlanError("plan p is stale"), "the plan has moved"),
        (BillingError("no such table"), "billing cannot be used"),
        (ContractBroken("headers: amount_cents", [], []), "billing breaks its contract"),
        (BindingError("This home is a copy. Next step: stop it"), "This home is a copy"),
        (NotNamedError("one has no run 7"), "one has no run 7"),
        (StoppedError("this process was told to end"), "this process was told to end"),
    ],
)  # fmt: skip
def test_each_error_of_ours_has_words_for_a_list(error: Exception, words: str) -> None:
    assert (in_words(error), isinstance(error, FIRM_ERRORS)) == (words, True)


def test_a_kind_of_an_error_of_ours_is_said_as_that_error_is() -> None:
    class NeverSeenBeforeError(BusyError):
        pass

    assert in_words(NeverSeenBeforeError(CLIENT)) == "another run is at work"


def test_whatever_has_words_stops_one_firm_alone() -> None:
    assert [each for each in IN_WORDS if not issubclass(each, FIRM_ERRORS)] == []


@given(st.text())
def test_an_error_of_a_library_is_named_and_never_quoted(said: str) -> None:
    assert in_words(LibraryError(said)) == "LibraryError"
    assert in_words(LibraryError(CLIENT)) == "LibraryError"


@given(
    st.text(st.characters(exclude_characters=".;:", exclude_categories=["Z", "C"]), min_size=1), st.sampled_from(".;:")
)
def test_an_error_of_ours_without_words_gives_its_first_sentence_and_no_more(first: str, mark: str) -> None:
    assert in_words(NotNamedError(f"{first}{mark} {CLIENT}")) == first
    assert in_words(NotNamedError(first)) == first


def test_a_sentence_that_begins_with_the_firm_gives_its_reason_and_not_the_firm_alone() -> None:
    said = "one: this home was copied or restored from a backup; a copy may still run"

    assert in_words(NotNamedError(said), "one") == "this home was copied or restored from a backup"
    assert in_words(NotNamedError("one: invoice:9 cannot be sent: billing does not have it"), "one") == (
        "invoice:9 cannot be sent"
    )
