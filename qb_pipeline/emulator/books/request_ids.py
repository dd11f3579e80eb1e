"""QuickBooks' memory of ``requestid``.

Belongs here: lengths, memory, replays. Does not belong here: doing the write.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.tables import encode

SINGLE_LENGTH = 50
BATCH_LENGTH = 36
B_ID_LENGTH = 10
"""The longest ``bId`` in a batch. ``requestid`` has at most 50 characters for a single write and 36 for a batch.

Source: field reference, January 2025.
"""
HOUR = 3600


@dataclass(slots=True)
class Answer:
    """The answer that a request with an id got."""

    at: float
    digest: bytes
    entity: str
    id: str
    content: Body | bytes
    fault: FaultError | None = None


class Repeats:
    """The request ids of one company."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Answer] = {}
        self.unkept: list[tuple[str, str]] = []
        """The keys of answers that the journal does not contain yet."""

    def recall(self, company: Company, key: tuple[str, str], body: Any) -> Answer | None:
        """Return the answer that QuickBooks would replay; None when it would do the write again.

        Raises:
            FaultError: the remembered refusal, or 600 for the same id with another body.
        """
        switches = company.switches
        answer = self.answers.get(key) if key[0] and switches.requestid == "honoured" else None
        if answer is None:
            return None
        hours = switches.requestid_memory_hours
        if hours is not None and company.clock.now() - answer.at > hours * HOUR:
            return None
        if switches.requestid_compares_bodies and answer.digest not in (b"", hash_body(body)):
            raise FaultError(
                "600", "Duplicate Request ID", "Duplicate Request ID", hint="when it fires is undocumented"
            )
        if answer.fault is not None:
            if switches.requestid_replays_faults:
                raise answer.fault
            return None
        gone = answer.id not in company.tables[answer.entity].rows
        if gone and not switches.requestid_replays_deleted:
            return None
        return answer

    def remember(self, key: tuple[str, str], answer: Answer) -> None:
        """Store the answer to a request that has an id."""
        if key[0]:
            self.answers[key] = answer
            self.unkept.append(key)


def hash_body(body: Any) -> bytes:
    """Return the digest (SHA-256) of a body."""
    return sha256(encode(body)).digest()


def check_request_id(request_id: str, *, longest: int) -> None:
    """Refuse an id that is too long.

    Raises:
        FaultError: 2130, the id is longer than ``longest`` characters.
    """
    if len(request_id) > longest:
        detail = f"Invalid Request Id Format : at most {longest} characters. Supplied length:{len(request_id)}"
        raise FaultError("2130", "Invalid Request Id Format", detail)
