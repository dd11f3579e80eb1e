"""Do what a person answered to a held document: prove what the answer needs, then record it.

Belongs here: the proof, read freshly in QuickBooks. Does not belong here: which answers a reason allows
(``core.resolutions``); and sending, which is the next sync's.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from qb_pipeline.core.problems import Problem
from qb_pipeline.core.resolutions import MEANING, Answer, allowed_answers, overrides_quickbooks
from qb_pipeline.ledger import resolutions
from qb_pipeline.ledger.documents import STICKY
from qb_pipeline.ledger.resolutions import Resolution
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.evidence import Evidence, is_marked, name_of
from qb_pipeline.sync.outcomes import is_voided, read_cents, read_customer
from qb_pipeline.sync.workplace import Workplace


class AnswerRefusedError(Exception):
    """The answer does not fit the document as it is; the message says which do, or what to do first."""


def resolve(place: Workplace, evidence: Evidence, answer: Answer) -> bool:
    """Record an answer to a document. Says whether a sync of it should follow.

    Raises:
        AnswerRefusedError: the answer is not allowed, or what it needs is not proved.
        SetUpError: who answers is no super user.
        MovedError: the document has moved since the evidence was read.
    """
    document = evidence.document
    _require_allowed(document, answer)
    if document["state"] in ("sending", "unknown", "waiting"):
        return True  # nothing to decide: the sync asks QuickBooks first, and goes on from there
    if evidence.not_read:
        raise AnswerRefusedError(f"QuickBooks could not be read, so nothing is decided: {evidence.not_read}")
    resolution = _PROOFS[answer](place, evidence)
    resolutions.record(place.engine, document, resolution, run=place.run, now=place.clock())
    return answer is not Answer.KEEP


def _require_allowed(document: Mapping[str, Any], answer: Answer) -> None:
    if document["kind"] not in ("invoice", "payment"):
        what = "is made again by the next sync that needs it; answer the invoices that wait for it"
        if document["kind"] == "refund":
            what = "takes no answer: put its journal entry right in QuickBooks (reporting.enter_by_hand says how)"
        raise AnswerRefusedError(f"{name_of(document)} {what}")
    allowed = allowed_answers(document["state"], document["reason"])
    if answer in allowed:
        return
    state = document["state"] + (f" ({document['reason']})" if document["reason"] else "")
    if not allowed:
        raise AnswerRefusedError(f"{name_of(document)} is {state}: it needs no answer")
    choices = "; ".join(f"--{choice} ({MEANING[choice]})" for choice in allowed)
    raise AnswerRefusedError(f"{name_of(document)} is {state}, which does not take --{answer}. It takes: {choices}")


def _prove_retry(place: Workplace, evidence: Evidence) -> Resolution:
    """A new look. Where several documents had the marker, or none is linked, exactly one or none must be found."""
    document, reason = evidence.document, evidence.document["reason"]
    if reason == Problem.SOURCE_GONE:
        raise AnswerRefusedError("billing still does not have it: restore it there, or answer --void or --keep")
    if reason not in STICKY and document["state"] != "closed":
        return Resolution(Answer.RETRY, reviewed_token=_token(evidence))
    if reason == Problem.COPIED or (reason == Problem.CONFLICT and not document["quickbooks_id"]):
        found = _living(place, evidence)
        if len(found) > 1:
            raise AnswerRefusedError(
                f"QuickBooks still holds {len(found)} documents with this mark (Ids {_ids(found)}): delete the copy, "
                "remove the mark from its note, or answer --keep to leave both"
            )
        if found and found[0]["Id"] != document["quickbooks_id"]:
            _require_unlinked(place, document, found[0])
            return Resolution(
                Answer.RETRY,
                reviewed_token=str(found[0]["SyncToken"]),
                again=True,
                quickbooks_id=found[0]["Id"],
            )
        if not found and not document["quickbooks_id"]:
            _require_quarantine(place, evidence)
    return Resolution(Answer.RETRY, reviewed_token=_token(evidence), again=overrides_quickbooks(reason))


def _prove_keep(place: Workplace, evidence: Evidence) -> Resolution:
    """Take what QuickBooks holds as accepted; without a document there, or without content, close."""
    document, reason, entity = evidence.document, evidence.document["reason"], evidence.entity
    if document["quickbooks_id"] and reason not in (Problem.REMOTE_DELETED, Problem.REMOTE_VOIDED):
        if entity is None or is_voided(entity):
            raise AnswerRefusedError(
                f"QuickBooks no longer holds it ({evidence.standing}): answer --retry, and decide about that"
            )
        copies = [row["Id"] for row in _living(place, evidence) if row["Id"] != document["quickbooks_id"]]
        is_void = document["source_status"] == "void" or not document["source_hash"]
        accepted = None if is_void or evidence.content is None else evidence.content.fingerprint
        return Resolution(
            Answer.KEEP,
            reviewed_token=_token(evidence),
            fingerprint=accepted,
            total_cents=read_cents(entity, "TotalAmt"),
            customer_id=read_customer(entity),
            set_aside=copies,
        )
    if not document["quickbooks_id"] and (found := _living(place, evidence)):
        raise AnswerRefusedError(
            f"QuickBooks holds it (Id {_ids(found)}) and it is linked to nothing: answer --retry, which links it"
        )
    if reason == Problem.CONFLICT and not document["quickbooks_id"]:
        _require_quarantine(place, evidence)
    return Resolution(Answer.KEEP)


def _prove_recreate(place: Workplace, evidence: Evidence) -> Resolution:
    """The old document must be dead, and no other living one may carry the mark."""
    entity = evidence.entity
    if entity is not None and not is_voided(entity):
        raise AnswerRefusedError(
            f"QuickBooks holds it again (Id {entity['Id']}): a second one would be a duplicate. Answer --retry"
        )
    if found := _living(place, evidence):
        raise AnswerRefusedError(
            f"QuickBooks holds another document with this mark (Id {_ids(found)}): a new one would be a duplicate. "
            "Delete it, or remove the mark from its note, then answer again"
        )
    _require_quarantine(place, evidence)
    return Resolution(Answer.RECREATE, set_aside=[evidence.document["quickbooks_id"]])


def _prove_void(_place: Workplace, evidence: Evidence) -> Resolution:
    """Nothing to prove: a void leaves the number and changes nothing that is void already."""
    return Resolution(Answer.VOID, reviewed_token=_token(evidence))


_PROOFS = {
    Answer.RETRY: _prove_retry,
    Answer.KEEP: _prove_keep,
    Answer.RECREATE: _prove_recreate,
    Answer.VOID: _prove_void,
}


def _living(place: Workplace, evidence: Evidence) -> list[Entity]:
    """Living documents in QuickBooks with the document's marker, itself included."""
    rows = [*evidence.others, *([evidence.entity] if evidence.entity else [])]
    return [row for row in rows if is_marked(place, evidence.document, row) and not is_voided(row)]


def _require_unlinked(place: Workplace, document: Mapping[str, Any], entity: Entity) -> None:
    if place.history.owns(document["kind"], [entity["Id"]]):
        raise AnswerRefusedError(f"Id {entity['Id']} in QuickBooks is already another document of ours")


def _require_quarantine(place: Workplace, evidence: Evidence) -> None:
    """What is not there yet may still come, until long enough after the last send."""
    if evidence.last_sent_at is None:
        return
    until: datetime = evidence.last_sent_at + place.quarantine
    if place.clock() < until:
        seconds = int((until - place.clock()).total_seconds()) + 1
        raise AnswerRefusedError(f"a request may still take effect: answer again in {seconds} seconds")


def _token(evidence: Evidence) -> str:
    return str(evidence.entity.get("SyncToken", "")) if evidence.entity else ""


def _ids(rows: list[Entity]) -> str:
    return ", ".join(row["Id"] for row in rows)
