"""Pending tokens: a refresh has spent the old tokens, and the new ones are not committed to the database yet.

They stand in a file of the home, encrypted like their future database row. The file exists from before the refresh
request until after the commit, so that no token is lost when the process dies or the database fails.

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
        """Whether the file of a refresh is there."""
        return self._path.exists()

    def read(self) -> dict[str, Any] | None:
        """The row in the file; None when the file is missing or unreadable."""
        try:
            row: dict[str, Any] = json.loads(self._path.read_text())
            times = {name: datetime.fromisoformat(row[name]) if row[name] else None for name in TIMES}
            return row | times | {"ciphertext": b64decode(row["ciphertext"])}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, row: Mapping[str, Any]) -> None:
        """Replace the file with this row as a whole, and flush it to the disk before this returns.

        Raises:
            OSError: the file cannot be written.
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
        """Remove the file: the database has the tokens. A file that stays is older than the database's row and does no
        harm."""
        with suppress(OSError):
            self._path.unlink()

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
