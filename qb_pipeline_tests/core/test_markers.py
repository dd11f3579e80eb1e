from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.markers import REQUEST_ID_LENGTH, Marker, find_marker, marker, read_marker, request_id

SOURCE_IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def test_a_marker_says_whose_document_it_is() -> None:
    assert marker("a1B2c3", "smith-law", "invoice", "INV-7") == "qbp1:a1B2c3:smith-law:invoice:INV-7:g1"
    assert (
        marker("a1B2c3", "smith-law", "payment", "77", "2026-03-31", 2)
        == "qbp1:a1B2c3:smith-law:payment:77@2026-03-31:g2"
    )


@given(
    SOURCE_IDS,
    st.sampled_from(["", "2026-03-31"]),
    st.integers(min_value=1, max_value=10**6),
    st.sampled_from(["", "Voided - ", "see https://example.org/?a=1&b=2 \n"]),
    st.sampled_from(["", " then the note", "\nqbp1:a1B2c3:firm:invoice:other:g9"]),
)
def test_a_marker_is_read_back_from_anywhere_in_a_note(
    source_id: str, part: str, generation: int, before: str, after: str
) -> None:
    note = before + marker("a1B2c3", "firm", "payment", source_id, part, generation) + after

    assert find_marker(note) == Marker("a1B2c3", "firm", "payment", source_id, part, generation)


@pytest.mark.parametrize(
    "note",
    ["", "Voided", "qbp1:", "qbp1:abc:f:invoice:1:g1", "qbp1:abcdef:f:estimate:1:g1", "qbp2:abcdef:f:invoice:1:g1"],
)
def test_what_is_no_marker_is_none(note: str) -> None:
    assert find_marker(note) is None


ATTEMPT = UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "1e3fcc10-770b-5f38-99b7-956511dc51c4"),
        (b"{}", "1252083d-4392-5c5a-a287-da23a1bb0478"),
        (b'{"BatchItemRequest":[]}', "0779e846-c313-542a-acdc-b0b0c8c01432"),
    ],
)
def test_request_ids_are_the_same_in_every_release(body: bytes, expected: str) -> None:
    assert request_id(ATTEMPT, body) == expected


@given(st.binary(), st.binary(), st.uuids(), st.uuids())
def test_request_ids_are_equal_exactly_when_attempt_and_bytes_are(
    body: bytes, other_body: bytes, attempt: UUID, other: UUID
) -> None:
    same = (body, attempt) == (other_body, other)

    assert (request_id(attempt, body) == request_id(other, other_body)) is same
    assert len(request_id(attempt, body)) == REQUEST_ID_LENGTH


@pytest.mark.parametrize(
    "entity",
    [
        {"PrivateNote": "Voided - qbp1:a1B2c3:firm:invoice:7:g1 text"},
        {"Notes": "a client since 2019 qbp1:a1B2c3:firm:invoice:7:g1"},
        {"PrivateNote": None, "Notes": "qbp1:a1B2c3:firm:invoice:7:g1"},
    ],
)
def test_the_marker_of_an_object_stands_in_its_note(entity: dict[str, object]) -> None:
    assert read_marker(entity) == Marker("a1B2c3", "firm", "invoice", "7", "", 1)


@pytest.mark.parametrize(
    "entity", [{}, {"PrivateNote": None}, {"PrivateNote": "by hand", "Name": "qbp1:a:b:item:1:g1"}]
)
def test_an_object_without_a_marker_in_its_note_has_none(entity: dict[str, object]) -> None:
    assert read_marker(entity) is None
