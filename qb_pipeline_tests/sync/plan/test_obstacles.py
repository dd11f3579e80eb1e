"""What keeps a document from being taken is found by a plan, and by the sync after it, before QuickBooks refuses it."""

from collections.abc import Callable

import pytest

from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.quickbooks.errors import TransientError
from qb_pipeline.sync.firm_report import FirmReport
from qb_pipeline.sync.stages import Stage
from qb_pipeline_tests.law_firm import LawFirm
from qb_pipeline_tests.sync.send.test_settle import NO_ANSWER

DRY = [Stage.WORK_LIST, Stage.SYNC_PLAN]


def known(law_firm: LawFirm, **settings: str) -> None:
    """An active firm whose invoice ``known`` is in QuickBooks, with everything mapped that documents point at."""
    law_firm.activate(**settings)
    law_firm.map("terms", "Net 30", first(law_firm, "Term"))
    law_firm.map("payment_method", "check", first(law_firm, "PaymentMethod"))
    law_firm.map("deposit_account", "check", named(law_firm, "Checking"))
    law_firm.invoice("known", "100.00", terms="Net 30")
    law_firm.sync()


def add(law_firm: LawFirm) -> None:
    """An invoice, and a payment on the known one."""
    law_firm.invoice("new", "10.00", terms="Net 30")
    law_firm.payment("paid", applied={"known": "40.00"})


def first(law_firm: LawFirm, entity: str) -> str:
    return str(law_firm.books.all(entity)[0]["Id"])


def named(law_firm: LawFirm, account: str) -> str:
    return next(str(row["Id"]) for row in law_firm.books.all("Account") if row["Name"] == account)


def known_invoice(law_firm: LawFirm) -> dict[str, object]:
    return next(row for row in law_firm.books.ours("Invoice") if row["DocNumber"] == "N-known")


def said(report: FirmReport) -> dict[str, tuple[str, str]]:
    return {row.source_id: (row.operation, row.reason) for row in report.plan}


def inactivate(entity: str, find: Callable[[LawFirm], str]) -> Callable[[LawFirm], None]:
    def step(law_firm: LawFirm) -> None:
        add(law_firm)
        law_firm.books.switch(inactivate_with_balance="allowed")
        law_firm.books.do("inactivate", entity=entity, id=find(law_firm))

    return step


def customer_of(law_firm: LawFirm) -> str:
    return str(law_firm.books.ours("Invoice")[0]["CustomerRef"]["value"])


def map_to_nothing(law_firm: LawFirm) -> None:
    add(law_firm)
    law_firm.map("terms", "Net 30", "9999")


def map_to_another_type(law_firm: LawFirm) -> None:
    add(law_firm)
    law_firm.map("deposit_account", "check", named(law_firm, "Legal Fees"))


def merge_without_trace(law_firm: LawFirm) -> None:
    """The customer is merged, and no document of ours shows into which one."""
    customer_id = customer_of(law_firm)
    law_firm.books.do("delete", entity="Invoice", id=known_invoice(law_firm)["Id"])
    other = law_firm.books.create("Customer", {"DisplayName": "Other"})["Id"]
    law_firm.books.do("merge", loser_id=customer_id, survivor_id=other)
    law_firm.invoice("new", "10.00", terms="Net 30")


def close_books(law_firm: LawFirm) -> None:
    add(law_firm)
    law_firm.books.do("close-books", date=str(law_firm.today))


def forbid_discounts(law_firm: LawFirm) -> None:
    law_firm.books.do("preferences", SalesFormsPrefs={"AllowDiscount": False})
    law_firm.invoice("new", "10.00", lines=[{"kind": "discount", "fee_item_id": None, "amount": "-1.00"}])


def delete_the_paid_invoice(law_firm: LawFirm) -> None:
    law_firm.books.do("delete", entity="Invoice", id=known_invoice(law_firm)["Id"])
    law_firm.payment("paid", applied={"known": "40.00"})


def void_the_paid_invoice(law_firm: LawFirm) -> None:
    law_firm.books.do("void", entity="Invoice", id=known_invoice(law_firm)["Id"])
    law_firm.payment("paid", applied={"known": "40.00"})


def pay_it_by_hand(law_firm: LawFirm) -> None:
    """70 of the 100 are paid in QuickBooks by the bookkeeper: the first of two payments of 20 still finds its money."""
    body = {
        "CustomerRef": {"value": customer_of(law_firm)},
        "TotalAmt": 70,
        "Line": [{"Amount": 70, "LinkedTxn": [{"TxnId": known_invoice(law_firm)["Id"], "TxnType": "Invoice"}]}],
    }
    law_firm.books.create("Payment", body)
    law_firm.payment("first", applied={"known": "20.00"}, days_ago=1)
    law_firm.payment("paid", applied={"known": "20.00"})


MAPPED = ("hold", "MAPPING_INACTIVE")


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        pytest.param(  # whose debts QuickBooks writes off
            inactivate("Customer", customer_of), {"new": MAPPED, "paid": ("hold", "EXCEEDS_BALANCE")}, id="customer",
        ),
        pytest.param(
            inactivate("Item", lambda firm: firm.item_id), {"new": MAPPED, "paid": ("create", "")}, id="item",
        ),
        pytest.param(
            inactivate("Term", lambda firm: first(firm, "Term")), {"new": MAPPED, "paid": ("create", "")}, id="terms",
        ),
        pytest.param(
            inactivate("PaymentMethod", lambda firm: first(firm, "PaymentMethod")),
            {"new": ("create", ""), "paid": MAPPED},
            id="payment method",
        ),
        pytest.param(
            inactivate("Account", lambda firm: named(firm, "Checking")),
            {"new": ("create", ""), "paid": MAPPED},
            id="deposit account",
        ),
        pytest.param(map_to_nothing, {"new": MAPPED, "paid": ("create", "")}, id="gone"),
        pytest.param(map_to_another_type, {"new": ("create", ""), "paid": MAPPED}, id="another type"),
        pytest.param(merge_without_trace, {"new": ("hold", "CUSTOMER_GONE")}, id="merged away"),
        pytest.param(close_books, {"new": ("hold", "PERIOD_CLOSED"), "paid": ("hold", "PERIOD_CLOSED")}, id="closed"),
        pytest.param(forbid_discounts, {"new": ("hold", "DISCOUNTS_OFF")}, id="discount"),
        pytest.param(
            delete_the_paid_invoice,
            {"known": ("hold", "REMOTE_DELETED"), "paid": ("wait", "INVOICE_NOT_SENT")},
            id="paid invoice deleted",
        ),
        pytest.param(
            void_the_paid_invoice,
            {"known": ("hold", "REMOTE_VOIDED"), "paid": ("wait", "INVOICE_NOT_SENT")},
            id="paid invoice void",
        ),
        pytest.param(
            pay_it_by_hand, {"first": ("create", ""), "paid": ("hold", "EXCEEDS_BALANCE")}, id="paid by hand",
        ),
    ],
)  # fmt: skip
def test_what_a_read_can_find_is_held_by_the_plan_and_not_sent_by_the_sync_after_it(
    law_firm: LawFirm, step: Callable[[LawFirm], None], expected: dict[str, tuple[str, str]]
) -> None:
    known(law_firm)
    step(law_firm)
    sends = law_firm.sends()

    plan = law_firm.sync(DRY)
    planned = law_firm.sends()
    law_firm.sync()

    became = {"held": "hold", "waiting": "wait", "synced": "create"}
    states = law_firm.states()
    assert said(plan) == expected
    assert {each: (became[states[each][0]], states[each][1]) for each in expected} == expected
    sent = sum(1 for operation, _ in expected.values() if operation == "create")
    assert (planned - sends, law_firm.sends() - planned) == (0, sent)


def test_a_sync_without_a_plan_holds_the_same_after_quickbooks_has_refused(law_firm: LawFirm) -> None:
    known(law_firm)
    inactivate("Item", lambda firm: firm.item_id)(law_firm)

    law_firm.sync()

    assert law_firm.states()["new"] == ("held", "MAPPING_INACTIVE")


def test_what_was_mended_in_quickbooks_is_sent_by_the_sync_after_the_plan(law_firm: LawFirm) -> None:
    known(law_firm)
    close_books(law_firm)
    law_firm.books.do("inactivate", entity="Term", id=first(law_firm, "Term"))

    held = said(law_firm.sync(DRY))
    law_firm.books.do("close-books", date=None)
    law_firm.books.do("activate", entity="Term", id=first(law_firm, "Term"))
    law_firm.sync()

    assert held == {"new": ("hold", "PERIOD_CLOSED"), "paid": ("hold", "PERIOD_CLOSED")}
    assert law_firm.states() == {"known": ("synced", ""), "new": ("synced", ""), "paid": ("synced", "")}


def test_a_customer_that_was_merged_is_followed_by_the_plan_as_by_the_sync(law_firm: LawFirm) -> None:
    known(law_firm)
    other = law_firm.books.create("Customer", {"DisplayName": "Other"})["Id"]
    law_firm.books.do("merge", loser_id=customer_of(law_firm), survivor_id=other)
    law_firm.invoice("new", "10.00")
    law_firm.change("update invoices set internal_note = 'x', updated_at = now() where invoice_id = 'known'")

    plan = law_firm.sync(DRY)
    law_firm.sync()

    assert said(plan)["new"] == ("create", "")
    assert law_firm.states() == {"known": ("synced", ""), "new": ("synced", "")}
    assert {row["CustomerRef"]["value"] for row in law_firm.books.ours("Invoice")} == {other}


def test_a_plan_counts_on_what_it_would_change_before(law_firm: LawFirm) -> None:
    """An invoice is revised upwards and then paid in full: the payment finds its money when its turn comes."""
    known(law_firm)
    law_firm.change("update invoice_lines set amount = 150, unit_price = 150 where invoice_id = 'known'")
    law_firm.change("update invoices set total_amount = 150, updated_at = now() where invoice_id = 'known'")
    law_firm.payment("paid", applied={"known": "150.00"})

    plan = law_firm.sync(DRY)
    law_firm.sync()

    assert said(plan) == {"known": ("update", ""), "paid": ("create", "")}
    assert law_firm.states() == {"known": ("synced", ""), "paid": ("synced", "")}


@pytest.mark.parametrize(
    ("mishap", "expected"),
    [("commit_then_drop", ("skip", "")), ("drop_before", ("wait", "OUTCOME_UNKNOWN"))],
)
def test_a_document_whose_answer_was_lost_is_in_the_plan(
    law_firm: LawFirm, mishap: str, expected: tuple[str, str]
) -> None:
    """QuickBooks shows it: there is nothing to do. QuickBooks does not show it (yet): the sync asks again later."""
    law_firm.activate()
    law_firm.invoice("new", "10.00")
    law_firm.books.fault({"what": mishap, "match": "batch"}, NO_ANSWER)
    with pytest.raises(TransientError):
        law_firm.sync()
    law_firm.books.heal()
    states, sends = law_firm.states(), law_firm.sends()

    plan = law_firm.sync(DRY)

    assert said(plan) == {"new": expected}
    assert (law_firm.states(), law_firm.sends()) == (states, sends)


def test_what_waits_for_a_person_is_in_every_plan(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.books.do("edit", entity="Invoice", id=known_invoice(law_firm)["Id"], changes={"TxnDate": "2026-01-01"})
    law_firm.change("update invoice_lines set amount = 150, unit_price = 150 where invoice_id = 'known'")
    law_firm.change("update invoices set total_amount = 150, updated_at = now() where invoice_id = 'known'")

    plans = [said(law_firm.sync(DRY)) for _ in range(2)]

    assert plans == [{"known": ("hold", "DRIFT")}, {"known": ("hold", "DRIFT")}]


def test_settings_with_which_nothing_is_sent_stop_a_plan_as_they_stop_the_sync(law_firm: LawFirm) -> None:
    known(law_firm)
    law_firm.invoice("new", "10.00")
    law_firm.books.do("preferences", CurrencyPrefs={"HomeCurrency": {"value": "CAD"}})

    with pytest.raises(SetUpError, match="one: nothing is sent") as plan:
        law_firm.sync(DRY)
    with pytest.raises(SetUpError) as sync:
        law_firm.sync()

    assert str(plan.value) == str(sync.value)


def test_a_plan_costs_a_few_reads_however_many_documents_it_has_and_a_sync_no_more_than_before(
    law_firm: LawFirm,
) -> None:
    """Two for the settings, one for each kind of thing that is pointed at, one for the invoices that are paid."""
    known(law_firm)
    law_firm.books.count_anew()
    law_firm.sync(DRY)
    idle = law_firm.books.requests()
    for number in range(40):
        law_firm.invoice(f"i{number}", "10.00", terms="Net 30")
        law_firm.payment(f"p{number}", applied={"known": "1.00"})

    plan = law_firm.sync(DRY)
    planned = law_firm.books.requests()
    law_firm.books.count_anew()
    law_firm.sync()
    sent = law_firm.books.requests()

    assert len(plan.plan) == 80
    assert idle == {}
    # Customer, Item, Term; PaymentMethod, Account; the invoice.
    assert planned == {"GET preferences": 1, "GET companyinfo": 1, "GET cdc": 1, "POST query": 6}
    # the queries are the census, and whether the deposit account holds client money
    assert sent == {"GET cdc": 1, "POST batch": 4, "POST query": 3}


def test_names_are_read_once_where_customers_would_be_created(law_firm: LawFirm) -> None:
    law_firm.activate()
    for number in range(5):
        law_firm.insert("payers", payer_id=f"P{number + 2}", first_name=f"Person {number}", last_name="Lee")
        law_firm.invoice(f"i{number}", "10.00", payer_id=f"P{number + 2}")
    law_firm.books.count_anew()

    plan = law_firm.sync(DRY)

    assert len(plan.would_create) == 5
    # Customer, Vendor, Employee, Item; for the first time all invoices and payments.
    assert law_firm.books.requests() == {"GET preferences": 1, "GET companyinfo": 1, "GET cdc": 1, "POST query": 6}
