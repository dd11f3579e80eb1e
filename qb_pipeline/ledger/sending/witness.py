"""The witness (send counter): the number of requests that have left for a company, in a file of this home outside the
database.

A database with a lower count than the file was restored from a backup and does not know its sends since then. The file
is written after the database's own count and before the request leaves, so that it is never ahead of a database that
has forgotten nothing.

Belongs here: the file. Does not belong here: the conclusions from it (``sync.verify.binding``).
"""

import json
import os
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from qb_pipeline.ledger.sending.lease import LeaseLostError

LENGTH = 160
"""Length of the line in bytes. The line fits into one disk sector, so that a power failure leaves the old line or the
new one."""

COPY_SECONDS = 600.0
"""The largest difference between the file's change time (ctime) and the time that is written in the file. With a larger
difference the file is a copy, because copying cannot preserve a ctime. The margin is for two clocks (a network file
system has its own)."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The content of the file. ``is_copy`` tells whether the file was copied or restored together with its home instead
    of being written here."""

    witness_id: str
    sequence: int
    is_copy: bool


class Witness:
    """The witness of one company in one home. Threads may share it."""

    def __init__(self, home: Path, environment: str, realm_id: str) -> None:
        self._path = home / "witness" / f"{environment}-{realm_id}"
        self._lock = threading.Lock()
        self._witness_id = ""
        self._sequence = 0

    @property
    def witness_id(self) -> str:
        """The id of this home's witness, read from the file, or a new id when the file is missing or unreadable."""
        with self._lock:
            if not self._witness_id:
                said = self.read()
                self._witness_id = said.witness_id if said else secrets.token_hex(8)
            return self._witness_id

    def read(self) -> Statement | None:
        """Read the content of the file. The result is None when the file is missing or unreadable."""
        try:
            written = self._path.read_text()
            changed_at = self._path.stat().st_ctime
            said = json.loads(written)
            is_copy = abs(changed_at - said["at"]) > COPY_SECONDS
            return Statement(str(said["witness_id"]), int(said["sequence"]), is_copy)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def note(self, sequence: int) -> None:
        """Write the number of requests that have left, and flush the file to the disk before returning.

        Raises:
            LeaseLostError: the file cannot be written. Then no request may leave.
        """
        witness_id = self.witness_id
        with self._lock:
            if sequence <= self._sequence:  # another thread has already noted a later request
                return
            said = {"witness_id": witness_id, "sequence": sequence, "at": int(time.time())}
            try:
                self._write(json.dumps(said).ljust(LENGTH - 1) + "\n")
            except OSError as error:
                raise LeaseLostError(
                    f"{self._path} cannot be written ({error.strerror}): nothing is sent without a witness"
                ) from error
            self._sequence = sequence

    def _write(self, line: str) -> None:
        is_new = not self._path.exists()
        if is_new:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(file, line.encode(), 0)
            os.fsync(file)
        finally:
            os.close(file)
        if is_new:
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
