"""Reading what changed: nothing passed over, nothing alive taken for deleted (G1 to G6, G14 of Model 2)."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from qb_pipeline.quickbooks.client import QuickBooksClient, QuickBooksWriter
from qb_pipeline.quickbooks.errors import QuickBooksError
from qb_pipeline.quickbooks.throttle import Throttle
from qb_pipeline.sync.remote.changes import OVERLAP, Reading, read_changes
from qb_pipeline_tests.bookkeeper import Bookkeeper
from qb_pipeline_tests.quickbooks.wire import Time

HOUR = timedelta(hours=1)


@pytest.fixture
def company(books: Bookkeeper) -> Iterator[QuickBooksClient]:
    token, virtual = books.tokens()["access_token"], Time()
    with QuickBooksClient(
        api_url=books.url, realm_id=books.realm_id, access_token=lambda _refused: token,
        throttle=Throttle(clock=virtual.clock, sleep=virtual.sleep), sleep=virtual.sleep,
    ) as opened:  # fmt: skip
        yield opened


@pytest.fixture
def customer(books: Bookkeeper) -> str:
    return str(books.create("Customer", {"DisplayName": "Ana Diaz"})["Id"])


def pay(books: Bookkeeper, customer: str, amount: str = "10.00") -> str:
    return str(books.do("receive-payment", customer_id=customer, amount=amount)["Id"])


def clock_of(books: Bookkeeper) -> datetime:
    """QuickBooks' own clock; other tests may have moved it."""
    epoch = requests.get(f"{books.url}/emulator/clock", timeout=10).json()["epoch"]
    return datetime.fromtimestamp(epoch, UTC)


def look(company: QuickBooksClient, since: datetime | None, *known: str, now: datetime | None = None) -> Reading:
    now = now or datetime.now(UTC)
    return read_changes(company, ("Payment", "Customer"), since, known_ids=lambda entity: set(known), now=now)


def ids(reading: Reading, entity: str = "Payment") -> list[str]:
    return sorted((row["Id"] for row in reading.objects[entity]), key=int)


def test_one_request_tells_what_changed_and_where_the_next_reading_begins(
    company: QuickBooksClient, books: Bookkeeper, customer: str
) -> None:
    paid, before = pay(books, customer), clock_of(books)

    reading = look(company, before - HOUR)

    assert (ids(reading), ids(reading, "Customer"), reading.deleted_ids["Payment"]) == ([paid], [customer], [])
    assert (company.requests.reads, reading.enumerated) == (1, False)
    assert timedelta(0) <= reading.cursor + OVERLAP - before < HOUR


@pytest.mark.parametrize("skew", [-2 * HOUR, 2 * HOUR])
def test_a_wrong_clock_of_ours_leaves_no_gap(
    company: QuickBooksClient, books: Bookkeeper, customer: str, skew: timedelta
) -> None:
    wrong = clock_of(books) + skew
    first = look(company, None, now=wrong)
    paid = pay(books, customer)

    second = look(company, first.cursor, now=wrong + timedelta(minutes=5))

    assert ids(second) == [paid]
    assert first.cursor <= clock_of(books) - OVERLAP


def test_what_changed_in_the_second_of_an_answer_is_in_the_next_one(
    company: QuickBooksClient, books: Bookkeeper, customer: str
) -> None:
    cursor = look(company, clock_of(books) - HOUR).cursor
    paid = [pay(books, customer) for _ in range(3)]

    assert [ids(look(company, cursor)), ids(look(company, cursor))] == [paid, paid]


@pytest.mark.parametrize("age", [None, timedelta(days=45)])
def test_without_a_usable_cursor_everything_is_read_and_what_is_gone_is_found(
    company: QuickBooksClient, books: Bookkeeper, customer: str, age: timedelta | None
) -> None:
    paid, gone, voided = (pay(books, customer) for _ in range(3))
    books.do("delete", entity="Payment", id=gone)
    books.do("void", entity="Payment", id=voided)
    former = str(books.create("Customer", {"DisplayName": "Former"})["Id"])
    books.do("inactivate", entity="Customer", id=former)

    reading = look(company, clock_of(books) - age if age else None, paid, gone, voided)

    assert (ids(reading), reading.deleted_ids["Payment"], reading.enumerated) == ([paid, voided], [gone], True)
    assert ids(reading, "Customer") == [customer, former]


def test_a_deletion_is_believed_only_when_a_read_confirms_it(
    company: QuickBooksClient, books: Bookkeeper, customer: str
) -> None:
    paid, gone = pay(books, customer), pay(books, customer)
    books.do("delete", entity="Payment", id=gone)
    books.fault({"what": "cdc_false_delete", "match": "cdc"})

    reading = look(company, clock_of(books) - HOUR, paid, gone)

    assert (ids(reading), reading.deleted_ids["Payment"]) == ([paid], [gone])


def test_a_deletion_of_what_nobody_holds_costs_no_read(
    company: QuickBooksClient, books: Bookkeeper, customer: str
) -> None:
    books.do("delete", entity="Payment", id=pay(books, customer))

    reading = look(company, clock_of(books) - HOUR)

    assert (reading.deleted_ids["Payment"], company.requests.reads) == ([], 1)


@pytest.mark.parametrize("page", ["cdc", "query", "payment"])
def test_a_page_that_fails_concludes_nothing(
    company: QuickBooksClient, books: Bookkeeper, customer: str, page: str
) -> None:
    gone = pay(books, customer)
    books.do("delete", entity="Payment", id=gone)
    books.fault({"what": "html_502", "match": page, "times": None})

    with pytest.raises(QuickBooksError):
        look(company, None, gone)


@pytest.mark.parametrize("page", ["query", "payment"])
def test_no_refusal_but_gone_means_gone(company: QuickBooksClient, books: Bookkeeper, customer: str, page: str) -> None:
    gone = pay(books, customer)
    books.do("delete", entity="Payment", id=gone)
    books.fault({"what": "403", "match": page, "times": None})

    with pytest.raises(QuickBooksError):
        look(company, None, gone)


def test_the_newest_snapshot_wins_by_number_and_not_by_text(
    company: QuickBooksClient, books: Bookkeeper, customer: str
) -> None:
    paid = pay(books, customer)
    for turn in range(11):
        books.do("edit", entity="Payment", id=paid, changes={"PrivateNote": f"turn {turn}"})
    books.fault({"what": "cdc_false_delete", "match": "cdc"})

    [row] = look(company, clock_of(books) - HOUR, paid).objects["Payment"]

    assert (row["SyncToken"], row["PrivateNote"]) == ("11", "turn 10")


@pytest.mark.slow
@pytest.mark.parametrize("count", [999, 1000, 1001, 2500])
def test_an_answer_that_was_cut_is_completed_by_query_and_deletions_are_found(
    company: QuickBooksClient, books: Bookkeeper, count: int
) -> None:
    customer = str(books.create("Customer", {"DisplayName": "Ben Cole"})["Id"])
    since = clock_of(books)
    paid = pay_many(company, customer, count - 1)
    gone = paid[::100]
    for each in gone:
        books.do("delete", entity="Payment", id=each)

    reading = look(company, since - timedelta(seconds=2), *paid)

    assert ids(reading) == sorted(set(paid) - set(gone), key=int)
    assert (reading.deleted_ids["Payment"], reading.enumerated) == (sorted(gone), count >= 1000)


def pay_many(company: QuickBooksClient, customer: str, count: int) -> list[str]:
    body: dict[str, Any] = {"CustomerRef": {"value": customer}, "TotalAmt": 10}
    paid = []
    for start in range(0, count, 30):
        b_ids = [str(number) for number in range(min(30, count - start))]
        items = [{"bId": b_id, "operation": "create", "Payment": body} for b_id in b_ids]
        answer = QuickBooksWriter(company).batch(
            json.dumps({"BatchItemRequest": items}).encode(), request_id=f"r{start}", b_ids=b_ids
        )
        paid += [str(outcome.entity["Id"]) for outcome in answer.outcomes if outcome.entity]
    return paid
