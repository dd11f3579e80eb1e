"""One QuickBooks company: its objects, balances and settings, and the way by which a write enters them.

Belongs here: the state, and ``Change``, through which every write passes. Does not belong here: rules (``names``,
``sales``, ``payments``, ``deposits``), the wire, or files.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from qb_pipeline.emulator.books import faults
from qb_pipeline.emulator.books.clock import Clock
from qb_pipeline.emulator.books.double_entry import find_owed, find_postings
from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.money import dollars
from qb_pipeline.emulator.books.switches import Switches
from qb_pipeline.emulator.books.tables import ENTITIES, PEOPLE, TRANSACTIONS, Record, Table, encode, read_record, stamp

REFERENCE_KINDS = {
    "Customer": "Names",
    "Vendor": "Names",
    "Employee": "Names",
    "Account": "Accounts",
    "Class": "Klasses",
    "Department": "Depts",
    "Item": "Items",
    "Term": "Terms",
    "PaymentMethod": "PaymentMethods",
}
"""The names of kinds in fault 2500. The first six are recorded or documented; the others follow their spelling."""
MOST_SEEN = 1000


@dataclass(slots=True)
class Event:
    """A change that a webhook reports."""

    entity: str
    id: str
    operation: str
    at: int
    replaced: str = ""


@dataclass(slots=True)
class Entry:
    """A committed write as the journal stores it."""

    realm: str
    records: list[tuple[str, msgspec.Raw]]
    last_number: str
    events: list[Event] = field(default_factory=list)


class Company:
    """A company. Its objects and balances follow from its records alone, so that loading the records restores them."""

    def __init__(self, realm: str, name: str, clock: Clock, switches: Switches | None = None) -> None:
        self.realm = realm
        self.name = name
        self.clock = clock
        self.switches = switches or Switches()
        self.keep: Callable[[Entry], None] = lambda _entry: None
        self.tell: Callable[[Event], None] = lambda _event: None
        self.clear()

    def clear(self) -> None:
        """Remove every object."""
        self.tables = {entity: Table(entity) for entity in ENTITIES}
        self.account_cents: Counter[str] = Counter()
        self.customer_cents: Counter[str] = Counter()
        self.last_number = "1000"
        self.roles: dict[str, str] = {}
        self.fresh: deque[tuple[str, str, float]] = deque()
        self._last_ids: Counter[str] = Counter()
        self._seen: dict[tuple[str, str], tuple[Record, Body]] = {}

    def change(self, unseen: frozenset[tuple[str, str]] = frozenset()) -> "Change":
        """Begin a write, and return its ``Change``.

        The objects in ``unseen`` cannot be referred to, because the same batch made them.
        """
        return Change(self, unseen)

    def next_id(self, entity: str) -> str:
        """Return the next id of an entity.

        As in QuickBooks, customers, vendors and employees share one sequence of ids, and all transactions share
        another.
        """
        family = _family(entity)
        self._last_ids[family] += 1
        return str(self._last_ids[family])

    def live(self, entity: str, identifier: str) -> Record | None:
        """Return the record of a live object; None if there is no such object."""
        return self.tables[entity].rows.get(identifier)

    def settings(self, entity: str = "Preferences") -> Body:
        """Return a copy of the preferences, or of the ``CompanyInfo``."""
        return self.tables[entity].rows["1"].decode()

    def preference(self, group: str, name: str) -> Any:
        """Return one preference; None when it is not set."""
        return (self.look("Preferences", "1").get(group) or {}).get(name)

    def look(self, entity: str, identifier: str) -> Body:
        """Return a live object for reading only; it is decoded once per state, and shared by all callers."""
        record = self.tables[entity].rows[identifier]
        seen = self._seen.get((entity, identifier))
        if seen is None or seen[0] is not record:
            if len(self._seen) > MOST_SEEN:
                self._seen.clear()
            seen = self._seen[entity, identifier] = (record, record.decode())
        return seen[1]

    def account_of(self, role: str) -> str:
        """Return the id of the account of a role; the role ``item:7`` stands for the income account of item 7."""
        if role.startswith("item:"):
            item = self.tables["Item"].rows.get(role[5:])
            return (item.account if item else "") or self.roles.get("income", "")
        return self.roles.get(role, "")

    def accept(self, entity: str, record: Record) -> None:
        """Store a record as it is. This is the last step of a write, and the only step of loading."""
        old = self.tables[entity].put(record)
        if entity in TRANSACTIONS:
            if old is not None:
                self._post(old, -1)
            self._post(record, 1)
        elif entity == "Account" and not record.deleted:
            self._learn_role(record)
        if record.id.isdigit():
            self._last_ids[_family(entity)] = max(self._last_ids[_family(entity)], int(record.id))
        lag = self.switches.query_lag_seconds
        if lag:
            now = self.clock.now()
            record.before, record.until = old, now + lag
            if old is not None and old.until <= now:
                old.before = None
            self.fresh.append((entity, record.id, record.until))

    def lagged(self, entity: str, record: Record) -> Record | None:
        """Return the state of an object that queries show at this moment; None when they show no state of it.

        The switch ``query_lag_seconds`` delays the changes of an object for queries.
        """
        now = self.clock.now()
        seen: Record | None = record
        while seen is not None and now < seen.until:
            seen = seen.before
        return None if seen is None or seen.deleted else seen

    def fresh_ids(self, entity: str) -> list[str]:
        """Return the ids of objects that changed so recently that queries may still show their former state."""
        now = self.clock.now()
        while self.fresh and self.fresh[0][2] <= now:
            self.fresh.popleft()
        return [identifier for kind, identifier, _ in self.fresh if kind == entity]

    def _post(self, record: Record, sign: int) -> None:
        for account, amount in record.postings:
            self.account_cents[account] += sign * amount
        for customer, amount in record.owed:
            self.customer_cents[customer] += sign * amount

    def _learn_role(self, account: Record) -> None:
        """Set the role of an account, if the account is the first that has the role's kind or name."""
        role = {"Accounts Receivable": "receivable", "Income": "income"}.get(account.kind)
        named = {"undeposited funds": "undeposited", "sales tax payable": "sales_tax", "discounts given": "discount"}
        role = named.get(account.name.casefold(), role)
        if role:
            self.roles.setdefault(role, account.id)

    def account_for(self, entity: str, body: Body, record: Record) -> None:
        """Set the postings and the effects on customers' balances in the record of a transaction."""
        if record.deleted or entity not in TRANSACTIONS:
            return
        record.postings = tuple(find_postings(entity, body, self.account_of).items())
        record.owed = tuple(find_owed(entity, body, self.account_of("receivable")).items())

    def render(self, entity: str, record: Record) -> bytes:
        """Return an object's JSON as an answer shows it; balances of customers and accounts are the present ones."""
        if entity not in ("Customer", "Account"):
            return record.body
        return encode(self.show(entity, record))

    def show(self, entity: str, record: Record) -> Body:
        """Return an object, decoded, as an answer shows it."""
        body = record.decode()
        if entity == "Customer":
            body["Balance"] = dollars(self.customer_cents[record.id])
            body["BalanceWithJobs"] = dollars(sum(self.customer_cents[each] for each in self.family(record.id)))
        elif entity == "Account":
            sign = -1 if body.get("Classification") in ("Liability", "Equity", "Revenue") else 1
            body["CurrentBalance"] = body["CurrentBalanceWithSubAccounts"] = dollars(
                sign * self.account_cents[record.id]
            )
        return body

    def family(self, customer: str) -> Iterator[str]:
        """Yield the ids of a customer and of all its sub-customers."""
        yield customer
        for child in self.tables["Customer"].of_customer(customer):
            yield from self.family(child)


class Change:
    """The staged changes of one write. The company changes only when ``commit`` applies all of them."""

    def __init__(self, company: Company, unseen: frozenset[tuple[str, str]]) -> None:
        self.company = company
        self.now = int(company.clock.now())
        self._unseen = unseen
        self._staged: dict[tuple[str, str], Body] = {}
        self._events: list[Event] = []
        self.last_number: str | None = None
        self.respelt: list[tuple[str, Record]] = []
        """The records in which only the shown name of a referenced object has changed."""

    def find(self, entity: str, identifier: str) -> Body | None:
        """Return a private copy of a live object, as this write sees it; None if there is no such object."""
        staged = self._staged.get((entity, identifier))
        if staged is not None:
            return None if staged.get("status") == "Deleted" else staged
        record = self.company.live(entity, identifier)
        return None if record is None else record.decode()

    def create(self, entity: str, body: Body) -> Body:
        """Stage a new object and return it."""
        body["Id"], body["SyncToken"] = body.get("Id") or self.company.next_id(entity), "0"
        body["domain"], body["sparse"] = "QBO", False
        stamp(body, created=self.now, updated=self.now)
        return self._stage(entity, body, "Create")

    def update(self, entity: str, body: Body, operation: str = "Update") -> Body:
        """Stage a new state of an object and return it. Its token is counted up once per write."""
        if (entity, body["Id"]) not in self._staged:
            body["SyncToken"] = str(int(body["SyncToken"]) + 1)
            body["MetaData"] = {**body["MetaData"], **self._updated()}
            return self._stage(entity, body, operation)
        self._staged[entity, body["Id"]] = body
        return body

    def remove(self, entity: str, body: Body, operation: str = "Delete", replaced_by: str = "") -> None:
        """Stage the deletion of an object."""
        gone = {**body, "status": "Deleted", "MetaData": {**body["MetaData"], **self._updated()}}
        self._staged[entity, body["Id"]] = gone
        self._events.append(
            Event(entity, replaced_by or body["Id"], operation, self.now, body["Id"] if replaced_by else "")
        )

    def _updated(self) -> Body:
        times: Body = {}
        stamp(times, created=self.now, updated=self.now)
        return {"LastUpdatedTime": times["MetaData"]["LastUpdatedTime"]}

    def _stage(self, entity: str, body: Body, operation: str) -> Body:
        self._staged[entity, body["Id"]] = body
        self._events.append(Event(entity, body["Id"], operation, self.now))
        return body

    def refer(self, entity: str, reference: Any) -> Body | None:
        """Check a reference, and return it with its name; None for an empty reference.

        Raises:
            FaultError: 2500 when the id never existed, 610 (or 2500) when the object is inactive or gone.
        """
        identifier = str(reference.get("value") or "") if isinstance(reference, dict) else ""
        if not identifier:
            return None
        record = self.company.live(entity, identifier)
        if record is None or (entity, identifier) in self._unseen:
            if identifier in self.company.tables[entity].gone:
                raise faults.inactive_reference(self.company.switches.inactive_reference)
            raise faults.invalid_reference(REFERENCE_KINDS.get(entity, entity), identifier)
        if not record.active:
            raise faults.inactive_reference(self.company.switches.inactive_reference)
        return {"value": identifier, "name": record.full_name}

    def commit(self) -> dict[tuple[str, str], Record]:
        """Apply all staged changes to the company, and return the new records, keyed by entity and id."""
        done: dict[tuple[str, str], Record] = {}
        if self.last_number is not None:
            self.company.last_number = self.last_number
        for (entity, identifier), body in self._staged.items():
            record = read_record(entity, body)
            self.company.account_for(entity, body, record)
            self.company.accept(entity, record)
            done[entity, identifier] = record
        kept = [(entity, msgspec.Raw(record.body)) for (entity, _), record in done.items()]
        kept += [(entity, msgspec.Raw(record.body)) for entity, record in self.respelt]
        self.company.keep(Entry(self.company.realm, kept, self.company.last_number))
        for event in self._events:
            self.company.tell(event)
        return done


def _family(entity: str) -> str:
    if entity in PEOPLE:
        return "people"
    return "transactions" if entity in TRANSACTIONS else entity
