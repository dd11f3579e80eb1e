"""Pending tokens: new tokens that are not committed to the database yet, after a refresh has spent the old ones.

They are kept in a file of the home, encrypted like their future database row. The file exists from before the refresh
request until after the commit, so that no token is lost when the process dies or the database fails.

Belongs here: the file. Does not belong here: the choice of the valid tokens (``tokens``).
"""

import json
import os
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

COLUMNS = (
    "firm_id", "realm_id", "environment", "key_id", "ciphertext", "access_expires_at", "refresh_expires_at",
    "refresh_hard_expires_at", "updated_at",
)  # fmt: skip
"""The columns of a row that are written. The database sets the other ones itself."""

TIMES = ("access_expires_at", "refresh_expires_at", "refresh_hard_expires_at", "updated_at")


@dataclass(frozen=True, slots=True)
class SealedTokens:
    """The tokens of a connection as they are stored: encrypted, with their company and the times when they end.

    ``key_id`` names the key that decrypts ``ciphertext``. ``previous_ciphertext`` holds the tokens before these.
    ``lost_at`` is the time since which QuickBooks accepts none of them, or None.
    """

    firm_id: str
    realm_id: str
    environment: str
    key_id: str
    ciphertext: bytes = field(repr=False)
    access_expires_at: datetime
    refresh_expires_at: datetime
    refresh_hard_expires_at: datetime | None
    updated_at: datetime
    previous_ciphertext: bytes | None = field(default=None, repr=False)
    previous_key_id: str | None = None
    lost_at: datetime | None = None


class PendingTokens:
    """The file of one firm's pending tokens."""

    def __init__(self, home: Path, firm_id: str) -> None:
        self._path = home / "pending_tokens" / firm_id

    def exists(self) -> bool:
        """Return whether the file exists."""
        return self._path.exists()

    def read(self) -> SealedTokens | None:
        """Read the row in the file. The result is None when the file is missing or unreadable."""
        try:
            row = json.loads(self._path.read_text())
            times = {name: datetime.fromisoformat(row[name]) if row[name] else None for name in TIMES}
            typed = row | times | {"ciphertext": b64decode(row["ciphertext"])}
            return SealedTokens(**{name: typed[name] for name in COLUMNS})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, row: SealedTokens) -> None:
        """Replace the file with this row as a whole, and flush the file to the disk before returning.

        Raises:
            OSError: the file cannot be written.
        """
        times = {name: getattr(row, name) for name in TIMES}
        text = json.dumps(
            {name: getattr(row, name) for name in COLUMNS}
            | {"ciphertext": b64encode(row.ciphertext).decode()}
            | {name: moment.isoformat() if moment else None for name, moment in times.items()}
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
        """Remove the file, because the database has the tokens. A file that cannot be removed is older than the
        database's row and does no harm."""
        with suppress(OSError):
            self._path.unlink()

    def _sync_folder(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
