"""The harness bites: bugs that are put into a copy of the code are caught (all of them: ``make soak``)."""

import pytest

from qb_pipeline.config import PROJECT
from qb_pipeline_tests.soak.seeded_bugs import BUGS, Bug, copy_with, hunt

QUICK = ("a lost answer counts as not sent", "a holder that was cut off lives on", "a repetition is not written down")


def test_there_are_enough_bugs() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 12


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_has_its_place_in_the_code(bug: Bug) -> None:
    assert (PROJECT / "qb_pipeline" / bug.path).read_text().count(bug.old) == 1, "the code moved: seed this bug anew"


def test_a_bug_whose_place_is_gone_is_an_error() -> None:
    bug = Bug("nothing", "sync/send/push.py", "no such line", "", ())

    with pytest.raises(ValueError, match="its place stands 0 times"), copy_with(bug):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug.name in QUICK], ids=lambda bug: bug.name)
def test_a_seeded_bug_is_caught(bug: Bug) -> None:
    caught, seconds = hunt(bug)

    print(f"{bug.name}: {caught} after {seconds:.0f} s")
    assert caught
