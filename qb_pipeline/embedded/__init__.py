"""The newcomer's services: a PostgreSQL server out of a wheel, and the emulator's process.

Belongs here: finding, starting, watching and ending those two. Does not belong here: what is stored in the databases
(``database``, ``ledger``) or what the emulator answers (``emulator``).
"""


class EmbeddedError(Exception):
    """An embedded service cannot run; the message says why and what a person does about it."""
