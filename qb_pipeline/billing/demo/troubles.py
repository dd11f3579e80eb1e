"""Documents of the demo firms that show every trouble which the pipeline knows, with the outcome that each must have.

Belongs here: troublesome documents, and the table of their outcomes, which is written by hand and not taken from the
code that decides. Does not belong here: everyday documents (``practice``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from qb_pipeline.billing.demo.book import Book, Row, bare_line, line

RIVERA = "rivera-law"
CHEN = "chen-partners"

Outcome = Literal["sent", "voided", "held", "waiting", "closed", "unseen"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """The outcome that one document must have. Of a credit application, each part must have it.

    ``cents`` is the document's amount in QuickBooks afterwards (for a credit application the sum of its parts). It is
    given where it differs from billing's amount, or where the trouble is about the amount.
    """

    firm_id: str
    source_id: str
    outcome: Outcome
    code: str = ""
    cents: int | None = None

    @property
    def kind(self) -> str:
        """The kind of the document: invoice or payment."""
        return "invoice" if self.source_id.startswith("inv-") else "payment"


def _sent(source_id: str, cents: int | None = None, firm_id: str = RIVERA) -> Trouble:
    return Trouble(firm_id, source_id, "sent", cents=cents)


def _held(code: str, *source_ids: str, firm_id: str = RIVERA) -> tuple[Trouble, ...]:
    return tuple(Trouble(firm_id, source_id, "held", code) for source_id in source_ids)


def _waiting(code: str, source_id: str) -> Trouble:
    return Trouble(RIVERA, source_id, "waiting", code)


def _closed(code: str, source_id: str, firm_id: str = RIVERA) -> Trouble:
    return Trouble(firm_id, source_id, "closed", code)


TROUBLES: dict[str, tuple[Trouble, ...]] = {
    # Balance forward
    "balance forward, older invoice known": (
        _sent("inv-forward-old", 120000),
        _sent("pay-forward-old", 40000),
        _sent("inv-forward-linked", 60000),
        _sent("pay-forward-linked", 140000),
    ),
    "balance forward, older invoice not known": (
        _sent("inv-forward-unlinked", 50000),
        *_held("EXCEEDS_BALANCE", "pay-forward-unlinked"),
    ),
    "nothing but a balance forward": (_closed("NOTHING_TO_BILL", "inv-forward-only"),),
    # Payers
    "corporate payer, new": (_sent("inv-corporate"),),
    "corporation without billing person": _held("NO_BILLING_PERSON", "inv-no-billing-person"),
    "corporation without billing person, already a customer": (_sent("inv-no-billing-person-known"),),
    "ambiguous name": (
        *_held("AMBIGUOUS_NAME", "inv-ambiguous"),
        *_held("AMBIGUOUS_NAME", "inv-ambiguous", firm_id=CHEN),
    ),
    "inactive customer": _held("INACTIVE_CUSTOMER", "inv-inactive"),
    "name missing": _held("MISSING_NAME", "inv-no-last-name", "inv-no-corporation-name"),
    "only a sub-customer has the name": _held("SUB_CUSTOMER_ONLY", "inv-sub-customer"),
    "two payers, one customer": _held("NAME_SHARED", "inv-shared-1", "inv-shared-2"),
    "two payers of one name, no customer": (_sent("inv-namesake-1"), _sent("inv-namesake-2")),
    "name that QuickBooks refuses": _held("BAD_NAME", "inv-colon", "inv-line-break"),
    "payer with a vendor's name": (_sent("inv-vendor-name"),),
    "name in other letters": (_sent("inv-decomposed"), _sent("inv-double-space"), _sent("inv-chinese")),
    "no e-mail address": (_sent("inv-bad-email"),),
    # Invoices
    "fee item without mapping": (
        *_held("UNMAPPED_FEE_ITEM", "inv-unmapped"),
        _waiting("INVOICE_NOT_SENT", "pay-on-held"),
    ),
    "no lines": _held("NO_LINES", "inv-no-lines"),
    "zero total": (_closed("NOTHING_TO_BILL", "inv-zero"),),
    "lines do not add up": _held("TOTAL_MISMATCH", "inv-mismatch"),
    "negative total": _held("NEGATIVE_TOTAL", "inv-negative"),
    "number too long": (
        *_held("NUMBER_TOO_LONG", "inv-number-long"),
        *_held("NUMBER_TOO_LONG", "inv-number-long", firm_id=CHEN),
    ),
    "number as long as may be": (_sent("inv-number-21"),),
    "number used twice": (_sent("inv-number-first"), *_held("NUMBER_TAKEN", "inv-number-second")),
    "number used in QuickBooks": _held("NUMBER_TAKEN", "inv-number-foreign"),
    "before the first date": _held("DATE_OUT_OF_RANGE", "inv-before-first"),
    "dated ahead": (_waiting("DATED_AHEAD", "inv-ahead"), _waiting("DATED_AHEAD", "pay-ahead")),
    "foreign currency": _held("CURRENCY_MISMATCH", "inv-euro", "pay-euro"),
    "tax, policy none": _held("TAX_NOT_ALLOWED", "inv-tax"),
    "tax, policy total": (_sent("inv-tax", 99280, CHEN),),
    "discount": (_sent("inv-discount", 225000), _sent("inv-two-discounts", 35000)),
    "interest, expense and note": (
        _sent("inv-interest", 36125),
        _sent("inv-interest", 51350, CHEN),
    ),
    "quantity times price is not the amount": (_sent("inv-decimals", 129613),),
    "prose that is too long": (_sent("inv-long-prose"),),
    "identity numbers in prose": (_sent("inv-identity"), _sent("pay-identity")),
    "void before it was sent": (
        _closed("VOID_BEFORE_SENT", "inv-void"),
        _closed("VOID_BEFORE_SENT", "pay-void"),
        *_held("INVOICE_VOID", "pay-on-void"),
    ),
    "draft": (Trouble(RIVERA, "inv-draft", "unseen"), _waiting("INVOICE_DRAFT", "pay-on-draft")),
    # Payments
    "one payment, several invoices": (_sent("pay-several", 126000),),
    "more paid than applied": _held("UNAPPLIED", "pay-over", "pay-unapplied"),
    "several payments exceed one invoice": (
        _sent("pay-exceeding-1", 20000),
        *_held("EXCEEDS_BALANCE", "pay-exceeding-2"),
    ),
    "one payment, two customers": _held("TWO_CUSTOMERS", "pay-two-customers"),
    "long reference": (_sent("pay-long-reference"),),
    "credit across a month's end": (
        _closed("CREDIT_DEPOSIT", "pay-credit-deposit"),
        _sent("pay-credit-applied", 90000),
    ),
    "refund": (_sent("pay-refunded", 60000), _closed("REFUND", "pay-refund")),
    "rejected eCheck": (_sent("pay-rejected", 45000), _closed("REJECTION", "pay-rejection")),
    "rejected, then paid again": (
        _sent("pay-bounced", 52500),
        _closed("REJECTION", "pay-bounce"),
        *_held("REJECTION_OPEN", "pay-again"),
    ),
    "payment taken in billing under Model 2": _held("MODEL_2_PAYMENT", "pay-stray-1", "pay-stray-2", firm_id=CHEN),
}
"""The documents that show a trouble, keyed by trouble, with their outcome after the first sync of everything under
``DEMO_SETTINGS``."""


def _revised(firm_id: str) -> dict[str, tuple[Trouble, ...]]:
    return {
        f"{firm_id}: line changed": (_sent("inv-revise-line", 162500, firm_id),),
        f"{firm_id}: text changed": (_sent("inv-revise-text", 32500, firm_id),),
        f"{firm_id}: date changed": (_sent("inv-revise-date", 32500, firm_id),),
        f"{firm_id}: revised to zero": (Trouble(firm_id, "inv-revise-zero", "voided"),),
        f"{firm_id}: void": (Trouble(firm_id, "inv-revise-void", "voided"),),
        f"{firm_id}: gone": _held("SOURCE_GONE", "inv-revise-gone", firm_id=firm_id),
        f"{firm_id}: new": (_sent("inv-second-day", 162500, firm_id),),
    }


REVISIONS: dict[str, tuple[Trouble, ...]] = {
    **_revised(RIVERA),
    **_revised(CHEN),
    "revised below what is paid": _held("PAID_BELOW", "inv-revise-below"),
    "void while paid": _held("PAYMENTS_APPLIED", "inv-revise-void-paid"),
    "draft issued": (_sent("inv-draft", 40000), _sent("pay-on-draft", 40000)),
    "lines corrected": (_sent("inv-mismatch", 95000),),
    "last name filled in": (_sent("inv-no-last-name"),),
    "payment corrected": (_sent("pay-revise-amount", 25000),),
    "payment void": (Trouble(RIVERA, "pay-revise-void", "voided"),),
    "new payment": (_sent("pay-second-day", 162500),),
}
"""The documents of ``revise_demo``, keyed by trouble as in ``TROUBLES``, with their outcome after the second day and
its sync."""

HELD_ITEM = ("LF-SPC", "Special Project", "legal_fee", "300")
"""A fee item that Rivera Immigration Law charges, and that its QuickBooks company does not have."""


def credit_days(today: date) -> tuple[date, date]:
    """Return the days on which the demo's credit is applied: the last day of the month before, and the first day of
    this month."""
    first = today.replace(day=1)
    return first - timedelta(days=1), first


def add_rivera_troubles(book: Book) -> None:
    """Add the troubles of the firm that takes its payments in billing."""
    book.fee_item(*HELD_ITEM)
    _add_forwarded_balances(book)
    _add_payers(book)
    _add_invoices(book)
    _add_payments(book)
    _add_revisable(book, "LF-HR")
    payer = book.person("payer-revise-paid", "Tomás", "Rivas")
    for name in ("below", "void-paid"):
        book.invoice(f"inv-revise-{name}", payer, book.ago(28), _hours("4"))
        book.payment(f"pay-revise-{name}", payer, book.ago(20), {f"inv-revise-{name}": None})
    for name in ("amount", "void"):
        book.invoice(f"inv-for-revise-{name}", payer, book.ago(28), _hours("2"))
        book.payment(f"pay-revise-{name}", payer, book.ago(20), {f"inv-for-revise-{name}": "300.00"})


def add_chen_troubles(book: Book) -> None:
    """Add the troubles of the firm that takes its payments in QuickBooks."""
    time = line("A-TIME", "Associate Time", "310", quantity="2")
    book.invoice("inv-ambiguous", book.person("payer-ambiguous", "David", "Lee"), book.ago(31), [time])
    payer = book.corporation("payer-various", "Angeles Crest Outfitters", "Holly", "Zimmer")
    book.invoice("inv-number-long", payer, book.ago(17), [time], invoice_number="C-2026-ANGELES-CREST-0017")
    book.invoice(
        "inv-tax",
        payer,
        book.ago(23),
        [
            line("P-CON", "Contract Review", "900", is_taxable=True),
            bare_line("tax", "Sales tax", "92.80"),
        ],
    )
    book.invoice(
        "inv-interest",
        payer,
        book.ago(40),
        [
            line("P-TIME", "Partner Time", "495"),
            line("I-LATE", "Late charge for September", "18.50", kind="interest"),
            bare_line("note", "Work on the second contract is not billed yet."),
        ],
    )
    for doc_number, lines in {
        "C-9001": [line("P-OA", "Office Action Response", "1950")],
        "C-9002": [line("P-TM", "Trademark Application", "1450"), line("G-USPTO", "USPTO Filing Fee", "350")],
        "C-9003": [line("P-INC", "Incorporation Package", "2200")],
        "C-9004": [line("P-CON", "Contract Review", "900")],
    }.items():
        company = "C02" if doc_number > "C-9002" else "C01"
        book.invoice(f"inv-{doc_number.lower()}", company, book.ago(26), lines, invoice_number=doc_number)
    # Dated after the day of activation, however late that is: strays by any rule.
    for number, invoice_id in enumerate(("inv-tax", "inv-interest"), start=1):
        book.payment(f"pay-stray-{number}", payer, book.today + timedelta(days=number), {invoice_id: "100.00"})
    _add_revisable(book, "A-TIME", price="325")


def _hours(quantity: str, fee_item_id: str = "LF-HR", price: str = "325") -> list[Row]:
    return [line(fee_item_id, "Attorney time", price, quantity=quantity)]


def _add_forwarded_balances(book: Book) -> None:
    payer = book.person("payer-forward", "Teresa", "Okafor")
    book.invoice("inv-forward-old", payer, book.ago(75), [line("LF-130", "Family petition, first part", "1200")])
    book.payment("pay-forward-old", payer, book.ago(66), {"inv-forward-old": "400.00"})
    book.invoice(
        "inv-forward-linked",
        payer,
        book.ago(40),
        [
            line("LF-130", "Family petition, second part", "600"),
            bare_line("balance_forward", "Balance forward", "800.00", forwarded_invoice_id="inv-forward-old"),
        ],
    )
    book.payment("pay-forward-linked", payer, book.ago(20), {"inv-forward-linked": None})

    payer = book.person("payer-forward-unlinked", "Bartosz", "Zielinski")
    unlinked = bare_line("balance_forward", "Balance from your statement", "300.00")
    book.invoice("inv-forward-unlinked", payer, book.ago(38), [line("LF-CON", "Consultations", "500"), unlinked])
    book.payment("pay-forward-unlinked", payer, book.ago(18), {"inv-forward-unlinked": None})
    book.invoice("inv-forward-only", payer, book.ago(8), [unlinked])


def _add_payers(book: Book) -> None:
    def bill(name: str, payer_id: str, days: int = 33) -> None:
        book.invoice(f"inv-{name}", payer_id, book.ago(days), [line("LF-CON", "Consultation", "250")])

    bill("corporate", book.corporation("payer-corporate", "Brooklyn Bridge Optics, Inc.", "Elena", "Rossi"))
    bill("no-billing-person", book.corporation("payer-no-billing", "Staten Island Ferry Tours LLC"))
    bill("no-billing-person-known", book.corporation("payer-no-billing-known", "Riverside Charter School"))
    bill("ambiguous", book.person("payer-ambiguous", "Maria", "Garcia"))
    bill("inactive", book.person("payer-inactive", "Pedro", "Alvarez"))
    bill("no-last-name", book.person("payer-no-last-name", "Suharto", ""))
    bill("no-corporation-name", book.corporation("payer-no-name", "", "Frank", "Weber", billing_email=None))
    bill("sub-customer", book.person("payer-sub-customer", "Wei", "Chen"))
    for number in (1, 2):
        bill(f"shared-{number}", book.person(f"payer-shared-{number}", "Anna", "Kowalska"))
        bill(f"namesake-{number}", book.person(f"payer-namesake-{number}", "John", "Smith"))
    bill("colon", book.person("payer-colon", "Li:Na", "Fang"))
    bill("line-break", book.corporation("payer-line-break", "Hamilton Heights\nDay Care", "Ruth", "Okoye"))
    bill("vendor-name", book.corporation("payer-vendor", "Summit Translations", "Jorge", "Medina"))
    bill("decomposed", book.person("payer-decomposed", "Jose\u0301", "Nu\u0301n\u0303ez"))
    bill("double-space", book.person("payer-double-space", "Mary  Ann", "van  der Berg"))
    bill("chinese", book.person("payer-chinese", "小明", "王", middle_name="李"))
    bill("bad-email", book.person("payer-bad-email", "Walter", "Quispe", email="none (ask daughter)"))


def _add_invoices(book: Book) -> None:
    payer = book.person("payer-various", "Dolores", "Haze-Whitman", mobile="917 555 0142")

    def bill(name: str, lines: Sequence[Row], days: int = 30, **more: object) -> None:
        book.invoice(f"inv-{name}", payer, book.ago(days), lines, **more)

    consultation = line("LF-CON", "Consultation", "250")
    bill("unmapped", [line(HELD_ITEM[0], HELD_ITEM[1], "300"), consultation])
    book.payment("pay-on-held", payer, book.ago(12), {"inv-unmapped": None})
    bill("no-lines", [], total_amount="250.00")
    bill("zero", [line("LF-CON", "Consultation", "500"), bare_line("discount", "Pro bono", "-500.00")])
    bill("mismatch", [line("LF-CON", "Consultations", "950")], total_amount="900.00")
    bill("negative", [line("LF-CON", "Consultation", "200"), bare_line("discount", "Goodwill", "-350.00")])
    bill("number-long", [consultation], invoice_number="R-2026-HARRINGTON-GLOBAL-0042")
    bill("number-21", [consultation], invoice_number="R-26-HARRINGTON-00042")
    bill("number-first", [consultation], 35, invoice_number="R-7777")
    bill("number-second", [consultation], 21, invoice_number="R-7777")
    bill("number-foreign", [consultation], 9, invoice_number="R-8888")
    book.invoice("inv-before-first", payer, date(2022, 12, 30), [consultation])
    book.invoice("inv-ahead", payer, book.today + timedelta(days=45), [consultation])
    bill("euro", [consultation], currency="EUR")
    bill("tax", [line("LF-CON", "Consultation", "250", is_taxable=True), bare_line("tax", "Sales tax", "22.19")])
    bill("discount", [line("LF-485", "Adjustment", "2500"), bare_line("discount", "Courtesy 10 %", "-250.00")])
    bill(
        "two-discounts",
        [
            line("LF-CON", "Consultations", "500"),
            bare_line("discount", "Courtesy", "-100.00"),
            bare_line("discount", "Referral", "-50.00"),
        ],
    )
    bill(
        "interest",
        [
            line("LF-CON", "Consultation", "250"),
            line("EX-COU", "Courier to Vermont Service Center", "42.50", quantity="1", kind="expense"),
            line("EX-TRA", "Birth certificate, 2 pages", "25", quantity="2", kind="expense"),
            line("IN-FIN", "Interest on invoice R-0871", "18.75", kind="interest"),
            bare_line("note", "Payment plans are available: please call us."),
        ],
    )
    bill(
        "decimals",
        [
            line("LF-HR", "Brief, reduced rate", "325.50", quantity="2.75"),
            line("EX-COP", "Colour copies", "0.333333", quantity="3", kind="expense"),
            line("LF-HR", "Research, as agreed", "42.50", quantity="10", amount="400.00"),
        ],
    )
    bill(
        "long-prose",
        [line("LF-HR", "Reviewed the record of proceedings. " * 150, "325", quantity="6")],
        customer_message="We enclose the itemised statement of our work. " * 30,
        internal_note="Partner: please look at this again before it goes out. " * 90,
    )
    bill(
        "identity",
        [line("GF-485", "USCIS Filing Fee I-485, passport no. K12345678", "1440")],
        customer_message="For A098765432, receipt EAC2190123456. 🗽",
        internal_note="SSN 078-05-1120 on file",
    )
    book.payment(
        "pay-identity", payer, book.ago(11), {"inv-identity": None}, memo="Client A098-765-432, receipt IOE0912345678"
    )
    bill("void", [consultation], status="void")
    book.payment("pay-on-void", payer, book.ago(10), {"inv-void": None})
    bill("draft", [line("LF-CON", "Consultation", "400")], status="draft")
    book.payment("pay-on-draft", payer, book.ago(4), {"inv-draft": None})


def _add_payments(book: Book) -> None:
    payer = book.person("payer-payments", "Gloria", "Estévez")
    other = book.person("payer-other", "Hugo", "Estévez")

    def bill(name: str, price: str, days: int = 50, payer_id: str = payer) -> str:
        return book.invoice(f"inv-{name}", payer_id, book.ago(days), [line("LF-CON", "Consultations", price)])

    several = {bill("several-1", "410"): None, bill("several-2", "425"): None, bill("several-3", "425"): None}
    book.payment("pay-several", payer, book.ago(22), several, method="wire")
    book.payment("pay-over", payer, book.ago(22), {bill("over", "400"): None}, amount="500.00")
    book.payment("pay-unapplied", payer, book.ago(6), amount="750.00")
    bill("exceeded", "300")
    book.payment("pay-exceeding-1", payer, book.ago(25), {"inv-exceeded": "200.00"})
    book.payment("pay-exceeding-2", payer, book.ago(15), {"inv-exceeded": "200.00"})
    two = {bill("two-customers-1", "150"): None, bill("two-customers-2", "160", payer_id=other): None}
    book.payment("pay-two-customers", payer, book.ago(15), two)
    long_reference = "CHASE-QUICKPAY-2026-000000-JPM99A7XYZ"
    book.payment(
        "pay-long-reference", payer, book.ago(14), {bill("long-reference", "220"): None}, reference=long_reference
    )
    book.payment("pay-ahead", payer, book.today + timedelta(days=40), {bill("paid-ahead", "275"): None})
    book.payment("pay-euro", payer, book.ago(13), {bill("paid-in-euro", "230"): None}, currency="EUR", method="wire")
    book.payment("pay-void", payer, book.ago(13), {bill("paid-void", "235"): None}, status="void")

    before, after = credit_days(book.today)
    bill("credit-1", "400", 70)
    bill("credit-2", "500", 70)
    book.payment("pay-credit-deposit", payer, book.ago(80), amount="2000.00", kind="credit_deposit")
    applied = [("inv-credit-1", "400.00", before), ("inv-credit-2", "500.00", after)]
    book.payment("pay-credit-applied", payer, before, applied, kind="credit_application", method="credit")

    def take_back(payment_id: str, original: str, kind: str, amount: str, days: int) -> None:
        book.payment(payment_id, payer, book.ago(days), amount=amount, kind=kind, reverses_payment_id=original)

    book.payment("pay-refunded", payer, book.ago(30), {bill("refunded", "600"): None}, method="card")
    take_back("pay-refund", "pay-refunded", "refund", "150.00", 16)
    book.payment("pay-rejected", payer, book.ago(30), {bill("rejected", "450"): None}, method="echeck")
    take_back("pay-rejection", "pay-rejected", "rejection", "450.00", 26)
    book.payment("pay-bounced", payer, book.ago(29), {bill("bounced", "525"): None}, method="echeck")
    take_back("pay-bounce", "pay-bounced", "rejection", "525.00", 25)
    book.payment("pay-again", payer, book.ago(17), {"inv-bounced": None})


def _add_revisable(book: Book, fee_item_id: str, price: str = "325") -> None:
    """Add invoices that ``revise_demo`` changes. Until then they show no trouble."""
    payer = book.person("payer-revise", "Valentina", "Castro")
    for name, quantity in {"line": "3", "text": "1", "date": "1", "zero": "1", "void": "2", "gone": "2"}.items():
        book.invoice(f"inv-revise-{name}", payer, book.ago(24), _hours(quantity, fee_item_id, price))
