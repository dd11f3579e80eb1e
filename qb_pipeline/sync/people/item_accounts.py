"""The items in QuickBooks that a change of the income accounts leaves unchanged.

Belongs here: finding them. Does not belong here: the account of a new item (``core.settings``).
"""

from qb_pipeline.billing.source import BillingSource
from qb_pipeline.ledger.books.mappings import Mapping, Mappings
from qb_pipeline.ledger.setup.firms import Firm
from qb_pipeline.sync.deployment import Deployment


def find_staying_items(deployment: Deployment, before: Firm, after: Firm) -> list[Mapping]:
    """Return the mappings of items that we created for a kind of fee whose income account differs between ``before``
    and ``after``, ordered by name.

    These items stay on their account until a person changes them in QuickBooks. Makes no request to QuickBooks.
    """
    made = {
        link.source_id: link
        for link in Mappings(deployment.ledger, after.firm_id).all("fee_item")
        if link.origin == "created"
    }
    if not made:
        return []
    fee_items = BillingSource(deployment.billing, after.firm_id).fetch_fee_items(sorted(made))
    moved = [
        made[fee_item_id]
        for fee_item_id, kind in zip(fee_items["fee_item_id"], fee_items["kind"], strict=True)
        if before.settings.income_account_of(kind)[1] != after.settings.income_account_of(kind)[1]
    ]
    return sorted(moved, key=lambda link: link.quickbooks_name.casefold())
