"""A firm comes from another integration: 2,000 invoices and 1,200 payments of it stand in QuickBooks already.

One in twenty differs from billing by one: a day, a digit of the reference, the neighbour's customer. After ``adopt``, a
sync and three more, nothing is there twice, and exactly those are asked about. One file answers for all.
"""

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from qb_pipeline_tests.commands.conftest import dagster_home, terminal
from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import FIRM, TABLES, LawFirm

__all__ = ["dagster_home", "terminal"]

INVOICES, PAYMENTS, CLIENTS, DAYS = 2_000, 1_200, 80, 90
SHARE_OFF = 20
"""One in so many is off by one."""

GIVEN = ("Ada", "Ben", "Carla", "Dev", "Edith", "Farid", "Gwen", "Hugo", "Ines", "Jonas")
FAMILY = ("Abara", "Brandt", "Castell", "Dorsey", "Engel", "Fonseca", "Grieg", "Hamid")


@dataclass(frozen=True)
class Paper:
    """An invoice, or a payment on the invoice of the same number, as billing has it; ``off``: what differs there."""

    number: int
    client: int
    day: date
    cents: int
    off: str = ""

    @property
    def amount(self) -> str:
        return f"{self.cents // 100}.{self.cents % 100:02}"


def draw(law_firm: LawFirm, seed: int) -> tuple[list[Paper], list[Paper]]:
    """The invoices, and the payments on the first of them. No payment is on an invoice of the wrong customer."""
    pick = random.Random(seed)
    invoices, payments = [], []
    for number in range(INVOICES):
        off = pick.choice(["date", "customer"]) if number % SHARE_OFF == 7 else ""
        off = "date" if off and number < PAYMENTS else off
        day = law_firm.today - timedelta(days=pick.randint(2, DAYS))
        invoices.append(Paper(number, pick.randrange(CLIENTS), day, 10_000 + pick.randrange(50_000), off))
    for invoice in invoices[:PAYMENTS]:
        off = pick.choice(["date", "reference", "no reference"]) if invoice.number % SHARE_OFF == 11 else ""
        cents = pick.choice([invoice.cents, invoice.cents // 2])
        payments.append(Paper(invoice.number, invoice.client, invoice.day + timedelta(days=1), cents, off))
    return invoices, payments


def bill(law_firm: LawFirm, invoices: Sequence[Paper], payments: Sequence[Paper]) -> None:
    """Billing's side."""
    now = law_firm.time.now()
    rows: dict[str, list[dict[str, Any]]] = {
        "payers": [
            {"payer_id": f"C{n}", "first_name": GIVEN[n % 10], "last_name": FAMILY[n // 10]} for n in range(CLIENTS)
        ],
        "invoices": [
            {
                "invoice_id": f"i{row.number}", "invoice_number": f"R-{row.number:04}", "payer_id": f"C{row.client}",
                "invoice_date": row.day, "total_amount": row.amount, "created_at": now, "updated_at": now,
            }
            for row in invoices
        ],
        "invoice_lines": [
            {
                "invoice_id": f"i{row.number}", "line_number": 1, "description": "Advice", "quantity": 1,
                "unit_price": row.amount, "amount": row.amount,
            }
            for row in invoices
        ],
        "payments": [
            {
                "payment_id": f"p{row.number}", "payer_id": f"C{row.client}", "amount": row.amount,
                "received_date": row.day, "reference": str(20_000 + row.number), "created_at": now, "updated_at": now,
            }
            for row in payments
        ],
        "payment_applications": [
            {
                "payment_id": f"p{row.number}", "invoice_id": f"i{row.number}", "amount": row.amount,
                "applied_date": row.day,
            }
            for row in payments
        ],
    }  # fmt: skip
    with law_firm.billing.begin() as connection:
        for relation, values in rows.items():
            whole = [{"firm_id": FIRM} | TABLES[relation] | row for row in values]
            names, places = ", ".join(whole[0]), ", ".join(f":{name}" for name in whole[0])
            connection.execute(sa.text(f"insert into billing.{relation} ({names}) values ({places})"), whole)  # noqa: S608


def enter(law_firm: LawFirm, entity: str, bodies: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What the earlier integration sent, 30 at a time; gives the Ids."""
    for first in range(0, len(bodies), 30):
        some = bodies[first : first + 30]
        for answer in law_firm.books.batch([(entity, body) for body in some]):
            yield str(answer[entity]["Id"])


def enter_all(law_firm: LawFirm, invoices: Sequence[Paper], payments: Sequence[Paper]) -> None:
    """QuickBooks' side: its own items and notes, no mark of ours; some are off by one."""
    names = [(GIVEN[n % 10], FAMILY[n // 10]) for n in range(CLIENTS)]
    clients = [
        str(
            law_firm.books.create("Customer", {"DisplayName": f"{one} {two}", "GivenName": one, "FamilyName": two})[
                "Id"
            ]
        )
        for one, two in names
    ]
    there = list(
        enter(
            law_firm,
            "Invoice",
            [
                {
                    "DocNumber": f"R-{row.number:04}",
                    "TxnDate": str(row.day + timedelta(days=row.off == "date")),
                    "CustomerRef": {"value": clients[(row.client + (row.off == "customer")) % CLIENTS]},
                    "PrivateNote": "sent by the old bridge",
                    "Line": [
                        {
                            "DetailType": "SalesItemLineDetail",
                            "Amount": row.amount,
                            "SalesItemLineDetail": {
                                "ItemRef": {"value": law_firm.item_id}, "Qty": 1, "UnitPrice": row.amount,
                            },
                        }
                    ],
                }
                for row in invoices
            ],
        )
    )  # fmt: skip
    references = {"reference": 1, "no reference": None}
    list(
        enter(
            law_firm,
            "Payment",
            [
                {
                    "TxnDate": str(row.day - timedelta(days=row.off == "date")),
                    "CustomerRef": {"value": clients[row.client]},
                    "TotalAmt": row.amount,
                    "Line": [{"Amount": row.amount, "LinkedTxn": [{"TxnId": there[row.number], "TxnType": "Invoice"}]}],
                    **(
                        {}
                        if (wrong := references.get(row.off, 0)) is None
                        else {"PaymentRefNum": str(20_000 + row.number + wrong)}
                    ),
                }
                for row in payments
            ],
        )
    )


@pytest.mark.slow
def test_nothing_of_an_earlier_integration_is_there_twice_and_one_file_answers_for_all(
    law_firm: LawFirm, terminal: Terminal, tmp_path: Path
) -> None:
    seed = 20
    print(f"seed {seed}")
    invoices, payments = draw(law_firm, seed)
    law_firm.activate()
    bill(law_firm, invoices, payments)
    enter_all(law_firm, invoices, payments)
    off = {f"i{row.number}" for row in invoices if row.off} | {f"p{row.number}" for row in payments if row.off}

    terminal.run("adopt", "one", "--approve", "--as", "partner")
    for _ in range(4):
        law_firm.sync()

    states = law_firm.states()
    held = {name for name, (state, _) in states.items() if state == "held"}
    waiting = {name: state for name, state in states.items() if state[0] not in ("synced", "held")}
    file = tmp_path / "questions.csv"
    terminal.run("adopt", "one", "--csv", str(file))
    with file.open(newline="") as source:
        rows = list(csv.DictReader(source))
    asked = {row["source_id"] for row in rows}
    print(f"{len(off)} of {INVOICES + PAYMENTS} are off by one; asked about {len(asked)}, {len(asked - off)} others")

    assert (len(law_firm.books.all("Invoice")), len(law_firm.books.all("Payment"))) == (INVOICES, PAYMENTS)
    assert (held, asked) == (off, off)
    on_these = {f"p{row.number}" for row in invoices[:PAYMENTS] if row.off} - off
    assert waiting == dict.fromkeys(on_these, ("waiting", "INVOICE_NOT_SENT"))

    with file.open("w", newline="") as output:
        writer = csv.DictWriter(output, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"answer": "same"} for row in rows)
    terminal.run("adopt", "one", "--answers", str(file), "--as", "partner")
    law_firm.sync()
    law_firm.books.count_anew()
    law_firm.sync()

    assert {name for name, (state, _) in law_firm.states().items() if state != "synced"} == set()
    assert law_firm.books.writes() == 0
    assert (len(law_firm.books.all("Invoice")), len(law_firm.books.all("Payment"))) == (INVOICES, PAYMENTS)
