"""The questions about payers that may be a customer under another name, and a person's answers to them.

An answer is about a payer and each customer that the payer looks like when the answer is given. It is kept for ever. A
customer that is created later is asked about, since no person has seen it beside the payer.

Belongs here: the questions, which are shown only to the person who asked; the proof that an answer needs; storing the
answer. Does not belong here: finding a payer's look-alikes (``sync.mapping.references``), answers in a file
(``sync.mapping.csv_file``).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from qb_pipeline.core.documents.payloads import Payer
from qb_pipeline.core.mapping.mapping_targets import find_target_problem, read_targets
from qb_pipeline.core.planning.resolutions import Answer
from qb_pipeline.core.problems import PROBLEMS, Problem
from qb_pipeline.core.schemas import rows
from qb_pipeline.core.states import Kind
from qb_pipeline.core.text import join_names
from qb_pipeline.core.words import DocumentName, NotNamedError
from qb_pipeline.ledger.books import foreign_documents, mappings
from qb_pipeline.ledger.books.foreign_documents import Pair
from qb_pipeline.ledger.books.history import PastDocument
from qb_pipeline.ledger.books.mappings import Mapping
from qb_pipeline.ledger.setup.firms import Firms
from qb_pipeline.sync.mapping.rechecks import look_again
from qb_pipeline.sync.mapping.references import SHOWN, References, find_customers
from qb_pipeline.sync.people.resolve import AnswerRefusedError
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import AT_ONCE
from qb_pipeline.sync.session.learned import NOTHING


@dataclass(frozen=True, slots=True)
class LikelyCustomer:
    """A customer of QuickBooks that a payer may be: its name, the reasons for the likeness, and the differences.

    All of it is the client's data: it is shown to the person who asked, and never logged.
    """

    quickbooks_id: str
    name: str
    reasons: tuple[str, ...]
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A payer that may be a customer: the likeliest customers, best first, and the number of further ones
    (``more``)."""

    payer_id: str
    payer_name: str
    candidates: Sequence[LikelyCustomer]
    more: int


def find_questions(session: FirmSession, payer_ids: Collection[str]) -> list[Question]:
    """Return the questions that a sync would ask about these payers, ordered by payer id. Other payers have none.

    Reads the pages of customers, once in a session; reads nothing if every payer is known, or billing has none of them.
    """
    in_billing = set(session.billing.fetch_payers(payer_ids)["payer_id"])
    return _questions(session, find_customers(session, in_billing, NOTHING, AT_ONCE))


def find_questions_of(session: FirmSession, names: Collection[DocumentName]) -> list[Question]:
    """Return the questions about the payers of those of these documents that are held for such a question."""
    held = session.documents.held_for([Problem.LIKE_CUSTOMER])
    named = {(name.kind, name.source_id) for name in names}
    return find_questions(session, {row.payer_id for row in held if (row.kind, row.source_id) in named})


def count_questions(session: FirmSession) -> tuple[int, int]:
    """Return the number of payers that a sync would ask about, and of payers that are no customers yet.

    All payers with invoices to be sent are considered. Reads billing's headers and the pages of customers; stores
    nothing.
    """
    payer_ids: set[str] = set()
    for headers in session.billing.headers(first=session.first_date, eligible_since=session.firm.eligible_since):
        is_due = (headers["kind"] == Kind.INVOICE) & (headers["status"] != "void")
        is_due &= headers["eligibility"] != "ineligible"
        payer_ids |= set(headers.loc[is_due, "payer_id"])
    payer_ids -= session.mappings.links("payer").keys()
    found = find_customers(session, payer_ids, NOTHING, AT_ONCE)
    return len(found.alike), len(found.alike) + len(found.missing)


def answer_payer(session: FirmSession, payer_id: str, answer: Answer, quickbooks_id: str = "") -> list[PastDocument]:
    """Record a super user's answer about a payer: it is a certain customer (``same``), or another client (``new``).

    Returns:
        The payer's documents that waited for the answer; a sync of them should follow.

    Raises:
        NotNamedError: billing has no such payer.
        AnswerRefusedError: there is no question about the payer, or it cannot be this customer; the message names the
            remedy.
        SetUpError: the person who answers is no super user of the firm.
        BusyError: a run kept the company busy.
    """
    name = DocumentName(Kind.CUSTOMER, payer_id)
    with session.hold_lease():
        found = _require_asked(session, payer_id)
        alike = [each.customer_id for each in found.alike[payer_id]]
        links = [_require_free(session, payer_id, alike, quickbooks_id)] if answer is Answer.SAME else []
        meant = [quickbooks_id] if links else alike
        waiting = session.payers.waiting_for_payer(payer_id)
        detail = {"kind": name.kind, "source_id": payer_id, "answer": answer, "quickbooks_ids": ", ".join(meant)}
        firm_id, actor, now = session.firm.firm_id, session.run.actor, session.clock()
        with Firms(session.engine).answering(firm_id, actor=actor, now=now, detail=detail) as connection:
            mappings.store(connection, firm_id, links, actor=actor, now=now)
            pairs = [Pair(name, each) for each in meant]
            foreign_documents.answer(connection, firm_id, pairs, "same" if links else "new", actor=actor, now=now)
        look_again(session, [Mapping("payer", payer_id, quickbooks_id, "", "person")])
    return [session.history.document(document_id) for document_id in waiting]


def _questions(session: FirmSession, found: References) -> list[Question]:
    if not found.alike:
        return []
    customers = {row.customer_id: row for row in rows(session.company.customers)}
    return [
        Question(
            payer_id,
            _name_of(found.payers[payer_id]),
            [
                LikelyCustomer(hit.customer_id, customers[hit.customer_id].display_name, hit.reasons, hit.differences)
                for hit in alike[:SHOWN]
            ],
            more=len(alike[SHOWN:]),
        )
        for payer_id, alike in sorted(found.alike.items())
    ]


def _name_of(payer: Payer) -> str:
    names = (payer.corporation_name,) if payer.kind == "corporation" else (payer.first_name, payer.last_name)
    return join_names(names)


def _require_asked(session: FirmSession, payer_id: str) -> References:
    """Return the references of a payer that looks like a customer, its look-alikes included.

    Raises:
        NotNamedError, AnswerRefusedError: there is no such payer, or no question about it.
    """
    name, key = DocumentName(Kind.CUSTOMER, payer_id), session.firm.firm_id
    linked = session.mappings.links("payer").get(payer_id)
    if linked is not None:
        raise AnswerRefusedError(
            f"{name} is Customer Id {linked} already and needs no answer. "
            f"To change that: qb-pipeline mapping import {key} FILE.csv"
        )
    if session.billing.fetch_payers([payer_id]).empty:
        raise NotNamedError(f"{name} names no payer of {key}. Try: qb-pipeline mapping export {key} FILE.csv")
    found = find_customers(session, {payer_id}, NOTHING, AT_ONCE)
    if payer_id in found.alike:
        return found
    if payer_id in found.problems:
        problem = found.problems[payer_id]
        raise AnswerRefusedError(f"{name} takes no such answer ({problem}). {PROBLEMS[problem].remedy}")
    raise AnswerRefusedError(
        f"{name} looks like no customer that is free: it needs no answer. Try: qb-pipeline sync {key}"
    )


def _require_free(session: FirmSession, payer_id: str, alike: Collection[str], quickbooks_id: str) -> Mapping:
    """Return the mapping of a payer to a customer that it looks like, checked with a fresh read of QuickBooks.

    Raises:
        AnswerRefusedError: the payer cannot be this customer; the message names the remedy.
    """
    name, key = DocumentName(Kind.CUSTOMER, payer_id), session.firm.firm_id
    owner = next((each for each, theirs in session.mappings.links("payer").items() if theirs == quickbooks_id), "")
    if owner:
        raise AnswerRefusedError(
            f"Customer Id {quickbooks_id} belongs to customer:{owner} already. Answer with another one or --new, or "
            f"correct the mapping of {owner}: qb-pipeline mapping import {key} FILE.csv"
        )
    found: dict[str, Any] = {
        row["Id"]: row
        for row in session.quickbooks.find("Customer", "Id", [quickbooks_id], where="Active IN (true, false)")
    }
    targets = read_targets("payer", found.values())
    if problem := find_target_problem("payer", quickbooks_id, targets):
        said, remedy = problem
        raise AnswerRefusedError(f"{said}. {remedy}")
    if found[quickbooks_id].get("ParentRef") or found[quickbooks_id].get("Job"):
        raise AnswerRefusedError(
            f"the Customer with Id {quickbooks_id!r} is a sub-customer in QuickBooks. Make it a customer of its own "
            f"there, or map {payer_id} to it by file: qb-pipeline mapping import {key} FILE.csv"
        )
    if quickbooks_id not in alike:
        raise AnswerRefusedError(
            f"Id {quickbooks_id} is not among the customers that {name} looks like (Ids {', '.join(alike)}). If it is "
            f"that one all the same, map it by file: qb-pipeline mapping import {key} FILE.csv"
        )
    return Mapping("payer", payer_id, quickbooks_id, targets[quickbooks_id].name, "person")
