"""Records and their indices."""

from hypothesis import given
from hypothesis import strategies as st

from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.tables import Table, read_record, stamp


def invoice(identifier: str, number: str, customer: str, at: int, deleted: bool = False) -> Body:
    body: Body = {"Id": identifier, "SyncToken": "0", "DocNumber": number, "CustomerRef": {"value": customer}}
    stamp(body, created=at, updated=at)
    return {**body, "status": "Deleted"} if deleted else body


def test_a_record_is_read_off_its_body() -> None:
    body = {**invoice("7", "N-7", "3", 1000), "TotalAmt": 12, "Balance": 7, "TxnDate": "2026-01-02"}
    record = read_record("Invoice", body)

    assert (record.id, record.number, record.customer, record.date) == ("7", "N-7", "3", "2026-01-02")
    assert (record.total_cents, record.balance_cents, record.updated, record.active) == (1200, 700, 1000, True)
    assert record.decode() == body


steps = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from(["a", "A", "b"]), st.sampled_from(["1", "2"]), st.booleans()),
    max_size=30,
)


@given(steps)
def test_indices_agree_with_the_rows(steps: list[tuple[int, str, str, bool]]) -> None:
    table = Table("Invoice")
    for at, (identifier, number, customer, deleted) in enumerate(steps):
        if deleted and str(identifier) not in table.rows:
            continue
        table.put(read_record("Invoice", invoice(str(identifier), number, customer, at, deleted)))
    rows = list(table.rows.values())

    for number in ("a", "b"):
        assert sorted(table.with_number(number)) == sorted(row.id for row in rows if row.number.lower() == number)
    for customer in ("1", "2"):
        assert sorted(table.of_customer(customer)) == sorted(row.id for row in rows if row.customer == customer)
    changed = [(row.updated, row.id) for row in table.changed_since(len(steps) // 2)]
    every = [*rows, *(each for each in table.gone.values() if each.id not in table.rows)]
    assert changed == sorted((row.updated, row.id) for row in every if row.updated >= len(steps) // 2)
