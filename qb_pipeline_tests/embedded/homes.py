"""A home for embedded services that the server's unprivileged user can enter; pytest's own folders are closed to it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qb_pipeline.embedded import services

MEMORY, DISK = Path("/dev/shm"), Path("/var/tmp")  # noqa: S108 - mkdtemp picks the names in them
ENOUGH_BYTES = 2_000_000_000


@contextmanager
def temporary_home() -> Iterator[Path]:
    """Give an empty home, in memory where there is enough of it; afterwards nothing runs there and it is gone.

    A new cluster is two thousand small files: in memory that is a tenth of a second, on a slow disk it is two.
    """
    in_memory = MEMORY.exists() and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES
    home = Path(tempfile.mkdtemp(prefix="qbp", dir=MEMORY if in_memory else DISK)).resolve()
    home.chmod(0o755)
    try:
        yield home
    finally:
        services.stop(home)
        shutil.rmtree(home)
