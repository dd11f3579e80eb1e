"""CSV files of the mapping utility."""

from pathlib import Path

import pytest
import typer

from qb_pipeline.commands.mapping import read_file, write_file
from qb_pipeline.sync.mapping import Row


def test_a_written_file_holds_no_formula_and_reads_back(tmp_path: Path) -> None:
    file = tmp_path / "map.csv"

    write_file(file, [Row("payer", "P1", "=cmd()", "7", "+Acme"), Row("terms", "Net 30", "Net 30")])

    assert file.read_text().splitlines() == [
        "kind,billing_id,billing_name,quickbooks_id,quickbooks_name",
        "payer,P1,'=cmd(),7,'+Acme",
        "terms,Net 30,Net 30,,",
    ]
    assert read_file(file) == [Row("payer", "P1", "", "7"), Row("terms", "Net 30", "")]
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_saved_by_a_spreadsheet_with_a_byte_order_mark_reads_too(tmp_path: Path) -> None:
    file = tmp_path / "map.csv"
    file.write_bytes(b"\xef\xbb\xbfkind,billing_id,quickbooks_id\r\npayer, P1 ,7\r\n")

    assert read_file(file) == [Row("payer", "P1", "", "7")]


@pytest.mark.parametrize("content", [b"kind,billing_id\npayer,P1\n", b"", b"kind,billing_id,quickbooks_id\n\xff\xfe\n"])
def test_a_file_that_is_none_of_ours_is_bad_usage(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "map.csv"
    file.write_bytes(content)

    with pytest.raises(typer.Exit) as ended:
        read_file(file)

    assert ended.value.exit_code == 2
