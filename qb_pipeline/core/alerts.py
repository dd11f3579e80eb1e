"""Messages to people about a failed run, and each morning about the held documents (rejected by validation) with their
remedies.

Belongs here: the texts. They show counts, sums, codes and ids, never a name or a memo. (The sum of a single document is
its amount.) Does not belong here: sending them (``alerts``), and the time of sending (``defs.sensors``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

LONGEST_REASON = 600
"""The most characters of one reason in a message. Chats cut or refuse much longer texts."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A message. ``is_urgent``: whether somebody should read it now, not when they have time."""

    title: str
    body: str
    is_urgent: bool


@dataclass(frozen=True, slots=True)
class Held:
    """Documents of one kind that are held for one reason; ``amount`` is their sum in dollars."""

    kind: str
    reason: str
    documents: int
    amount: Decimal
    remedy: str


PAID_AT_ONCE = "PAID_AT_ONCE"
"""The reason of the notice about an invoice that QuickBooks paid when it was created. An earlier payment that somebody
else entered may be the payment that billing is about to send."""


@dataclass(frozen=True, slots=True)
class FirmDay:
    """The facts about one firm on the morning of a day. ``failed_runs``: Dagster run ids of the last 24 hours.
    ``paid_at_once``: the invoices of these hours that QuickBooks paid when they were created, from money that we did
    not send."""

    firm_id: str
    state: str
    next_step: str
    held: tuple[Held, ...]
    failed_runs: tuple[str, ...]
    connection_ends: date | None
    paid_at_once: tuple[str, ...] = ()


def failed_run(*, run_id: str, job: str, firms: Sequence[str], trigger: str, reasons: Sequence[str]) -> Alert:
    """Build the message about a failed run: its firms, the reasons in our own words, and the commands that show
    more."""
    where = ", ".join(firms)
    lines = [f"Run {run_id[:8]} of job {job} failed (started by {trigger})."]
    lines += [reason[:LONGEST_REASON] for reason in reasons]
    lines += ["", "What to do:", "1. qb-pipeline doctor"]
    lines += [f"2. qb-pipeline log {firm} --run {run_id} --errors" for firm in firms]
    lines.append("3. Start the sync again, or wait for the schedule: what is in QuickBooks already is not sent twice.")
    return Alert(f"qb_pipeline: run failed{f' ({where})' if where else ''}", "\n".join(lines), is_urgent=True)


def digest_message(day: date, firms: Sequence[FirmDay], *, soon: date) -> Alert:
    """Build the message of a morning. It names each connection that ends before ``soon``."""
    held = sum(row.documents for firm in firms for row in firm.held)
    failed = sum(len(firm.failed_runs) for firm in firms)
    title = f"qb_pipeline, {day.isoformat()}: " + (
        f"{held} held, {failed} failed runs" if held or failed else "nothing to do"
    )
    return Alert(title, "\n\n".join(_of_firm(firm, soon) for firm in firms), is_urgent=failed > 0)


def _of_firm(firm: FirmDay, soon: date) -> str:
    lines = []
    if firm.next_step:
        lines.append(f"  {firm.state}: nothing is sent. Next step: {firm.next_step}")
    if firm.failed_runs:
        runs = ", ".join(run[:8] for run in firm.failed_runs)
        lines.append(f"  failed runs: {runs}. Why: qb-pipeline log {firm.firm_id} --errors")
    if firm.connection_ends is not None and firm.connection_ends < soon:
        lines.append(f"  the connection ends on {firm.connection_ends}: qb-pipeline connect {firm.firm_id}")
    if firm.paid_at_once:
        paid = ", ".join(firm.paid_at_once)
        lines.append(f"  paid by QuickBooks at once, from money that others entered: {paid}. Compare with billing")
    for row in firm.held:
        lines.append(f"  {row.documents} × {row.kind} {row.reason}, {row.amount:,.2f}: {row.remedy}")
    return "\n".join([f"{firm.firm_id}:", *(lines or ["  everything is in QuickBooks, nothing is held"])])
