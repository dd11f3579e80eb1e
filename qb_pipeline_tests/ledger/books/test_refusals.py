"""A refusal is kept until the document is accepted; the same again is counted, another one begins anew."""

from dataclasses import replace
from typing import Any

import pytest

from qb_pipeline.ledger.books.refusals import Refusals, Standing, keep
from qb_pipeline_tests.ledger.desk import FIRM, LATER, NOON, Desk, invoice, payment

REFUSED: dict[str, Any] = {
    "outcome": "refused", "operation": "create", "fault_code": "6140", "reason": "NUMBER_TAKEN", "named": "Invoice",
    "refused_sha256": "body",
}  # fmt: skip


def keep_one(desk: Desk, source_id: str = "1", *, now: Any = NOON, **values: Any) -> None:
    with desk.engine.begin() as connection:
        keep(connection, [REFUSED | {"document_id": desk.id_of(source_id)} | values], now=now)


def of(desk: Desk, source_id: str = "1") -> Standing | None:
    document_id = desk.id_of(source_id)
    return Refusals(desk.engine, FIRM).of([document_id]).get(document_id)


def first(desk: Desk) -> Standing:
    return Standing(desk.id_of("1"), "create", "6140", "NUMBER_TAKEN", "Invoice", "body", "", 1, NOON)


def test_a_refusal_is_found_by_the_document_and_by_billing_s_id_of_its_kind(desk: Desk) -> None:
    desk.see(invoice("1"), invoice("2"), payment("3"))
    keep_one(desk)
    refusals, document_id = Refusals(desk.engine, FIRM), desk.id_of("1")

    assert refusals.of([document_id, desk.id_of("2")]) == {document_id: first(desk)}
    assert refusals.of_sources("invoice", ["1", "2", "3"]) == {"1": first(desk)}
    assert refusals.of_sources("payment", ["1", "3"]) == {}
    assert Refusals(desk.engine, "two").of_sources("invoice", ["1"]) == {}


def test_the_same_body_that_is_refused_again_is_counted_and_loses_its_evidence(desk: Desk) -> None:
    desk.see(invoice("1"))
    keep_one(desk)
    Refusals(desk.engine, FIRM).note_evidence({desk.id_of("1"): "seen"}, refused_at=NOON)
    noted = of(desk)
    keep_one(desk, reason="REFUSED", now=LATER)

    assert noted == replace(first(desk), evidence_sha256="seen")
    assert of(desk) == replace(first(desk), reason="REFUSED", times=2, refused_at=LATER)


@pytest.mark.parametrize("change", [{"operation": "update"}, {"fault_code": "6210"}, {"refused_sha256": "other body"}])
def test_another_refusal_begins_anew(desk: Desk, change: dict[str, str]) -> None:
    desk.see(invoice("1"))
    keep_one(desk)
    keep_one(desk, now=LATER)
    keep_one(desk, now=LATER, **change)

    changed = {"body_sha256" if name == "refused_sha256" else name: value for name, value in change.items()}
    assert of(desk) == replace(first(desk), refused_at=LATER, **changed)


def test_what_was_read_about_an_older_refusal_says_nothing_of_this_one(desk: Desk) -> None:
    desk.see(invoice("1"))
    keep_one(desk, now=LATER)
    Refusals(desk.engine, FIRM).note_evidence({desk.id_of("1"): "seen"}, refused_at=NOON)

    assert of(desk) == replace(first(desk), refused_at=LATER)


@pytest.mark.parametrize(
    ("outcome", "stands"),
    [("accepted", False), ("open", True), ("not_sent", True), ("missing", True)],
)
def test_only_an_accepted_document_forgets_its_refusal(desk: Desk, outcome: str, stands: bool) -> None:
    desk.see(invoice("1"), invoice("2"))
    for source_id in ("1", "2"):
        keep_one(desk, source_id)
    keep_one(desk, outcome=outcome, refused_sha256="", now=LATER)

    assert of(desk) == (first(desk) if stands else None)
    assert of(desk, "2") == replace(first(desk), document_id=desk.id_of("2"))


def test_a_refusal_of_which_nothing_was_digested_is_not_kept(desk: Desk) -> None:
    desk.see(invoice("1"))
    keep_one(desk, refused_sha256="")

    assert of(desk) is None
