"""Switches start at the worst case that a careful client survives."""

from typing import get_args

import msgspec
import pytest

from qb_pipeline.config import PROJECT
from qb_pipeline.emulator.books.switches import DOCUMENTED, Switches, change_switches
from qb_pipeline.emulator.steering.bookkeeper import VERBS
from qb_pipeline.emulator.steering.scripted_faults import What


def test_the_default_is_the_worst_case() -> None:
    worst = msgspec.to_builtins(Switches())

    assert {name: worst[name] for name in DOCUMENTED} == {
        "requestid": "ignored",
        "void_paid_invoice": "refused",
        "delete_paid_invoice": "refused",
        "void_note": "replaced",
        "duplicate_numbers": "allowed",
        "batch_order": "shuffled",
        "tax": "recomputed",
        "one_name_per_batch": True,
        "refresh_rotation": "strict",
    }


def test_presets_change_several_and_single_values_win() -> None:
    changed = change_switches(Switches(), {"preset": "documented", "void_note": "replaced"})

    assert (changed.requestid, changed.void_note) == ("honoured", "replaced")
    assert change_switches(Switches(), {"preset": "no_limits"}).requests_per_minute is None


@pytest.mark.parametrize("wrong", [{"requestid": "maybe"}, {"x": 1}, {"batch_limit": "many"}, {"preset": "best"}])
def test_unknown_switches_and_values_are_errors(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"x|maybe|int|preset"):
        change_switches(Switches(), wrong)


def test_the_page_names_every_switch_every_verb_and_everything_that_goes_wrong() -> None:
    page = (PROJECT / "docs" / "quickbooks.md").read_text()
    words = [*Switches.__struct_fields__, *VERBS, *get_args(What)]

    assert [word for word in words if f"`{word}`" not in page] == []
