"""The newcomer's services: a PostgreSQL server out of a wheel, and the emulator's process.

Belongs here: finding, starting, watching and ending those two. Does not belong here: the content of the databases
(``database``, ``ledger``) or the emulator's answers (``emulator``).
"""


class EmbeddedError(Exception):
    """An embedded service cannot run; the message says why and what a person does about it."""
