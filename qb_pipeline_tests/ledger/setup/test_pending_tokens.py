"""The file of a refresh: what was written is read, and what cannot be read is as if there were none."""

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qb_pipeline.ledger.setup.pending_tokens import TIMES, PendingTokens, SealedTokens
from qb_pipeline_tests.ledger.desk import FIRM, NOON

ROW = SealedTokens(
    firm_id=FIRM, realm_id="9130", environment="emulator", key_id="abc", ciphertext=b"\x00\xffsecret",
    access_expires_at=NOON, refresh_expires_at=NOON + timedelta(days=100), refresh_hard_expires_at=None,
    updated_at=NOON,
)  # fmt: skip
MOMENTS = st.datetimes(timezones=st.just(UTC))


@pytest.fixture
def pending(tmp_path: Path) -> PendingTokens:
    return PendingTokens(tmp_path, FIRM)


def the_file(home: Path) -> Path:
    return home / "pending_tokens" / FIRM


@settings(max_examples=30)
@given(ciphertext=st.binary(), text=st.text(), times=st.lists(MOMENTS | st.none(), min_size=4, max_size=4))
def test_a_row_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, ciphertext: bytes, text: str, times: list[datetime | None]
) -> None:
    pending = PendingTokens(tmp_path_factory.getbasetemp() / "law", FIRM)
    moments: dict[str, Any] = dict(zip(TIMES, times, strict=True))
    row = replace(ROW, ciphertext=ciphertext, key_id=text, **moments)

    pending.write(row)

    assert (pending.exists(), pending.read()) == (True, row)


def test_before_a_refresh_and_after_its_end_there_is_nothing(pending: PendingTokens) -> None:
    before = pending.exists(), pending.read()
    pending.forget()
    pending.write(ROW)
    pending.forget()
    pending.forget()

    assert before == (pending.exists(), pending.read()) == (False, None)


def test_a_file_that_was_cut_anywhere_is_as_if_there_were_none(pending: PendingTokens, tmp_path: Path) -> None:
    pending.write(ROW)
    whole = the_file(tmp_path).read_bytes()
    found = []
    for length in range(len(whole)):
        the_file(tmp_path).write_bytes(whole[:length])
        found.append(pending.read())

    assert (found, pending.exists()) == ([None] * len(whole), True)


@pytest.mark.parametrize(
    "change",
    [{"ciphertext": None}, {"ciphertext": "a"}, {"ciphertext": "é"}, {"updated_at": "yesterday"}, {"updated_at": 7}],
)
def test_a_value_that_makes_no_sense_is_as_if_there_were_no_file(
    pending: PendingTokens, tmp_path: Path, change: dict[str, Any]
) -> None:
    pending.write(ROW)
    written = json.loads(the_file(tmp_path).read_text())
    for row in (written | change, {name: value for name, value in written.items() if name not in change}, [written], 7):
        the_file(tmp_path).write_text(json.dumps(row))
        assert pending.read() is None


def test_a_later_row_takes_the_place_of_the_former_as_a_whole_and_leaves_no_other_file(
    pending: PendingTokens, tmp_path: Path
) -> None:
    pending.write(replace(ROW, ciphertext=b"long" * 1_000))
    pending.write(ROW)

    assert (pending.read(), list(the_file(tmp_path).parent.iterdir())) == (ROW, [the_file(tmp_path)])
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (the_file(tmp_path), the_file(tmp_path).parent)]
    assert modes == [0o600, 0o700]


def test_each_firm_has_a_file_of_its_own(pending: PendingTokens, tmp_path: Path) -> None:
    other = PendingTokens(tmp_path, "two")
    pending.write(ROW)
    other.write(replace(ROW, firm_id="two"))

    pending.forget()

    assert (pending.read(), other.read()) == (None, replace(ROW, firm_id="two"))


def test_a_row_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "pending_tokens").write_text("a file where the folder should be")
    pending = PendingTokens(tmp_path, FIRM)

    with pytest.raises(OSError, match="pending_tokens"):
        pending.write(ROW)

    assert (pending.exists(), pending.read()) == (False, None)
