"""The choice of a firm's model, and the switch of an active firm to the other model.

Belongs here: the order of a switch, so that each payment goes by exactly one model. Does not belong here: the choice of
the payments that a model sends (``core.documents.payments``) or pulls.
"""

from uuid import uuid4

from qb_pipeline.billing.guard import guard, unguard
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.firms import Firm
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.extract.scan import Selection, scan
from qb_pipeline.sync.pull.received_payments import read_changes


def choose_model(deployment: Deployment, firm_id: str, model: int, *, actor: str) -> Firm:
    """Choose Model 1 or 2, and set or clear the guard in billing.

    An active firm is switched while no run writes for it, and only if all payments are settled that billing, and under
    Model 2 QuickBooks, shows by then. Payments created before the switch (``cut_over_at``) go by Model 1, whenever they
    are read or changed.

    Raises:
        SetUpError: the firm is not subscribed, or payments are not settled; the message names them.
        BusyError: a run kept the company busy.
        QuickBooksError: under Model 2, the payments that QuickBooks received could not be read; the model is unchanged.
        BillingError: billing cannot be read, or does not let us write the guard; the model is unchanged.
    """
    if not deployment.firms.get(firm_id).is_switched_by(model):
        return _choose(deployment, firm_id, model, actor)
    run = Run(f"switch-{uuid4()}", "cli", actor)
    with deployment.open(firm_id, run, setting_up=True) as session, session.hold_lease():
        scan(session, Selection())
        if session.firm.model == 2:
            read_changes(session)
        return _choose(deployment, firm_id, model, actor)


def _choose(deployment: Deployment, firm_id: str, model: int, actor: str) -> Firm:
    # QuickBooks writes whole seconds: a payment of the second of a switch counts as received after it.
    now = deployment.clock().replace(microsecond=0)

    def set_guard() -> None:
        if model == 2:
            guard(deployment.billing, firm_id, active_since=now)
        else:
            unguard(deployment.billing, firm_id)

    return deployment.firms.choose_model(firm_id, model, actor=actor, now=now, before_commit=set_guard)
