"""What the doctor says of one part: nothing said is ok, and each other verdict stands out."""

from qb_pipeline.commands.checkup.finding import BROKEN, OK, WARNING, Finding
from qb_pipeline_tests.commands.typed import console


def test_a_part_of_which_nothing_is_said_is_ok() -> None:
    assert Finding("clock") == Finding("clock", verdict="ok", found="", remedy="")


def test_every_verdict_but_ok_has_a_colour_of_its_own() -> None:
    assert {OK, *console.STYLES} == {OK, WARNING, BROKEN} == {"ok", "warning", "broken"}
    assert len(set(console.STYLES.values())) == 2
