"""Walking over a frame."""

import pandas as pd

from qb_pipeline.sync.frames import rows


def test_rows_have_their_columns_as_attributes() -> None:
    frame = pd.DataFrame({"source_id": ["1", "2"], "amount_cents": [100, 250]})

    assert [(row.source_id, row.amount_cents) for row in rows(frame)] == [("1", 100), ("2", 250)]


def test_an_empty_frame_has_no_rows() -> None:
    assert list(rows(pd.DataFrame({"source_id": []}))) == []
