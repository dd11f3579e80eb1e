"""A person's answer about a row of the by-hand list: the transaction of QuickBooks as which it was entered.

Belongs here: proving the answer with a fresh read of QuickBooks, and recording it. Does not belong here: recognition
without a person (``sync.verify.hand_entries``).
"""

from datetime import date

from qb_pipeline.core.documents.hand_entries import ENTITIES, read_amounts
from qb_pipeline.core.markers import read_marker
from qb_pipeline.core.money import to_dollars
from qb_pipeline.core.words import NotNamedError, choose_word
from qb_pipeline.ledger.books.hand_entries import ListedRow, Name, NewEntry, enter
from qb_pipeline.ledger.books.history import PastDocument
from qb_pipeline.ledger.setup.firms import Firms
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.quickbooks.errors import RequestRejectedError
from qb_pipeline.sync.people.resolve import AnswerRefusedError
from qb_pipeline.sync.remote.changes import GONE
from qb_pipeline.sync.remote.outcomes import is_voided
from qb_pipeline.sync.session.firm_session import FirmSession


def read_transaction(typed: str) -> Name:
    """Return the type and the Id of a transaction from a person's text, such as ``journalentry:145``.

    Raises:
        NotNamedError: it is not written so, or nobody enters that type by hand.
    """
    word, colon, quickbooks_id = typed.strip().partition(":")
    by_word = {entity.lower(): entity for entity in ENTITIES}
    if not colon or not quickbooks_id.strip().isdigit():
        raise NotNamedError(f"{typed!r} names no transaction. Try: TYPE:ID, such as journalentry:145")
    return by_word[choose_word("type of transaction", word.lower(), list(by_word))], quickbooks_id.strip()


def enter_by_hand(session: FirmSession, document: PastDocument, typed: str) -> list[PastDocument]:
    """Record that a row of the by-hand list was entered as the transaction that a person names.

    The row leaves the list.

    Returns:
        The payments that waited for the row; a sync of them should follow.

    Raises:
        NotNamedError: the text names no transaction.
        AnswerRefusedError: the document is not on the list; or the transaction is not there, is another client's, has
            another amount, or is entered for another row.
        SetUpError: the person who answers is no super user.
        QuickBooksError: QuickBooks did not answer.
    """
    name = read_transaction(typed)
    row = session.hand_entries.row(document.document_id)
    if row is None:
        raise AnswerRefusedError(f"{document.name} is not on the by-hand list (reporting.enter_by_hand)")
    other = session.hand_entries.holder(name, row.document_id)
    if other:
        raise AnswerRefusedError(f"{_said(name)} is entered as payment:{other} already: one transaction serves one row")
    total_cents, dated = _prove(session, document, row, name)
    detail = {
        "kind": str(document.kind),
        "source_id": document.source_id,
        "part": document.part,
        "entered": _said(name),
    }
    evidence = f"{_said(name)}, as {session.run.actor} said; client and amount agree"
    new = NewEntry(row.document_id, *name, total_cents, dated, evidence)
    now = session.clock()
    with Firms(session.engine).answering(
        document.firm_id, actor=session.run.actor, now=now, detail=detail
    ) as connection:
        enter(connection, document.firm_id, [new], run=session.run, now=now, entered_by=session.run.actor)
    waiting = session.hand_entries.held_back(row.original) if row.original else []
    return [session.history.document(document_id) for document_id in waiting]


def _prove(session: FirmSession, document: PastDocument, row: ListedRow, name: Name) -> tuple[int, date | None]:
    """Check that the transaction fits the row. Return its total in cents and its date; for the payment that the row
    takes back, if it was voided, return 0 and None."""
    transaction = _read(session, name)
    if transaction is None:
        raise AnswerRefusedError(f"QuickBooks has no {_said(name)}")
    is_original = name == ("Payment", row.original_id)
    if is_voided(transaction):
        if is_original:
            return 0, None
        raise AnswerRefusedError(f"{_said(name)} is void in QuickBooks")
    if is_original or read_marker(transaction) is not None:
        raise AnswerRefusedError(f"{_said(name)} was sent by the sync: it is not what a person entered")
    if not row.customer_id:
        raise AnswerRefusedError(
            f"payer {document.payer_id} is no customer in QuickBooks yet: map it first (mapping import, kind payer)"
        )
    amounts: dict[str, set[int]] = {}
    for (customer_id, _), cents in read_amounts(name[0], transaction).items():
        amounts.setdefault(customer_id, set()).add(cents)
    if row.customer_id not in amounts:
        theirs = ", ".join(f"Customer {each}" for each in sorted(amounts)) or "no customer"
        raise AnswerRefusedError(f"{_said(name)} is of {theirs}, and {document.name} is of Customer {row.customer_id}")
    if row.amount_cents not in amounts[row.customer_id]:
        theirs = " and ".join(f"{to_dollars(cents)}" for cents in sorted(amounts[row.customer_id]))
        raise AnswerRefusedError(
            f"{_said(name)} is over {theirs}, and {document.name} is over {to_dollars(row.amount_cents)}"
        )
    return row.amount_cents, date.fromisoformat(str(transaction["TxnDate"]))


def _read(session: FirmSession, name: Name) -> Entity | None:
    try:
        return session.quickbooks.read(*name)
    except RequestRejectedError as error:
        if GONE in error.codes:
            return None
        raise


def _said(name: Name) -> str:
    return f"{name[0]} {name[1]}"
