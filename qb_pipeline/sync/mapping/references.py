"""The customers and items that documents need: mapped, found by name, held because of a look-alike, or to be created.

Belongs here: finding them. Nothing is sent, and no mapping changes. Does not belong here: the rules
(``core.mapping.matching``), the creation of missing ones (``customers_and_items``).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import pandas as pd

from qb_pipeline.core import schemas
from qb_pipeline.core.documents.payloads import (
    Content,
    FeeItem,
    Payer,
    customer_content,
    item_content,
    read_fee_items,
    read_payers,
)
from qb_pipeline.core.documents.text_fields import find_identifying
from qb_pipeline.core.mapping.look_alikes import LookAlike, find_look_alikes
from qb_pipeline.core.mapping.mapping_targets import find_target_problem
from qb_pipeline.core.mapping.matching import choose_new_name, match_items, match_payers
from qb_pipeline.core.markers import marker
from qb_pipeline.core.money import JsonObject
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.schemas import rows
from qb_pipeline.core.states import Kind
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.mappings import Mapping as Link
from qb_pipeline.ledger.books.refusals import Standing
from qb_pipeline.sync.remote.standing import stands
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.foresight import Foresight
from qb_pipeline.sync.session.learned import NOTHING, Learned

NAME_EXISTS = "6240"
"""Fault: another customer, vendor or employee uses this name."""

KINDS: dict[str, Kind] = {"payer": Kind.CUSTOMER, "fee_item": Kind.ITEM}
"""The kind of the document for each kind of mapping."""

SHOWN = 3
"""The number of look-alikes of a payer that are shown. An answer is about all of them."""

NOT_YET = "new"
"""The word in place of the Id of a customer or item that QuickBooks lacks, until it is created."""


@dataclass(frozen=True, slots=True)
class References:
    """The QuickBooks Ids of payers or fee items, and the problem of each payer or fee item that has none.

    All mappings are keyed by billing's id. ``ids``: ``NOT_YET`` stands for the Id of one that is to be created.
    ``links``: mappings that were found and are not stored yet. ``missing``: the name of each customer or item that is
    to be created. ``payers``, ``fee_items``: their data in billing. ``alike``: the look-alikes of a payer, best first,
    shown only to the person who asked; they keep a customer from being created (``LIKE_CUSTOMER``).
    """

    ids: Mapping[str, str]
    problems: Mapping[str, Problem]
    links: Sequence[Link] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    learned: Learned = NOTHING
    payers: Mapping[str, Payer] = field(default_factory=dict)
    fee_items: Mapping[str, FeeItem] = field(default_factory=dict)
    alike: Mapping[str, Sequence[LookAlike]] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class _Found:
    """The results for one kind of mapping, keyed by billing's id. ``known``: mappings that need not be stored again."""

    kind: str
    known: Mapping[str, str]
    ids: dict[str, str]
    links: list[Link]
    problems: dict[str, Problem] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def take(self, source_id: str, problem: str, quickbooks_id: str, name: str) -> None:
        """Record the result for one payer or fee item: its problem, or else its Id, or else that it is to be
        created."""
        self.problems.pop(source_id, None)
        if problem:
            self.problems[source_id] = Problem(problem)
        elif quickbooks_id:
            self.ids[source_id] = quickbooks_id
            if source_id not in self.known:
                self.links.append(Link(self.kind, source_id, quickbooks_id, name, "matched"))
        else:
            self.ids[source_id] = NOT_YET
            self.missing[source_id] = name

    def references(self, *, foreseen: Mapping[str, str] | None = None, notices: tuple[str, ...] = ()) -> References:
        """Return everything that was found."""
        would_create = frozenset((KINDS[self.kind], source_id) for source_id in self.missing)
        learned = Learned(foreseen=foreseen or {}, would_create=would_create, notices=notices)
        return References(self.ids, self.problems, self.links, self.missing, learned)


def find_customers(
    session: FirmSession, payer_ids: Collection[str], known: Learned, foresight: Foresight
) -> References:
    """Return the customers of these payers: mapped, matched by name, or to be created by the firm's policy.

    A payer with a look-alike is held until a person has answered. Costs no request if every payer is known. A dry run
    also searches all names for the name of a new customer; a sync learns from QuickBooks' answer that a name is taken.
    """
    links = session.mappings.links("payer")
    needed = sorted(set(payer_ids) - links.keys())
    ids = {payer_id: links[payer_id] for payer_id in payer_ids if payer_id in links}
    if not needed:
        return References(ids, {})
    payers = session.billing.fetch_namesakes(needed)
    made = session.documents.made(Kind.CUSTOMER, sorted(set(payers["payer_id"]) - links.keys()))
    links |= made
    apart = _told_apart(session, payers["payer_id"])
    matches = _match(session, payers, needed, links, apart)
    new = matches.loc[(matches["customer_id"] == "") & (matches["problem"] == ""), "payer_id"]
    alike = _find_alike(session, payers[payers["payer_id"].isin(new)], links, apart)
    found = _Found("payer", links, ids, _links_of_made("payer", made))
    by_id = {payer.payer_id: payer for payer in read_payers(payers)}
    bodies = {
        match.payer_id: new_customer(session, by_id[match.payer_id], match.display_name).body
        for match in rows(matches)
        if not (match.problem or match.customer_id or match.payer_id in alike)
    }
    problems = dict.fromkeys(alike, Problem.LIKE_CUSTOMER) | _with_identity_numbers(Kind.CUSTOMER, bodies)
    refused = stands(session, Kind.CUSTOMER, bodies)
    for match in rows(matches):
        problem = match.problem or problems.get(match.payer_id, "")
        problem = problem or _why_not_created(match.payer_id, refused, known)
        if foresight.asks_everything and not (problem or match.customer_id):
            problem = _find_taken(session, match.payer_id, match.display_name)
        found.take(match.payer_id, problem, match.customer_id, match.display_name)
    references = found.references(foreseen={link.source_id: link.quickbooks_id for link in found.links})
    return replace(references, payers=by_id, alike=alike)


def _match(
    session: FirmSession,
    payers: pd.DataFrame,
    needed: Collection[str],
    links: Mapping[str, str],
    apart: Collection[tuple[str, str]],
) -> pd.DataFrame:
    matches = match_payers(
        payers,
        needed,
        session.company.customers,
        links,
        create=session.firm.settings.unmatched_payer == "create",
        single_names=session.firm.settings.single_names == "accept",
        settled={link.source_id for link in session.mappings.all("payer") if link.origin != "matched"},
        apart=apart,
    )
    return schemas.validate(schemas.PayerMatches, matches)


def _find_alike(
    session: FirmSession, payers: pd.DataFrame, links: Mapping[str, str], apart: Collection[tuple[str, str]]
) -> dict[str, list[LookAlike]]:
    """Return the look-alikes of payers for whom a customer would be created, best first, keyed by payer id.

    Left out are customers that belong to another payer, and customers that a person has told apart from the payer.
    """
    if payers.empty:
        return {}
    customers = session.company.customers
    found = find_look_alikes(payers, customers, owned=set(links.values()), at_most=len(customers))
    if not found:
        return {}
    theirs = _found_by_name(session, links)
    left = {
        payer_id: [
            each for each in alike if each.customer_id not in theirs and (payer_id, each.customer_id) not in apart
        ]
        for payer_id, alike in found.items()
    }
    return {payer_id: alike for payer_id, alike in left.items() if alike}


def _told_apart(session: FirmSession, payer_ids: Iterable[str]) -> set[tuple[str, str]]:
    """Return the pairs of payer id and customer Id that a person has told apart."""
    names = [DocumentName(Kind.CUSTOMER, payer_id) for payer_id in payer_ids]
    answers = session.foreign_documents.answers(Kind.CUSTOMER, names)
    return {(pair.document.source_id, pair.quickbooks_id) for pair, said in answers.items() if said == "new"}


def _found_by_name(session: FirmSession, links: Mapping[str, str]) -> set[str]:
    """Return the Ids of the customers that match payers on the work list by name, whether this run has worked on these
    payers or not."""
    waiting = sorted(set(session.payers.payer_ids()) - links.keys())
    made = session.documents.made(Kind.CUSTOMER, waiting)
    payers = session.billing.fetch_namesakes(waiting)
    apart = _told_apart(session, payers["payer_id"])
    matches = _match(session, payers, waiting, {**links, **made}, apart)
    return {*matches["customer_id"], *made.values()}


def describe_alike(alike: Sequence[LookAlike]) -> str:
    """Describe for the log the look-alikes of a payer: the reasons for which each may be the payer, and the
    differences. The text contains no names."""
    texts = []
    for each in alike[:SHOWN]:
        reasons, differs = (", ".join(dict.fromkeys(map(_kind, said))) for said in (each.reasons, each.differences))
        texts.append(f"Customer Id {each.customer_id}: {reasons}" + (f"; differs: {differs}" if differs else ""))
    more = [f"and {len(alike) - SHOWN} more"] if len(alike) > SHOWN else []
    return " | ".join([*texts, *more])


def _kind(said: str) -> str:
    """Return the kind of a reason or a difference, without the text about the client. That text follows a colon, or one
    of the words ``suffix`` and ``legal form``."""
    kind = said.partition(":")[0]
    return next((part for part in ("suffix", "legal form") if kind.startswith(part)), kind)


def find_items(session: FirmSession, fee_item_ids: Collection[str], known: Learned) -> References:
    """Return the items of these fee items: mapped, matched by name or code, or to be created by the firm's policy."""
    links = session.mappings.links("fee_item")
    needed = sorted(set(fee_item_ids) - links.keys() - {""})
    ids = {item_id: links[item_id] for item_id in fee_item_ids if item_id in links}
    if not needed:
        return References(ids, {})
    fee_items = session.billing.fetch_fee_items(needed)
    made = session.documents.made(Kind.ITEM, needed)
    links |= made
    matches, notices = _match_items(session, fee_items, links)
    schemas.validate(schemas.ItemMatches, matches)
    found = _Found("fee_item", links, ids, _links_of_made("fee_item", made))
    found.problems |= dict.fromkeys(needed, Problem.UNKNOWN_FEE_ITEM)
    by_id = {fee_item.fee_item_id: fee_item for fee_item in read_fee_items(fee_items)}
    bodies = {
        match.fee_item_id: new_item(session, by_id[match.fee_item_id]).body
        for match in rows(matches)
        if not (match.problem or match.item_id)
    }
    unsent = _with_identity_numbers(Kind.ITEM, bodies)
    refused = stands(session, Kind.ITEM, bodies)
    for match in rows(matches):
        problem = (
            match.problem
            or unsent.get(match.fee_item_id, "")
            or known.not_created.get((Kind.ITEM, match.fee_item_id), "")
        )
        if match.fee_item_id in refused and not problem:
            problem = refused[match.fee_item_id].reason
        found.take(match.fee_item_id, problem, match.item_id, by_id[match.fee_item_id].name)
    return replace(found.references(notices=notices), fee_items=by_id)


def _match_items(
    session: FirmSession, fee_items: pd.DataFrame, links: Mapping[str, str]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the item of each fee item (``core.schemas.ItemMatches``), and notices about unusable accounts.

    New items cannot post to an unusable account of the firm. An account is read only if an item would be created for
    it.
    """
    settings = session.firm.settings
    kinds = zip(fee_items["fee_item_id"], fee_items["kind"], strict=True)
    accounts = {fee_item_id: settings.income_account_of(kind) for fee_item_id, kind in kinds}
    match = partial(match_items, fee_items, session.company.items, links, create=settings.unmapped_fee_item == "create")
    without = {fee_item_id for fee_item_id, (_, account_id) in accounts.items() if not account_id}
    matches = match(without_account=without)
    new = matches.loc[(matches["item_id"] == "") & (matches["problem"] == ""), "fee_item_id"]
    unusable = _find_account_problems(session, {accounts[fee_item_id] for fee_item_id in new})
    if unusable:
        without |= {fee_item_id for fee_item_id, account in accounts.items() if account in unusable}
        matches = match(without_account=without)
    return matches, tuple(unusable.values())


def new_customer(session: FirmSession, payer: Payer, display_name: str) -> Content:
    """Return the content with which a payer's customer would be created."""
    mark = marker(session.installation, session.firm.firm_id, Kind.CUSTOMER, payer.payer_id)
    return customer_content(payer, display_name=display_name, marker=mark)


def new_item(session: FirmSession, fee_item: FeeItem) -> Content:
    """Return the content with which a fee item's item would be created."""
    _, account_id = session.firm.settings.income_account_of(fee_item.kind)
    return item_content(fee_item, income_account_id=account_id)


def _with_identity_numbers(kind: Kind, bodies: Mapping[str, JsonObject]) -> dict[str, Problem]:
    """Return the problem of each body that may not be sent because of an identity number, keyed by billing's id."""
    return {key: Problem.IDENTITY_NUMBER for key, body in bodies.items() if find_identifying(kind, body)}


def _links_of_made(kind: str, made: Mapping[str, str]) -> list[Link]:
    """Return the links of customers or items that we created and could not link, because an answer was lost or the run
    died."""
    return [Link(kind, source_id, quickbooks_id, "", "created") for source_id, quickbooks_id in made.items()]


def _find_account_problems(session: FirmSession, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return a notice for each setting whose account new items cannot post to, keyed by setting and account Id. Costs
    one read for each account."""
    found = {}
    for setting, account_id in sorted(wanted):
        problem = find_target_problem(setting, account_id, session.company.find_targets(setting, [account_id]))
        if problem is not None:
            found[setting, account_id] = f"Setting {setting}: {problem[0]}. {problem[1]}"
    return found


def _why_not_created(payer_id: str, refused: Mapping[str, Standing], known: Learned) -> str:
    """Return the reason for which a payer's customer was not created before, or "" if there is none."""
    before = known.not_created.get((Kind.CUSTOMER, payer_id), "")
    if before or payer_id not in refused:
        return before
    standing = refused[payer_id]
    return Problem.NAME_TAKEN if standing.fault_code == NAME_EXISTS else standing.reason


def _find_taken(session: FirmSession, payer_id: str, display_name: str) -> str:
    """Return the problem of a new customer if every name that it could get is taken, or ""."""
    return "" if choose_new_name(payer_id, display_name, session.company.taken_names) else Problem.NAME_TAKEN


def has_unmade(body: object) -> bool:
    """Whether a body refers to a customer or item that is to be created first."""
    if isinstance(body, Mapping):
        return body.get("value") == NOT_YET or any(has_unmade(value) for value in body.values())
    return isinstance(body, list) and any(has_unmade(value) for value in body)
