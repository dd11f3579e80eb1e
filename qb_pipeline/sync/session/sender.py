"""The right to write to one company: reserve, send, record.

Belongs here: the actions that only the holder of the company's lease may take. Does not belong here: the order of these
steps (``push``), and the outcome of a request whose answer was lost (``settle``).
"""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from qb_pipeline.core.states import Operation
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.sending.attempts import Attempt, Attempts, Item, ItemOutcome
from qb_pipeline.ledger.sending.lease import Lease
from qb_pipeline.ledger.sending.witness import Witness
from qb_pipeline.quickbooks.answers import Answer, BatchAnswer
from qb_pipeline.quickbooks.client import QuickBooksWriter

MAX_UNANSWERED = 3
"""The number of lost answers in a row after which nothing more is sent, since each would have to be settled."""


class Sender:
    """The writer to one company, for one run, while it holds the lease. ``FirmSession.sending`` yields it.

    Safe to share among threads. ``is_doubted``: a fault of the company is recorded, so that requests leave one by one
    until QuickBooks has accepted one.
    """

    def __init__(
        self,
        *,
        run: Run,
        lease: Lease,
        attempts: Attempts,
        quickbooks: QuickBooksWriter,
        witness: Witness,
        in_flight: int,
        is_doubted: bool,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self.in_flight = in_flight
        self._run = run
        self._lease = lease
        self._attempts = attempts
        self._quickbooks = quickbooks
        self._witness = witness
        self._is_doubted = is_doubted
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._unanswered = 0

    @property
    def epoch(self) -> int:
        """The epoch (fencing token) of the lease. It rises with every run that may write to the company."""
        return self._lease.epoch

    def require(self) -> None:
        """Check that the lease is still held.

        Raises:
            LeaseLostError: the firm was paused, or a successor took over.
        """
        self._lease.require()

    def wait(self, seconds: float) -> None:
        """Sleep for this time, unless this process is told to end.

        Raises:
            LeaseLostError: the lease was lost meanwhile.
            StoppedError: this process was told to end.
        """
        self._sleep(seconds)
        self.require()

    # The answers so far

    @property
    def has_given_up(self) -> bool:
        """Whether so many answers in a row were lost that nothing more may leave."""
        with self._lock:
            return self._unanswered >= MAX_UNANSWERED

    @property
    def is_doubted(self) -> bool:
        """Whether a fault of the company is recorded that no accepted request has cleared yet."""
        with self._lock:
            return self._is_doubted

    def note_lost(self) -> None:
        """Record that an answer was lost."""
        with self._lock:
            self._unanswered += 1

    def note_answered(self, *, is_accepted: bool = False) -> None:
        """Record that QuickBooks answered. ``is_accepted``: it has accepted a request, which clears the fault of the
        company."""
        with self._lock:
            self._unanswered = 0
            self._is_doubted = self._is_doubted and not is_accepted

    # Reserve, send, record

    def reserve(self, endpoint: str, operation: Operation, body: bytes, items: Sequence[Item]) -> Attempt:
        """Record a request and commit, before it leaves.

        Raises:
            NotReservedError: one of the documents is in flight already or has moved; nothing was recorded.
            LeaseLostError: a successor has taken over.
        """
        return self._attempts.reserve(endpoint, operation, body, items, run=self._run, now=self._clock())

    def reserve_again(self, attempt: Attempt) -> None:
        """Record that the same bytes leave once more, before they do."""
        self._attempts.sending_again(attempt, now=self._clock())

    def send(self, attempt: Attempt, entity: str) -> Answer:
        """Send the one document of an attempt. Ledger and witness record it at the moment when it leaves.

        Raises:
            QuickBooksError: see ``quickbooks.client``.
            LeaseLostError, StoppedError: the request was stopped before its first byte.
        """
        method = {
            Operation.CREATE: self._quickbooks.create,
            Operation.UPDATE: self._quickbooks.update,
            Operation.VOID: self._quickbooks.void,
        }[Operation(attempt.operation)]
        return method(entity, attempt.body, request_id=attempt.request_id, leaves=lambda: self._note(attempt))

    def send_batch(self, attempt: Attempt) -> BatchAnswer:
        """Send the documents of an attempt in one batch. Raises as ``send``."""
        return self._quickbooks.batch(
            attempt.body,
            request_id=attempt.request_id,
            b_ids=[item.b_id for item in attempt.items],
            leaves=lambda: self._note(attempt),
        )

    def _note(self, attempt: Attempt) -> None:
        leaving = self._attempts.leaving(attempt, witness_id=self._witness.witness_id, now=self._clock())
        self._witness.note(leaving)

    def record(
        self,
        attempt: Attempt,
        outcomes: Sequence[ItemOutcome],
        *,
        now: datetime | None = None,
        http_status: int | None = None,
        intuit_tid: str = "",
    ) -> None:
        """Record the outcomes of items of an attempt, as of ``now``.

        The attempt is done when none of its items is open any more.

        Raises:
            LeaseLostError: a successor has taken over. The items stay open, and the successor settles them.
        """
        self._attempts.record(
            attempt,
            outcomes,
            run=self._run,
            now=now or self._clock(),
            http_status=http_status,
            intuit_tid=intuit_tid,
        )

    def record_unknown(self, attempt: Attempt, detail: str, *, intuit_tid: str = "") -> None:
        """Record that a request left and its answer was lost. It may have worked."""
        self._attempts.unknown(attempt, run=self._run, now=self._clock(), detail=detail, intuit_tid=intuit_tid)

    def open(self) -> list[Attempt]:
        """Return the attempts whose outcome is not known, oldest first, with the items that are still open."""
        return self._attempts.open()
