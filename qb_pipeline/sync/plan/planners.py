"""The planner of each kind of document. Invoices come first, since payments refer to them."""

from collections.abc import Callable

from qb_pipeline.core.states import Kind
from qb_pipeline.sync.plan.invoices import plan_invoices
from qb_pipeline.sync.plan.payments import plan_payments
from qb_pipeline.sync.plan.plan import Plan

PLANNERS: dict[Kind, Callable[..., Plan]] = {Kind.INVOICE: plan_invoices, Kind.PAYMENT: plan_payments}
