"""A file of answers to possible duplicates. Each row calls a pair the same document, or two different ones.

Belongs here: checking a file as a whole before anything of it is stored. Does not belong here: the choice of the pairs
that are asked about, and linking (``sync.verify.adoption``).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qb_pipeline.core.planning.possible_duplicates import MONEY
from qb_pipeline.core.states import DOCUMENTS, Kind
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.foreign_documents import Pair
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.verify.adoption import Proposal, answer, propose

ANSWERS = ("same", "new")


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One line of a file. An empty ``answer`` leaves its pair unanswered."""

    kind: str
    source_id: str
    part: str
    quickbooks_id: str
    answer: str


@dataclass(frozen=True, slots=True)
class AnswerError:
    """The error of a row. ``line`` counts from 2, below the heading."""

    line: int
    reason: str
    remedy: str


def store_answers(session: FirmSession, rows: Sequence[AnswerRow]) -> tuple[Counter[str], list[AnswerError]]:
    """Store the answers of a file, all of them or none.

    Returns:
        The number of documents that were linked (``same``), including payments that followed their invoices, and of
        pairs that were told apart (``new``); and the errors, ordered by row. If there are errors, nothing was stored.

    Raises:
        SetUpError: the person who answers is no super user of the firm.
        BusyError: a run kept the company busy.
        MovedError: a document moved while the answers were stored; nothing was stored.
    """
    answered = [(line, row) for line, row in enumerate(rows, start=2) if row.answer]
    errors = _find_errors(answered)
    if errors:
        return Counter(), errors
    same = {_name(row): row.quickbooks_id for _, row in answered if row.answer == "same"}
    asked = {proposal.name: proposal for proposal in propose(session)}
    proposed = {proposal.name: proposal for proposal in propose(session, same)} if same else asked
    errors = [error for line, row in answered if (error := _find_error(line, row, asked, proposed)) is not None]
    if errors:
        return Counter(), errors
    matches = [*(proposed[name] for name in same), *_find_following(asked, proposed)]
    others = [Pair(_name(row), row.quickbooks_id) for _, row in answered if row.answer == "new"]
    linked = answer(session, matches, others)
    return Counter(same=linked.total(), new=len(others)), []


def _find_following(
    asked: Mapping[DocumentName, Proposal], proposed: Mapping[DocumentName, Proposal]
) -> list[Proposal]:
    """Return the payments that match now that the questions about their invoices are answered."""
    return [row for row in proposed.values() if row.verdict == "match" and asked[row.name].follows]


def _find_errors(answered: Sequence[tuple[int, AnswerRow]]) -> list[AnswerError]:
    """Return the errors that rows have by themselves or in combination with other rows."""
    errors = []
    documents: dict[DocumentName, int] = {}
    linked: dict[tuple[str, str], int] = {}
    for line, row in answered:
        if row.kind not in DOCUMENTS:
            errors.append(AnswerError(line, f"no kind {row.kind!r}", f"Use one of {', '.join(DOCUMENTS)}."))
        elif row.answer not in ANSWERS:
            errors.append(AnswerError(line, f"no answer {row.answer!r}", "Write same or new, or leave it empty."))
        elif row.answer == "same":
            first = documents.setdefault(_name(row), line)
            other = linked.setdefault((row.kind, row.quickbooks_id), line)
            if first != line:
                errors.append(AnswerError(line, f"{_name(row)} is the same as two (line {first})", "Keep one of them."))
            elif other != line:
                errors.append(
                    AnswerError(
                        line,
                        f"Id {row.quickbooks_id} is the same as two of billing (line {other})",
                        "Keep one of them.",
                    )
                )
    return errors


def _find_error(
    line: int,
    row: AnswerRow,
    asked: Mapping[DocumentName, Proposal],
    proposed: Mapping[DocumentName, Proposal],
) -> AnswerError | None:
    """Return the error of a row in the present state of both sides, or None. ``proposed``: the proposals with every
    pair linked that a row calls the same."""
    name = _name(row)
    if name not in asked:
        return AnswerError(line, f"{name} is not in billing, or is in QuickBooks already", "Take the row out.")
    if row.quickbooks_id not in asked[name].quickbooks_ids:
        said = f"Id {row.quickbooks_id} of QuickBooks is not, or no longer, like {name}"
        return AnswerError(line, said, "Write the file anew (--csv), or take the row out.")
    if row.answer == "same" and (said := _find_difference(proposed[name])):
        return AnswerError(line, said, "Correct the one that is wrong, in billing or in QuickBooks.")
    return None


def _find_difference(match: Proposal) -> str:
    """Return the reason for which a pair cannot be linked although a person calls it the same, or ""."""
    if match.verdict != "match":
        return f"Id of {match.name} is not there any more, or belongs to another document"
    differs = [name for name in match.fields[0] if name in MONEY]
    return f"the two differ in {' and '.join(differs)}: {match.differs[0]}" if differs else ""


def _name(row: AnswerRow) -> DocumentName:
    return DocumentName(Kind(row.kind), row.source_id, row.part)
