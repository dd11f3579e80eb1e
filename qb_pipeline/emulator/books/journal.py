"""The emulator's memory on disk: one line of JSON per committed write, appended before the answer leaves.

Belongs here: the file. A line is written with one system call, so a killed process leaves whole lines and at most one
torn one at the end, which the next start drops. At each start the file is written anew without lines that no longer
matter. Does not belong here: the meaning of the lines (``state``).
"""

import os
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from qb_pipeline.emulator.books.tables import encode

LINES_PER_WRITE = 1000


class Journal:
    """An append-only file; without a path it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file: int | None = None

    def read(self) -> Iterator[Any]:
        """Give the lines that were written, oldest first. A torn last line comes from a kill, and is dropped.

        Raises:
            ValueError: a line in the middle is broken; the file was changed by something else.
        """
        if self.path is None or not self.path.exists():
            return
        decode = msgspec.json.Decoder(float_hook=Decimal).decode
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    yield decode(line)
                except msgspec.DecodeError as error:
                    raise ValueError(f"{self.path} line {number} is not JSON; restore the file or delete it") from error

    def start(self, lines: Iterable[Any]) -> None:
        """Write the file anew and go on appending to it."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f"{self.path.name}.new")
        with fresh.open("wb") as out:
            for line in lines:
                out.write(encode(line) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self.path)
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND)

    def append(self, line: Any) -> None:
        """Add a line."""
        if self._file is not None:
            os.write(self._file, encode(line) + b"\n")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
