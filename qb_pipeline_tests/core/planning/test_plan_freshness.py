"""Whether a plan still holds."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from qb_pipeline.core.planning.plan_freshness import Planned, hash_body, hash_content, why_moved

PLANNED = Planned(7, "update", "", "hash", "3", "body", "content")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"operation": "skip"}, "a sync would now skip"),
        ({"operation": "hold", "reason": "DRIFT"}, "a sync would now hold (DRIFT)"),
        ({"source_hash": "other"}, "billing changed it"),
        ({"sync_token": "4"}, "it changed in QuickBooks"),
        ({"body_sha256": "other"}, "its mapping or the firm's settings changed"),
    ],
)
def test_what_moved_is_named(change: dict[str, Any], why: str) -> None:
    assert why_moved(PLANNED, replace(PLANNED, **change)) == why


def test_what_a_sync_would_not_look_at_has_its_state_as_the_reason() -> None:
    assert why_moved(PLANNED, None, state="held (SOURCE_GONE)") == "it is held (SOURCE_GONE) by now"


def test_content_is_the_same_whatever_customer_item_and_invoice_get_for_an_id() -> None:
    def body(ids: str, amount: str = "1.00") -> dict[str, Any]:
        line = {"Amount": Decimal(amount), "SalesItemLineDetail": {"ItemRef": {"value": ids}, "Qty": 1}}
        link = {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": ids, "TxnType": "Invoice"}]}
        return {"CustomerRef": {"value": ids}, "DocNumber": "1", "Line": [line, link]}

    assert hash_content(body("new")) == hash_content(body("58"))
    assert hash_body(body("new")) != hash_body(body("58"))
    assert hash_content(body("58")) != hash_content(body("58", "1.01"))
