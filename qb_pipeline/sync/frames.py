"""Walk over a frame."""

from collections.abc import Iterator
from typing import Any

import pandas as pd


def rows(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows as named tuples. Their columns are declared in ``core.schemas``, which a type checker cannot read."""
    yield from frame.itertuples(index=False)
