"""The documents that we sent with an identity number, by an earlier release or under its rules.

Nothing is sent again for them: a person corrects billing or QuickBooks. Belongs here: searching the requests that were
sent. Does not belong here: the choice of the fields (``core.documents.text_fields``).
"""

from collections.abc import Iterable, Iterator

from qb_pipeline.billing.source import BillingSource
from qb_pipeline.core.documents.text_fields import find_identity_number, texts
from qb_pipeline.core.money import JsonObject, loads
from qb_pipeline.core.redaction import SUSPICIOUS, find_citations
from qb_pipeline.core.states import ENTRIES, Kind
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.history import History
from qb_pipeline.sync.remote.documents import read_sent
from qb_pipeline.sync.remote.outcomes import ENTITY

CITING = ("PaymentRefNum", "PrivateNote")
"""The fields that hold a payment's reference, which may cite an invoice."""


def find_sent_identity_numbers(billing: BillingSource, history: History) -> list[DocumentName]:
    """Return the documents in QuickBooks whose texts, as we last sent each of them, contain an identity number.

    Makes no request to QuickBooks. An invoice's number is no such number, nor is one that a payment's reference cites.
    """
    sent: dict[DocumentName, JsonObject] = {}
    for name, body, b_id in history.taken_bodies(sorted(_find_suspected(history))):
        # An update has fewer fields than the document in QuickBooks.
        sent[name] = sent.get(name, {}) | read_sent(name.kind, body, b_id)
    found = {name: body for name, body in sent.items() if find_identity_number(name.kind, body)}
    cited = _find_cited(billing, (body for name, body in found.items() if name.kind in (Kind.PAYMENT, *ENTRIES)))
    return sorted(name for name, body in found.items() if find_identity_number(name.kind, body, cited))


def _find_suspected(history: History) -> Iterator[int]:
    """Yield the ids of documents that were ever sent with an identity number."""
    for kind, body, documents in history.taken_like(SUSPICIOUS):
        request: JsonObject = loads(body)
        batch = {item["bId"]: item.get(ENTITY[kind], {}) for item in request.get("BatchItemRequest", ())}
        for document_id, b_id in documents:
            if find_identity_number(kind, batch.get(b_id, request)):
                yield document_id


def _find_cited(billing: BillingSource, bodies: Iterable[JsonObject]) -> set[str]:
    words = {
        word for body in bodies for field in CITING for text in texts(body, field) for word in find_citations(text)
    }
    return {each.number for each in billing.named(Kind.INVOICE, words) if each.number in words} if words else set()
