"""Customers and items that invoices need: found by name, or created one by one, and remembered.

One by one, because QuickBooks refuses parallel edits of names ("You can only add or edit one name at a time", fault
6000) and an item of a batch cannot use what another item of it makes.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from qb_pipeline.core.markers import Kind, marker
from qb_pipeline.core.matching import match_items, match_payers
from qb_pipeline.core.names import with_suffix
from qb_pipeline.core.payloads import Content, customer_content, item_content
from qb_pipeline.core.problems import Problem
from qb_pipeline.ledger.attempts import Outcome
from qb_pipeline.ledger.log import Entry
from qb_pipeline.ledger.mappings import Mapping as Link
from qb_pipeline.sync.frames import rows
from qb_pipeline.sync.push import Ready, send_one
from qb_pipeline.sync.workplace import Workplace

NAME_EXISTS = "6240"
"""Fault: another customer, vendor or employee uses this name."""

KINDS: dict[str, Kind] = {"payer": "customer", "fee_item": "item"}
"""What a mapping's kind is called in QuickBooks."""

NOT_YET = "new"
"""Stands for the id of a customer or item that a dry run would create."""


@dataclass(frozen=True, slots=True)
class References:
    """QuickBooks ids by billing id, and the problem of each that has none."""

    ids: Mapping[str, str]
    problems: Mapping[str, Problem]


def find_customers(place: Workplace, payer_ids: Collection[str], *, dry: bool) -> References:
    """The customers of these payers: mapped, matched by name, or created by the firm's policy.

    Costs no request when every payer is known.
    """
    links = place.mappings.links("payer")
    needed = sorted(set(payer_ids) - links.keys())
    ids = {payer_id: links[payer_id] for payer_id in payer_ids if payer_id in links}
    if not needed:
        return References(ids, {})
    payers = place.billing.fetch_namesakes(needed)
    links |= _remember_made(place, "payer", sorted(set(payers["payer_id"]) - links.keys()), dry=dry)
    matches = match_payers(
        payers,
        needed,
        place.customers,
        links,
        create=place.firm.settings.unmatched_payer == "create",
        settled={link.source_id for link in place.mappings.all("payer") if link.origin != "matched"},
    )
    problems: dict[str, Problem] = {}
    found: list[Link] = []
    by_id: dict[str, dict[Any, Any]] = {row["payer_id"]: row for row in payers.to_dict("records")}
    for match in rows(matches):
        if match.problem:
            problems[match.payer_id] = Problem(match.problem)
        elif match.customer_id:
            ids[match.payer_id] = match.customer_id
            if match.payer_id not in links:
                found.append(Link("payer", match.payer_id, match.customer_id, match.display_name, "matched"))
        elif dry:
            ids[match.payer_id] = NOT_YET
            place.would_create.add(("customer", match.payer_id))
        else:
            place.mappings.remember(found, actor=place.run.actor, now=place.clock())
            found = []
            created = _create_customer(place, by_id[match.payer_id], match.display_name)
            if isinstance(created, Problem):
                problems[match.payer_id] = created
            else:
                ids[match.payer_id] = created
    if not dry:
        place.mappings.remember(found, actor=place.run.actor, now=place.clock())
    return References(ids, problems)


def find_items(place: Workplace, fee_item_ids: Collection[str], *, dry: bool) -> References:
    """The QuickBooks items of these fee items: mapped, matched by name or code, or created by the firm's policy."""
    links = place.mappings.links("fee_item")
    needed = sorted(set(fee_item_ids) - links.keys() - {""})
    ids = {item_id: links[item_id] for item_id in fee_item_ids if item_id in links}
    if not needed:
        return References(ids, {})
    settings = place.firm.settings
    fee_items = place.billing.fetch_fee_items(needed)
    links |= _remember_made(place, "fee_item", needed, dry=dry)
    matches = match_items(
        fee_items,
        place.items,
        links,
        create=settings.unmapped_fee_item == "create",
        has_income_account=bool(settings.income_account),
    )
    problems = dict.fromkeys(needed, Problem.UNKNOWN_FEE_ITEM)
    found: list[Link] = []
    by_id: dict[str, dict[Any, Any]] = {row["fee_item_id"]: row for row in fee_items.to_dict("records")}
    for match in rows(matches):
        problems.pop(match.fee_item_id, None)
        if match.problem:
            problems[match.fee_item_id] = Problem(match.problem)
        elif match.item_id:
            ids[match.fee_item_id] = match.item_id
            if match.fee_item_id not in links:
                name = by_id[match.fee_item_id]["name"]
                found.append(Link("fee_item", match.fee_item_id, match.item_id, name, "matched"))
        elif dry:
            ids[match.fee_item_id] = NOT_YET
            place.would_create.add(("item", match.fee_item_id))
        else:
            created = _create_item(place, by_id[match.fee_item_id])
            if isinstance(created, Problem):
                problems[match.fee_item_id] = created
            else:
                ids[match.fee_item_id] = created
    if not dry:
        place.mappings.remember(found, actor=place.run.actor, now=place.clock())
    return References(ids, problems)


def _remember_made(place: Workplace, kind: str, source_ids: list[str], *, dry: bool) -> dict[str, str]:
    """Link what we made in QuickBooks and could not link: the answer was lost, or the run died just then."""
    made = place.documents.made(KINDS[kind], source_ids)
    if made and not dry:
        links = [Link(kind, source_id, quickbooks_id, "", "created") for source_id, quickbooks_id in made.items()]
        place.mappings.remember(links, actor=place.run.actor, now=place.clock())
    return made


def _create_customer(place: Workplace, payer: dict[Any, Any], display_name: str) -> str | Problem:
    """Create one customer; under a name with the payer's id when another name list entry has its name."""
    plain = display_name.removesuffix(with_suffix("", payer["payer_id"]))
    outcome = Outcome(0, "not_sent", "new")
    for name in dict.fromkeys((display_name, with_suffix(plain, payer["payer_id"]))):
        mark = marker(place.installation, place.firm.firm_id, "customer", payer["payer_id"])
        content = customer_content(payer, display_name=name, marker=mark)
        outcome = _create(place, "customer", payer["payer_id"], mark, content)
        if outcome.quickbooks_id:
            place.mappings.remember(
                [Link("payer", payer["payer_id"], outcome.quickbooks_id, name, "created")],
                actor=place.run.actor,
                now=place.clock(),
            )
            return outcome.quickbooks_id
        if outcome.fault_code != NAME_EXISTS:
            break
    return _problem_of(outcome)


def _create_item(place: Workplace, fee_item: dict[Any, Any]) -> str | Problem:
    mark = marker(place.installation, place.firm.firm_id, "item", fee_item["fee_item_id"])
    content = item_content(fee_item, income_account_id=place.firm.settings.income_account)
    outcome = _create(place, "item", fee_item["fee_item_id"], mark, content)
    if outcome.quickbooks_id:
        place.mappings.remember(
            [Link("fee_item", fee_item["fee_item_id"], outcome.quickbooks_id, content.body["Name"], "created")],
            actor=place.run.actor,
            now=place.clock(),
        )
        return outcome.quickbooks_id
    return _problem_of(outcome)


def _problem_of(outcome: Outcome) -> Problem:
    """Why there is no customer or item: a refusal has its reason; everything else is known later."""
    return Problem(outcome.reason) if outcome.outcome == "refused" and outcome.reason else Problem.OUTCOME_UNKNOWN


def _create(place: Workplace, kind: Kind, source_id: str, mark: str, content: Content) -> Outcome:
    """Create one, unless an earlier run did and died before it was remembered."""
    document_id = place.documents.ensure(kind, [source_id], now=place.clock())[source_id]
    known = place.documents.read([document_id]).iloc[0]
    if known["quickbooks_id"]:
        return Outcome(document_id, "accepted", "synced", quickbooks_id=known["quickbooks_id"])
    notices = [Entry("notice", document_id, detail=text) for text in content.notices]
    place.log.add(place.run, notices, now=place.clock())
    return send_one(
        place,
        Ready(
            document_id=document_id,
            kind=kind,
            source_id=source_id,
            part="",
            operation="create",
            former_state=known["state"],
            source_hash=known["source_hash"],
            marker=mark,
            body=content.body,
            fingerprint=content.fingerprint,
            total_cents=0,
        ),
    )
