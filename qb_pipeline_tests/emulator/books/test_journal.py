"""The file that remembers."""

from decimal import Decimal
from pathlib import Path

from qb_pipeline.emulator.books.journal import Journal


def test_lines_come_back_in_order_with_exact_decimals(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "deep" / "state")
    assert list(journal.read()) == []
    journal.start([{"a": 1}])
    journal.append({"b": Decimal("0.10")})
    journal.close()

    assert list(Journal(tmp_path / "deep" / "state").read()) == [{"a": 1}, {"b": Decimal("0.10")}]


def test_without_a_path_nothing_is_kept() -> None:
    journal = Journal(None)
    journal.start([{"a": 1}])
    journal.append({"b": 1})
    journal.close()

    assert list(journal.read()) == []


def test_a_start_replaces_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text("old\n")
    journal = Journal(path)
    journal.start([{"new": 1}])
    journal.close()

    assert [each.name for each in tmp_path.iterdir()] == ["state"]
    assert path.read_text() == '{"new":1}\n'
