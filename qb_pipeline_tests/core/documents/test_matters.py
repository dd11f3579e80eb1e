"""Where matters go, and which class a matter has."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.core.documents.matters import NO_CLASS, NOWHERE, MatterPlace, choose_place, match_classes
from qb_pipeline.core.documents.payloads import Content, invoice_contents
from qb_pipeline.core.mapping.mapping_targets import read_targets
from qb_pipeline_tests.core.rows import fee, invoices, lines, payers, person, rules

ON_LINES = MatterPlace("class", classes={"Visa": "5"}, on_lines=True)
ON_WHOLE = MatterPlace("class", classes={"Visa": "5"})
IN_FIELD = MatterPlace("custom_field", "Matter", "2")
PLACES = (NOWHERE, MatterPlace("memo"), IN_FIELD, ON_LINES, ON_WHOLE)


def build(place: MatterPlace, matter: str, note: str = "") -> Content:
    return invoice_contents(
        invoices({"matter": matter, "internal_note": note}),
        lines(fee(10_000), {"kind": "discount", "amount_cents": -1_000}, {"kind": "note", "description": "Filed"}),
        payers(person("p1")),
        customers={"p1": "58"},
        items={"f1": "2"},
        terms={},
        tax_codes={},
        markers={"i1": "mark"},
        rules=rules(),
        place=place,
    )["i1"]


def difference(place: MatterPlace, matter: str, note: str = "") -> dict[str, Any]:
    """The fields that a place changes in the body of an invoice."""
    plain = build(NOWHERE, matter, note).body
    return {name: value for name, value in build(place, matter, note).body.items() if plain.get(name) != value}


@pytest.mark.parametrize(
    ("matter_in", "place"),
    [
        ("off", NOWHERE),
        ("memo", MatterPlace("memo")),
        ("class", MatterPlace("class", on_lines=True)),
        ("custom_field:MATTER ", MatterPlace("custom_field", "Matter", "2")),
        ("custom_field:class", NOWHERE),
    ],
)
def test_a_setting_is_a_place_of_the_company(matter_in: str, place: MatterPlace) -> None:
    assert choose_place(matter_in, {"1": "Sales rep", "2": "Matter", "3": "matter"}, "line") == place


def test_classes_stand_where_the_company_tracks_them() -> None:
    assert [choose_place("class", {}, tracking) for tracking in ("off", "transaction", "line")] == [
        NOWHERE, MatterPlace("class"), MatterPlace("class", on_lines=True),
    ]  # fmt: skip


def test_each_place_takes_the_matter_in_its_own_way() -> None:
    sales, note, discount = build(NOWHERE, "Visa").body["Line"]
    classed = {"ClassRef": {"value": "5"}}

    assert [difference(place, "Visa", "call") for place in PLACES] == [
        {},
        {"PrivateNote": "mark Visa: call"},
        {"CustomField": [{"DefinitionId": "2", "Name": "Matter", "Type": "StringType", "StringValue": "Visa"}]},
        {
            "Line": [
                {**sales, "SalesItemLineDetail": sales["SalesItemLineDetail"] | classed},
                note,
                {**discount, "DiscountLineDetail": discount["DiscountLineDetail"] | classed},
            ]
        },
        classed,
    ]


@pytest.mark.parametrize("place", PLACES)
def test_no_matter_changes_nothing(place: MatterPlace) -> None:
    assert (difference(place, " ", "call"), build(place, " ").notices) == ({}, ())


def test_a_matter_without_class_is_left_out_and_told() -> None:
    assert (difference(ON_LINES, "Other"), build(ON_LINES, "Other").notices) == ({}, (NO_CLASS,))


def test_no_identity_number_leaves_with_a_matter() -> None:
    texts = [str(difference(place, "Visa of A123456789")) for place in (MatterPlace("memo"), IN_FIELD)]

    assert ["[removed]" in text and "A123456789" not in text for text in texts] == [True, True]


@given(st.sampled_from(PLACES), st.text(max_size=60), st.text(max_size=20))
def test_a_matter_never_changes_what_billing_owns_so_that_nothing_is_sent_again(
    place: MatterPlace, matter: str, note: str
) -> None:
    assert build(place, matter, note).fingerprint == build(NOWHERE, matter, note).fingerprint


CLASSES = read_targets(
    "matter",
    [
        {"Id": "1", "Name": "Immigration", "FullyQualifiedName": "Immigration"},
        {"Id": "2", "Name": "Visa", "FullyQualifiedName": "Immigration:Visa"},
        {"Id": "3", "Name": "Visa", "FullyQualifiedName": "Visa"},
        {"Id": "4", "Name": "Twice", "FullyQualifiedName": "Immigration:Twice"},
        {"Id": "5", "Name": "Twice", "FullyQualifiedName": "Visa:Twice"},
        {"Id": "6", "Name": "Asleep", "FullyQualifiedName": "Asleep", "Active": False},
        {"Id": "7", "Name": "Below", "FullyQualifiedName": "Visa:Below"},
    ],
)


@pytest.mark.parametrize(
    ("matter", "links", "class_id"),
    [
        ("IMMIGRATION", {}, "1"),
        ("Visa", {}, "3"),  # its full name goes before that of one below another
        ("immigration:visa", {}, "2"),
        ("Below", {}, "7"),
        ("Twice", {}, None),
        ("Asleep", {}, None),
        ("Unheard of", {}, None),
        ("Visa", {"visa": "1"}, "1"),
        ("Visa", {"Visa": "6"}, None),
        ("Visa", {"Visa": "99"}, None),
    ],
)
def test_a_matter_has_the_mapped_class_or_the_one_of_its_name(
    matter: str, links: dict[str, str], class_id: str | None
) -> None:
    assert match_classes([matter], CLASSES, links) == ({matter: class_id} if class_id else {})
