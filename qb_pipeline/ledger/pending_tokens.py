"""Tokens on their way into the database: the old ones are spent already, the new ones are not committed yet.

A file of the home, encrypted like the row that they are to become. It is there from before the question until after the
commit, so that nothing is lost whenever the process dies or the database goes.

Belongs here: the file. Does not belong here: which tokens are the right ones (``tokens``).
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

TIMES = ("access_expires_at", "refresh_expires_at", "refresh_hard_expires_at", "updated_at")


class PendingTokens:
    """The file of one firm."""

    def __init__(self, home: Path, firm_id: str) -> None:
        self._path = home / "pending_tokens" / firm_id

    def exists(self) -> bool:
        """Whether a refresh was begun and not ended."""
        return self._path.exists()

    def read(self) -> dict[str, Any] | None:
        """The row that it holds; None when there is none, or none that can be read."""
        try:
            row: dict[str, Any] = json.loads(self._path.read_text())
            times = {name: datetime.fromisoformat(row[name]) if row[name] else None for name in TIMES}
            return row | times | {"ciphertext": b64decode(row["ciphertext"])}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, row: Mapping[str, Any]) -> None:
        """Put the row there, whole, and let the disk have it before this returns.

        Raises:
            OSError: the disk does not take it.
        """
        text = json.dumps(
            {**row, "ciphertext": b64encode(row["ciphertext"]).decode()}
            | {name: row[name].isoformat() if row[name] else None for name in TIMES}
        )
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(file, text.encode())
            os.fsync(file)
        finally:
            os.close(file)
        unfinished.replace(self._path)
        self._sync_folder()

    def forget(self) -> None:
        """Remove it: the database has the tokens. One that stays is older than those, and does no harm."""
        with suppress(OSError):
            self._path.unlink()

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
