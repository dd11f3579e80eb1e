"""The objects of a company, and the indices that answer frequent questions without a scan.

Belongs here: records, lookups by id, number, name, customer and time of change. Does not belong here: rules and
balances.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter

import msgspec

from qb_pipeline.emulator.books.clock import print_instant, read_instant
from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.money import cents

PEOPLE = ("Customer", "Vendor", "Employee")
LISTS = (*PEOPLE, "Item", "Account", "Class", "Department", "Term", "PaymentMethod", "TaxCode", "TaxRate")
SALES = ("Invoice", "CreditMemo", "SalesReceipt", "RefundReceipt")
TRANSACTIONS = (*SALES, "Payment", "Deposit", "JournalEntry", "Purchase")
SETTINGS = ("CompanyInfo", "Preferences")
ENTITIES = (*LISTS, *TRANSACTIONS, *SETTINGS)
BY_PATH = {entity.lower(): entity for entity in ENTITIES}
"""The entities, keyed by their lower-case names in addresses: ``/invoice``, ``/paymentmethod`` …"""

decode = msgspec.json.Decoder(float_hook=Decimal).decode
encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(slots=True, eq=False)
class Record:
    """One state of an object: its JSON, and the columns that queries and rules read without decoding the JSON."""

    id: str
    body: bytes
    token: int
    created: int
    updated: int
    deleted: bool = False
    active: bool = True
    name: str = ""
    full_name: str = ""
    number: str = ""
    customer: str = ""
    date: str = ""
    total_cents: int = 0
    balance_cents: int = 0
    kind: str = ""
    account: str = ""
    postings: tuple[tuple[str, int], ...] = ()
    owed: tuple[tuple[str, int], ...] = ()
    before: "Record | None" = None
    until: float = 0.0

    def decode(self) -> Body:
        """Return a new copy of the object."""
        body: Body = decode(self.body)
        return body


def stamp(body: Body, *, created: int, updated: int) -> None:
    """Write the times of an object (seconds since 1970) into the object."""
    body["MetaData"] = {"CreateTime": print_instant(created), "LastUpdatedTime": print_instant(updated)}


def read_record(entity: str, body: Body) -> Record:
    """Build the record of an object; all its columns are read from the object itself."""
    times = body["MetaData"]
    record = Record(
        id=body["Id"],
        body=encode(body),
        token=int(body["SyncToken"]),
        created=int(read_instant(times["CreateTime"])),
        updated=int(read_instant(times["LastUpdatedTime"])),
        deleted=body.get("status") == "Deleted",
    )
    if entity in TRANSACTIONS:
        _read_transaction(record, entity, body)
    elif entity in LISTS:
        _read_list_object(record, entity, body)
    return record


def _read_transaction(record: Record, entity: str, body: Body) -> None:
    record.number = body.get("PaymentRefNum" if entity == "Payment" else "DocNumber") or ""
    record.customer = (body.get("CustomerRef") or {}).get("value") or _customer_paid(body)
    record.date = body.get("TxnDate") or ""
    record.total_cents = cents(body.get("TotalAmt"))
    record.balance_cents = cents(body.get("UnappliedAmt" if entity == "Payment" else "Balance"))
    record.account = (body.get("DepositToAccountRef") or body.get("AccountRef") or {}).get("value") or ""


def _customer_paid(body: Body) -> str:
    """The customer to whom a purchase pays money; "" where it pays none."""
    payee = body.get("EntityRef") or {}
    return str(payee["value"]) if payee.get("type") == "Customer" else ""


def _read_list_object(record: Record, entity: str, body: Body) -> None:
    record.active = bool(body.get("Active", True))
    record.name = body.get("DisplayName" if entity in PEOPLE else "Name") or ""
    record.full_name = body.get("FullyQualifiedName") or record.name
    record.customer = (body.get("ParentRef") or {}).get("value") or ""
    record.kind = body.get("AccountType") or body.get("Type") or ""
    record.account = (body.get("IncomeAccountRef") or {}).get("value") or ""


@dataclass(slots=True, frozen=True, order=True)
class Changed:
    """One change of an object: its time, its running number, and the object's id."""

    at: int
    number: int
    id: str


class Table:
    """All objects of one entity. The ``customer`` of a list object is its parent."""

    def __init__(self, entity: str) -> None:
        self.entity = entity
        self.rows: dict[str, Record] = {}
        self.gone: dict[str, Record] = {}
        self._by_number: dict[str, tuple[str, ...]] = {}
        self._by_customer: dict[str, dict[str, None]] = {}
        self._by_name: dict[str, tuple[str, ...]] = {}
        self._changes: list[Changed] = []
        self._count = 0

    def put(self, record: Record) -> Record | None:
        """Store the new state of an object; return the state that it replaces, or None for a new object."""
        old = self.rows.pop(record.id, None) if record.deleted else self.rows.get(record.id)
        if old is not None:
            self._forget(old)
        if record.deleted:
            self.gone[record.id] = record
        else:
            self.rows[record.id] = record
            self._index(record)
        self._count += 1
        change = Changed(record.updated, self._count, record.id)
        if self._changes and change < self._changes[-1]:
            insort(self._changes, change)
        else:
            self._changes.append(change)
        return old

    def _index(self, record: Record) -> None:
        if record.number:
            key = record.number.casefold()
            self._by_number[key] = (*self._by_number.get(key, ()), record.id)
        if record.customer:
            self._by_customer.setdefault(record.customer, {})[record.id] = None
        if record.name:
            key = record.name.casefold()
            self._by_name[key] = (*self._by_name.get(key, ()), record.id)

    def _forget(self, record: Record) -> None:
        if record.number:
            _drop(self._by_number, record.number.casefold(), record.id)
        if record.customer:
            self._by_customer[record.customer].pop(record.id, None)
        if record.name:
            _drop(self._by_name, record.name.casefold(), record.id)

    def with_number(self, number: str) -> tuple[str, ...]:
        """Return the ids of the live objects that have a number; letter case does not matter."""
        return self._by_number.get(number.casefold(), ())

    def with_name(self, name: str) -> tuple[str, ...]:
        """Return the ids of the live objects that have a name; letter case does not matter."""
        return self._by_name.get(name.casefold(), ())

    def of_customer(self, customer: str) -> tuple[str, ...]:
        """Return the ids of a customer's live transactions; in the table of a list, the ids of a parent's children."""
        return tuple(self._by_customer.get(customer, ()))

    def changed_since(self, at: float) -> Iterator[Record]:
        """Return the objects whose last change is at or after an instant, oldest change first.

        The result includes deleted objects.
        """
        seen: set[str] = set()
        start = bisect_left(self._changes, at, key=attrgetter("at"))
        for change in self._changes[start:]:
            record = self.rows.get(change.id) or self.gone.get(change.id)
            if record is not None and record.updated == change.at and change.id not in seen:
                seen.add(change.id)
                yield record


def _drop(index: dict[str, tuple[str, ...]], key: str, gone: str) -> None:
    left = tuple(each for each in index[key] if each != gone)
    if left:
        index[key] = left
    else:
        del index[key]
