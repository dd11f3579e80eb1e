"""The errors between us and QuickBooks, divided by the action that the caller should take.

QuickBooksError
├── TransientError             the same request may work later
│   ├── OutcomeUnknownError    the request may already have worked: repeat it only with the same id, else settle it
│   └── ThrottledError         QuickBooks did nothing and wants us to wait
└── PermanentError             a repeat cannot help; a person must act
    ├── AuthorizationLostError     reconnect the company
    ├── CompanyFaultError          QuickBooks refuses the company itself: send nothing more
    └── RequestRejectedError       QuickBooks answered the whole request with a Fault

Belongs here: the tree, and reading faults out of any body. Does not belong here: choosing the error for an answer
(``client``). A message carries the HTTP status and fault codes and ends with the ``intuit_tid``. It never carries a
fault's Message or Detail, which hold clients' names and amounts.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from qb_pipeline.core.planning.company_faults import COMPANY_FAULTS
from qb_pipeline.quickbooks.parsing import UnreadableError, read_json

SAFE_WORD = re.compile(r"[A-Za-z0-9._:-]{1,64}")
"""The form that a word from outside must have before it may be written into a message or a log line."""

XML_FAULT_TYPE = re.compile(r"<(?:\w+:)?Fault\b[^>]*\btype\s*=\s*[\"']([^\"']{0,200})")
XML_ERROR = re.compile(r"<(?:\w+:)?Error\b([^>]{0,1000})>(.*?)</(?:\w+:)?Error>", re.DOTALL)
XML_ATTRIBUTE = re.compile(r"\b(code|element)\s*=\s*[\"']([^\"']{0,200})")
XML_TEXT = re.compile(r"<(?:\w+:)?(Message|Detail)>(.*?)</(?:\w+:)?\1>", re.DOTALL)
XML_READ_CHARACTERS = 65_536
"""The number of bytes of an XML body that are searched. A fault is short, and the rest of a long error page is not
worth searching."""

DUPLICATE_REQUEST_ID = "600"
"""The code for a request id that QuickBooks has seen in an earlier request. That earlier request may have worked.
Intuit lists the code without a cause.

Source: Intuit, "Error codes" (read 2026-11-21).
"""
SYSTEM_FAILURE = "10000"
UNREADABLE = "unreadable"
"""Our own code for a fault whose code is missing or malformed."""
BUSINESS_VALIDATION = "6000"

UNFINISHED_TEXT = "unexpected error occurred while accessing or saving"
"""A part of the Detail of a fault 6000 that reports a failure while saving, not a broken rule. Recorded in
production."""

BUSY_TEXTS = ("one name at a time", "locked", "working on this at the same time")
"""Parts of the Details of faults that come from somebody else's work at the same time. The request may succeed a moment
later."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One error of a Fault. ``detail`` and ``message`` name clients and amounts. They are for matching only, never for
    a log."""

    code: str
    message_type: str = ""
    element: str = ""
    detail: str = field(default="", repr=False)
    message: str = field(default="", repr=False)

    @property
    def leaves_outcome_unknown(self) -> bool:
        """Whether the request may have worked in spite of this fault, which is a failure of the system and not a
        refusal."""
        return (
            self.code in (DUPLICATE_REQUEST_ID, SYSTEM_FAILURE, UNREADABLE)
            or self.message_type == "SystemFault"
            or (self.code == BUSINESS_VALIDATION and UNFINISHED_TEXT in self.detail.lower())
        )

    @property
    def may_pass_later(self) -> bool:
        """Whether the request was refused only because of other work at the same time, such as another edit or a
        lock."""
        return self.code in (BUSINESS_VALIDATION, "5010") and any(text in self.detail.lower() for text in BUSY_TEXTS)


class QuickBooksError(Exception):
    """A request failed, at QuickBooks or on the way to it.

    ``sent`` is False when it is certain that QuickBooks did nothing. ``reason`` is the message without the tid.
    ``http_status`` is None when no answer came.
    """

    sent: bool = False

    def __init__(self, message: str, *, http_status: int | None = None, intuit_tid: str = "") -> None:
        super().__init__(f"{message}; intuit_tid={intuit_tid or 'none'}")
        self.reason = message
        self.http_status = http_status
        self.intuit_tid = intuit_tid


class TransientError(QuickBooksError):
    """The same request may work later."""

    def __init__(self, message: str, *, sent: bool, http_status: int | None = None, intuit_tid: str = "") -> None:
        super().__init__(message, http_status=http_status, intuit_tid=intuit_tid)
        self.sent = sent


class OutcomeUnknownError(TransientError):
    """The request may already have worked. It may be repeated only with the same request id, and is otherwise settled
    by asking QuickBooks."""

    def __init__(self, message: str, *, http_status: int | None = None, intuit_tid: str = "") -> None:
        super().__init__(message, sent=True, http_status=http_status, intuit_tid=intuit_tid)


class ThrottledError(TransientError):
    """Too many requests were sent. QuickBooks did nothing with this one, and it may be sent again after ``seconds``."""

    def __init__(self, message: str, *, seconds: float, http_status: int | None = None, intuit_tid: str = "") -> None:
        super().__init__(message, sent=False, http_status=http_status, intuit_tid=intuit_tid)
        self.seconds = seconds


class PermanentError(QuickBooksError):
    """A repeat cannot help, and a person must act. QuickBooks did nothing."""


class AuthorizationLostError(PermanentError):
    """QuickBooks no longer authorises us. A person must reconnect the company."""


class CompanyFaultError(PermanentError):
    """QuickBooks refuses the company itself, whatever a request asks for. Nothing more may be sent to the company.

    ``code`` is the fault's code (``core.planning.company_faults``). ``sent`` is True where the answer also reports a
    failure of the system, so that the request may have worked. ``http_status`` is None for a request that was kept
    back.
    """

    def __init__(self, code: str, *, http_status: int | None = None, intuit_tid: str = "", sent: bool = False) -> None:
        advice = COMPANY_FAULTS[code]
        super().__init__(
            f"{advice.sentence} {advice.remedy} (fault {code})", http_status=http_status, intuit_tid=intuit_tid
        )
        self.code = code
        self.sent = sent


class RequestRejectedError(PermanentError):
    """QuickBooks refused the whole request and did nothing."""

    def __init__(self, message: str, *, faults: Sequence[Fault], http_status: int, intuit_tid: str = "") -> None:
        super().__init__(message, http_status=http_status, intuit_tid=intuit_tid)
        self.faults = tuple(faults)

    @property
    def codes(self) -> tuple[str, ...]:
        """The fault codes, in the order of the answer."""
        return tuple(fault.code for fault in self.faults)


def safe_word(value: object) -> str:
    """Return a value from outside if it is a word that may be written into messages and logs (``SAFE_WORD``), and ""
    otherwise."""
    text = str(value) if isinstance(value, str | int) else ""
    return text if SAFE_WORD.fullmatch(text) else ""


def describe_faults(faults: Sequence[Fault]) -> str:
    """Describe faults by their codes and elements. The text contains nothing by which a client could be recognised."""
    if not faults:
        return "no readable fault"
    return ", ".join(f"fault {fault.code}" + (f" on {fault.element}" if fault.element else "") for fault in faults)


def read_faults(status: int, body: bytes, content_type: str) -> tuple[Fault, ...]:
    """Read the faults of an answer. The result is empty when the answer has none that can be read.

    An answer with a status of 500 or more is not read, since it may come from any machine on the way. JSON is tried
    first, whatever the header says, and then XML, which the gateway answers even when JSON was asked for.
    """
    if status >= 500:
        return ()
    try:
        return faults_of(read_json(body))
    except UnreadableError:
        return () if "html" in content_type.lower() else tuple(_read_xml(body))


def faults_of(answer: object) -> tuple[Fault, ...]:
    """Read the faults of a parsed answer or of one item of a batch, in both spellings (``Fault``, ``fault``)."""
    if not isinstance(answer, dict):
        return ()
    fault = next((answer[name] for name in ("Fault", "fault") if answer.get(name) is not None), None)
    if fault is None:
        return ()
    if not isinstance(fault, dict):
        return (Fault(UNREADABLE),)
    message_type = safe_word(fault.get("type"))
    errors = fault.get("Error") or fault.get("error")
    read = [_read_error(error, message_type) for error in errors] if isinstance(errors, list) else []
    return tuple(read) or (Fault(UNREADABLE, message_type),)


def _read_error(error: object, message_type: str) -> Fault:
    entry = {key.lower(): value for key, value in error.items()} if isinstance(error, dict) else {}
    return Fault(
        code=safe_word(entry.get("code")) or UNREADABLE,
        message_type=message_type,
        element=safe_word(entry.get("element")),
        detail=str(entry.get("detail") or ""),
        message=str(entry.get("message") or ""),
    )


def _read_xml(body: bytes) -> Iterator[Fault]:
    """Read the faults of an XML body with patterns. An XML parser would bring entity expansion, and nothing that we
    need."""
    text = body[:XML_READ_CHARACTERS].decode("utf-8", "replace")
    found_type = XML_FAULT_TYPE.search(text)
    message_type = safe_word(found_type.group(1)) if found_type else ""
    for attributes, content in XML_ERROR.findall(text):
        named = dict(XML_ATTRIBUTE.findall(attributes))
        texts = {name: html.unescape(value) for name, value in XML_TEXT.findall(content)}
        yield Fault(
            code=safe_word(named.get("code")) or UNREADABLE,
            message_type=message_type,
            element=safe_word(named.get("element")),
            detail=texts.get("Detail", ""),
            message=texts.get("Message", ""),
        )
