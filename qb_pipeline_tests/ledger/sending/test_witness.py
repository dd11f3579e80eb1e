"""The witness: what was sent, in a file that no restored database can take along."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from qb_pipeline.ledger.sending.lease import LeaseLostError
from qb_pipeline.ledger.sending.witness import COPY_SECONDS, Statement, Witness


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path, "emulator", "9130")


def the_file(home: Path) -> Path:
    return home / "witness" / "emulator-9130"


def test_it_says_what_was_noted_last_and_whose_it_is(witness: Witness, tmp_path: Path) -> None:
    assert witness.read() is None

    for sequence in (1, 2, 12, 7):  # a thread that was overtaken
        witness.note(sequence)

    said = Statement(witness.witness_id, 12, is_copy=False)
    assert [witness.read(), Witness(tmp_path, "emulator", "9130").read()] == [said, said]
    assert Witness(tmp_path, "emulator", "9130").witness_id == witness.witness_id
    assert Witness(tmp_path, "sandbox", "9130").read() is None


def test_only_its_owner_may_read_it(witness: Witness, tmp_path: Path) -> None:
    witness.note(1)

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (the_file(tmp_path), the_file(tmp_path).parent)]
    assert modes == [0o600, 0o700]


def test_what_cannot_be_read_is_as_if_there_were_none(witness: Witness, tmp_path: Path) -> None:
    witness.note(1)
    the_file(tmp_path).write_text("{")

    assert witness.read() is None


def test_a_copy_shows_by_when_its_file_came_to_be(witness: Witness, tmp_path: Path) -> None:
    """As after a restore of the home: the file says an hour ago, the file system says now."""
    witness.note(3)
    [line] = the_file(tmp_path).read_text().splitlines()
    at = int(the_file(tmp_path).stat().st_ctime)
    backup = tmp_path / "backup"
    backup.write_text(line.replace(f'"at": {at}', f'"at": {at - int(COPY_SECONDS) - 60}'))
    os.utime(backup, (at - 3600, at - 3600))
    shutil.copy2(backup, the_file(tmp_path))

    assert witness.read() == Statement(witness.witness_id, 3, is_copy=True)


def test_without_a_place_to_write_nothing_may_be_sent(tmp_path: Path) -> None:
    (tmp_path / "witness").write_text("a file where the folder should be")

    with pytest.raises(LeaseLostError, match=r"cannot be written .*: nothing is sent without a witness"):
        Witness(tmp_path, "emulator", "9130").note(1)
