"""The A/R Ageing Summary: what each customer owes as of a date, by age, in the words of QuickBooks' report service.

Belongs here: what each transaction has open on a date, worked out from amounts, dates and links alone, and the report's
JSON. Does not belong here: the balances that transactions show; these are as of now.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from qb_pipeline.emulator.books.clock import print_instant
from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.money import cents
from qb_pipeline.emulator.books.tables import Record

AGED_RECEIVABLES = "AgedReceivables"
METHODS = ("Report_Date", "Current")
COLUMNS = ("Current", "1 - 30", "31 - 60", "61 - 90", "91 and over")
LAST_DAYS = (0, 30, 60, 90)
"""The last day past due of each column but the last."""

Cents = list[int]
"""Amounts by column."""


@dataclass(slots=True)
class Open:
    """What one transaction has open: positive is owed, negative is money or credit that the customer has left."""

    customer: str
    aged_from: str
    cents: int


def run_report(company: Company, name: str, params: Mapping[str, str]) -> Body:
    """Give a report as the report service does.

    Raises:
        FaultError: there is no such report, or a parameter cannot be used.
    """
    if name != AGED_RECEIVABLES:
        raise FaultError("2000", "Invalid or unsupported object name", f"Unsupported report {name}")
    method = params.get("aging_method", METHODS[0])
    if method not in METHODS:
        raise _invalid("aging_method", method)
    day = params.get("report_date", company.clock.today())
    try:
        date.fromisoformat(day)
    except ValueError:
        raise _invalid("report_date", day) from None
    chosen = [each for each in params.get("customer", "").split(",") if each]
    amounts: dict[str, Cents] = {}
    for item in find_open(company, day, all_applications=method == "Current"):
        if item.cents and (not chosen or item.customer in chosen):
            amounts.setdefault(item.customer, [0] * len(COLUMNS))[_column(item.aged_from, day)] += item.cents
    amounts = {customer: columns for customer, columns in amounts.items() if any(columns)}
    titles = [("Customer", ""), *(("Money", title) for title in (*COLUMNS, "Total"))]
    columns = [{"ColTitle": title, "ColType": kind} for kind, title in titles]
    header = _head(company, day, is_empty=not amounts)
    if "report_date" not in params:
        header["DateMacro"] = "today"
    if chosen:
        header["Customer"] = ",".join(chosen)
    return {"Header": header, "Columns": {"Column": columns}, "Rows": _rows(company, amounts)}


def _head(company: Company, day: str, *, is_empty: bool) -> Body:
    home = company.preference("CurrencyPrefs", "HomeCurrency") or {}
    return {
        "Time": print_instant(int(company.clock.now())),
        "ReportName": AGED_RECEIVABLES,
        "StartPeriod": day,
        "EndPeriod": day,
        "Currency": str(home.get("value") or "USD"),
        "Option": [_option("report_date", day), _option("NoReportData", str(is_empty).lower())],
    }


def find_open(company: Company, day: str, *, all_applications: bool) -> Iterator[Open]:
    """What each transaction that is dated by a day has open on it.

    A document counts from its date and an application from the later of both dates; ``all_applications`` counts those
    that come later too.
    """
    items = dict(_opened(company))
    dates = {key: company.tables[key[0]].rows[key[1]].date for key in items}
    for payment, target, amount in _applications(company, items):
        if all_applications or max(dates[payment], dates[target]) <= day:
            # money and credit (negative) go towards 0, and so does what they pay (positive)
            sign = 1 if _is_credit(company, target) else -1
            items[target].cents += sign * amount
            items[payment].cents -= sign * amount
    yield from (item for key, item in items.items() if dates[key] <= day)


Key = tuple[str, str, str]
"""Entity, Id, and of a journal entry the customer; else empty."""


def _opened(company: Company) -> Iterator[tuple[Key, Open]]:
    """Each transaction that moves receivables, as if nothing were applied to it."""
    for record in company.tables["Invoice"].rows.values():
        due = str(record.decode().get("DueDate") or record.date)
        yield ("Invoice", record.id, ""), Open(record.customer, due, record.total_cents)
    for entity in ("CreditMemo", "Payment"):
        for record in company.tables[entity].rows.values():
            yield (entity, record.id, ""), Open(record.customer, record.date, -record.total_cents)
    for record in company.tables["JournalEntry"].rows.values():
        for customer, amount in _entered(company, record).items():
            yield ("JournalEntry", record.id, customer), Open(customer, record.date, amount)
    for record in company.tables["Purchase"].rows.values() if "Purchase" in company.tables else ():
        body = record.decode()
        payee = str((body.get("EntityRef") or {}).get("value") or "")
        yield ("Purchase", record.id, payee), Open(payee, record.date, _paid_back(company, body))


def _paid_back(company: Company, purchase: Body) -> int:
    """What a cheque that is booked to receivables adds to what its payee owes."""
    receivable = company.account_of("receivable")
    details = [(line, line.get("AccountBasedExpenseLineDetail") or {}) for line in purchase["Line"]]
    amount = sum(
        cents(line.get("Amount"))
        for line, detail in details
        if (detail.get("AccountRef") or {}).get("value") == receivable
    )
    return -amount if purchase.get("Credit") else amount


def _entered(company: Company, entry: Record) -> dict[str, int]:
    """What a journal entry adds to each customer's receivables."""
    receivable = company.account_of("receivable")
    found: dict[str, int] = {}
    for line in entry.decode()["Line"]:
        detail = line.get("JournalEntryLineDetail") or {}
        if (detail.get("AccountRef") or {}).get("value") == receivable:
            customer = str(((detail.get("Entity") or {}).get("EntityRef") or {}).get("value") or "")
            amount = cents(line.get("Amount"))
            found[customer] = found.get(customer, 0) + (amount if detail.get("PostingType") == "Debit" else -amount)
    return found


def _applications(company: Company, items: Mapping[Key, Open]) -> Iterator[tuple[Key, Key, int]]:
    """Each line of a payment: the payment, what the line is applied to, and how much of it."""
    for record in company.tables["Payment"].rows.values():
        for line in record.decode().get("Line") or ():
            for link in line.get("LinkedTxn") or ():
                kind = str(link["TxnType"])
                target = (kind, str(link["TxnId"]), record.customer if kind == "JournalEntry" else "")
                if target in items:
                    yield ("Payment", record.id, ""), target, cents(line.get("Amount"))


def _is_credit(company: Company, target: Key) -> bool:
    """Whether a transaction is credit, which pays, and no charge, which is paid."""
    kind, identifier, customer = target
    if kind == "JournalEntry":
        return _entered(company, company.tables[kind].rows[identifier])[customer] < 0
    return kind == "CreditMemo"


def _column(aged_from: str, day: str) -> int:
    days = (date.fromisoformat(day) - date.fromisoformat(aged_from)).days
    return next((number for number, last in enumerate(LAST_DAYS) if days <= last), len(LAST_DAYS))


def _rows(company: Company, amounts: Mapping[str, Cents]) -> Body:
    if not amounts:
        return {}
    top = [record for record in company.tables["Customer"].rows.values() if not record.customer]
    rows = list(_customers(company, top, amounts))
    total = [sum(columns) for columns in zip(*amounts.values(), strict=True)]
    summary = {"ColData": [{"value": "TOTAL"}, *_cells(total, empty="0.00")]}
    return {"Row": [*rows, {"Summary": summary, "type": "Section", "group": "GrandTotal"}]}


def _customers(company: Company, records: list[Record], amounts: Mapping[str, Cents]) -> Iterator[Body]:
    """The rows of customers; one with sub-customers that owe something is a section with a sum."""
    for record in sorted(records, key=lambda each: each.name.casefold()):
        family = [amounts[each] for each in company.family(record.id) if each in amounts]
        if not family:
            continue
        own = amounts.get(record.id, [0] * len(COLUMNS))
        data = {"ColData": [{"value": record.name, "id": record.id}, *_cells(own)]}
        table = company.tables["Customer"]
        children = list(_customers(company, [table.rows[each] for each in table.of_customer(record.id)], amounts))
        if not children:
            yield data
            continue
        total = [sum(columns) for columns in zip(*family, strict=True)]
        summary = {"ColData": [{"value": f"Total {record.name}"}, *_cells(total)]}
        yield {"Header": data, "Rows": {"Row": children}, "Summary": summary, "type": "Section"}


def _cells(amounts: Cents, *, empty: str = "") -> list[Body]:
    """The amounts of a row and their sum; a column without an amount is empty."""
    return [{"value": _print(each) if each else empty} for each in amounts] + [{"value": _print(sum(amounts))}]


def _print(amount: int) -> str:
    whole, rest = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{whole}.{rest:02}"


def _option(name: str, value: str) -> Body:
    return {"Name": name, "Value": value}


def _invalid(name: str, value: Any) -> FaultError:
    return FaultError(
        "2090", "Invalid query parameter", f"{name} : {value} cannot be used.", hint="code and Detail are our guess"
    )
