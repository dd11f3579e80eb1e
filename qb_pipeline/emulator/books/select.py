"""The search for the objects that a query asks for, by an index where one exists.

Belongs here: choosing candidates, testing conditions, order, pages. Does not belong here: the grammar (``query``).
"""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.query import Condition, Query
from qb_pipeline.emulator.books.tables import LISTS, PEOPLE, TRANSACTIONS, Record, Table

Answer = dict[str, Any]
TOTAL_SHOWN = ("Invoice", "CreditMemo", "RefundReceipt")
"""The entities whose recorded query answers carry ``totalCount``."""


def run_query(company: Company, query: Query) -> Answer:
    """Return the ``QueryResponse`` of a query."""
    found = _find(company, query)
    if query.count:
        return {"totalCount": len(found)}
    _sort(company, query, found)
    page = found[query.start - 1 : query.start - 1 + query.limit]
    if not page:
        return {}
    rows: list[Any] = [_show(company, query, record) for record in page]
    answer: Answer = {query.entity: rows, "startPosition": query.start, "maxResults": len(page)}
    if company.switches.total_count and query.entity in TOTAL_SHOWN:
        answer["totalCount"] = len(found)
    return answer


def _find(company: Company, query: Query) -> list[Record]:
    table = company.tables[query.entity]
    tests = [_test(company, query.entity, condition) for condition in query.conditions]
    if query.entity in LISTS and not any(condition.name == "Active" for condition in query.conditions):
        tests.append(lambda record: record.active)
    candidates = _candidates(company, table, query)
    if company.switches.query_lag_seconds:
        visible = (company.lagged(query.entity, record) for record in candidates)
        candidates = [record for record in visible if record is not None]
    return [record for record in candidates if all(test(record) for test in tests)]


def _candidates(company: Company, table: Table, query: Query) -> Iterable[Record]:
    """Return every record that might match, each once, from the index of the first condition that has an index.

    Without such a condition all records are candidates.
    """
    ids: Iterable[str] | None = None
    for condition in query.conditions:
        ids = _indexed(table, condition)
        if ids is not None:
            break
    if ids is None:
        late = (table.gone[each] for each in company.fresh_ids(query.entity) if each in table.gone)
        return [*table.rows.values(), *late]
    wanted = dict.fromkeys([*ids, *company.fresh_ids(query.entity)])
    both = (table.rows.get(each) or table.gone.get(each) for each in wanted)
    lagging = bool(company.switches.query_lag_seconds)
    return [record for record in both if record is not None and (lagging or not record.deleted)]


def _indexed(table: Table, condition: Condition) -> Iterable[str] | None:
    """Return the ids that an index holds for a condition; None when no index serves the condition."""
    if condition.name == "MetaData.LastUpdatedTime" and condition.operator in (">", ">="):
        return [record.id for record in table.changed_since(condition.values[0])]
    if condition.operator not in ("=", "in"):
        return None
    people, moves = table.entity in PEOPLE, table.entity in TRANSACTIONS
    number = "PaymentRefNum" if table.entity == "Payment" else "DocNumber"
    indices: dict[str, Callable[[str], Iterable[str]]] = {"Id": lambda text: (text,)}
    if moves:
        indices |= {number: table.with_number, "CustomerRef": table.of_customer}
    else:
        indices |= {"DisplayName" if people else "Name": table.with_name}
    texts = [str(value) for value in condition.values]
    look = indices.get(condition.name)
    return [each for text in texts for each in look(text)] if look is not None and all(texts) else None


def _columns(entity: str) -> dict[str, Callable[[Record], Any]]:
    """Return the readers of the properties that a record holds itself, keyed by property.

    With them a scan need not decode the records' JSON.
    """
    columns: dict[str, Callable[[Record], Any]] = {
        "Id": lambda record: record.id,
        "MetaData.CreateTime": lambda record: record.created,
        "MetaData.LastUpdatedTime": lambda record: record.updated,
    }
    if entity in TRANSACTIONS:
        number = "PaymentRefNum" if entity == "Payment" else "DocNumber"
        columns[number] = lambda record: record.number.casefold()
        columns["CustomerRef"] = lambda record: record.customer
        columns["TxnDate"] = lambda record: record.date
        columns["TotalAmt"] = lambda record: Decimal(record.total_cents).scaleb(-2)
        if entity in ("Invoice", "CreditMemo"):
            columns["Balance"] = lambda record: Decimal(record.balance_cents).scaleb(-2)
    elif entity in LISTS:
        columns["Active"] = lambda record: record.active
        columns["DisplayName" if entity in PEOPLE else "Name"] = lambda record: record.name.casefold()
        columns["FullyQualifiedName"] = lambda record: record.full_name.casefold()
    return columns


COLUMNS = {entity: _columns(entity) for entity in (*LISTS, *TRANSACTIONS, "CompanyInfo", "Preferences")}


def _reader(company: Company, entity: str, name: str) -> Callable[[Record], Any]:
    """Return a function that reads a property of a record, as the type that conditions compare with."""
    column = COLUMNS[entity].get(name)
    if column is not None:
        return column
    return lambda record: _comparable(company.show(entity, record).get(name))


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        value = value.get("value") or value.get("Address") or ""
    if isinstance(value, str):
        return value.casefold()
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.split("%")), re.DOTALL)


def _test(company: Company, entity: str, condition: Condition) -> Callable[[Record], bool]:
    read, operator, values = _reader(company, entity, condition.name), condition.operator, condition.values
    first = values[0]
    if operator in ("=", "in"):
        wanted = frozenset(values)
        if "" in wanted:
            return lambda record: (read(record) or "") in wanted
        return lambda record: read(record) in wanted
    if operator == "like":
        pattern = _pattern(str(first))
        return lambda record: pattern.fullmatch(str(read(record) or "")) is not None
    if condition.field.kind in ("id", "bool"):
        return lambda _record: False

    def compare(record: Record) -> bool:
        value = read(record)
        if value is None or value == "":
            return False
        if operator == "<":
            return bool(value < first)
        if operator == ">":
            return bool(value > first)
        return bool(value <= first) if operator == "<=" else bool(value >= first)

    return compare


def _by_id(record: Record) -> tuple[int, str]:
    return (int(record.id) if record.id.isdigit() else 0, record.id)


def _sort(company: Company, query: Query, found: list[Record]) -> None:
    found.sort(key=_by_id)
    for name, downwards in reversed(query.order):
        read = _by_id if name == "Id" else _reader(company, query.entity, name)

        def key(record: Record, read: Callable[[Record], Any] = read) -> tuple[bool, Any]:
            value = read(record)
            return (value is not None, value)

        found.sort(key=key, reverse=downwards)


def _show(company: Company, query: Query, record: Record) -> Any:
    if not query.columns:
        return msgspec.Raw(company.render(query.entity, record))
    body = company.show(query.entity, record)
    shown: Body = {"Id": body["Id"], "domain": "QBO", "sparse": True}
    for name in query.columns:
        if name.startswith("MetaData."):
            part = name.removeprefix("MetaData.")
            shown.setdefault("MetaData", {})[part] = body["MetaData"][part]
        elif name in body:
            shown[name] = body[name]
    return shown
