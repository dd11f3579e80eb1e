"""A write happens wholly or not at all."""

import pytest

from qb_pipeline.emulator.books.company import Company, Entry, Event
from qb_pipeline.emulator.books.faults import FaultError
from qb_pipeline.emulator.books.writes import write
from qb_pipeline_tests.emulator.conftest import invoice_of, payment_of


def test_one_write_is_one_entry_and_tells_each_object_once(company: Company) -> None:
    write(company, "Customer", "create", {"DisplayName": "Ada"})
    write(company, "Invoice", "create", invoice_of("1"))
    kept: list[Entry] = []
    told: list[Event] = []
    company.keep, company.tell = kept.append, told.append
    write(company, "Payment", "create", payment_of("1", 100, ("1", 60)))

    assert [entity for entity, _ in kept[0].records] == ["Invoice", "Payment"]
    assert len(kept) == 1
    assert [(event.entity, event.operation) for event in told] == [("Invoice", "Update"), ("Payment", "Create")]


def test_nothing_happens_before_commit(company: Company) -> None:
    change = company.change()
    made = change.create("Term", {"Name": "Later", "DueDays": 9})
    assert change.find("Term", made["Id"]) == made
    assert company.live("Term", made["Id"]) is None

    change.commit()
    assert company.live("Term", made["Id"]) is not None


def test_people_share_ids_and_so_do_transactions(company: Company) -> None:
    people = [write(company, "Vendor", "create", {"DisplayName": "A vendor"})[1]]
    assert people == ["1"]
    customer = write(company, "Customer", "create", {"DisplayName": "Ada"})[1]
    made = [
        write(company, "Invoice", "create", invoice_of(customer))[1],
        write(company, "Payment", "create", payment_of(customer, 1))[1],
    ]

    assert (customer, made) == ("2", ["1", "2"])


def test_balances_of_customers_and_accounts_are_as_of_now(company: Company) -> None:
    write(company, "Customer", "create", {"DisplayName": "Ada"})
    write(company, "Invoice", "create", invoice_of("1", 80))
    write(company, "Payment", "create", payment_of("1", 30))

    assert company.show("Customer", company.tables["Customer"].rows["1"])["Balance"] == 50
    shown = {
        record.name: company.show("Account", record)["CurrentBalance"]
        for record in company.tables["Account"].rows.values()
    }
    assert (shown["Accounts Receivable (A/R)"], shown["Undeposited Funds"], shown["Legal Fees"]) == (50, 30, 80)


def test_references_to_what_the_same_batch_made_are_not_found(company: Company) -> None:
    change = company.change(frozenset({("Item", "1")}))
    with pytest.raises(FaultError, match="2500"):
        change.refer("Item", {"value": "1"})
