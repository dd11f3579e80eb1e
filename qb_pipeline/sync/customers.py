"""Customers whose payer changed in billing since QuickBooks last had it: their details follow.

Only what billing owns, and only what differs, is sent. A customer that a person renamed in QuickBooks keeps that name,
and one that serves several payers is nobody's to change.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from qb_pipeline.core.markers import marker
from qb_pipeline.core.names import find_name_problem, join_names, with_suffix
from qb_pipeline.core.payloads import QUICKBOOKS_OWNED, Content, customer_content
from qb_pipeline.core.plan import update_body
from qb_pipeline.ledger.attempts import Outcome
from qb_pipeline.ledger.documents import KnownCustomer
from qb_pipeline.ledger.log import Entry
from qb_pipeline.ledger.mappings import Mapping as Link
from qb_pipeline.quickbooks.answers import Entity
from qb_pipeline.sync.push import Ready, send_one
from qb_pipeline.sync.references import NAME_EXISTS
from qb_pipeline.sync.workplace import Workplace

NAMES = ("DisplayName", "GivenName", "MiddleName", "FamilyName", "Suffix", "CompanyName")


def refresh_customers(place: Workplace, payers: pd.DataFrame, customers: Mapping[str, str]) -> None:
    """Bring customers (by payer) up to date with their payers. What is seen for the first time is only remembered.

    Costs no request while no payer has changed; what QuickBooks refuses is told and holds no document.
    """
    links = {link.source_id: link for link in place.mappings.all("payer")}
    owners = Counter(link.quickbooks_id for link in links.values())
    known = place.documents.customers(list(customers))
    stale: list[tuple[KnownCustomer, Link, Content]] = []
    first_seen: dict[str, tuple[str, str]] = {}
    records: list[dict[Any, Any]] = payers.to_dict("records")
    for payer in records:
        link = links.get(payer["payer_id"])
        if payer["payer_id"] not in customers or link is None or owners[link.quickbooks_id] > 1:
            continue
        content = customer_content(payer, display_name=_name_of(payer, link.quickbooks_name), marker="")
        there = known.get(link.source_id)
        if there is None or there.quickbooks_id != link.quickbooks_id or not there.fingerprint:
            first_seen[link.source_id] = (link.quickbooks_id, content.fingerprint)
        elif there.fingerprint != content.fingerprint:
            stale.append((there, link, content))
    place.documents.remember_customers(first_seen, now=place.clock())
    if stale:
        _update(place, stale)


def _name_of(payer: Mapping[Any, Any], former: str) -> str:
    names = ("corporation_name",) if payer["kind"] == "corporation" else ("first_name", "last_name")
    name = join_names(payer[column] for column in names)
    return with_suffix(name, payer["payer_id"]) if former.endswith(with_suffix("", payer["payer_id"])) else name


def _update(place: Workplace, stale: list[tuple[KnownCustomer, Link, Content]]) -> None:
    wanted = [link.quickbooks_id for _, link, _ in stale]
    found = {row["Id"]: row for row in place.quickbooks.find("Customer", "Id", wanted, where="Active IN (true, false)")}
    for there, link, content in stale:
        entity = found.get(link.quickbooks_id)
        if entity is None:
            continue  # merged away: its documents find out where it went
        changes = _changes(content.body, entity, link)
        if any(find_name_problem(str(changes[name])) for name in NAMES if name in changes):
            notice = Entry("notice", there.document_id, detail="a name that QuickBooks refuses: customer left as it is")
            place.log.add(place.run, [notice], now=place.clock())
        elif not changes:
            remembered = {link.source_id: (link.quickbooks_id, content.fingerprint)}
            place.documents.remember_customers(remembered, now=place.clock())
        else:
            _send(place, there, link, content, entity, changes)


def _changes(body: Mapping[str, Any], entity: Entity, link: Link) -> dict[str, Any]:
    """What billing says otherwise; the name only where QuickBooks still has the one that we gave it."""
    changes = {
        name: value
        for name, value in body.items()
        if name not in QUICKBOOKS_OWNED and not _says(entity.get(name), value)
    }
    if link.origin == "created" and entity.get("DisplayName") == link.quickbooks_name != body["DisplayName"]:
        changes["DisplayName"] = body["DisplayName"]
    return changes


def _says(theirs: Any, ours: Any) -> bool:
    if isinstance(ours, Mapping):
        return all((theirs or {}).get(name) == value for name, value in ours.items())
    return bool(theirs == ours)


def _send(
    place: Workplace, there: KnownCustomer, link: Link, content: Content, entity: Entity, changes: dict[str, Any]
) -> None:
    outcome = _send_changes(place, there.document_id, link, content, entity, changes)
    if outcome.fault_code == NAME_EXISTS and "DisplayName" in changes:
        del changes["DisplayName"]  # somebody has that name already: the customer keeps the one it has
        if changes:
            outcome = _send_changes(place, there.document_id, link, content, entity, changes)
    if outcome.outcome == "accepted" and "DisplayName" in changes:
        renamed = Link("payer", link.source_id, link.quickbooks_id, changes["DisplayName"], link.origin)
        place.mappings.remember([renamed], actor=place.run.actor, now=place.clock())


def _send_changes(
    place: Workplace, document_id: int, link: Link, content: Content, entity: Entity, changes: dict[str, Any]
) -> Outcome:
    known = place.documents.read([document_id]).iloc[0]
    body = update_body(changes, quickbooks_id=entity["Id"], sync_token=str(entity["SyncToken"]))
    if "DisplayName" in changes:
        body["DisplayName"] = changes["DisplayName"]
    mark = marker(place.installation, place.firm.firm_id, "customer", link.source_id)
    return send_one(
        place,
        Ready(
            document_id=document_id,
            kind="customer",
            source_id=link.source_id,
            part="",
            operation="update",
            former_state=known["state"],
            source_hash=known["source_hash"],
            marker=mark,
            body=body,
            fingerprint=content.fingerprint,
            total_cents=0,
        ),
    )
