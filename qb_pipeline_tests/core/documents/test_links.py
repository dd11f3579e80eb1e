"""What a payment pays is compared invoice by invoice (E-41)."""

from qb_pipeline.core.documents.links import describe_moved, find_moved


def test_only_what_differs_is_named_with_the_amounts_on_both_sides() -> None:
    moved = find_moved({"5": 6_000, "7": 100}, {"12": 2_500, "7": 100})

    assert moved == {"5": (6_000, 0), "12": (0, 2_500)}
    assert describe_moved(moved, {"5": "N-1"}) == (
        "N-1 (Id 5): 60.00 was sent, QuickBooks has 0.00; invoice (Id 12): 0.00 was sent, QuickBooks has 25.00"
    )
    assert find_moved({"5": 1}, {"5": 1}) == {}
