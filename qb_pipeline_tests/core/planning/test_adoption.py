"""Which documents of QuickBooks are which of billing: equal in everything, or shown and left alone."""

from hypothesis import given, settings
from hypothesis import strategies as st

from qb_pipeline.core.planning.adoption import Judgement, Side, judge

FIELDS = {"number": "N-1", "customer": "7", "date": "2026-01-05", "total": "100.00"}


def side(key: str, **changes: str) -> Side:
    return Side(key, FIELDS | changes)


def test_what_is_equal_in_everything_matches() -> None:
    assert judge([side("a"), side("b", number="N-2")], [side("9", number="N-2"), side("8")]) == [
        Judgement("a", "match", ("8",)),
        Judgement("b", "match", ("9",)),
    ]


def test_two_that_are_equal_are_ambiguous_on_either_side() -> None:
    assert judge([side("a")], [side("10"), side("9")]) == [Judgement("a", "ambiguous", ("9", "10"))]
    assert judge([side("a"), side("b")], [side("9")]) == [
        Judgement("a", "ambiguous", ("9",)),
        Judgement("b", "ambiguous", ("9",)),
    ]


def test_a_near_miss_says_what_differs_the_nearest_first() -> None:
    theirs = [
        side("7", number="N-1", total="90.00", date="2026-02-01"),
        side("8", total="90.00"),
        side("9", customer="6"),
    ]

    assert judge([side("a")], theirs) == [
        Judgement("a", "near", ("8", "9", "7"), (("total",), ("customer",), ("date", "total")))
    ]


def test_what_matches_another_is_no_near_miss() -> None:
    assert judge([side("a"), side("b", number="N-2")], [side("9")])[1] == Judgement("b", "none")


def test_two_differences_without_a_name_in_common_are_nothing() -> None:
    assert judge([side("a")], [side("9", number="N-9", total="1.00")]) == [Judgement("a", "none")]
    assert judge([side("a", number="")], [side("9", number="", date="x", total="1.00")]) == [Judgement("a", "none")]


documents = st.lists(
    st.builds(
        lambda number, customer, total: {"number": number, "customer": customer, "total": total},
        st.sampled_from(["", "1", "2"]),
        st.sampled_from(["7", "8"]),
        st.sampled_from(["1.00", "2.00"]),
    ),
    max_size=6,
)


@settings(max_examples=100, deadline=None)
@given(documents, documents, st.randoms())
def test_no_document_is_matched_twice_and_no_order_matters(
    ours: list[dict[str, str]], theirs: list[dict[str, str]], random: object
) -> None:
    mine = [Side(f"a{number}", fields) for number, fields in enumerate(ours)]
    others = [Side(str(number), fields) for number, fields in enumerate(theirs)]
    found = {judgement.id: judgement for judgement in judge(mine, others)}
    random.shuffle(mine)  # type: ignore[attr-defined]
    random.shuffle(others)  # type: ignore[attr-defined]

    assert {judgement.id: judgement for judgement in judge(mine, others)} == found
    matched = [judgement.candidates[0] for judgement in found.values() if judgement.verdict == "match"]
    assert len(matched) == len(set(matched))
    for one in mine:
        if found[one.id].verdict == "match":
            assert [other.id for other in others if other.fields == one.fields] == list(found[one.id].candidates)
