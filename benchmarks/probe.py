"""The program that asks a QuickBooks company the questions which Intuit's documentation leaves open.

Without the variables below it asks the emulator, which must answer as it believes QuickBooks to answer. A person with a
test company of Intuit's can settle the questions in minutes:

    export QUICKBOOKS_PROBE_API_URL=https://sandbox-quickbooks.api.intuit.com
    export QUICKBOOKS_PROBE_REALM=... QUICKBOOKS_PROBE_ACCESS_TOKEN=...
    python benchmarks/probe.py --write-to-realm REALM

It writes a customer, invoices, payments and an entry called ``probe-...``, deletes its transactions again and makes the
customer inactive. So it wants the realm a second time, by hand; in CI it asks nothing but the emulator. To settle the
rotation of refresh tokens too, set QUICKBOOKS_PROBE_TOKEN_URL, QUICKBOOKS_PROBE_REFRESH_TOKEN, QUICKBOOKS_CLIENT_ID and
QUICKBOOKS_CLIENT_SECRET; that uses the refresh token up, and the company must be connected anew.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

Body = dict[str, Any]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PATIENCE = 120


@dataclass
class Company:
    """A company to ask, with the objects that were created in it (``made``: entity and Id)."""

    api: str
    realm: str
    token: str
    name: str = field(default_factory=lambda: f"probe-{uuid.uuid4().hex[:8]}")
    made: list[tuple[str, str]] = field(default_factory=list)
    session: requests.Session = field(default_factory=requests.Session)
    customer: str = ""
    item: str = ""

    def call(self, method: str, path: str, body: Any = None, **params: str) -> requests.Response:
        """Send one request, and return its response."""
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        url = f"{self.api}/v3/company/{self.realm}/{path}"
        params = {"minorversion": "75", **params}
        return self.session.request(method, url, json=body, headers=headers, params=params, timeout=PATIENCE)

    def query(self, entity: str, condition: str) -> list[Body]:
        """Return the objects of an entity that fulfil a condition."""
        answer = self.call("GET", "query", query=f"select * from {entity} where {condition}")  # noqa: S608 - QuickBooks
        return list(answer.json().get("QueryResponse", {}).get(entity, []))

    def make(self, entity: str, body: Body, **params: str) -> Body:
        """Create an object and return it; ``clean`` deletes it."""
        answer = self.call("POST", entity.lower(), body, **params)
        if answer.status_code != 200:
            raise RuntimeError(f"{entity} was refused: {code_of(answer)}")
        made: Body = answer.json()[entity]
        self.made.append((entity, made["Id"]))
        return made

    def read(self, entity: str, identifier: str) -> Body:
        """Read an object by its Id."""
        found: Body = self.call("GET", f"{entity.lower()}/{identifier}").json()[entity]
        return found

    def invoice(self, amount: float = 10, **more: Any) -> Body:
        """Return the body of an invoice."""
        detail = {"ItemRef": {"value": self.item}}
        line = {"DetailType": "SalesItemLineDetail", "Amount": amount, "SalesItemLineDetail": detail}
        return {"CustomerRef": {"value": self.customer}, "Line": [line], **more}

    def payment(self, amount: float, invoice: Body | None = None, part: float = 0) -> Body:
        """Return the body of a payment of which ``part`` pays the invoice."""
        links = [{"TxnId": invoice["Id"], "TxnType": "Invoice"}] if invoice else []
        lines = [{"Amount": part, "LinkedTxn": links}] if invoice else []
        return {"CustomerRef": {"value": self.customer}, "TotalAmt": amount, "Line": lines}

    def prepare(self) -> None:
        """Create a customer, and find an item to sell."""
        self.item = str(self.query("Item", "Type = 'Service' maxresults 1")[0]["Id"])
        made = self.call("POST", "customer", {"DisplayName": self.name}).json()["Customer"]
        self.customer = made["Id"]

    def clean(self) -> None:
        """Delete the created objects, payments first; then make the customer inactive."""
        for entity, identifier in sorted(self.made, key=lambda each: each[0] != "Payment"):
            answer = self.call("GET", f"{entity.lower()}/{identifier}")
            if answer.status_code == 200:
                own = {"Id": identifier, "SyncToken": answer.json()[entity]["SyncToken"]}
                self.call("POST", entity.lower(), own, operation="delete")
        own = {"Id": self.customer, "SyncToken": self.read("Customer", self.customer)["SyncToken"], "sparse": True}
        self.call("POST", "customer", {**own, "Active": False})


def code_of(answer: requests.Response) -> str:
    """Return the outcome of a request: ``accepted``, or the code of the refusal (else its HTTP status); never its
    Detail."""
    if answer.status_code == 200 and "Fault" not in answer.json():
        return "accepted"
    with contextlib.suppress(ValueError, KeyError, IndexError):
        return str(answer.json()["Fault"]["Error"][0]["code"])
    return f"HTTP {answer.status_code}"


def single_repeat(company: Company) -> str:
    """Send a create twice with one requestid."""
    name = str(uuid.uuid4())
    ids = {company.make("Invoice", company.invoice(), requestid=name)["Id"] for _ in range(2)}
    return "honoured" if len(ids) == 1 else "ignored"


def batch_repeat(company: Company) -> str:
    """Send a batch twice with one requestid and the same bIds."""
    name, ids = str(uuid.uuid4()), []
    body = {"BatchItemRequest": [{"bId": "1", "operation": "create", "Invoice": company.invoice()}]}
    for _ in range(2):
        ids.append(company.call("POST", "batch", body, requestid=name).json()["BatchItemResponse"][0]["Invoice"]["Id"])
    company.made += [("Invoice", each) for each in set(ids)]
    return "honoured" if ids[0] == ids[1] else "ignored"


def repeat_after_delete(company: Company) -> str:
    """Repeat a create after its document was deleted."""
    name = str(uuid.uuid4())
    first = company.make("Invoice", company.invoice(), requestid=name)
    company.call("POST", "invoice", {"Id": first["Id"], "SyncToken": first["SyncToken"]}, operation="delete")
    second = company.make("Invoice", company.invoice(), requestid=name)
    return "replays a document that is gone" if second["Id"] == first["Id"] else "creates again"


def repeat_with_other_body(company: Company) -> str:
    """Repeat a create with the same requestid and another amount."""
    name = str(uuid.uuid4())
    company.make("Invoice", company.invoice(10), requestid=name)
    answer = company.call("POST", "invoice", company.invoice(11), requestid=name)
    if code_of(answer) != "accepted":
        return code_of(answer)
    made = answer.json()["Invoice"]
    company.made.append(("Invoice", made["Id"]))
    return "creates" if made["TotalAmt"] == 11 else "replays"


def batch_order(company: Company) -> str:
    """Send a batch of ten items, and check whether the answers come in the order of the items."""
    items = [{"bId": str(n), "operation": "create", "Invoice": company.invoice()} for n in range(10)]
    answers = company.call("POST", "batch", {"BatchItemRequest": items}).json()["BatchItemResponse"]
    company.made += [("Invoice", each["Invoice"]["Id"]) for each in answers]
    return "as sent" if [each["bId"] for each in answers] == [str(n) for n in range(10)] else "shuffled"


def largest_batch(company: Company) -> str:
    """Send a batch of 31 queries."""
    items = [{"bId": str(n), "Query": "select count(*) from Item"} for n in range(31)]
    return code_of(company.call("POST", "batch", {"BatchItemRequest": items}))


def names_in_a_batch(company: Company) -> str:
    """Create two vendors in one batch."""
    names = [f"{company.name} vendor {n}" for n in range(2)]
    items = [{"bId": str(n), "operation": "create", "Vendor": {"DisplayName": names[n]}} for n in range(2)]
    answers = company.call("POST", "batch", {"BatchItemRequest": items}).json()["BatchItemResponse"]
    made = [each["Vendor"] for each in answers if "Vendor" in each]
    for each in made:
        company.call("POST", "vendor", {**each, "sparse": True, "Active": False})
    return "both made" if len(made) == 2 else "one at a time"


def read_your_writes(company: Company) -> str:
    """Create an invoice, then query by customer at once."""
    made = company.make("Invoice", company.invoice())
    began = time.monotonic()
    while time.monotonic() - began < 30:
        if any(each["Id"] == made["Id"] for each in company.query("Invoice", f"CustomerRef = '{company.customer}'")):
            return "at once" if time.monotonic() - began < 1 else f"after {time.monotonic() - began:.0f} s"
        time.sleep(0.5)
    return "not within 30 s"


def duplicate_numbers(company: Company) -> str:
    """Create two invoices of one number."""
    number = company.name[:21]
    company.make("Invoice", company.invoice(DocNumber=number))
    answer = company.call("POST", "invoice", company.invoice(DocNumber=number))
    if code_of(answer) == "accepted":
        company.made.append(("Invoice", answer.json()["Invoice"]["Id"]))
    return code_of(answer)


def long_number(company: Company) -> str:
    """Create an invoice with a number of 22 characters."""
    return code_of(company.call("POST", "invoice", company.invoice(DocNumber="x" * 22)))


def note_of_a_void(company: Company) -> str:
    """Void an invoice with a note, then read it again."""
    made = company.make("Invoice", company.invoice(PrivateNote="marker"))
    company.call("POST", "invoice", {"Id": made["Id"], "SyncToken": made["SyncToken"]}, operation="void")
    note = company.read("Invoice", made["Id"]).get("PrivateNote", "")
    return "kept, with Voided" if "marker" in note else "replaced"


def end_of_a_paid_invoice(operation: str) -> Callable[[Company], str]:
    """Return the question that voids or deletes an invoice which a payment settles."""

    def ask(company: Company) -> str:
        made = company.make("Invoice", company.invoice())
        company.make("Payment", company.payment(10, made, 10))
        token = company.read("Invoice", made["Id"])["SyncToken"]
        return code_of(company.call("POST", "invoice", {"Id": made["Id"], "SyncToken": token}, operation=operation))

    return ask


def token_after_payment(company: Company) -> str:
    """Check whether a payment moves the invoice's SyncToken."""
    made = company.make("Invoice", company.invoice())
    company.make("Payment", company.payment(4, made, 4))
    return "moves" if company.read("Invoice", made["Id"])["SyncToken"] != made["SyncToken"] else "stays"


def over_application(company: Company) -> str:
    """Pay 11 on an invoice of 10."""
    made = company.make("Invoice", company.invoice())
    answer = company.call("POST", "payment", company.payment(20, made, 11))
    if code_of(answer) == "accepted":
        company.made.append(("Payment", answer.json()["Payment"]["Id"]))
    return code_of(answer)


def line_without_item(company: Company) -> str:
    """Create an invoice with a line without ItemRef."""
    line = {"DetailType": "SalesItemLineDetail", "Amount": 5, "SalesItemLineDetail": {}}
    answer = company.call("POST", "invoice", {"CustomerRef": {"value": company.customer}, "Line": [line]})
    if code_of(answer) != "accepted":
        return code_of(answer)
    made = answer.json()["Invoice"]
    company.made.append(("Invoice", made["Id"]))
    return "gets an item" if made["Line"][0].get("SalesItemLineDetail", {}).get("ItemRef") else "stays without"


def wrong_product(company: Company) -> str:
    """Create an invoice with a line of 3 at 33.33 for 100.00."""
    body = company.invoice(100)
    body["Line"][0]["SalesItemLineDetail"] |= {"Qty": 3, "UnitPrice": 33.33}
    return code_of(company.call("POST", "invoice", body))


def unknown_property(company: Company) -> str:
    """Create an invoice with a property that invoices do not have."""
    return code_of(company.call("POST", "invoice", company.invoice(Wish="x")))


def unknown_customer(company: Company) -> str:
    """Create an invoice for a customer that never existed."""
    return code_of(company.call("POST", "invoice", {**company.invoice(), "CustomerRef": {"value": "99999999"}}))


def taken_name(company: Company) -> str:
    """Create a customer with a name that is taken, in capitals."""
    answer = company.call("POST", "customer", {"DisplayName": company.name.upper()})
    if code_of(answer) != "6240":
        return code_of(answer)
    return "6240 with Id=" if "Id=" in answer.json()["Fault"]["Error"][0]["Detail"] else "6240 without Id="


def payment_reference_filter(company: Company) -> str:
    """Find a payment by PaymentRefNum."""
    return code_of(company.call("GET", "query", query="select * from Payment where PaymentRefNum = 'x'"))


def note_filter(company: Company) -> str:
    """Find an invoice by PrivateNote."""
    return code_of(company.call("GET", "query", query="select * from Invoice where PrivateNote = 'x'"))


def deleted_in_cdc(company: Company) -> str:
    """Delete an invoice, then read change data capture."""
    made = company.make("Invoice", company.invoice())
    company.call("POST", "invoice", {"Id": made["Id"], "SyncToken": made["SyncToken"]}, operation="delete")
    since = made["MetaData"]["CreateTime"]
    answer = company.call("GET", "cdc", entities="Invoice", changedSince=since).json()
    found = answer["CDCResponse"][0]["QueryResponse"][0].get("Invoice", [])
    stub = next((each for each in found if each["Id"] == made["Id"]), None)
    return "absent" if stub is None else f"{stub.get('status', 'live')}, {len(stub)} fields"


def old_cdc(company: Company) -> str:
    """Read change data capture since two years ago."""
    return code_of(company.call("GET", "cdc", entities="Invoice", changedSince="2024-01-01"))


def zero_payment(company: Company) -> str:
    """Create a payment of 0 that applies nothing."""
    answer = company.call("POST", "payment", company.payment(0))
    if code_of(answer) == "accepted":
        company.made.append(("Payment", answer.json()["Payment"]["Id"]))
    return code_of(answer)


def pay_debit_entry(company: Company) -> str:
    """A payment of 10 on a journal entry that debits receivables, as after a returned check."""
    kinds = ("Accounts Receivable", "Bank")
    accounts = [company.query("Account", f"AccountType = '{kind}'")[0]["Id"] for kind in kinds]
    owner = {"Type": "Customer", "EntityRef": {"value": company.customer}}
    details = (
        {"PostingType": "Debit", "AccountRef": {"value": accounts[0]}, "Entity": owner},
        {"PostingType": "Credit", "AccountRef": {"value": accounts[1]}},
    )
    lines = [
        {"Amount": 10, "DetailType": "JournalEntryLineDetail", "JournalEntryLineDetail": detail} for detail in details
    ]
    entry = company.make("JournalEntry", {"Line": lines})
    body = company.payment(10)
    body["Line"] = [{"Amount": 10, "LinkedTxn": [{"TxnId": entry["Id"], "TxnType": "JournalEntry"}]}]
    answer = company.call("POST", "payment", body)
    if code_of(answer) != "accepted":
        return code_of(answer)
    made = answer.json()["Payment"]
    company.made.append(("Payment", made["Id"]))
    return "accepted" if made["UnappliedAmt"] == 0 else "stays unapplied"


QUESTIONS: tuple[tuple[str, Callable[[Company], str], str, str], ...] = (
    ("requestid on a single create", single_repeat, "ignored", "requestid"),
    ("requestid on a batch", batch_repeat, "ignored", "requestid"),
    ("requestid after the document was deleted", repeat_after_delete, "creates again", "requestid_replays_deleted"),
    ("requestid with another body", repeat_with_other_body, "creates", "requestid_compares_bodies"),
    ("order of batch answers", batch_order, "shuffled", "batch_order"),
    ("a batch of 31", largest_batch, "1040", "batch_limit"),
    ("two names in one batch", names_in_a_batch, "one at a time", "one_name_per_batch"),
    ("a query sees a create", read_your_writes, "at once", "query_lag_seconds"),
    ("an invoice number twice", duplicate_numbers, "accepted", "duplicate_numbers"),
    ("an invoice number of 22 characters", long_number, "2050", ""),
    ("the note of a voided invoice", note_of_a_void, "replaced", "void_note"),
    ("void of a paid invoice", end_of_a_paid_invoice("void"), "6000", "void_paid_invoice"),
    ("delete of a paid invoice", end_of_a_paid_invoice("delete"), "6000", "delete_paid_invoice"),
    ("a payment and the invoice's SyncToken", token_after_payment, "moves", ""),
    ("more applied than open", over_application, "6000", ""),
    ("a payment of 0", zero_payment, "accepted", ""),
    ("a payment of an entry on receivables", pay_debit_entry, "accepted", "debit_entry"),
    ("a line without an item", line_without_item, "gets an item", "missing_item"),
    ("an amount that is not the product", wrong_product, "6070", ""),
    ("an unknown property", unknown_property, "2010", ""),
    ("a customer that never existed", unknown_customer, "2500", ""),
    ("a taken name in capitals", taken_name, "6240 without Id=", "duplicate_name_shows_id"),
    ("filter on PaymentRefNum", payment_reference_filter, "accepted", ""),
    ("filter on PrivateNote", note_filter, "4001", ""),
    ("a deleted invoice in CDC", deleted_in_cdc, "Deleted, 4 fields", ""),
    ("CDC since two years ago", old_cdc, "2090", "cdc_days"),
)
"""The questions: each with its name, the function that asks it, the emulator's answer by default, and the switch that
changes this answer."""


def rotation() -> str:
    """Refresh twice with one token, and return the outcome; "not asked" when no token is given for it."""
    url, token = os.environ.get("QUICKBOOKS_PROBE_TOKEN_URL"), os.environ.get("QUICKBOOKS_PROBE_REFRESH_TOKEN")
    if not url or not token:
        return "not asked"
    client = (os.environ["QUICKBOOKS_CLIENT_ID"], os.environ["QUICKBOOKS_CLIENT_SECRET"])
    form = {"grant_type": "refresh_token", "refresh_token": token}
    first, second = (requests.post(url, data=form, auth=client, timeout=30) for _ in range(2))
    if first.status_code != 200:
        return f"HTTP {first.status_code}"
    if first.json()["refresh_token"] == token:
        return "daily or never"
    return "strict" if second.status_code == 400 else "a new token, with grace for the old one"


@contextlib.contextmanager
def emulator() -> Iterator[Company]:
    """Start an emulator with its default behaviour, but without limits, and yield a company in it."""
    command = [sys.executable, "-m", "qb_pipeline.emulator"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base = process.stdout.readline().split()[1]
        realm = f"{base}/emulator/companies"
        requests.post(realm, json={"realm_id": "1", "name": "Probe"}, timeout=10)
        requests.patch(f"{realm}/1/switches", json={"preset": "no_limits"}, timeout=10)
        tokens = requests.post(f"{realm}/1/tokens", timeout=10).json()
        os.environ.setdefault("QUICKBOOKS_PROBE_TOKEN_URL", f"{base}/oauth2/v1/tokens/bearer")
        os.environ.setdefault("QUICKBOOKS_PROBE_REFRESH_TOKEN", tokens["refresh_token"])
        os.environ.setdefault("QUICKBOOKS_CLIENT_ID", "emulator-client")
        os.environ.setdefault("QUICKBOOKS_CLIENT_SECRET", "emulator-secret")
        yield Company(base, "1", tokens["access_token"])
        process.terminate()


@contextlib.contextmanager
def chosen(write_to_realm: str | None) -> Iterator[Company]:
    """Yield the company that the environment names, or else the emulator's.

    Raises:
        SystemExit: the realm of a company was not repeated, or this is CI.
    """
    url = os.environ.get("QUICKBOOKS_PROBE_API_URL")
    if not url:
        with emulator() as company:
            yield company
        return
    realm = os.environ.get("QUICKBOOKS_PROBE_REALM", "")
    if urlsplit(url).hostname not in LOOPBACK:
        if os.environ.get("CI"):
            raise SystemExit("the probe never leaves this machine in CI")
        if not realm or write_to_realm != realm:
            raise SystemExit("the probe writes to the company: repeat its realm with --write-to-realm")
    yield Company(url.rstrip("/"), realm, os.environ["QUICKBOOKS_PROBE_ACCESS_TOKEN"])


def main() -> int:
    """Ask all questions and print the answers. Return 1 when one differs from the emulator's default, else 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write-to-realm", help="the realm id of a company that may be written to")
    arguments = parser.parse_args()
    differing = 0
    with chosen(arguments.write_to_realm) as company:
        pause = 0.0 if urlsplit(company.api).hostname in LOOPBACK else 1.0
        company.prepare()
        print(f"{'question':42} {'believed':22} {'answered':32} switch")
        try:
            for question, ask, believed, switch in QUESTIONS:
                time.sleep(pause)
                try:
                    answered = ask(company)
                except (RuntimeError, KeyError, IndexError, requests.RequestException) as error:
                    answered = f"failed: {type(error).__name__}"
                differing += answered != believed
                mark = " " if answered == believed else "*"
                print(f"{question:42} {believed:22} {answered:32}{mark}{switch}")
        finally:
            company.clean()
        answered = rotation()
        differing += answered not in ("strict", "not asked")
        mark = " " if answered in ("strict", "not asked") else "*"
        print(f"{'rotation of refresh tokens':42} {'strict':22} {answered:32}{mark}refresh_rotation")
    print(f"{differing} of {len(QUESTIONS) + 1} answers differ from what the emulator does by default (marked *)")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
