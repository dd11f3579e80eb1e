"""A firm that fails keeps no other from being worked on, and is named with its next step."""

import logging

import pytest

from qb_pipeline.defs.each_firm import Failures
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.quickbooks.errors import AuthorizationLostError

LOG = logging.getLogger("test")


def test_what_stops_one_firm_is_kept_and_the_next_one_is_worked_on(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[str, BaseException]] = []
    failures = Failures(LOG, lambda firm_id, error: told.append((firm_id, error)))
    refused, lost = SetUpError("one is not active"), AuthorizationLostError("refused")
    done = []
    for firm_id, error in (("one", refused), ("two", None), ("three", lost)):
        with failures.of(firm_id):
            if error is not None:
                raise error
            done.append(firm_id)

    failure = failures.failure(are_others_done=True)

    assert done == ["two"]
    assert told == [("one", refused), ("three", lost)]
    assert failures.by_firm == {
        "one": "one is not active", "three": f"{lost}. Next step: qb-pipeline connect three",
    }  # fmt: skip
    assert failure.description == (
        f"one is not active\n{lost}. Next step: qb-pipeline connect three\nEvery other firm of this run is done."
    )
    assert ({name: value.value for name, value in failure.metadata.items()}, failure.allow_retries) == (
        failures.by_firm, False,
    )  # fmt: skip
    assert [record.message for record in caplog.records] == [
        "one: one is not active", f"three: {lost}. Next step: qb-pipeline connect three",
    ]  # fmt: skip


def test_an_error_of_no_firm_alone_ends_the_run_once_the_firms_before_it_are_marked() -> None:
    marked = []
    failures = Failures(LOG, others_went_through=lambda: marked.append("one"))

    with pytest.raises(ZeroDivisionError), failures.of("two"):
        raise ZeroDivisionError

    assert (marked, failures.by_firm) == (["one"], {})
