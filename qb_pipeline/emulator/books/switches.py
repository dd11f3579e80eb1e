"""The switches of one company, one for every behaviour that Intuit does not document, or documents in two ways.

Belongs here: names, choices and defaults. The default is the worst case that a careful client survives; a switch that
only makes tests slow (latency, lag) starts at 0. Does not belong here: behaviour.
"""

from typing import Literal

import msgspec


class Switches(msgspec.Struct, forbid_unknown_fields=True):
    """The behaviour of one company.

    ``docs/quickbooks.md`` states of each switch whether it is documented, observed or our guess.
    """

    # Repeats
    requestid: Literal["ignored", "honoured"] = "ignored"
    requestid_memory_hours: float | None = None
    requestid_replays_deleted: bool = True
    requestid_replays_faults: bool = False
    requestid_compares_bodies: bool = False

    # Voids and deletes
    void_paid_invoice: Literal["refused", "unapplied"] = "refused"
    delete_paid_invoice: Literal["refused", "unapplied"] = "refused"
    void_note: Literal["replaced", "prepended"] = "replaced"
    void_spelling: Literal["documented", "plain"] = "documented"

    # Numbers and names
    duplicate_numbers: Literal["allowed", "refused"] = "allowed"
    duplicate_name_shows_id: bool = False
    inactive_reference: Literal["610", "2500"] = "610"
    inactivate_with_balance: Literal["refused", "allowed"] = "refused"
    one_name_per_batch: bool = True

    # QuickBooks' own changes to a document
    missing_item: Literal["default_item", "refused"] = "default_item"
    asset_income_account: Literal["accepted", "refused"] = "accepted"
    debit_entry: Literal["payable", "refused"] = "payable"
    untracked_class: Literal["dropped", "refused"] = "dropped"
    unknown_custom_field: Literal["dropped", "refused"] = "dropped"
    tax: Literal["recomputed", "as_sent"] = "recomputed"
    tax_percent: float = 0.0

    # Batches and reading
    batch_limit: int = 30
    batch_order: Literal["shuffled", "as_sent"] = "shuffled"
    query_lag_seconds: float = 0.0
    cdc_limit: int = 1000
    cdc_days: int = 30
    cdc_shows_merged: bool = False
    total_count: bool = False

    # Limits; None lifts one
    requests_per_minute: int | None = 500
    requests_per_second: int | None = 10
    batches_per_minute: int | None = 40
    concurrent_requests: int | None = 10
    monthly_reads: int | None = 500_000
    batch_items_count_as_requests: bool = False
    throttle_body: Literal["xml", "json"] = "xml"
    retry_after_seconds: int | None = None

    # Slowness
    latency_ms: float = 0.0
    batch_item_latency_ms: float = 0.0

    # The connection
    refresh_rotation: Literal["strict", "daily", "never"] = "strict"
    access_token_seconds: int = 3600
    refresh_token_seconds: int = 8_640_000
    user_access: Literal["granted", "lost"] = "granted"

    # Faults of the whole company; the first three refuse reads too
    cluster: Literal["right", "wrong"] = "right"
    lockout: Literal["none", "locked_out"] = "none"
    maintenance: Literal["none", "under_way"] = "none"
    subscription: Literal["active", "ended"] = "active"
    permission: Literal["granted", "denied"] = "granted"
    features: Literal["supported", "unsupported"] = "supported"
    company_fault_in_batch: Literal["items", "request"] = "items"

    # Webhooks
    webhook_format: Literal["cloudevents", "legacy"] = "cloudevents"
    webhook_lost_percent: float = 0.0
    webhook_doubled_percent: float = 0.0
    webhook_shuffled: bool = False


LIFTED: dict[str, object] = {
    "requests_per_minute": None,
    "requests_per_second": None,
    "batches_per_minute": None,
    "concurrent_requests": None,
    "monthly_reads": None,
}
"""The preset ``no_limits``, for speed tests."""

DOCUMENTED: dict[str, object] = {
    "requestid": "honoured",
    "void_paid_invoice": "unapplied",
    "delete_paid_invoice": "unapplied",
    "void_note": "prepended",
    "duplicate_numbers": "refused",
    "batch_order": "as_sent",
    "tax": "as_sent",
    "one_name_per_batch": False,
    "refresh_rotation": "daily",
}
"""The preset ``documented``: the behaviour that Intuit's pages promise, where they promise any."""

PRESETS = {"no_limits": LIFTED, "documented": DOCUMENTED}


def change_switches(switches: Switches, changes: dict[str, object]) -> Switches:
    """Return switches with changes (and with a ``preset``) applied to them.

    Raises:
        ValueError: an unknown switch or preset, or a value outside its choices.
    """
    wanted = dict(changes)
    preset = wanted.pop("preset", None)
    if preset is not None and preset not in PRESETS:
        raise ValueError(f"unknown preset; choose one of {', '.join(PRESETS)}")
    merged = {**msgspec.to_builtins(switches), **PRESETS.get(str(preset), {}), **wanted}
    try:
        return msgspec.convert(merged, Switches)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
