"""A person's answer to a held document: it is proved, then recorded.

Belongs here: the proof, with a fresh read of QuickBooks. Does not belong here: the answers that a reason allows
(``core.planning.resolutions``), and sending, which the next sync does.
"""

from collections.abc import Sequence
from datetime import datetime

from qb_pipeline.core.planning.possible_duplicates import MONEY
from qb_pipeline.core.planning.resolutions import MEANING, Answer, allowed_answers, overrides_quickbooks
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import DOCUMENTS, UNDER_WAY, Kind, State
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books import resolutions
from qb_pipeline.ledger.books.documents import STICKY, work_items
from qb_pipeline.ledger.books.history import PastDocument
from qb_pipeline.ledger.books.resolutions import Resolution
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.people.evidence import Evidence, is_marked
from qb_pipeline.sync.plan.possible_duplicates import PossibleDuplicate
from qb_pipeline.sync.remote.outcomes import is_voided, read_applied, read_cents, read_customer
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.verify.adoption import link_same

KINDS = DOCUMENTS
"""The kinds of documents that take an answer."""


class AnswerRefusedError(Exception):
    """The answer does not fit the document in its present state. The message names the answers that fit, or the step to
    take first."""


def resolve(session: FirmSession, evidence: Evidence, answer: Answer, quickbooks_id: str = "") -> bool:
    """Record an answer to a document. Return whether a sync of the document should follow.

    ``quickbooks_id``: with ``same``, the Id of the QuickBooks document that the document is.

    Raises:
        AnswerRefusedError: the answer is not allowed, or its proof is missing.
        SetUpError: the person who answers is no super user.
        BusyError: a run kept the company busy (``same``).
        MovedError: the document has moved since the evidence was read.
    """
    document = evidence.document
    _require_allowed(document, answer)
    if document.state in (*UNDER_WAY, State.WAITING):
        return True  # nothing to decide: the sync asks QuickBooks first
    if evidence.not_read:
        raise AnswerRefusedError(f"QuickBooks could not be read, so nothing is decided: {evidence.not_read}")
    if answer is Answer.SAME:
        _link(session, evidence, quickbooks_id)
        return False
    resolution = _PROOFS[answer](session, evidence)
    resolutions.record(session.engine, document, resolution, run=session.run, now=session.clock())
    return answer is not Answer.KEEP


def answers_that_apply(session: FirmSession, evidence: Evidence) -> tuple[Answer, ...]:
    """Return the answers that ``resolve`` would accept for this document now: those that its reason allows and the
    evidence proves."""
    document = evidence.document
    allowed = allowed_answers(document.state, document.reason) if document.kind in DOCUMENTS else ()
    if document.state in (*UNDER_WAY, State.WAITING):
        return allowed
    return () if evidence.not_read else tuple(answer for answer in allowed if _is_proved(session, evidence, answer))


def _is_proved(session: FirmSession, evidence: Evidence, answer: Answer) -> bool:
    try:
        _PROOFS[answer](session, evidence)
    except AnswerRefusedError:
        return False
    return True


def retry_all(session: FirmSession, documents: Sequence[PastDocument]) -> None:
    """Set documents of one reason to be planned again. Nothing in QuickBooks is overridden.

    Args:
        session: the firm's session; the actor of its run is the person who answers.
        documents: as the person saw them (``History.document``), held or refused, of reasons that need no proof.

    Raises:
        AnswerRefusedError: the reason needs evidence for each document; nothing was changed.
        SetUpError: the person who answers is no super user.
        MovedError: a document has moved since it was shown; the documents before it are answered.
    """
    sticky = [document.name for document in documents if document.reason in STICKY]
    if sticky:
        raise AnswerRefusedError(
            f"{documents[0].reason} is answered one document at a time, since each needs its evidence: "
            f"qb-pipeline resolve {session.firm.firm_id} {sticky[0]} --retry"
        )
    for document in documents:
        resolutions.record(session.engine, document, Resolution(Answer.RETRY), run=session.run, now=session.clock())


def _require_allowed(document: PastDocument, answer: Answer) -> None:
    if document.kind not in DOCUMENTS:
        what = "is made again by the next sync that needs it; answer the invoices that wait for it"
        if document.kind == Kind.REFUND:
            what = "takes no answer: put its journal entry right in QuickBooks (reporting.enter_by_hand says how)"
        if document.kind == Kind.CREDIT:
            what = f"takes no answer: answer the payment, payment:{document.source_id}@{document.part}"
        raise AnswerRefusedError(f"{document.name} {what}")
    allowed = allowed_answers(document.state, document.reason)
    if answer in allowed:
        return
    state = document.state + (f" ({document.reason})" if document.reason else "")
    if not allowed:
        raise AnswerRefusedError(f"{document.name} is {state}: it needs no answer")
    if document.reason == Problem.LIKE_CUSTOMER and answer in (Answer.SAME, Answer.NEW):
        payer = DocumentName(Kind.CUSTOMER, document.payer_id)
        raise AnswerRefusedError(
            f"{document.name} is {state}: the answer is about its payer. "
            f"Try: qb-pipeline resolve {document.firm_id} {payer} --{answer}"
        )
    choices = "; ".join(f"--{choice} ({MEANING[choice]})" for choice in allowed)
    raise AnswerRefusedError(f"{document.name} is {state}, which does not take --{answer}. It takes: {choices}")


def _prove_retry(session: FirmSession, evidence: Evidence) -> Resolution:
    """Return the resolution of a retry. If several documents had the marker, or no document is linked, at most one may
    have the marker now."""
    document, reason = evidence.document, evidence.document.reason
    if reason == Problem.SOURCE_GONE:
        raise AnswerRefusedError("billing still does not have it: restore it there, or answer --void or --keep")
    if reason == Problem.WITHDRAWN:
        raise AnswerRefusedError("billing still has it as a draft: issue it there, or answer --void or --keep")
    if reason not in STICKY and document.state != State.CLOSED:
        return Resolution(Answer.RETRY, reviewed_token=_token(evidence))
    if reason == Problem.COPIED or (reason == Problem.CONFLICT and not document.quickbooks_id):
        found = _living(session, evidence)
        if len(found) > 1:
            raise AnswerRefusedError(
                f"QuickBooks still holds {len(found)} documents with this mark (Ids {_ids(found)}): delete the copy, "
                "remove the mark from its note, or answer --keep to leave both"
            )
        if found and found[0]["Id"] != document.quickbooks_id:
            _require_unlinked(session, document, found[0])
            return Resolution(
                Answer.RETRY,
                reviewed_token=str(found[0]["SyncToken"]),
                again=True,
                quickbooks_id=found[0]["Id"],
            )
        if not found and not document.quickbooks_id:
            _require_quarantine(session, evidence)
    return Resolution(Answer.RETRY, reviewed_token=_token(evidence), again=overrides_quickbooks(reason))


def _prove_keep(session: FirmSession, evidence: Evidence) -> Resolution:
    """Return the resolution that accepts QuickBooks' version. Without a document there, or without content, it closes
    the document."""
    document, reason, entity = evidence.document, evidence.document.reason, evidence.entity
    if document.quickbooks_id and reason not in (Problem.REMOTE_DELETED, Problem.REMOTE_VOIDED):
        if entity is None or is_voided(entity):
            raise AnswerRefusedError(
                f"QuickBooks no longer holds it ({evidence.standing}): "
                + ("answer --void" if reason == Problem.WITHDRAWN else "answer --retry, and decide about that")
            )
        copies = [row["Id"] for row in _living(session, evidence) if row["Id"] != document.quickbooks_id]
        is_void = document.source_status == "void" or not document.source_hash
        accepted = None if is_void or evidence.content is None else evidence.content.fingerprint
        return Resolution(
            Answer.KEEP,
            reviewed_token=_token(evidence),
            fingerprint=accepted,
            total_cents=read_cents(entity, "TotalAmt"),
            customer_id=read_customer(entity),
            set_aside=copies,
            applied=read_applied(entity) if document.kind == Kind.PAYMENT else None,
        )
    if not document.quickbooks_id and (found := _living(session, evidence)):
        raise AnswerRefusedError(
            f"QuickBooks holds it (Id {_ids(found)}) and it is linked to nothing: answer --retry, which links it"
        )
    if reason == Problem.CONFLICT and not document.quickbooks_id:
        _require_quarantine(session, evidence)
    return Resolution(Answer.KEEP)


def _prove_recreate(session: FirmSession, evidence: Evidence) -> Resolution:
    """Return the resolution of a new create. The old document must be void or gone, and no other document that is not
    void may carry the marker."""
    entity = evidence.entity
    if entity is not None and not is_voided(entity):
        raise AnswerRefusedError(
            f"QuickBooks holds it again (Id {entity['Id']}): a second one would be a duplicate. Answer --retry"
        )
    if found := _living(session, evidence):
        raise AnswerRefusedError(
            f"QuickBooks holds another document with this mark (Id {_ids(found)}): a new one would be a duplicate. "
            "Delete it, or remove the mark from its note, then answer again"
        )
    _require_quarantine(session, evidence)
    return Resolution(Answer.RECREATE, set_aside=[evidence.document.quickbooks_id])


def _prove_void(_place: FirmSession, evidence: Evidence) -> Resolution:
    """Return the resolution of a void. It needs no proof: a void keeps the number, and changes nothing that is void
    already."""
    return Resolution(Answer.VOID, reviewed_token=_token(evidence))


def _prove_same(_session: FirmSession, evidence: Evidence) -> Resolution:
    """Return the resolution of ``same``, if at least one candidate could be linked."""
    refused: AnswerRefusedError | None = None
    for candidate in evidence.candidates:
        try:
            _require_equal_money(evidence, candidate)
        except AnswerRefusedError as error:
            refused = error
        else:
            return Resolution(Answer.SAME)
    raise refused or AnswerRefusedError(NO_CANDIDATE)


def _prove_new(_session: FirmSession, evidence: Evidence) -> Resolution:
    """Return the resolution that tells the document apart from its candidates. There must be candidates, since an
    answer is about pairs."""
    if not evidence.candidates:
        raise AnswerRefusedError(NO_CANDIDATE)
    return Resolution(Answer.NEW, others=[each.entity["Id"] for each in evidence.candidates])


def _link(session: FirmSession, evidence: Evidence, quickbooks_id: str) -> None:
    candidate = next((each for each in evidence.candidates if each.entity["Id"] == quickbooks_id), None)
    if candidate is None:
        ids = _ids([each.entity for each in evidence.candidates])
        raise AnswerRefusedError(
            f"Id {quickbooks_id} is not among what may be the same in QuickBooks (Ids {ids}): see show"
            if ids
            else NO_CANDIDATE
        )
    _require_equal_money(evidence, candidate)
    [row] = work_items(session.documents.read([evidence.document.document_id]))
    link_same(
        session,
        row.document_id,
        candidate.entity,
        forwarded_cents=int(row.forwarded_cents),
        applications=evidence.applications,
    )


def _require_equal_money(evidence: Evidence, candidate: PossibleDuplicate) -> None:
    """Refuse a candidate whose total, or whose applications, differ from billing's. A linked document stays as
    QuickBooks has it."""
    differs = [name for name in candidate.likeness.differs if name in MONEY]
    if differs:
        raise AnswerRefusedError(
            f"{candidate.text}. The two differ in {' and '.join(differs)}: correct the one that is wrong, in billing "
            "or in QuickBooks, then answer again"
        )


def _prove_entered(session: FirmSession, evidence: Evidence) -> Resolution:
    """Return the resolution of an entry by hand, if the document is on the by-hand list. The person names the
    transaction."""
    if session.hand_entries.row(evidence.document.document_id) is None:
        raise AnswerRefusedError(f"{evidence.document.name} is not on the by-hand list (reporting.enter_by_hand)")
    return Resolution(Answer.ENTERED)


NO_CANDIDATE = "QuickBooks no longer holds a document that may be the same: answer --retry"

_PROOFS = {
    Answer.RETRY: _prove_retry,
    Answer.KEEP: _prove_keep,
    Answer.RECREATE: _prove_recreate,
    Answer.VOID: _prove_void,
    Answer.SAME: _prove_same,
    Answer.NEW: _prove_new,
    Answer.ENTERED: _prove_entered,
}


def _living(session: FirmSession, evidence: Evidence) -> list[Entity]:
    """Return the documents in QuickBooks that carry the document's marker and are not void, the document itself
    included."""
    rows = [*evidence.others, *([evidence.entity] if evidence.entity else [])]
    return [row for row in rows if is_marked(session, evidence.document, row) and not is_voided(row)]


def _require_unlinked(session: FirmSession, document: PastDocument, entity: Entity) -> None:
    if session.history.owns(document.kind, [entity["Id"]]):
        raise AnswerRefusedError(f"Id {entity['Id']} in QuickBooks is already another document of ours")


def _require_quarantine(session: FirmSession, evidence: Evidence) -> None:
    """Refuse the answer until the quarantine after the last send is over. A request may still take effect until
    then."""
    if evidence.last_sent_at is None:
        return
    until: datetime = evidence.last_sent_at + session.quarantine
    if session.clock() < until:
        seconds = int((until - session.clock()).total_seconds()) + 1
        raise AnswerRefusedError(f"a request may still take effect: answer again in {seconds} seconds")


def _token(evidence: Evidence) -> str:
    return str(evidence.entity.get("SyncToken", "")) if evidence.entity else ""


def _ids(rows: list[Entity]) -> str:
    return ", ".join(row["Id"] for row in rows)
