"""The emulator's memory on disk: one line of JSON per committed write, appended before the answer is sent.

Belongs here: the file. A line is written with one system call, so a killed process leaves whole lines and at most one
incomplete line at the end, which the next start drops. At each start the file is written again without lines that have
become irrelevant. Does not belong here: the meaning of the lines (``state``).
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
    """An append-only file; without a path nothing is stored."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file: int | None = None

    def read(self) -> Iterator[Any]:
        """Yield the lines that were written, oldest first.

        An incomplete last line was left by a kill, and is dropped.

        Raises:
            ValueError: a line is broken, because the file was changed by something else.
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
        """Write the file again with these lines, and open it for appending."""
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
        """Write a line to the end of the file."""
        if self._file is not None:
            os.write(self._file, encode(line) + b"\n")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
