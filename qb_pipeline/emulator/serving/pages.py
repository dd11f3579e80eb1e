"""Read-only pages that show a company as a bookkeeper sees it.

Belongs here: HTML. Does not belong here: a way to change anything; for this there are Intuit's API, the admin API and
the bookkeeper.
"""

from html import escape
from importlib.resources import files
from itertools import islice

from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.money import cents
from qb_pipeline.emulator.books.tables import Record

CSS = files("qb_pipeline.emulator.serving").joinpath("pages.css").read_text()
SHOWN = 100
"""The largest number of rows of a table. The newest rows come first."""
FIRST_COMPANY = (
    "curl -X POST {base}/emulator/companies -H 'Content-Type: application/json' \\\n"
    '     -d \'{{"realm_id": "4620816365000000001", "name": "Demo Law Firm"}}\''
)


def page(title: str, content: str, menu: str = "") -> str:
    """Build a page around its content."""
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<title>{escape(title)} · QuickBooks emulator</title>"
        "<meta name='viewport' content='width=device-width'>"
        f"<style>{CSS}</style></head><body><header><b>QuickBooks emulator</b><nav><a href='/'>Companies</a>{menu}</nav>"
        f"</header><main>{content}</main></body></html>"
    )


def companies_page(companies: list[Company], base: str) -> str:
    """Build the page that lists the companies. Without a company it shows a command that makes the first one."""
    if not companies:
        example = escape(FIRST_COMPANY.format(base=base))
        return page("Deployment", f"<h1>No company yet</h1><p>Make the first one:</p><pre>{example}</pre>")
    rows = [
        f"<tr><td><a href='/company/{company.realm}'>{escape(company.name)}</a></td><td>{company.realm}</td>"
        f"<td class='number'>{len(company.tables['Customer'].rows)}</td>"
        f"<td class='number'>{len(company.tables['Invoice'].rows)}</td>"
        f"<td class='number'>{len(company.tables['Payment'].rows)}</td>"
        f"<td class='number'>{dollars_text(_receivable(company))}</td></tr>"
        for company in companies
    ]
    heads = ("Company", "Realm id", "#Customers", "#Invoices", "#Payments", "#Open balance")
    return page("Deployment", f"<h1>Companies</h1>{_table(heads, rows)}")


def company_page(company: Company) -> str:
    """Build the page of one company: its figures, and its newest invoices, payments and customers."""
    invoices = company.tables["Invoice"].rows
    payments = company.tables["Payment"].rows
    figures = (
        ("Open balance", dollars_text(_receivable(company))),
        ("Invoiced", dollars_text(sum(record.total_cents for record in invoices.values()))),
        ("Received", dollars_text(sum(record.total_cents for record in payments.values()))),
        ("Unapplied", dollars_text(sum(record.balance_cents for record in payments.values()))),
        ("Undeposited", dollars_text(company.account_cents[company.account_of("undeposited")])),
    )
    boxes = "".join(f"<div>{name}<b>{value}</b></div>" for name, value in figures)
    closed = company.preference("AccountingInfoPrefs", "BookCloseDate")
    books = f" · books closed up to {escape(str(closed))}" if closed else ""
    content = (
        f"<h1>{escape(company.name)}</h1><p class='faint'>Realm {company.realm}{books}</p>"
        f"<div class='figures'>{boxes}</div>"
        + _section("invoices", "Invoices", len(invoices), _invoices(company))
        + _section("payments", "Payments", len(payments), _payments(company))
        + _section("customers", "Customers", len(company.tables["Customer"].rows), _customers(company))
    )
    menu = "".join(f"<a href='#{name.lower()}'>{name}</a>" for name in ("Invoices", "Payments", "Customers"))
    return page(company.name, content, menu)


def dollars_text(amount_cents: int) -> str:
    """Format cents as dollars for a reader, such as ``1,234.50``."""
    sign = "-" if amount_cents < 0 else ""
    return f"{sign}{abs(amount_cents) // 100:,}.{abs(amount_cents) % 100:02}"


def _receivable(company: Company) -> int:
    return company.account_cents[company.account_of("receivable")]


def _section(anchor: str, name: str, count: int, table: str) -> str:
    note = f" <span class='faint'>the newest {SHOWN} of {count:,}</span>" if count > SHOWN else ""
    return f"<h2 id='{anchor}'>{name}{note}</h2>{table}"


def _table(heads: tuple[str, ...], rows: list[str]) -> str:
    """Build a table; a head that begins with # is the head of a column of numbers."""
    if not rows:
        return "<p class='faint'>None yet.</p>"
    cells = "".join(
        f"<th class='number'>{head[1:]}</th>" if head.startswith("#") else f"<th>{head}</th>" for head in heads
    )
    return f"<div class='card'><table><thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"


def _newest(company: Company, entity: str) -> list[Record]:
    return list(islice(reversed(company.tables[entity].rows.values()), SHOWN))


def _invoices(company: Company) -> str:
    rows = []
    for record in _newest(company, "Invoice"):
        body = record.decode()
        lines = [_line(line) for line in body["Line"] if line["DetailType"] != "SubTotalLineDetail"]
        note = f"<p>{escape(body['PrivateNote'])}</p>" if body.get("PrivateNote") else ""
        number = escape(record.number or f"no number, id {record.id}")
        count = f"{len(lines)} line{'s' if len(lines) != 1 else ''}"
        table = f"<table class='lines'><tbody>{''.join(lines)}</tbody></table>"
        kind, state = _state(body)
        rows.append(
            f"<tr class='head'><td>{record.date}</td><td>{number}</td>"
            f"<td>{_customer(body)}</td><td class='number'>{escape(body.get('DueDate') or '')}</td>"
            f"<td class='number'>{dollars_text(record.total_cents)}</td>"
            f"<td class='number'>{dollars_text(record.balance_cents)}</td><td class='{kind}'>{state}</td></tr>"
            "<tr class='more'><td></td>"
            f"<td colspan='6'><details><summary>{count}</summary>{table}{note}</details></td></tr>"
        )
    return _table(("Date", "No.", "Customer", "#Due", "#Total", "#Balance", "Status"), rows)


def _line(line: Body) -> str:
    detail = line.get("SalesItemLineDetail") or {}
    item = escape(str((detail.get("ItemRef") or {}).get("name") or line["DetailType"]))
    quantity = f"{detail['Qty']} \u00d7 {detail.get('UnitPrice', '')}" if detail.get("Qty") is not None else ""
    text = escape(str(line.get("Description") or ""))
    amount = dollars_text(cents(line.get("Amount")))
    return f"<tr><td>{item}</td><td>{text}</td><td class='number'>{quantity}</td><td class='number'>{amount}</td></tr>"


def _state(body: Body) -> tuple[str, str]:
    if str(body.get("PrivateNote") or "").startswith("Voided") and not body["TotalAmt"]:
        return "void", "Voided"
    if not body["Balance"]:
        return "paid", "Paid"
    return "open", "Open" if body["Balance"] == body["TotalAmt"] else "Partly paid"


def _payments(company: Company) -> str:
    rows = []
    invoices = company.tables["Invoice"].rows
    for record in _newest(company, "Payment"):
        body = record.decode()
        applied = []
        for line in body["Line"]:
            link = line["LinkedTxn"][0]
            target = invoices.get(link["TxnId"]) if link["TxnType"] == "Invoice" else None
            name = target.number if target is not None and target.number else f"{link['TxnType']} {link['TxnId']}"
            applied.append(f"{escape(name)}: {dollars_text(cents(line['Amount']))}")
        banked = any(link["TxnType"] == "Deposit" for link in body.get("LinkedTxn") or ())
        account = escape((body.get("DepositToAccountRef") or {}).get("name") or "")
        rows.append(
            f"<tr><td>{record.date}</td><td>{escape(record.number or '')}</td><td>{_customer(body)}</td>"
            f"<td>{'<br>'.join(applied)}</td><td>{account}{' (deposited)' if banked else ''}</td>"
            f"<td class='number'>{dollars_text(record.total_cents)}</td>"
            f"<td class='number'>{dollars_text(record.balance_cents)}</td></tr>"
        )
    return _table(("Date", "Reference", "Customer", "Applied to", "Account", "#Received", "#Unapplied"), rows)


def _customers(company: Company) -> str:
    rows = []
    for record in _newest(company, "Customer"):
        body = record.decode()
        email = escape((body.get("PrimaryEmailAddr") or {}).get("Address") or "")
        state = "" if record.active else "inactive"
        rows.append(
            f"<tr><td>{escape(record.full_name)}</td><td>{email}</td><td class='faint'>{state}</td>"
            f"<td class='number'>{dollars_text(company.customer_cents[record.id])}</td></tr>"
        )
    return _table(("Name", "E-mail", "", "#Open balance"), rows)


def _customer(body: Body) -> str:
    return escape((body.get("CustomerRef") or {}).get("name") or "")
