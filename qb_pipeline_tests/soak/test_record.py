"""The table of the long form's figures says of which code they are."""

from pathlib import Path

from qb_pipeline_tests.soak.record import (
    BEGIN,
    CHANGED,
    END,
    HEAD,
    PAGE,
    PARTS,
    ROOMS,
    SAME,
    Line,
    hash_code,
    read,
    write,
)

FOUND = Line("kills", "7 kills, 0 violations", "1", "2026-11-30, abc1234", "0123456789ab", SAME)
EMPTY = f"before\n{BEGIN}{HEAD}{END}after\n"


def test_the_page_has_a_line_for_each_part_and_says_of_each_whether_the_code_has_changed_since() -> None:
    """After a change of these rooms: ``python -m qb_pipeline_tests.soak.record``, or the soak once more."""
    lines = read(PAGE.read_text())

    assert tuple(line.part for line in lines) == PARTS
    assert {line.part: line.word for line in lines} == {
        line.part: SAME if line.code == hash_code() else CHANGED for line in lines
    }


def test_what_is_written_is_read_again_and_the_rest_of_the_page_stays() -> None:
    page = write(EMPTY, [FOUND], FOUND.code)

    assert read(page) == [FOUND]
    assert page.startswith("before\n")
    assert page.endswith("after\n")


def test_figures_of_other_code_are_called_so() -> None:
    [line] = read(write(EMPTY, [FOUND], "ffffffffffff"))

    assert line.word == CHANGED


def test_a_letter_in_any_room_a_new_file_and_a_new_name_are_other_code(tmp_path: Path) -> None:
    hashes = []
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "a.py").write_text("x = 1\n")
    hashes.append(hash_code(tmp_path))
    for room in ROOMS:
        (tmp_path / room / "a.py").write_text("x = 2\n")
        hashes.append(hash_code(tmp_path))
    (tmp_path / "sync" / "b.sql").write_text("")
    hashes.append(hash_code(tmp_path))
    (tmp_path / "sync" / "b.sql").rename(tmp_path / "sync" / "c.sql")
    hashes.append(hash_code(tmp_path))

    assert len(set(hashes)) == len(ROOMS) + 3


def test_what_python_leaves_beside_the_code_is_not_code(tmp_path: Path) -> None:
    (tmp_path / "core" / "__pycache__").mkdir(parents=True)
    before = hash_code(tmp_path)
    (tmp_path / "core" / "__pycache__" / "a.cpython-311.pyc").write_text("")

    assert hash_code(tmp_path) == before
