"""The services for newcomers: a PostgreSQL server from a wheel, and the emulator's process.

Belongs here: finding, starting, watching and ending these two. Does not belong here: the content of the databases
(``database``, ``ledger``) or the emulator's answers (``emulator``).
"""


class EmbeddedError(Exception):
    """An embedded service cannot run. The message states the reason and the remedy."""
