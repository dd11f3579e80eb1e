"""Ninety days of two law firms with a bookkeeper each, who unapplies, applies again, moves, deposits, writes off and
enters by hand: after each day every cent between both sides is named, by what was really done (E-54).

What must be named is reckoned here from the emulator's books and billing's rows. ``NINETY_DAYS_SEED=7`` lives other
days, ``NINETY_DAYS=90`` all of them; a failure prints seed and day.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from qb_pipeline.core.planning.resolutions import Answer
from qb_pipeline.sync.people.evidence import gather
from qb_pipeline.sync.people.hand_entries import enter_by_hand
from qb_pipeline.sync.people.naming import find_document
from qb_pipeline.sync.people.resolve import AnswerRefusedError, resolve
from qb_pipeline.sync.verify.reconcile import reconcile
from qb_pipeline_tests.conftest import fresh_database
from qb_pipeline_tests.journeys.bookkeeping import LIABILITY, Bookkeeping, Row, ToEnter
from qb_pipeline_tests.journeys.expectation import (
    BilledInvoice,
    BilledPayment,
    differences,
    read_invoices,
    read_payments,
)
from qb_pipeline_tests.journeys.office import Office
from qb_pipeline_tests.journeys.test_ageing import COLUMNS, read_ageing
from qb_pipeline_tests.journeys.two_firms import MISHAPS, World, links_of, name_of, open_world, read_books, told
from qb_pipeline_tests.law_firm import PARTNER

pytestmark = pytest.mark.slow

ACTS = (
    "unapplied_there", "applied_elsewhere", "write_off", "unapplied_payment", "foreign_document", "journal",
    "credit_memo", "received_in_quickbooks",
)  # fmt: skip
"""Classes of what a person did in QuickBooks."""

CLEARING = "Client credit clearing"
TAKEN_BACK = ("refund", "rejection")

Difference = tuple[str, str, str]
"""Class, Id of the cause in QuickBooks, invoice in billing ("" where none is concerned)."""


@dataclass
class Desk:
    """One firm: its people in billing, its bookkeeper, and what the test knows of the company.

    ``written``: by Id of our payment what the pipeline last wrote of it: cents by Id of the invoice, and billing's
    payment of that moment. ``accepted``: these links, or those that a person accepted since. ``invoices``: Id of every
    invoice of ours that ever was, to billing's id.
    """

    office: Office
    keeper: Bookkeeping
    invoices: dict[str, str] = field(default_factory=dict)
    written: dict[str, tuple[dict[str, int], BilledPayment | None]] = field(default_factory=dict)
    accepted: dict[str, dict[str, int]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def firm_id(self) -> str:
        return self.office.firm_id

    @property
    def posts_credit(self) -> bool:
        """Whether the sync posts both halves of money paid from credit."""
        return self.office.expected.keeps_overpayments


@dataclass(frozen=True)
class Billed:
    """Billing's rows of one firm."""

    invoices: dict[str, BilledInvoice]
    payments: dict[str, BilledPayment]

    def taken_back(self, payment_id: str) -> int:
        """What refunds and rejections take back of a payment, in cents."""
        return sum(
            each.cents
            for each in self.payments.values()
            if each.reverses == payment_id and each.kind in TAKEN_BACK and each.status != "void"
        )

    def is_off(self, invoice_id: str) -> bool:
        """Whether billing bills nothing by it."""
        invoice = self.invoices.get(invoice_id)
        return invoice is None or invoice.status != "issued" or invoice.total_cents == 0


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("NINETY_DAYS_SEED", "5"))


@pytest.fixture
def days() -> int:
    return int(os.environ.get("NINETY_DAYS", "25"))


@pytest.fixture
def world(
    server: sa.Engine, server_url: str, billing_template: str, ledger_engine: sa.Engine, seed: int, tmp_path: Path
) -> Iterator[World]:
    with (
        fresh_database(server, server_url, billing_template) as billing,
        open_world(billing, ledger_engine, seed, tmp_path) as world,
    ):
        post_credit(world, "generous")
        yield world


def post_credit(world: World, firm_id: str) -> None:
    """One firm has both halves of money paid from credit posted."""
    books = world.books[firm_id]
    liability = books.create("Account", {"Name": LIABILITY, "AccountType": "Other Current Liability"})
    clearing = books.create("Account", {"Name": CLEARING, "AccountType": "Other Current Asset"})
    settings = {
        "client_money": "credit", "client_credit_account": liability["Id"], "client_clearing_account": clearing["Id"],
    }  # fmt: skip
    world.deployment.firms.change_settings(firm_id, settings, actor=PARTNER, now=world.time.now())


def test_after_each_day_with_a_bookkeeper_every_cent_is_named_by_what_was_done(
    world: World, seed: int, days: int
) -> None:
    first = world.time.now().date() - timedelta(days=5)
    chance = Random(f"bookkeepers {seed}")
    desks = [
        Desk(office, Bookkeeping(world.books[office.firm_id], Random(chance.random()))) for office in world.offices
    ]
    seen: Counter[str] = Counter()
    for day in range(days):
        today = world.time.now().date()
        for desk in desks if today.weekday() < 5 or day == days - 1 else ():
            when = f"seed {seed}, day {day}, {desk.firm_id}"
            print(when)
            live_one_day(world, desk, today, chance)
            world.sync(desk.office, first)
            look(world, desk, when)
            wrong = [*find_wrong(world, desk, seen), *find_wrong_ageing(world, desk, today)]
            assert wrong == [], "\n".join([f"{when}:", *wrong, "what was done:", *desk.keeper.diary])
        world.time.sleep(86_400)
    done = sum((desk.keeper.done for desk in desks), Counter())
    print(f"seed {seed}, {days} days; done: {dict(done)}; differences: {dict(seen)}")
    assert days < 25 or min(done[each] for each in ("unapply", "write_off", "enter")) > 0
    assert days < 90 or set(ACTS) <= set(seen)


# The day


def live_one_day(world: World, desk: Desk, today: date, chance: Random) -> None:
    """People in billing first, who know what QuickBooks holds; then the bookkeeper."""
    office, books = desk.office, world.books[desk.firm_id]
    office.expected.invoices, office.expected.payments, _ = read_books(books)
    office.expected.stopped = told(world, office)
    with world.deployment.billing.begin() as connection:
        office.live(connection, today)
    answer_drift(world, desk)
    billed, listed = read_billing(world, desk), read_by_hand(world, desk)
    desk.keeper.work(today, {row: asked for row, asked in to_enter(desk, billed).items() if row in listed})
    desk.tokens = {row["Id"]: row["SyncToken"] for row in books.ours("Payment")}
    if chance.random() < 0.1:
        books.fault({"what": chance.choice(MISHAPS), "match": "batch"})


def answer_drift(world: World, desk: Desk) -> None:
    """Now and then the bookkeeper says of a payment whose links differ which side is right."""
    rows = world.query(
        "select source_id, part, quickbooks_id from sync.document where firm_id = :firm_id and kind = 'payment' "
        "and state = 'held' and reason = 'DRIFT' order by 1, 2",
        firm_id=desk.firm_id,
    )
    random, books = desk.keeper.random, world.books[desk.firm_id]
    for row in rows:
        if random.random() < 0.6:
            continue
        answer = random.choice((Answer.RETRY, Answer.KEEP))
        name = f"payment:{row['source_id']}" + (f"@{row['part']}" if row["part"] else "")
        with world.open(desk.office) as session:
            try:
                resolve(session, gather(session, find_document(session, name)), answer)
            except AnswerRefusedError as refused:
                print(f"{name} --{answer}: {refused}")
                continue
        desk.keeper.note(world.time.now().date(), str(answer), name, row["quickbooks_id"])
        if answer is Answer.KEEP:
            desk.accepted[row["quickbooks_id"]] = links_of(books.read("Payment", row["quickbooks_id"]))


def look(world: World, desk: Desk, when: str) -> None:
    """One ``reconcile``; then the bookkeeper names what he entered and what is only a candidate."""
    with world.open(desk.office) as session:
        reconcile(session)
    billed = read_billing(world, desk)
    for payment in world.books[desk.firm_id].ours("Payment"):
        if desk.tokens.get(payment["Id"]) != payment["SyncToken"] and payment["TotalAmt"]:
            links = links_of(payment)
            desk.written[payment["Id"]] = links, billed.payments.get(name_of(payment["PrivateNote"]))
            desk.accepted[payment["Id"]] = links
    invoices = world.books[desk.firm_id].ours("Invoice")
    desk.invoices |= {invoice["Id"]: name_of(invoice["PrivateNote"]) for invoice in invoices}
    wanted = to_enter(desk, billed)
    for row, candidates in read_by_hand(world, desk).items():
        entered = desk.keeper.entered.get(row)
        if entered is None or row in wanted:
            continue
        typed = f"journalentry:{entered.quickbooks_id}"
        assert typed in candidates.split(", "), f"{when}: {row} was entered as {typed}, candidates are: {candidates}"
        with world.open(desk.office) as session:
            document = gather(session, find_document(session, f"payment:{row[1]}")).document
            enter_by_hand(session, document, typed)
        desk.keeper.note(world.time.now().date(), "name", *row, typed)


# Both sides


def read_billing(world: World, desk: Desk) -> Billed:
    with world.deployment.billing.connect() as connection:
        payments = read_payments(connection, desk.firm_id)
        return Billed(read_invoices(connection, desk.firm_id), {each.key: each for each in payments})


def to_enter(desk: Desk, billed: Billed) -> dict[Row, ToEnter]:
    """What the bookkeeper has to enter or to correct, by billing's rows and the company's payments."""
    rows = {
        (each.kind, each.payment_id): ToEnter(each.cents, each.day, each.reverses)
        for each in billed.payments.values()
        if each.kind in ("credit_deposit", *TAKEN_BACK) and each.status != "void"
    }
    entered = desk.keeper.entered
    rows |= {row: ToEnter(0, date.min) for row in entered if row[0] == "credit_applied"}
    for payment in () if desk.posts_credit else desk.keeper.books.ours("Payment"):
        name = name_of(payment["PrivateNote"])
        if "@" in name and payment["TotalAmt"]:
            rows["credit_applied", name] = ToEnter(to_cents(payment["TotalAmt"]), date.fromisoformat(name[-10:]))
    return {row: asked for row, asked in rows.items() if row not in entered or entered[row].cents != asked.cents}


def read_by_hand(world: World, desk: Desk) -> dict[Row, str]:
    """The by-hand list as the pipeline has it, with candidates."""
    rows = world.query(
        "select what, payment_id, part, candidates from reporting.enter_by_hand where firm_id = :firm_id",
        firm_id=desk.firm_id,
    )
    return {
        name_row(row["what"].removeprefix("changed_"), row["payment_id"], row["part"]): row["candidates"]
        for row in rows
    }


def name_row(what: str, payment_id: str, part: str) -> Row:
    return what, payment_id + (f"@{part}" if part else "")


def find_wrong(world: World, desk: Desk, seen: Counter[str]) -> Iterator[str]:
    """Everything that is not as the emulator's books, billing's rows and what was done say."""
    billed = read_billing(world, desk)
    rows = world.query(
        "select measure, residual, unexplained from reporting.reconciliation where firm_id = :firm_id "
        "and (residual <> 0 or unexplained <> 0)",
        firm_id=desk.firm_id,
    )
    yield from (f"not explained: {row}" for row in rows)
    found = read_differences(world, desk)
    seen.update(name for name, _, _ in found)
    wanted = acts_that_stand(world, desk, billed)
    unknown = {key for key, cents in wanted.items() if cents is None}
    yield from differences(
        {str(key): cents for key, cents in wanted.items() if cents},
        {str(key): cents for key, cents in named_acts(found).items() if cents and key not in unknown},
    )
    strangers = {cause for (name, cause, _), cents in wanted.items() if cents} - desk.keeper.touched
    yield from (f"nobody did anything to {each}" for each in sorted(strangers))
    yield from find_wrong_owed(world, desk, billed)
    yield from find_wrong_links(world, desk)
    yield from find_wrong_balances(world, desk)
    yield from find_wrong_by_hand(world, desk, billed)


def named_acts(found: Mapping[Difference, int]) -> Counter[Difference]:
    """The differences that are put down to people. What a payment of ours pays of an invoice less or more than billing
    says is one sum, and how much of it is unapplied now another: no order of its invoices decides."""
    named: Counter[Difference] = Counter()
    for (name, cause, invoice), cents in found.items():
        if name in ("unapplied_there", "applied_elsewhere"):
            named["links", cause, invoice] += cents
            named["unapplied", cause, ""] += cents if name == "unapplied_there" else 0
        elif name in ACTS:
            named[name, cause, invoice] += cents
    return named


def read_differences(world: World, desk: Desk) -> Counter[Difference]:
    rows = world.query(
        "select class, cause_quickbooks_id, invoice_id, (amount * 100)::bigint as cents "
        "from reporting.owed_differences where firm_id = :firm_id",
        firm_id=desk.firm_id,
    )
    found: Counter[Difference] = Counter()
    for row in rows:
        found[row["class"], row["cause_quickbooks_id"], row["invoice_id"]] += row["cents"]
    return found


def find_wrong_balances(world: World, desk: Desk) -> Iterator[str]:
    """What the views give as QuickBooks' side is what each customer and each invoice of ours has open there."""
    books = world.books[desk.firm_id]
    for view, entity, key in (
        ("customer_owed", "Customer", "customer_id"),
        ("invoice_owed", "Invoice", "quickbooks_id"),
    ):
        rows = world.query(
            f"select {key} as id, sum(owed_in_quickbooks) as owed from reporting.{view} "  # noqa: S608
            f"where firm_id = :firm_id and {key} <> '' group by 1",
            firm_id=desk.firm_id,
        )
        balances = {row["Id"]: Decimal(row["Balance"]) for row in books.all(entity)}
        yield from differences(
            {f"{entity} {each}": balance for each, balance in balances.items() if balance},
            {f"{entity} {row['id']}": row["owed"] for row in rows if row["owed"]},
        )


def find_wrong_owed(world: World, desk: Desk, billed: Billed) -> Iterator[str]:
    """What billing leaves open of each invoice, where no balance is carried forward to or from it."""
    carried = {old for each in billed.invoices.values() for old in each.carries}
    owed = {
        key: invoice.total_cents
        for key, invoice in billed.invoices.items()
        if not billed.is_off(key) and not invoice.carries and key not in carried and invoice.currency == "USD"
    }
    for payment in billed.payments.values():
        if payment.status == "void" or payment.kind not in ("payment", "credit_application"):
            continue
        applied = dict(payment.applied)
        back = billed.taken_back(payment.payment_id) - (payment.cents - sum(applied.values()))
        for key in sorted(applied, reverse=True):  # what is taken back leaves the last invoice first
            taken = min(applied[key], max(0, back))
            back -= taken
            if key in owed and (taken == 0 or set(applied) <= set(owed)):
                owed[key] -= applied[key] - taken
            else:
                owed.pop(key, None)
    rows = world.query(
        "select invoice_id, (owed * 100)::bigint as cents from reporting.invoice_owed "
        "where firm_id = :firm_id and note = ''",
        firm_id=desk.firm_id,
    )
    yield from differences(
        {f"owed by billing: {key}": cents for key, cents in owed.items()},
        {f"owed by billing: {row['invoice_id']}": row["cents"] for row in rows if row["invoice_id"] in owed},
    )


def find_wrong_links(world: World, desk: Desk) -> Iterator[str]:
    """Payments that the work list calls synced, and that pay otherwise than was last sent or accepted."""
    standing = {row["Id"]: row for row in world.books[desk.firm_id].ours("Payment")}
    for row in work_list(world, desk).values():
        if row["state"] == "synced":
            links = links_of(standing[row["quickbooks_id"]])
            if links != desk.accepted[row["quickbooks_id"]]:
                yield f"synced payment {row}: {desk.accepted[row['quickbooks_id']]} was sent, there is {links}"


def find_wrong_by_hand(world: World, desk: Desk, billed: Billed) -> Iterator[str]:
    """The by-hand list holds what was not entered, what was is entered as what the bookkeeper wrote, and where both
    halves are posted nothing is left between them."""
    yield from differences(
        {f"by hand: {row}": "listed" for row in to_enter(desk, billed)},
        {f"by hand: {row}": "listed" for row in read_by_hand(world, desk)},
    )
    entered = world.query(
        "select replace(what, 'application', 'applied') as what, payment_id, applied_date, quickbooks_id "
        "from reporting.entered_by_hand where firm_id = :firm_id and standing = 'there'",
        firm_id=desk.firm_id,
    )
    yield from differences(
        {f"entered: {row}": entry.quickbooks_id for row, entry in desk.keeper.entered.items()},
        {
            f"entered: {name_row(row['what'], row['payment_id'], row['applied_date'])}": row["quickbooks_id"]
            for row in entered
        },
    )
    if desk.posts_credit:
        [clearing] = [row for row in world.books[desk.firm_id].all("Account") if row["Name"] == CLEARING]
        yield from [f"clearing: {clearing['CurrentBalance']}"] if clearing["CurrentBalance"] else []


def work_list(world: World, desk: Desk) -> dict[str, dict[str, Any]]:
    rows = world.query(
        "select source_id, part, state, reason, is_kept, quickbooks_id from sync.document "
        "where firm_id = :firm_id and kind = 'payment' and quickbooks_id is not null",
        firm_id=desk.firm_id,
    )
    return {row["quickbooks_id"]: row for row in rows}


def acts_that_stand(world: World, desk: Desk, billed: Billed) -> dict[Difference, int | None]:
    """What people did in QuickBooks and still stands, in cents; None where the test cannot know the sum."""
    books = world.books[desk.firm_id]
    accounts = {row["Id"]: row["AccountType"] for row in books.all("Account")}
    entries = {row["Id"]: read_entry(row, accounts) for row in books.all("JournalEntry") if not is_ours(row)}
    found: Counter[Difference] = Counter()
    unknown: set[Difference] = set()
    known = work_list(world, desk)
    for payment in books.all("Payment"):
        if is_ours(payment):
            if payment["TotalAmt"] and payment["Id"] in known:
                ours, doubtful = done_to(desk, billed, payment, known[payment["Id"]])
                found.update(ours)
                unknown |= doubtful
            continue
        found["unapplied_payment", payment["Id"], ""] += to_cents(payment["UnappliedAmt"])
        credit = [*links_of(payment, "JournalEntry"), *links_of(payment, "CreditMemo"), ""][0]
        for invoice_id, cents in links_of(payment).items():
            name = "credit_memo" if credit else "received_in_quickbooks"
            name = ("write_off" if entries[credit].is_write_off else "journal") if credit in entries else name
            found[name, credit or payment["Id"], desk.invoices[invoice_id]] += cents
        for entry_id, cents in links_of(payment, "JournalEntry").items():
            entries[entry_id].open_cents += cents
    for memo in books.all("CreditMemo"):
        found["foreign_document", memo["Id"], ""] += to_cents(memo["RemainingCredit"])
    for entry_id, entry in entries.items():
        found["write_off" if entry.is_write_off else "foreign_document", entry_id, ""] -= entry.open_cents
    return {key: cents for key, cents in found.items() if cents} | dict.fromkeys(unknown)


def done_to(
    desk: Desk, billed: Billed, payment: dict[str, Any], row: Mapping[str, Any]
) -> tuple[Counter[Difference], set[Difference]]:
    """What was done to one of our payments, where its state explains nothing: beside billing's shares of it.

    Returns:
        The differences; and those that the test cannot know, since billing's share is divided in ways of its own, or
        the invoice's state explains it.
    """
    key, name = payment["Id"], name_of(payment["PrivateNote"])
    found: Counter[Difference] = Counter()
    now = billed.payments.get(name)
    is_drift = (row["state"], row["reason"]) == ("held", "DRIFT")
    if not (is_drift or (row["state"] == "synced" and not row["is_kept"])):
        return found, set()
    if now is None or now.status == "void" or now.cents != to_cents(payment["TotalAmt"]):
        return found, set()
    links, then = desk.written[key]
    shared = {desk.invoices[each]: cents for each, cents in links.items()} if now == then else dict(now.applied)
    there = {desk.invoices[each]: cents for each, cents in links_of(payment).items()}
    invoices = {*shared, *there}
    back = 0 if "@" in name else billed.taken_back(name)
    everything: set[Difference] = {(each, key, "") for each in ("unapplied_payment", "unapplied")}
    everything |= {("links", key, each) for each in invoices}
    carries = any(each in billed.invoices and billed.invoices[each].carries for each in shared)
    if (now != then and carries) or (0 < back < now.cents and len(shared) > 1):
        return found, everything
    kept = now.cents - sum(shared.values())
    kept_back = min(kept, back)
    unapplied = to_cents(payment["UnappliedAmt"]) - (kept - kept_back)
    found["unapplied_payment", key, ""] += unapplied - min(kept_back, max(0, unapplied))
    more: dict[str, int] = {}
    for each in invoices:
        taken = 0 if billed.is_off(each) else min(shared.get(each, 0), back - kept_back)
        owed = 0 if billed.is_off(each) else shared.get(each, 0) - taken
        apart = there.get(each, 0) - owed
        more[each] = apart - min(taken, max(0, apart))
    found.update({("links", key, each): cents for each, cents in more.items()})
    found["unapplied", key, ""] -= min(sum(max(0, -cents) for cents in more.values()), max(0, unapplied))
    off = {each for each in invoices if billed.is_off(each)}
    doubtful = {("links", key, each) for each in off} | ({("unapplied", key, "")} if off else set())
    return found, doubtful


@dataclass
class OtherEntry:
    """An entry of others: what of it the client still owes (negative: has as credit), and whether it is a write-off."""

    open_cents: int
    is_write_off: bool


def read_entry(entry: Mapping[str, Any], accounts: Mapping[str, str]) -> OtherEntry:
    open_cents, against = 0, set()
    for line in entry["Line"]:
        detail = line["JournalEntryLineDetail"]
        kind = accounts[detail["AccountRef"]["value"]]
        if kind == "Accounts Receivable":
            open_cents += to_cents(line["Amount"]) * (1 if detail["PostingType"] == "Debit" else -1)
        else:
            against.add(kind)
    return OtherEntry(open_cents, against == {"Expense"})


def is_ours(row: Mapping[str, Any]) -> bool:
    return "qbp1:" in row.get("PrivateNote", "")


def to_cents(amount: Any) -> int:
    return int(Decimal(amount) * 100)


def find_wrong_ageing(world: World, desk: Desk, today: date) -> Iterator[str]:
    """Our ageing of three days beside QuickBooks' own report, by customer and column."""
    for day in (today - timedelta(days=9), today, today + timedelta(days=40)):
        rows = world.query(
            "select * from reporting.ageing_on(:day) where firm_id = :firm_id", day=day, firm_id=desk.firm_id
        )
        ours = {row["customer_id"]: tuple(row[name] for name in COLUMNS) for row in rows}
        theirs = read_ageing(world.books[desk.firm_id], day)
        yield from differences(
            {f"{day} customer {each}": amounts for each, amounts in theirs.items()},
            {f"{day} customer {each}": amounts for each, amounts in ours.items()},
        )
