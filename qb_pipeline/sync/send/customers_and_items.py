"""The creation of the customers and items that a plan needs, one by one, and the storage of their mappings.

They are created one by one, because QuickBooks refuses parallel edits of names ("You can only add or edit one name at a
time", fault 6000) and an item of a batch cannot use an object that another item of it creates. Belongs here: creating
them. Does not belong here: finding the missing ones (``references``), the details of existing customers
(``customers``).
"""

from qb_pipeline.core.documents.payloads import Content, FeeItem, Payer
from qb_pipeline.core.documents.text_fields import find_identifying
from qb_pipeline.core.mapping.matching import choose_new_name
from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import Kind, Operation, State
from qb_pipeline.core.text import taken_key
from qb_pipeline.ledger.books.documents import work_items
from qb_pipeline.ledger.books.mappings import Mapping as Link
from qb_pipeline.ledger.log import Entry
from qb_pipeline.ledger.sending.attempts import ItemOutcome
from qb_pipeline.sync.mapping.references import NAME_EXISTS, new_customer, new_item
from qb_pipeline.sync.plan.plan import Needs, make_ready
from qb_pipeline.sync.send.customers import refresh_customers
from qb_pipeline.sync.send.push import send_one
from qb_pipeline.sync.session.firm_session import FirmSession
from qb_pipeline.sync.session.learned import NOTHING, Learned
from qb_pipeline.sync.session.sender import Sender


def send_references(session: FirmSession, sender: Sender, needs: Needs, known: Learned) -> Learned:
    """Store the mappings that a plan found, create the missing customers and items, and update existing customers.

    Returns:
        The facts learned. ``not_created`` has the problem of each customer or item that still does not exist.
    """
    learned = NOTHING
    _remember(session, *needs.customers.links)
    for payer_id, display_name in needs.customers.missing.items():
        payer = needs.customers.payers[payer_id]
        learned |= _create_customer(session, sender, payer, display_name, known | learned)
    customers = session.mappings.links("payer")
    there = {payer_id: customers[payer_id] for payer_id in needs.customers.ids if payer_id in customers}
    learned |= refresh_customers(session, sender, needs.payers, there, known | learned)
    for fee_item_id in needs.items.missing:
        learned |= _create_item(session, sender, needs.items.fee_items[fee_item_id], known | learned)
    _remember(session, *needs.items.links)
    return learned


def _create_customer(session: FirmSession, sender: Sender, payer: Payer, display_name: str, known: Learned) -> Learned:
    """Create one customer.

    If its name is taken in QuickBooks' list of names, create it under a name with the payer's id. Vendors and employees
    are not read for this: QuickBooks refuses a taken name, and a refusal costs no read.
    """
    payer_id = payer.payer_id
    taken: set[str] = set()
    learned = NOTHING
    while name := choose_new_name(payer_id, display_name, taken):
        content = new_customer(session, payer, name)
        if find_identifying(Kind.CUSTOMER, content.body):  # the payer's id, which tells it from a namesake, is one
            return learned | Learned(not_created={(Kind.CUSTOMER, payer_id): Problem.IDENTITY_NUMBER})
        outcome, told = _create(session, sender, Kind.CUSTOMER, payer_id, content, known | learned)
        learned |= told
        if outcome.quickbooks_id:
            _remember(session, Link("payer", payer_id, outcome.quickbooks_id, name, "created"))
            return learned
        if outcome.fault_code != NAME_EXISTS:
            return learned | Learned(not_created={(Kind.CUSTOMER, payer_id): _problem_of(outcome)})
        taken.add(taken_key(name))
    return learned | Learned(not_created={(Kind.CUSTOMER, payer_id): Problem.NAME_TAKEN})


def _create_item(session: FirmSession, sender: Sender, fee_item: FeeItem, known: Learned) -> Learned:
    fee_item_id = fee_item.fee_item_id
    content = new_item(session, fee_item)
    outcome, learned = _create(session, sender, Kind.ITEM, fee_item_id, content, known)
    if not outcome.quickbooks_id:
        return learned | Learned(not_created={(Kind.ITEM, fee_item_id): _problem_of(outcome)})
    _remember(session, Link("fee_item", fee_item_id, outcome.quickbooks_id, content.body["Name"], "created"))
    return learned


def _problem_of(outcome: ItemOutcome) -> Problem:
    """Return the problem of a customer or item that was not created: the reason of a refusal, or else
    ``OUTCOME_UNKNOWN``."""
    return Problem(outcome.reason) if outcome.outcome == "refused" and outcome.reason else Problem.OUTCOME_UNKNOWN


def _create(
    session: FirmSession, sender: Sender, kind: Kind, source_id: str, content: Content, known: Learned
) -> tuple[ItemOutcome, Learned]:
    """Create one customer or item, unless an earlier run created it and died before it stored the mapping."""
    document_id = session.documents.ensure(kind, [source_id], now=session.clock())[source_id]
    [document] = work_items(session.documents.read([document_id]))
    if document.quickbooks_id:
        there = ItemOutcome(document_id, "accepted", State.SYNCED, quickbooks_id=document.quickbooks_id)
        return there, NOTHING
    notices = [Entry("notice", document_id, detail=text) for text in content.notices]
    session.log.add(session.run, notices, now=session.clock())
    return send_one(session, sender, make_ready(session, document, Operation.CREATE, content, content.body), known)


def _remember(session: FirmSession, *links: Link) -> None:
    session.mappings.remember(list(links), actor=session.run.actor, now=session.clock())
