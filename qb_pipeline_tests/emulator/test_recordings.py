"""Conformance: the emulator's answers next to recorded ones and to the examples of Intuit's reference."""

import json
import re
from typing import Any

import pytest

from qb_pipeline.emulator.steering.webhooks import write_legacy
from qb_pipeline_tests.emulator.conftest import RECORDINGS, Body, Client, invoice_of, payment_of
from qb_pipeline_tests.emulator.steering.test_webhooks import EVENTS

NOT_OURS = {
    "ProjectRef": "projects are a feature of other plans",
    "ShipAddr": "their customer has an address",
    "BillAddr": "their customer has an address",
    "AllowOnlineACHPayment": "payments by Intuit",
    "AllowOnlineCreditCardPayment": "payments by Intuit",
    "SalesTermRef": "their invoice has terms",
    "PaymentRefNum": "theirs is to be printed",
    "PaymentMethodRef": "theirs came by check",
    "Description": "theirs has one",
    "CustomField": "their company has defined one",
    "DocNumber": "theirs numbers automatically",
    "Qty": "theirs has one",
}


def recorded(name: str) -> Any:
    found = next(RECORDINGS.glob(f"{name}*"))
    return json.loads(found.read_text())


def shape(value: Any) -> Any:
    """What kind of thing stands where; numbers are numbers."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items() if name not in NOT_OURS}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def lacks(theirs: Any, ours: Any, path: str = "") -> list[str]:
    """What the recorded answer has and ours has not, or has otherwise."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        missing = [f"{path}.{name} is missing" for name in theirs.keys() - ours.keys()]
        return missing + [
            each for name in theirs.keys() & ours.keys() for each in lacks(theirs[name], ours[name], f"{path}.{name}")
        ]
    if isinstance(theirs, list) and isinstance(ours, list):
        return lacks(theirs[0], ours[0], f"{path}[0]") if theirs and ours else []
    return [] if theirs == ours else [f"{path} is {ours} and not {theirs}"]


def same(name: str, answer: Any) -> None:
    assert lacks(shape(recorded(name)), shape(answer)) == []


def test_an_invoice_is_created_deleted_and_voided_in_the_reference_s_shape(books: Client) -> None:
    books.customer()
    made = books.post("invoice", recorded("doc_invoice_02")).json()
    same("doc_invoice_03", made)
    second = books.invoice("1", SalesTermRef={"value": "3"})
    own = {"Id": second["Id"], "SyncToken": "0"}
    voided = books.post("invoice", own, params={"operation": "void"}).json()
    same("doc_invoice_07", voided)
    assert voided["Invoice"]["Line"][0]["DetailType"] == recorded("doc_invoice_07")["Invoice"]["Line"][0]["DetailType"]
    own = {"Id": made["Invoice"]["Id"], "SyncToken": "0"}
    same("doc_invoice_05", books.post("invoice", own, params={"operation": "delete"}).json())


def test_a_payment_in_the_reference_s_shape(books: Client) -> None:
    customer = books.customer()["Id"]
    body = {**recorded("Payment_create_request"), "CustomerRef": {"value": customer}}
    same("Payment_create_response", books.post("payment", body).json())
    invoice = books.invoice(customer, 71)
    paid = books.post("payment", payment_of(customer, 65, (invoice["Id"], 55))).json()
    same("Payment_read", paid)
    sent, theirs = (
        paid["Payment"]["Line"][0]["LineEx"]["any"],
        recorded("Payment_read")["Payment"]["Line"][0]["LineEx"]["any"],
    )
    assert sent[1] == theirs[1]
    own = {**recorded("Payment_void_request"), "Id": paid["Payment"]["Id"], "SyncToken": "0"}
    same("Payment_void_response", books.post("payment", own, params={"operation": "update", "include": "void"}).json())
    own = {"Id": paid["Payment"]["Id"], "SyncToken": "1"}
    same("Payment_delete_response", books.post("payment", own, params={"operation": "delete"}).json())


def test_lists_and_credits_in_the_reference_s_shape(books: Client) -> None:
    customer = books.customer()["Id"]
    same("doc_term_03", books.post("term", recorded("doc_term_02")).json())
    same("doc_paymentmethod_03", books.post("paymentmethod", recorded("doc_paymentmethod_02")).json())
    same("doc_creditmemo_03", books.post("creditmemo", invoice_of(customer)).json())
    refund = invoice_of(customer, DepositToAccountRef={"value": "1"})
    same("doc_refundreceipt_03", books.post("refundreceipt", refund).json())
    item = {"Name": "Design", "Type": "Service", "IncomeAccountRef": {"value": "7"}}
    same("doc_item_04", books.post("item", item).json())


def error_of(answer: Any) -> Body:
    error: Body = answer["Fault"]["Error"][0]
    return error


@pytest.mark.parametrize(
    ("name", "entity", "body"),
    [
        ("fault_6070", "invoice", {"Line": [{"Amount": 1000, "UnitPrice": 3, "Qty": 3}]}),
        ("fault_6000_ar_customer", "journalentry", {"receivable": True}),
    ],
)
def test_refused_writes_have_the_recorded_words(books: Client, name: str, entity: str, body: Body) -> None:
    customer = books.customer()["Id"]
    if entity == "invoice":
        detail = {"ItemRef": {"value": "1"}, "Qty": 3, "UnitPrice": 3}
        line = {"DetailType": "SalesItemLineDetail", "Amount": 1000, "SalesItemLineDetail": detail}
        body = {"CustomerRef": {"value": customer}, "Line": [line]}
    else:
        sides = [("Debit", "1"), ("Credit", "3")]
        lines = [
            {
                "DetailType": "JournalEntryLineDetail",
                "Amount": 5,
                "JournalEntryLineDetail": {"PostingType": side, "AccountRef": {"value": account}},
            }
            for side, account in sides
        ]
        body = {"Line": lines}
    answer = books.post(entity, body)

    assert answer.status_code == 400
    assert {**answer.json(), "time": None} == {**recorded(name), "time": None}


def test_missing_parameters_and_deposited_payments_have_the_recorded_words(books: Client) -> None:
    customer = books.customer()["Id"]
    theirs = error_of(recorded("fault_2020"))
    ours = error_of(books.post("invoice", {"CustomerRef": {"value": customer}}).json())
    assert ours == {name: value.replace("PaymentType", "Line") for name, value in theirs.items()}

    paid = books.payment(customer, 10)
    books.admin("POST", "bookkeeper/deposit", {"payments": [paid["Id"]]})
    frozen = books.post("payment", {"Id": paid["Id"], "SyncToken": "1"}, params={"operation": "delete"}).json()
    theirs = error_of(recorded("fault_6540"))
    assert {name: error_of(frozen)[name] for name in theirs} == theirs


def test_a_batch_answers_in_the_recorded_words(books: Client) -> None:
    customer = books.customer()["Id"]
    first, second = books.invoice(customer), books.invoice(customer)
    books.post("invoice", {"Id": first["Id"], "SyncToken": "0"}, params={"operation": "delete"})
    update = {"Id": second["Id"], "SyncToken": "9", "sparse": True}
    items = [
        {"bId": "gone", "operation": "delete", "Invoice": {"Id": first["Id"], "SyncToken": "0"}},
        {"bId": "stale", "operation": "update", "Invoice": update},
        {"bId": "name", "operation": "create", "Customer": {"DisplayName": "Ada Lovelace"}},
    ]
    answers = {
        each["bId"]: each for each in books.post("batch", {"BatchItemRequest": items}).json()["BatchItemResponse"]
    }

    assert answers["gone"]["Fault"] == recorded("fault_batch_610")["BatchItemResponse"][0]["Fault"]
    assert answers["stale"]["Fault"] == recorded("fault_batch_5010")["BatchItemResponse"][0]["Fault"]
    assert error_of(answers["name"]) == error_of(recorded("doc_batch_02")["BatchItemResponse"][0])


def test_a_taken_number_has_the_recorded_words(books: Client) -> None:
    customer = books.customer()["Id"]
    books.switch(duplicate_numbers="refused")
    made = books.invoice(customer, DocNumber="AA_2025-07_7676ce")
    ours = error_of(books.post("invoice", invoice_of(customer, DocNumber="AA_2025-07_7676ce")).json())
    theirs = recorded("fault_batch_mixed")["BatchItemResponse"][0]["Fault"]["Error"][0]

    assert ours == {
        **theirs,
        "Detail": theirs["Detail"].replace("Journal Entry", "Invoice").replace("3632", made["Id"]),
    }


def test_a_statement_that_does_not_parse_has_the_recorded_words(books: Client) -> None:
    ours = books.get("query", params={"query": "select * from Customer where CompanyName = 'a'      R"}).json()
    theirs = error_of(recorded("fault_4000"))["Detail"].split("\n")

    assert error_of(ours)["Detail"].split("\n")[0] == re.sub(r"column \d+", "column 53", theirs[0])
    assert error_of(ours)["Detail"].split("\n")[1:] == theirs[1:]
    assert error_of(ours)["code"] == "4000"


def test_a_transient_refusal_has_the_recorded_words(books: Client) -> None:
    books.go_wrong({"match": "customer", "what": "6000_transient"})

    assert books.post("customer", {"DisplayName": "x"}).json()["Fault"] == recorded("fault_6000_transient")["Fault"]


def test_the_gateway_answers_in_the_recorded_shape(books: Client) -> None:
    books.go_wrong(
        {"match": "item", "what": "401"}, {"match": "term", "what": "403"}, {"match": "class", "what": "429_xml"}
    )
    expired = books.get("item/1").json()
    same("fault_401_3200", expired)
    assert expired["fault"]["error"][0]["message"] == recorded("fault_401")["fault"]["error"][0]["message"]
    assert books.get("term/1").json()["fault"] == recorded("fault_403_3100")["fault"]
    theirs = (RECORDINGS / "ruby_too_many_requests_error.xml").read_text()
    strip = re.compile(r'time="[^"]*"|\s+')
    assert strip.sub("", books.get("class/1").text) == strip.sub("", theirs)


def test_changes_and_webhooks_in_the_recorded_shape(books: Client) -> None:
    made = books.invoice(books.customer()["Id"])
    books.post("invoice", {"Id": made["Id"], "SyncToken": "0"}, params={"operation": "delete"})
    since = made["MetaData"]["CreateTime"]
    answer = books.get("cdc", params={"entities": "Customer,Invoice", "changedSince": since}).json()
    theirs = recorded("doc_changedatacapture_02")
    stub = theirs["CDCResponse"][0]["QueryResponse"][1]["Estimate"][2]

    assert (
        lacks(shape(theirs["CDCResponse"][0]["QueryResponse"][0]), shape(answer["CDCResponse"][0]["QueryResponse"][0]))
        == []
    )
    assert shape(stub) == shape(answer["CDCResponse"][0]["QueryResponse"][1]["Invoice"][0])
    assert shape(recorded("webhook_multi")) == shape(json.loads(write_legacy("123456789", EVENTS)))
