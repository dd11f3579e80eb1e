"""Names: unique, printable, inactive, nested."""

import pytest

from qb_pipeline.emulator.books.company import Company
from qb_pipeline.emulator.books.switches import change_switches
from qb_pipeline.emulator.books.writes import write
from qb_pipeline.emulator.steering.bookkeeper import VERBS
from qb_pipeline_tests.emulator.books.test_sales import make, refused
from qb_pipeline_tests.emulator.conftest import Body, invoice_of


def test_one_list_of_names_for_customers_vendors_and_employees(company: Company) -> None:
    write(company, "Vendor", "create", {"DisplayName": "Ada Lovelace"})
    write(company, "Employee", "create", {"GivenName": "Grace", "FamilyName": "Hopper"})

    for name in ("ada lovelace", "GRACE HOPPER"):
        assert refused(company, "Customer", "create", {"DisplayName": name}).code == "6240"


def test_a_taken_name_may_say_by_whom(company: Company) -> None:
    taken = write(company, "Customer", "create", {"DisplayName": "Ada"})[1]
    assert "Id=" not in str(refused(company, "Customer", "create", {"DisplayName": "Ada"}).detail)

    company.switches = change_switches(company.switches, {"duplicate_name_shows_id": True})
    assert str(refused(company, "Customer", "create", {"DisplayName": "Ada"}).detail).endswith(f" Id={taken}")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "6080"),
        ({"DisplayName": "Smith: Estate"}, "6000"),
        ({"DisplayName": "Smith\tEstate"}, "6000"),
        ({"DisplayName": "x" * 501}, "2050"),
        ({"DisplayName": "x", "PrimaryPhone": {"FreeFormNumber": "1" * 31}}, "2050"),
        ({"DisplayName": "x", "PrimaryEmailAddr": {"Address": "nobody"}}, "2210"),
        ({"DisplayName": "x", "Job": True}, "6150"),
        ({"DisplayName": "x", "ParentRef": {"value": "99"}, "Job": True}, "2500"),
        ({"DisplayName": "x", "PreferredDeliveryMethod": "Pigeon"}, "2170"),
        ({"DisplayName": "x", "Nickname": "y"}, "2010"),
    ],
)
def test_broken_customers_are_refused(company: Company, body: Body, code: str) -> None:
    assert refused(company, "Customer", "create", body).code == code


def test_the_display_name_is_put_together_from_its_parts(company: Company) -> None:
    made = make(company, {"Title": "Dr", "GivenName": "Ada", "FamilyName": "Lovelace", "Suffix": "II"}, "Customer")

    assert made["DisplayName"] == made["PrintOnCheckName"] == "Dr Ada Lovelace II"


def test_inactive_customers_give_their_name_away_and_take_no_invoices(company: Company) -> None:
    first = write(company, "Customer", "create", {"DisplayName": "Ada"})[1]
    write(company, "Customer", "update", {"Id": first, "SyncToken": "0", "sparse": True, "Active": False})
    gone = company.tables["Customer"].rows[first].decode()
    assert (gone["DisplayName"], gone["FullyQualifiedName"]) == ("Ada (deleted)", "Ada (deleted)")
    assert refused(company, "Invoice", "create", invoice_of(first)).code == "610"

    company.switches = change_switches(company.switches, {"inactive_reference": "2500"})
    assert refused(company, "Invoice", "create", invoice_of(first)).code == "2500"

    second = write(company, "Customer", "create", {"DisplayName": "Ada"})[1]
    write(company, "Customer", "update", {"Id": second, "SyncToken": "0", "sparse": True, "Active": False})
    assert company.tables["Customer"].rows[second].name == "Ada (deleted 2)"


def test_a_customer_who_owes_stays_active(company: Company) -> None:
    customer = write(company, "Customer", "create", {"DisplayName": "Ada"})[1]
    write(company, "Invoice", "create", invoice_of(customer))
    body = {"Id": customer, "SyncToken": "0", "sparse": True, "Active": False}
    assert refused(company, "Customer", "update", body).code == "6220"

    VERBS["inactivate"](company, {"id": customer})
    assert company.customer_cents[customer] == 0


def test_jobs_carry_their_parents_names_even_after_a_rename(company: Company) -> None:
    top = write(company, "Customer", "create", {"DisplayName": "Ada"})[1]
    parent = top
    for level in range(1, 5):
        job = {"DisplayName": f"Level {level}", "Job": True, "ParentRef": {"value": parent}}
        parent = write(company, "Customer", "create", job)[1]
    made = make(company, invoice_of(parent))
    assert made["CustomerRef"]["name"] == "Ada:Level 1:Level 2:Level 3:Level 4"
    too_deep = {"DisplayName": "Level 5", "Job": True, "ParentRef": {"value": parent}}
    assert refused(company, "Customer", "create", too_deep).code == "6180"

    VERBS["rename"](company, {"id": top, "name": "Augusta"})
    renamed = company.tables["Invoice"].rows[made["Id"]].decode()
    assert (renamed["CustomerRef"]["name"], renamed["SyncToken"]) == ("Augusta:Level 1:Level 2:Level 3:Level 4", "0")
    assert company.customer_cents[parent] == 10000
    assert company.show("Customer", company.tables["Customer"].rows[top])["BalanceWithJobs"] == 100


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"Type": "Service", "IncomeAccountRef": {"value": "7"}}, "2020"),
        ({"Name": "Services", "Type": "Service", "IncomeAccountRef": {"value": "7"}}, "6240"),
        ({"Name": "x", "Type": "Service"}, "2020"),
        ({"Name": "x", "Type": "Wish", "IncomeAccountRef": {"value": "7"}}, "2170"),
        ({"Name": "x", "Type": "Service", "IncomeAccountRef": {"value": "7"}, "QtyOnHand": 3}, "2010"),
        ({"Name": "x", "Type": "Inventory", "IncomeAccountRef": {"value": "7"}}, "2020"),
        ({"Name": "x" * 101, "Type": "Service", "IncomeAccountRef": {"value": "7"}}, "2050"),
    ],
)
def test_broken_items_are_refused(company: Company, body: Body, code: str) -> None:
    assert refused(company, "Item", "create", body).code == code


def test_list_objects_cannot_be_deleted(company: Company) -> None:
    customer = write(company, "Customer", "create", {"DisplayName": "Ada"})[1]

    assert refused(company, "Customer", "delete", {"Id": customer, "SyncToken": "0"}).code == "500"
    assert refused(company, "TaxCode", "create", {"Name": "x"}).code == "500"
    assert refused(company, "Term", "create", {"Name": "Later"}).element == "DueDays"
    assert refused(company, "Account", "create", {"Name": "Cash"}).code == "6010"
