from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.documents.batches import (
    B_ID_LENGTH,
    BATCH_SIZE,
    LINES_PER_BATCH,
    BatchItem,
    batch_body,
    batch_id,
    group_into_batches,
)
from qb_pipeline.core.money import to_dollars


def an_invoice(number: int, lines: int = 1) -> BatchItem:
    body: dict[str, Any] = {"DocNumber": f"INV-{number}", "Line": [{"Amount": to_dollars(1250)}] * lines}
    return BatchItem("Invoice", "create", body, "invoice", str(number))


def test_a_thousand_invoices_are_as_few_batches_as_possible() -> None:
    batches = group_into_batches([an_invoice(number, lines=4) for number in range(1000)])

    assert [len(batch) for batch in batches] == [BATCH_SIZE] * 33 + [10]


@given(st.lists(st.integers(0, 700), max_size=70), st.integers(1, BATCH_SIZE))
def test_every_document_travels_once_and_in_order(line_counts: list[int], size: int) -> None:
    items = [an_invoice(number, lines) for number, lines in enumerate(line_counts)]

    batches = group_into_batches(items, size)

    assert list(chain.from_iterable(batches)) == items
    assert all(1 <= len(batch) <= size for batch in batches)
    assert all(sum(len(item.body["Line"]) for item in batch) <= LINES_PER_BATCH for batch in batches if len(batch) > 1)


def test_a_very_long_invoice_travels_alone() -> None:
    batches = group_into_batches([an_invoice(1), an_invoice(2, lines=9_000), an_invoice(3)])

    assert [[item.source_id for item in batch] for batch in batches] == [["1"], ["2"], ["3"]]


def test_a_document_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="invoice 7 stands in this run twice"):
        group_into_batches([an_invoice(7), an_invoice(8), an_invoice(7)])


def test_parts_of_one_payment_are_different_documents() -> None:
    parts = [BatchItem("Payment", "create", {}, "payment", "1", day) for day in ("2026-03-01", "2026-04-01")]

    assert group_into_batches(parts) == [tuple(parts)]


@pytest.mark.parametrize("size", [0, 31])
def test_a_batch_larger_than_quickbooks_takes_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 30 documents, not {size}"):
        group_into_batches([], size)


def test_the_bytes_of_a_batch_are_these() -> None:
    update = BatchItem("Payment", "update", {"Id": "9", "SyncToken": "1", "sparse": True}, "payment", "2")

    assert batch_body([an_invoice(1), update]) == (
        b'{"BatchItemRequest":['
        b'{"bId":"0","operation":"create","Invoice":{"DocNumber":"INV-1","Line":[{"Amount":12.50}]}},'
        b'{"bId":"1","operation":"update","Payment":{"Id":"9","SyncToken":"1","sparse":true}}]}'
    )


def test_names_in_a_batch_are_short_and_differ() -> None:
    names = [batch_id(position) for position in range(BATCH_SIZE)]

    assert len(set(names)) == BATCH_SIZE
    assert max(map(len, names)) <= B_ID_LENGTH
