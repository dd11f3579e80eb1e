"""The update of customers whose payer changed in billing since QuickBooks last got it.

Only fields that billing owns and that differ are sent. A customer that a person renamed in QuickBooks keeps that name.
A customer that serves several payers is never changed.
"""

from collections import Counter
from collections.abc import Mapping

import pandas as pd

from qb_pipeline.core.documents.payloads import QUICKBOOKS_OWNED, Content, Payer, customer_content, read_payers
from qb_pipeline.core.documents.text_fields import find_identifying
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.planning.plan import update_body
from qb_pipeline.core.states import Kind, Operation
from qb_pipeline.core.text import find_name_problem, join_names, real_name, with_suffix
from qb_pipeline.ledger.books.documents import work_items
from qb_pipeline.ledger.books.mappings import Mapping as Link
from qb_pipeline.ledger.books.payers import KnownCustomer
from qb_pipeline.ledger.log import Entry
from qb_pipeline.ledger.sending.attempts import ItemOutcome
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.mapping.references import NAME_EXISTS
from qb_pipeline.sync.plan.plan import make_ready
from qb_pipeline.sync.remote.standing import stands
from qb_pipeline.sync.send.push import send_one
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned
from qb_pipeline.sync.session.sender import Sender

NAMES = ("DisplayName", "GivenName", "MiddleName", "FamilyName", "Suffix", "CompanyName")


def refresh_customers(
    session: FirmSession, sender: Sender, payers: pd.DataFrame, customers: Mapping[str, str], known: Learned
) -> Learned:
    """Bring customers up to date with their payers. ``customers``: their Ids, keyed by payer id.

    A payer that is seen for the first time is only stored. Costs no request while no payer has changed. A refusal by
    QuickBooks is reported, and holds no document.
    """
    links = {link.source_id: link for link in session.mappings.all("payer")}
    owners = Counter(link.quickbooks_id for link in links.values())
    listed = session.payers.customers(list(customers))
    stale: list[tuple[KnownCustomer, Link, Content]] = []
    first_seen: dict[str, tuple[str, str]] = {}
    for payer in read_payers(payers):
        link = links.get(payer.payer_id)
        if payer.payer_id not in customers or link is None or owners[link.quickbooks_id] > 1:
            continue
        content = customer_content(payer, display_name=_name_of(payer, link.quickbooks_name), marker="")
        there = listed.get(link.source_id)
        if there is None or there.quickbooks_id != link.quickbooks_id or not there.fingerprint:
            first_seen[link.source_id] = (link.quickbooks_id, content.fingerprint)
        elif content.is_as_sent(there.fingerprint):
            if there.fingerprint != content.fingerprint:  # sent by the former rules: from now on today's rules count
                first_seen[link.source_id] = (link.quickbooks_id, content.fingerprint)
        else:
            stale.append((there, link, content))
    session.payers.remember_customers(first_seen, now=session.clock())
    return _update(session, sender, stale, known) if stale else NOTHING


def _name_of(payer: Payer, former: str) -> str:
    if payer.kind == "corporation":
        name = join_names((payer.corporation_name,))
    else:
        name = join_names((payer.first_name, payer.last_name))
        if name != former.removesuffix(with_suffix("", payer.payer_id)):  # its name does not contain the placeholder
            name = join_names(map(real_name, (payer.first_name, payer.last_name))) or name
    return with_suffix(name, payer.payer_id) if former.endswith(with_suffix("", payer.payer_id)) else name


def _update(
    session: FirmSession, sender: Sender, stale: list[tuple[KnownCustomer, Link, Content]], known: Learned
) -> Learned:
    learned = NOTHING
    wanted = [link.quickbooks_id for _, link, _ in stale]
    found = {
        row["Id"]: row for row in session.quickbooks.find("Customer", "Id", wanted, where="Active IN (true, false)")
    }
    meant = {
        link.source_id: _changes(content.body, found[link.quickbooks_id], link)
        for _, link, content in stale
        if link.quickbooks_id in found
    }
    bodies = {
        link.source_id: _body(meant[link.source_id], found[link.quickbooks_id])
        for _, link, _ in stale
        if meant.get(link.source_id)
    }
    refused = stands(session, Kind.CUSTOMER, bodies, Operation.UPDATE)
    for there, link, content in stale:
        entity = found.get(link.quickbooks_id)
        if entity is None or link.source_id in refused:
            continue  # merged away: its documents find out where it went; or refused, and nothing has changed since
        changes = meant[link.source_id]
        why = _why_left(changes)
        if why:
            notice = Entry("notice", there.document_id, detail=f"{why}: customer left as it is")
            session.log.add(session.run, [notice], now=session.clock())
        elif not changes:
            remembered = {link.source_id: (link.quickbooks_id, content.fingerprint)}
            session.payers.remember_customers(remembered, now=session.clock())
        else:
            learned |= _send(session, sender, there, link, content, entity, changes, known | learned)
    return learned


def _why_left(changes: JsonObject) -> str:
    """Return the reason for which a customer may not be changed so, or ""."""
    if any(find_name_problem(str(changes[name])) for name in NAMES if name in changes):
        return "a name that QuickBooks refuses"
    field = find_identifying(Kind.CUSTOMER, changes)
    return f"{field} carries an identity number" if field else ""


def _changes(body: JsonObject, entity: Entity, link: Link) -> JsonObject:
    """Return the fields in which billing differs. The name is among them only if QuickBooks still has the name that we
    gave."""
    changes = {
        name: value for name, value in body.items() if name not in QUICKBOOKS_OWNED and not _says(entity, name, value)
    }
    if link.origin == "created" and entity.get("DisplayName") == link.quickbooks_name != body["DisplayName"]:
        changes["DisplayName"] = body["DisplayName"]
    return changes


def _says(entity: Entity, name: str, ours: object) -> bool:
    """Whether a field of a customer has this value. Of an object, only the parts in ``ours`` are compared."""
    theirs = entity.get(name)
    if isinstance(ours, Mapping):
        return all((theirs or {}).get(part) == value for part, value in ours.items())
    return bool(theirs == ours)


def _send(
    session: FirmSession,
    sender: Sender,
    there: KnownCustomer,
    link: Link,
    content: Content,
    entity: Entity,
    changes: JsonObject,
    known: Learned,
) -> Learned:
    outcome, learned = _send_changes(session, sender, there.document_id, link, content, entity, changes, known)
    if outcome.fault_code == NAME_EXISTS and "DisplayName" in changes:
        del changes["DisplayName"]  # somebody has that name already: the customer keeps the one it has
        if changes:
            outcome, told = _send_changes(
                session, sender, there.document_id, link, content, entity, changes, known | learned
            )
            learned |= told
    if outcome.outcome == "accepted" and "DisplayName" in changes:
        renamed = Link("payer", link.source_id, link.quickbooks_id, changes["DisplayName"], link.origin)
        session.mappings.remember([renamed], actor=session.run.actor, now=session.clock())
    return learned


def _body(changes: JsonObject, entity: Entity) -> JsonObject:
    name = {"DisplayName": changes["DisplayName"]} if "DisplayName" in changes else {}
    return update_body(changes, quickbooks_id=entity["Id"], sync_token=str(entity["SyncToken"])) | name


def _send_changes(
    session: FirmSession,
    sender: Sender,
    document_id: int,
    link: Link,
    content: Content,
    entity: Entity,
    changes: JsonObject,
    known: Learned,
) -> tuple[ItemOutcome, Learned]:
    [document] = work_items(session.documents.read([document_id]))
    ready = make_ready(session, document, Operation.UPDATE, content, _body(changes, entity))
    return send_one(session, sender, ready, known)
