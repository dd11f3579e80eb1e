"""An answer is believed only when it is whole and consistent."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.quickbooks.answers import (
    BatchItem,
    ContradictionError,
    read_changes,
    read_entity,
    read_items,
    read_outcomes,
    read_rows,
    read_time,
)
from qb_pipeline.quickbooks.parsing import UnreadableError, read_json

ITEMS = {str(number): BatchItem("Invoice") for number in range(1, 6)}
REFUSED = {"Fault": {"Error": [{"code": "6140"}], "type": "ValidationFault"}}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["BatchItemResponse", "bId", "Invoice", "Fault", "QueryResponse", "CDCResponse", "Id", "time", "status"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("refused", range(32))
def test_every_subset_of_refused_items_is_told_apart(refused: int):
    """Five items, every combination of success and refusal, in any order."""
    responses = [
        {"bId": b_id, **(REFUSED if refused >> index & 1 else {"Invoice": {"Id": f"10{b_id}"}})}
        for index, b_id in enumerate(ITEMS)
    ]
    random.Random(refused).shuffle(responses)
    outcomes = read_outcomes({"BatchItemResponse": responses}, ITEMS)
    assert [outcome.b_id for outcome in outcomes] == list(ITEMS)
    assert [outcome.entity for outcome in outcomes] == [
        None if refused >> index & 1 else {"Id": f"10{b_id}"} for index, b_id in enumerate(ITEMS)
    ]
    assert [bool(outcome.faults) for outcome in outcomes] == [bool(refused >> index & 1) for index in range(5)]


@given(b_ids=st.lists(st.sampled_from([*ITEMS, "9", ""]), max_size=7))
def test_only_a_one_to_one_match_of_bids_is_believed(b_ids: list[str]):
    payload = {"BatchItemResponse": [{"bId": b_id, "Invoice": {"Id": "1"}} for b_id in b_ids]}
    if sorted(b_ids) == sorted(ITEMS):
        assert len(read_outcomes(payload, ITEMS)) == 5
    else:
        with pytest.raises(ContradictionError):
            read_outcomes(payload, ITEMS)


@given(payload=ANY_JSON)
def test_no_answer_breaks_a_reader(payload: object):
    for read in (
        lambda: read_outcomes(payload, ITEMS),
        lambda: read_entity(payload, "Invoice"),
        lambda: read_rows(payload),
        lambda: read_changes(payload, ["Invoice"]),
        lambda: read_time(payload),
    ):
        try:
            read()
        except ContradictionError:
            continue


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_changed_byte_never_moves_an_id_to_another_item(position: int, value: int):
    """One byte of a real answer is damaged: it is refused, or every bId still has its own entity or a near one."""
    whole = bytearray(
        json.dumps({"BatchItemResponse": [{"Invoice": {"Id": f"70{b_id}"}, "bId": b_id} for b_id in ITEMS]}).encode()
    )
    whole[position % len(whole)] = value
    try:
        outcomes = read_outcomes(read_json(bytes(whole)), ITEMS)
    except (UnreadableError, ContradictionError):
        return
    same = [outcome.entity["Id"] == f"70{outcome.b_id}" for outcome in outcomes if outcome.entity]
    assert same.count(False) <= 1


def test_a_body_names_its_items():
    body = (
        b'{"BatchItemRequest":[{"bId":"a","operation":"create","Invoice":{"DocNumber":"1","TotalAmt":1.10}},'
        b'{"bId":"b","operation":"update","optionsData":"void","Payment":{"Id":"7"}}]}'
    )
    assert read_items(body) == {"a": BatchItem("Invoice", "", {"DocNumber": "1"}), "b": BatchItem("Payment", "7")}


@pytest.mark.parametrize("label", ["DocNumber", "PrivateNote"])
def test_documents_under_one_anothers_bids_are_told_by_what_they_carry(label: str):
    items = {b_id: BatchItem("Invoice", "", {label: f"label {b_id}"}) for b_id in "abc"}
    came = {"a": "label b", "b": "label a", "c": "label c"}
    with pytest.raises(ContradictionError, match=f"item a answers with the {label} of another one"):
        read_outcomes(
            {"BatchItemResponse": [{"bId": b, "Invoice": {"Id": b, label: text}} for b, text in came.items()]}, items
        )


def test_a_label_that_quickbooks_wrote_itself_is_no_swap():
    """It may number by itself, and it may say "Voided" in front of a note."""
    items = {b_id: BatchItem("Invoice", "", {"DocNumber": f"INV-{b_id}", "PrivateNote": "same"}) for b_id in "ab"}
    responses = [{"bId": b, "Invoice": {"Id": b, "DocNumber": "1001", "PrivateNote": "Voided"}} for b in "ab"]
    assert len(read_outcomes({"BatchItemResponse": responses}, items)) == 2
