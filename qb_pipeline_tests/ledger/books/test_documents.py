"""The work list: what a scan of billing makes of it, and what a plan does."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qb_pipeline.core.problems import Problem
from qb_pipeline.core.states import State
from qb_pipeline.core.words import DocumentName
from qb_pipeline.ledger.books.applications import Applications
from qb_pipeline.ledger.books.documents import IN_QUICKBOOKS, STICKY, WORK_COLUMNS, Decision, Documents, state_of
from qb_pipeline.ledger.books.listing import Listing
from qb_pipeline.ledger.sending import lease
from qb_pipeline.ledger.sending.attempts import ItemOutcome
from qb_pipeline_tests.ledger.desk import (
    FIRM,
    FIRST_DATE,
    LATER,
    NOON,
    REALM,
    RUN,
    TODAY,
    Desk,
    accepted,
    headers,
    invoice,
    payment,
    set_up,
    touched,
)

DAY = timedelta(days=1)
keys = count(1)

# Seeing


@pytest.mark.parametrize(
    ("header", "state"),
    [
        (invoice("1"), ("new", "")),
        (payment("1"), ("new", "")),
        (payment("1", payment_kind="credit_application"), ("new", "")),
        (payment("1", eligibility="mixed"), ("new", "")),
        (payment("1", payment_kind="credit_deposit"), ("closed", "CREDIT_DEPOSIT")),
        (payment("1", payment_kind="refund"), ("closed", "REFUND")),
        (payment("1", payment_kind="rejection"), ("closed", "REJECTION")),
        (payment("1", payment_kind="reversal"), ("closed", "REVERSAL")),
        (invoice("1", status="void"), ("closed", "VOID_BEFORE_SENT")),
        (payment("1", status="void", payment_kind="refund"), ("closed", "VOID_BEFORE_SENT")),
        (invoice("1", document_date=FIRST_DATE - DAY), ("held", "DATE_OUT_OF_RANGE")),
        (invoice("1", document_date=FIRST_DATE), ("new", "")),
        (invoice("1", document_date=TODAY + 31 * DAY), ("new", "")),
        (invoice("1", document_date=TODAY + 32 * DAY), ("waiting", "DATED_AHEAD")),
    ],
)
def test_a_document_is_listed_in_its_first_state(desk: Desk, header: dict[str, Any], state: tuple[str, str]) -> None:
    assert desk.see(header) == {"seen": 1, "changed": 1}
    assert desk.states() == {"1": state}
    assert desk.logged() == [("seen" if state[0] == "new" else state[0], state[1])]


@pytest.mark.parametrize(
    "header",
    [
        invoice("1", eligibility="ineligible"),
        invoice("1", eligibility="ineligible", status="void"),
        payment("1", origin="quickbooks"),
        payment("1", origin="quickbooks", payment_kind="reversal"),
    ],
)
def test_what_is_nobodys_business_is_not_listed(desk: Desk, header: dict[str, Any]) -> None:
    assert desk.see(header) == {"seen": 1, "changed": 0}
    assert desk.states() == {}


def test_the_list_holds_what_billing_says(desk: Desk) -> None:
    created = datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC)
    desk.see(
        payment(
            'ключ/é\U0001f600"\\',
            2**53 + 1,
            part="2026-02-28",
            number="Nº 7 ' \t",
            document_date=date(2026, 2, 28),
            payer_id="P-ß",
            payment_kind="credit_application",
            reverses_payment_id="p0",
            created_at=created,
            eligibility="mixed",
        )
    )

    [row] = desk.query("select * from sync.document")
    assert {name: row[name] for name in row if name not in ("document_id", "source_hash")} == {
        "firm_id": "one", "kind": "payment", "source_id": "ключ/é\U0001f600\"\\", "part": "2026-02-28", "state": "new",
        "reason": "", "state_since": NOON, "generation": 1, "number": "Nº 7 ' \t", "document_date": date(2026, 2, 28),
        "payer_id": "P-ß", "amount_cents": 2**53 + 1, "forwarded_cents": 0, "payment_kind": "credit_application",
        "reverses_payment_id": "p0", "source_status": "completed", "eligibility": "mixed",
        "source_created_at": created, "seen_at": NOON, "sent_source_hash": None, "sent_fingerprint": None,
        "sent_total_cents": None, "customer_id": None, "quickbooks_id": None, "sync_token": None,
        "quickbooks_total_cents": None, "synced_at": None, "planned_at": None, "changed_at": NOON,
        "is_kept": False, "reviewed_token": "", "is_withdrawn": False, "divided_hash": None,
    }  # fmt: skip


def test_each_date_of_a_credit_is_a_document(desk: Desk) -> None:
    desk.see(
        payment("p", part="2026-02-28", payment_kind="credit_application"),
        payment("p", part="2026-03-01", payment_kind="credit_application"),
    )

    assert desk.states() == {"p@2026-02-28": ("new", ""), "p@2026-03-01": ("new", "")}


def test_a_header_may_lack_what_it_takes_back(desk: Desk) -> None:
    header = payment("r", payment_kind="rejection")
    del header["reverses_payment_id"]

    desk.see(header)

    assert desk.row("r")["reverses_payment_id"] == ""


def versions(desk: Desk) -> list[tuple[str, str, str]]:
    """Transaction and lock marks of every row: they change with any write, and with a lock."""
    rows = desk.query("select source_id, xmin::text, xmax::text from sync.document order by 1")
    return [(row["source_id"], row["xmin"], row["xmax"]) for row in rows]


def test_unchanged_headers_write_nothing(desk: Desk) -> None:
    rows = [invoice("1"), payment("2"), invoice("3", document_date=FIRST_DATE - DAY)]
    desk.see(*rows)
    before, heard = versions(desk), desk.logged()

    assert desk.see(*rows, now=LATER) == {"seen": 3, "changed": 0}
    assert (versions(desk), desk.logged()) == (before, heard)


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_unchanged_is_unchanged_in_a_session_of_another_time_zone(desk: Desk, zone: str) -> None:
    desk.see(invoice("1"))
    elsewhere = sa.create_engine(desk.engine.url, connect_args={"options": f"-c timezone={zone} -c datestyle=SQL"})

    counts = Documents(elsewhere, FIRM).see(
        [headers(invoice("1"))], today=TODAY, first_date=FIRST_DATE, run=RUN, now=LATER
    )

    elsewhere.dispose()
    assert counts == {"seen": 1, "changed": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"number": "N-2"},
        {"document_date": date(2026, 2, 1)},
        {"payer_id": "P2"},
        {"amount_cents": 10_001},
        {"updated_at": NOON + timedelta(microseconds=1)},
    ],
)
def test_any_change_makes_a_sent_document_revised(desk: Desk, change: dict[str, Any]) -> None:
    desk.see(invoice("1"))
    desk.sync("1")

    assert desk.see(invoice("1", **change), now=LATER) == {"seen": 1, "changed": 1}
    assert desk.states() == {"1": ("revised", "")}
    assert desk.row("1")["state_since"] == LATER
    assert desk.logged("1") == [("seen", ""), ("created", ""), ("revised", "")]


@pytest.mark.parametrize(
    ("sent", "state"), [(False, ("closed", "VOID_BEFORE_SENT")), (True, ("void_pending", ""))], ids=["unsent", "sent"]
)
def test_a_void_closes_what_was_never_sent_and_is_due_for_what_was(
    desk: Desk, sent: bool, state: tuple[str, str]
) -> None:
    desk.see(invoice("1"))
    if sent:
        desk.sync("1")

    desk.see(touched(invoice("1"), status="void"))

    assert desk.states() == {"1": state}


def test_a_voided_document_stays_voided_until_billing_takes_the_void_back(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.sync("1")
    desk.see(touched(invoice("1"), status="void"))
    desk.sync("1", "void", total_cents=0)
    assert desk.states() == {"1": ("voided", "")}

    desk.see(invoice("1", status="void", updated_at=LATER + DAY))
    still = desk.states()
    desk.see(invoice("1", updated_at=LATER + 2 * DAY))

    assert (still, desk.states()) == ({"1": ("voided", "")}, {"1": ("revised", "")})


def test_a_void_refund_is_not_entered_by_hand_any_more(desk: Desk) -> None:
    desk.see(payment("r", payment_kind="refund"))

    desk.see(touched(payment("r", payment_kind="refund"), status="void"))

    assert desk.states() == {"r": ("closed", "VOID_BEFORE_SENT")}


@pytest.mark.parametrize("unknown", [False, True])
def test_a_document_that_is_being_sent_keeps_its_state(desk: Desk, unknown: bool) -> None:
    desk.see(invoice("1"))
    attempt = desk.reserve(desk.item("1"))
    if unknown:
        desk.attempts.unknown(attempt, run=RUN, now=NOON, detail="timeout")
    before = desk.states()

    assert desk.see(touched(invoice("1", 5)), now=LATER) == {"seen": 1, "changed": 1}
    assert (desk.states(), desk.row("1")["state_since"]) == (before, NOON)
    assert desk.row("1")["amount_cents"] == 5


def test_what_was_held_is_looked_at_anew_when_billing_changed(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.hold("1", "UNMAPPED_FEE_ITEM")

    desk.see(touched(invoice("1")))

    assert desk.states() == {"1": ("new", "")}


def test_dates_are_released_when_their_time_has_come(desk: Desk) -> None:
    rows = [
        invoice("ahead", document_date=TODAY + 32 * DAY),
        invoice("far ahead", document_date=TODAY + 34 * DAY),
        invoice("early", document_date=FIRST_DATE - DAY),
        invoice("too early", document_date=FIRST_DATE - 10 * DAY),
    ]
    desk.see(*rows)

    desk.see(today=TODAY + DAY, first_date=FIRST_DATE - DAY, now=LATER)

    assert desk.states() == {
        "ahead": ("new", ""),
        "early": ("new", ""),
        "far ahead": ("waiting", "DATED_AHEAD"),
        "too early": ("held", "DATE_OUT_OF_RANGE"),
    }
    assert desk.logged("ahead") == [("waiting", "DATED_AHEAD"), ("seen", "")]


def test_a_sent_document_that_was_dated_ahead_is_revised_when_its_time_has_come(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.sync("1")
    desk.see(touched(invoice("1"), document_date=TODAY + 40 * DAY))
    desk.decide(Decision(desk.id_of("1"), "wait", "DATED_AHEAD", 0))

    desk.see(today=TODAY + 10 * DAY)

    assert desk.states() == {"1": ("revised", "")}


def test_eligibility_that_moves_takes_unsent_documents_off_the_list_and_back(desk: Desk) -> None:
    desk.see(invoice("unsent"), invoice("sent"))
    desk.sync("sent")
    late = [invoice("unsent", eligibility="ineligible"), invoice("sent", eligibility="ineligible")]

    assert desk.see(*late) == {"seen": 2, "changed": 1}
    assert desk.states() == {"sent": ("synced", ""), "unsent": ("closed", "INELIGIBLE")}
    desk.see(touched(late[1]))  # revisions do not count
    desk.see(invoice("unsent"))
    assert desk.states() == {"sent": ("revised", ""), "unsent": ("new", "")}


def test_the_cursor_follows_the_rows_and_never_goes_back(desk: Desk) -> None:
    def scan(chunks: Any, cursor: datetime) -> None:
        desk.documents.see(chunks, today=TODAY, first_date=FIRST_DATE, run=RUN, now=NOON, cursor=cursor)

    def breaks() -> Any:
        yield headers(invoice("1"))
        raise ConnectionError

    with pytest.raises(ConnectionError):
        scan(breaks(), LATER)
    assert (desk.documents.cursor(), desk.states()) == (None, {"1": ("new", "")})

    scan([], LATER)
    scan([], NOON)
    assert desk.documents.cursor() == LATER


def test_an_empty_scan_sees_nothing(desk: Desk) -> None:
    assert desk.documents.see([headers()], today=TODAY, first_date=FIRST_DATE, run=RUN, now=NOON) == {
        "seen": 0,
        "changed": 0,
    }


def test_two_scans_at_once_list_each_document_once(desk: Desk) -> None:
    rows = [invoice(f"{n:03}") for n in range(200)]

    def scan(order: int) -> dict[str, int]:
        return desk.see(*(rows[::order]))

    with ThreadPoolExecutor() as pool:
        counts = list(pool.map(scan, [1, -1, 1, -1]))

    assert [count["seen"] for count in counts] == [200] * 4
    assert len(desk.states()) == 200


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shown=st.lists(
        st.tuples(
            st.sampled_from(["issued", "void"]),
            st.sampled_from(["eligible", "ineligible"]),
            st.integers(-5, 50),
            st.booleans(),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_what_a_never_sent_document_became_depends_only_on_what_billing_shows_last(
    ledger_engine: sa.Engine, shown: list[tuple[str, str, int, bool]]
) -> None:
    """Law: any history of headers leads to the state of its last one (a document listed once is never unlisted)."""
    key = next(keys)
    set_up(ledger_engine)
    documents = Documents(ledger_engine, FIRM)
    listed = False
    for position, (status, eligibility, days, sweep) in enumerate(shown):
        row = invoice(
            str(key),
            status=status,
            eligibility=eligibility,
            document_date=TODAY + days * DAY,
            updated_at=NOON + position * DAY * sweep,
        )
        documents.see([headers(row)], today=TODAY, first_date=TODAY, run=RUN, now=NOON)
        listed = listed or eligibility == "eligible"

    with ledger_engine.connect() as connection:
        found = connection.execute(
            sa.text("select state, reason, document_date from sync.document where source_id = :key"), {"key": str(key)}
        ).one_or_none()
    if not listed:
        assert found is None
    else:
        expected = (
            ("closed", "VOID_BEFORE_SENT") if status == "void"
            else ("closed", "INELIGIBLE") if eligibility == "ineligible"
            else ("held", "DATE_OUT_OF_RANGE") if days < 0
            else ("waiting", "DATED_AHEAD") if days > 31
            else ("new", "")
        )  # fmt: skip
        assert found is not None
        assert tuple(found) == (*expected, TODAY + days * DAY)


# What is wrong in QuickBooks does not turn green by itself


def held_in_quickbooks(desk: Desk, reason: str) -> None:
    desk.see(invoice("1"))
    attempt = desk.reserve(desk.item("1"))
    desk.accept(attempt, accepted(attempt.items[0], state="held", reason=reason))


def skip(desk: Desk, source_id: str = "1") -> Decision:
    return Decision(desk.id_of(source_id), "skip", "", 0)


@pytest.mark.parametrize("reason", IN_QUICKBOOKS)
def test_an_unchanged_content_does_not_mend_what_is_wrong_in_quickbooks(desk: Desk, reason: Problem) -> None:
    held_in_quickbooks(desk, reason)
    desk.see(invoice("1"))
    assert desk.states() == {"1": ("held", reason)}

    desk.see(touched(invoice("1")))  # billing's clock moved, its content did not
    assert desk.states() == {"1": ("revised", reason)}
    desk.decide(skip(desk))

    assert desk.states() == {"1": ("held", reason)}
    assert desk.logged("1")[-1] == ("held", reason)


@pytest.mark.parametrize("change", [{}, {"status": "void"}, {"amount_cents": 7}])
def test_a_conflict_without_an_id_is_not_sent_again_because_billing_changed(desk: Desk, change: dict[str, Any]) -> None:
    desk.see(invoice("1"))
    attempt = desk.reserve(desk.item("1"))
    desk.accept(attempt, ItemOutcome(desk.id_of("1"), "refused", state="held", reason="CONFLICT"))

    desk.see(touched(invoice("1"), **change))
    seen = desk.states()
    desk.documents.gone([desk.id_of("1")], run=RUN, now=LATER)
    gone = desk.states()
    desk.see(touched(invoice("1"), **change))

    assert [seen, gone, desk.states()] == [{"1": ("held", "CONFLICT")}] * 3


def test_a_real_revision_that_quickbooks_takes_makes_it_green(desk: Desk) -> None:
    held_in_quickbooks(desk, "TOTAL_DIFFERS")
    desk.see(touched(invoice("1", 7)))

    desk.sync("1", "update")

    assert desk.states() == {"1": ("synced", "")}


def test_a_revision_that_proves_to_be_none_is_synced(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.sync("1")
    desk.see(touched(invoice("1")))

    desk.decide(skip(desk))

    assert desk.states() == {"1": ("synced", "")}
    assert desk.logged("1")[-1] == ("skipped", "")


def test_a_void_that_both_sides_agree_on_is_voided(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.sync("1")
    desk.see(touched(invoice("1"), status="void"))

    desk.decide(Decision(desk.id_of("1"), "close", "", 0))

    row = desk.row("1")
    assert (row["state"], row["sent_total_cents"], row["quickbooks_total_cents"]) == ("voided", 0, 0)


@pytest.mark.parametrize("sent", [False, True])
def test_what_is_gone_from_billing_takes_up_its_place_when_it_comes_back(desk: Desk, sent: bool) -> None:
    desk.see(invoice("1"))
    if sent:
        desk.sync("1")

    moved = desk.documents.gone([desk.id_of("1")], run=RUN, now=NOON)

    assert moved == 1
    assert desk.states() == {"1": ("held", "SOURCE_GONE") if sent else ("closed", "VOID_BEFORE_SENT")}
    desk.see(invoice("1"))
    assert desk.states() == {"1": ("revised", "") if sent else ("new", "")}


def test_a_plan_that_missed_a_document_sees_it_come_back(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.hold("1", "SOURCE_GONE")

    desk.see(invoice("1"))

    assert desk.states() == {"1": ("new", "")}


# Choosing


def chosen(desk: Desk, kind: str = "invoice", **selection: Any) -> list[str]:
    chunks = desk.documents.choose(kind, **{"first": None, "last": None} | selection)
    return [source_id for chunk in chunks for source_id in chunk["source_id"]]


def test_what_needs_action_is_chosen_oldest_first(desk: Desk) -> None:
    desk.see(
        invoice("b", document_date=date(2026, 3, 1)),
        invoice("a", document_date=date(2026, 3, 1)),
        invoice("z", document_date=date(2026, 2, 1)),
        invoice("synced"),
        invoice("sending"),
        invoice("held", document_date=date(2026, 3, 2)),
        invoice("refused", document_date=date(2026, 3, 2)),
        invoice("ahead", document_date=TODAY + 40 * DAY),
        invoice("early", document_date=FIRST_DATE - DAY),
        payment("p"),
    )
    desk.sync("synced")
    desk.reserve(desk.item("sending"))
    desk.hold("held", "UNMATCHED_PAYER")
    attempt = desk.reserve(desk.item("refused"))
    desk.accept(attempt, replace(accepted(attempt.items[0]), outcome="refused", state="refused", reason="REFUSED"))

    assert chosen(desk) == ["z", "a", "b", "held", "refused"]
    assert chosen(desk, "payment") == ["p"]


@pytest.mark.parametrize("reason", STICKY)
def test_what_waits_for_a_person_is_not_chosen_even_by_name(desk: Desk, reason: Problem) -> None:
    desk.see(invoice("1"))
    desk.hold("1", reason)

    assert chosen(desk) == []
    assert chosen(desk, chosen=[DocumentName("invoice", "1")]) == []
    assert desk.documents.dates_with_work() == []
    assert desk.documents.why_not_worked_on([DocumentName("invoice", "1")]) == [
        f"invoice:1 waits for a person: it is held ({reason})"
    ]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({}, ["1", "2", "3"]),
        ({"first": date(2026, 2, 2)}, ["2", "3"]),
        ({"last": date(2026, 2, 2)}, ["1", "2"]),
        ({"first": date(2026, 2, 2), "last": date(2026, 2, 2)}, ["2"]),
        ({"chosen": [DocumentName("invoice", "3"), DocumentName("invoice", "1")]}, ["1", "3"]),
        ({"chosen": [DocumentName("invoice", "1", "2026-02-01")]}, []),
        ({"chosen": []}, []),
    ],
)
def test_dates_and_ids_narrow_the_choice(desk: Desk, selection: dict[str, Any], expected: list[str]) -> None:
    desk.see(*(invoice(str(n), document_date=date(2026, 2, n)) for n in (1, 2, 3)))

    assert chosen(desk, **selection) == expected


def test_payments_that_go_along_are_chosen_whatever_a_run_is_about(desk: Desk) -> None:
    desk.see(*(payment(each, document_date=date(2026, 2, 1)) for each in ("held", "new", "synced", "unknown")))
    for each in ("held", "synced"):
        desk.sync(each)
    desk.hold("held", "DRIFT")
    desk.reserve(desk.item("unknown"))

    for _ in range(2):
        desk.documents.take_along([desk.id_of(each) for each in ("held", "synced", "unknown")], now=LATER)

    elsewhere = {"first": date(2026, 3, 1), "last": date(2026, 3, 31)}
    for selection in ({"chosen": []}, elsewhere):
        assert chosen(desk, "payment", **selection) == ["held", "synced"]
    assert desk.states() == {
        "held": ("revised", "PAYER_CHANGED"), "new": ("new", ""), "synced": ("revised", "PAYER_CHANGED"),
        "unknown": ("sending", ""),
    }  # fmt: skip


def test_the_choice_comes_in_chunks_and_does_not_move_with_the_work(desk: Desk) -> None:
    desk.see(*(invoice(str(n)) for n in range(7)))

    found = []
    for chunk in desk.documents.choose("invoice", first=None, last=None, chunk=3):
        found.append(list(chunk["source_id"]))
        for source_id in chunk["source_id"]:
            desk.hold(source_id, "UNMATCHED_PAYER")

    assert found == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


def test_a_chunk_has_the_columns_of_the_list(desk: Desk) -> None:
    desk.see(invoice("1"), invoice("2"))
    desk.sync("2")

    frame = desk.documents.read([desk.id_of("1"), desk.id_of("2")])

    assert list(frame.columns) == WORK_COLUMNS
    assert [str(frame[name].dtype) for name in ("document_id", "amount_cents")] == ["int64", "int64"]
    assert list(frame["quickbooks_id"].fillna("")) == ["", "Q-2"]
    assert desk.documents.read([]).empty


@pytest.mark.parametrize(
    ("source_id", "sentence"),
    [
        ("done", "invoice:done needs nothing: it is synced"),
        ("ahead", "invoice:ahead waits: it is waiting (DATED_AHEAD)"),
        ("void", "invoice:void needs nothing: it is closed (VOID_BEFORE_SENT)"),
        ("sending", "invoice:sending is under way: it is sending"),
    ],
)
def test_a_chosen_document_that_is_not_sent_says_why(desk: Desk, source_id: str, sentence: str) -> None:
    desk.see(
        invoice("done"),
        invoice("sending"),
        invoice("ahead", document_date=TODAY + 40 * DAY),
        invoice("void", status="void"),
    )
    desk.sync("done")
    desk.reserve(desk.item("sending"))

    assert desk.documents.why_not_worked_on([DocumentName("invoice", source_id)]) == [sentence]


def test_chosen_documents_are_told_with_their_dates_one_part_of_a_payment_at_a_time(desk: Desk) -> None:
    desk.see(
        payment("c", part="2026-02-03", document_date=date(2026, 2, 3)),
        payment("c", part="2026-02-01", document_date=date(2026, 2, 1)),
        invoice("1", document_date=date(2026, 2, 2)),
    )
    part, whole, nobody = DocumentName("payment", "c", "2026-02-03"), DocumentName("invoice", "1"), "nobody"

    found = desk.documents.chosen([part, whole, DocumentName("invoice", nobody)])

    assert [(str(name), row.document_date.day, row.state) for name, row in found.items()] == [
        ("invoice:1", 2, "new"),
        ("payment:c@2026-02-03", 3, "new"),
    ]


def test_every_state_is_one_that_the_database_knows(desk: Desk) -> None:
    [check] = desk.query(
        "select pg_get_constraintdef(oid) as said from pg_constraint where conrelid = 'sync.document'::regclass "
        "and conname = 'document_state_check'"
    )

    assert sorted(re.findall("'([a-z_]+)'", check["said"])) == sorted(State)


def test_dates_with_work_are_those_of_pending_documents(desk: Desk) -> None:
    desk.see(
        invoice("1", document_date=date(2026, 2, 1)),
        invoice("2", document_date=date(2026, 2, 2)),
        invoice("done", document_date=date(2026, 2, 3)),
        invoice("sending", document_date=date(2026, 2, 4)),
        payment("p", document_date=date(2026, 2, 5)),
        invoice("ahead", document_date=TODAY + 40 * DAY),
    )
    desk.sync("done")
    desk.reserve(desk.item("sending"))

    assert desk.documents.dates_with_work() == [date(2026, 2, n) for n in (1, 2, 4, 5)]
    assert desk.documents.dates_with_work(["payment"]) == [date(2026, 2, 5)]


def test_firms_do_not_see_each_other(desk: Desk) -> None:
    set_up(desk.engine, "two", "9131")
    other = Documents(desk.engine, "two")
    desk.see(invoice("1"))
    desk.sync("1")
    other.see([headers(invoice("1"))], today=TODAY, first_date=FIRST_DATE, run=RUN, now=NOON)

    [work] = other.choose("invoice", first=None, last=None)
    assert list(work["state"]) == ["new"]
    assert Listing(desk.engine, "two").in_quickbooks_totals() == {}
    assert other.numbers_taken(["N-1"]) == {}
    assert list(Applications(desk.engine, "two").invoices_known(["1"])["quickbooks_id"]) == [""]


# Deciding


def test_a_plan_moves_what_is_held_waits_or_is_closed(desk: Desk) -> None:
    desk.see(*(invoice(name) for name in ("close", "create", "hold", "wait")))

    desk.decide(
        Decision(desk.id_of("hold"), "hold", "UNMATCHED_PAYER", 10_000),
        Decision(desk.id_of("wait"), "wait", "INVOICE_DRAFT", 10_000),
        Decision(desk.id_of("close"), "close", "NOTHING_TO_BILL", 10_000, 10_000),
        Decision(desk.id_of("create"), "create", "", 10_000, 2_500),
    )

    assert desk.states() == {
        "close": ("closed", "NOTHING_TO_BILL"),
        "create": ("new", ""),
        "hold": ("held", "UNMATCHED_PAYER"),
        "wait": ("waiting", "INVOICE_DRAFT"),
    }
    assert [desk.row(name)["forwarded_cents"] for name in ("close", "create", "hold")] == [10_000, 2_500, 0]
    assert desk.query("select operation, count(*) from sync.plan_item group by 1 order by 1") == [
        {"operation": name, "count": 1} for name in ("close", "create", "hold", "wait")
    ]


def test_what_stays_held_for_one_reason_remembers_since_when(desk: Desk) -> None:
    desk.see(invoice("1"))
    decision = Decision(desk.id_of("1"), "hold", "UNMATCHED_PAYER", 0)
    desk.decide(decision)
    desk.decide(decision, now=LATER)
    assert desk.row("1")["state_since"] == NOON

    desk.decide(replace(decision, reason="NO_LINES"), now=LATER)

    assert desk.row("1")["state_since"] == LATER


def test_a_decision_without_a_forwarded_balance_keeps_the_known_one(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.decide(Decision(desk.id_of("1"), "create", "", 10_000, 4_000))

    desk.hold("1", "REMOTE_DELETED")

    assert desk.row("1")["forwarded_cents"] == 4_000


def test_what_is_under_way_is_not_moved_by_a_plan(desk: Desk) -> None:
    desk.see(invoice("1"))
    desk.reserve(desk.item("1"))

    desk.hold("1", "UNMATCHED_PAYER")

    assert desk.states() == {"1": ("sending", "")}
    assert desk.logged("1") == [("seen", "")]


@pytest.mark.parametrize("operation", ["skip", "close", "hold"])
def test_a_decision_about_replaced_content_does_not_count(desk: Desk, operation: str) -> None:
    desk.see(invoice("1"))
    desk.sync("1")
    desk.see(touched(invoice("1", 5)))
    planned = desk.row("1")["source_hash"]
    desk.see(invoice("1", 6, updated_at=LATER + DAY))  # another run's scan

    desk.decide(Decision(desk.id_of("1"), operation, "NO_LINES", 5, source_hash=planned))

    assert desk.states() == {"1": ("revised", "")}
    desk.decide(Decision(desk.id_of("1"), operation, "NO_LINES", 5, source_hash=desk.row("1")["source_hash"]))
    assert desk.states() != {"1": ("revised", "")}


def test_no_decisions_are_no_work(desk: Desk) -> None:
    desk.decide()

    assert desk.logged() == []


# What payments and invoices ask


def test_numbers_are_taken_by_living_documents(desk: Desk) -> None:
    desk.see(*(invoice(name) for name in ("new", "sending", "synced", "voided")))
    desk.sync("synced")
    desk.sync("voided")
    desk.see(touched(invoice("voided"), status="void"))
    desk.sync("voided", "void", total_cents=0)
    desk.reserve(desk.item("sending"))

    assert desk.documents.numbers_taken(["N-new", "N-sending", "N-synced", "N-voided"]) == {
        "N-sending": "sending",
        "N-synced": "synced",
    }


def test_customers_and_items_are_listed_when_they_are_about_to_be_made(desk: Desk) -> None:
    first = desk.documents.ensure("customer", ["P1", "P2"], now=NOON)
    again = desk.documents.ensure("customer", ["P2", "P3"], now=LATER)

    assert (set(first), set(again), first["P2"]) == ({"P1", "P2"}, {"P2", "P3"}, again["P2"])
    desk.sync("P1")
    assert desk.documents.made("customer", ["P1", "P2"]) == {"P1": "Q-P1"}
    assert chosen(desk) == []


def test_expected_is_what_a_complete_read_must_show(desk: Desk) -> None:
    desk.see(invoice("1", document_date=date(2026, 2, 1)), invoice("2"), payment("p"), invoice("void"))
    desk.documents.ensure("customer", ["P1"], now=NOON)
    desk.sync("void")
    desk.see(touched(invoice("void"), status="void"))
    desk.sync("void", "void", total_cents=0)

    assert {key[:2] for key in desk.documents.expected()} == {("invoice", "1"), ("invoice", "2"), ("payment", "p")}
    assert {key[:2] for key in desk.documents.expected(first=date(2026, 2, 1), last=date(2026, 2, 1))} == {
        ("invoice", "1")
    }
    assert {key[:2] for key in desk.documents.expected(payment_ids=["p"])} == {("payment", "p")}


def test_the_state_of_a_problem_is_its_advice() -> None:
    assert [state_of(problem) for problem in (Problem.DRIFT, Problem.REFUSED, Problem.DATED_AHEAD, Problem.REFUND)] == [
        "held",
        "refused",
        "waiting",
        "closed",
    ]


def test_the_planner_learns_of_a_long_list_as_it_grows(ledger_engine: sa.Engine) -> None:
    """What it was told while the first chunk was not committed, that the list is empty, costs minutes otherwise."""
    set_up(ledger_engine)
    with ledger_engine.begin() as connection:
        connection.exec_driver_sql("alter table sync.document set (autovacuum_enabled = off)")
    chunks = [headers(*(invoice(str(n), n) for n in range(first, first + 1_500))) for first in (0, 1_500)]

    seen = Documents(ledger_engine, FIRM).see(chunks, today=TODAY, first_date=FIRST_DATE, run=RUN, now=NOON)

    with ledger_engine.connect() as connection:
        believed = connection.exec_driver_sql("select reltuples from pg_class where oid = 'sync.document'::regclass")
        assert (seen, believed.scalar()) == ({"seen": 3_000, "changed": 3_000}, 3_000)


def test_a_scan_and_a_sender_do_not_wait_for_each_other_for_ever(desk: Desk) -> None:
    """Both change many documents at once, from opposite ends: in one order of locks there is no deadlock."""
    names = [f"{n:03}" for n in range(60)]
    desk.see(*(invoice(name) for name in names))

    def scan(round_number: int) -> None:
        desk.see(*(invoice(name, updated_at=NOON + round_number * DAY) for name in names))

    def plan(_round_number: int) -> None:
        desk.decide(*(Decision(desk_ids[name], "hold", "NO_LINES", 0) for name in reversed(names)))

    desk_ids = {row["source_id"]: row["document_id"] for row in desk.query("select * from sync.document")}
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(job, n) for n in range(1, 11) for job in (scan, plan)]
        for job in jobs:
            job.result()

    assert set(desk.states().values()) <= {("new", ""), ("held", "NO_LINES")}


def test_a_lease_is_not_needed_to_look(ledger_engine: sa.Engine) -> None:
    set_up(ledger_engine)
    with lease.hold(ledger_engine, firm_id=FIRM, realm_id=REALM, run_id="other", now=lambda: NOON):
        counts = Documents(ledger_engine, FIRM).see(
            [headers(invoice("1"))], today=TODAY, first_date=FIRST_DATE, run=RUN, now=NOON
        )

    assert counts == {"seen": 1, "changed": 1}
