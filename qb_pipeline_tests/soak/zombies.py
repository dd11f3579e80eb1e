"""A sender stopped just before a request leaves, cut off, succeeded, and woken again.

The advisory lock cannot hold it back: its session is gone, and its next instruction writes to a socket.
"""

import math
import os
import signal
import time
from contextlib import suppress
from unittest.mock import patch

from qb_pipeline.quickbooks import transport
from qb_pipeline_tests.soak import work
from qb_pipeline_tests.soak.checker import Allowed, look
from qb_pipeline_tests.soak.matrix import Tally, sync_here
from qb_pipeline_tests.soak.world import Stop, World, fork_run

PLACES = {
    "revised invoices": ("POST batch", 1),
    "new invoices": ("POST batch", 2),
    "revised payments": ("POST batch", 3),
    "new payments": ("POST batch", 4),
    "a new customer": ("POST customer", 1),
    "a new item": ("POST item", 1),
    "the void of an invoice": ("POST invoice", 1),
    "the void of a payment": ("POST payment", 1),
}
"""The requests of a day that write, and which of its kind each is. A late create is what makes a second document."""


def run_zombies(world: World) -> Tally:
    """One zombie at each kind of request that writes."""
    tally, began = Tally(), time.monotonic()
    with world.firm() as firm:
        allowed = Allowed()
        work.open_firm(firm, allowed)
        for day, (what, (place, nth)) in enumerate(PLACES.items(), start=1):
            firm.time.sleep(work.NAP_SECONDS)
            work.second_thoughts(firm, day - 1)
            work.morning(firm, day)
            # Who stands still for five seconds there sends no more, whatever the lease says: on a slow machine that
            # would hide what this is to show.
            with patch.object(transport, "FRESH_SECONDS", math.inf):
                pid = fork_run(firm, world.output, stop=Stop(f"{place}: before it leaves", nth, signal.SIGSTOP))
            _, status = os.waitpid(pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status), f"the run never came to {what}"
            cut_off(world, firm.ledger.url.database or "")
            tally.runs += 2
            tally.scenarios += 1
            sync_here(firm, whole=True)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            _, status = os.waitpid(pid, 0)
            tally.kills += os.WIFSIGNALED(status)
            tally.kills_at[what] += os.WIFSIGNALED(status)
            allowed.kills += 1
            firm.time.sleep(work.NAP_SECONDS)
            found = look(firm, allowed, world.output)
            tally.violations += [f"{violation}\n    woken before it sent {what}" for violation in found]
            if found:
                break
    tally.seconds = time.monotonic() - began
    return tally


def cut_off(world: World, database: str) -> None:
    """End the session that holds the company, as a network that fails does; gone when this returns."""
    sessions = (
        "from pg_locks l join pg_database d on d.oid = l.database"
        f" where l.locktype = 'advisory' and l.granted and d.datname = '{database}'"
    )
    until = time.monotonic() + 30
    with world.server.connect() as connection:
        connection.exec_driver_sql(f"select pg_terminate_backend(l.pid) {sessions}")
        while connection.exec_driver_sql(f"select count(*) {sessions}").scalar():
            assert time.monotonic() < until, "the session of the lease does not end"
            time.sleep(0.01)
