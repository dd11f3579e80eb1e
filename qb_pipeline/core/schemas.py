"""The columns of every table that one package hands to another, declared once.

Belongs here: names, types, meanings, and the one way to check a frame. Does not belong here: business rules. A row that
breaks a business rule is held with a problem; a frame that breaks its schema stops the run.

Text is never null; "" means missing. Dates are ``datetime.date`` or None, instants are aware ``datetime`` in UTC,
quantities and unit prices are ``Decimal`` or None, all in object columns. Money is whole cents.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pandera.dtypes import DataType, immutable
from pandera.engines.pandas_engine import STRING, Engine
from pandera.errors import SchemaErrors
from pandera.typing.pandas import Series

from qb_pipeline.core.settings import FEE_KINDS
from qb_pipeline.core.states import DOCUMENTS

PAYER_KINDS = ("individual", "corporation")
FEE_ITEM_KINDS = FEE_KINDS
INVOICE_STATUSES = ("draft", "issued", "void")
LINE_KINDS = ("fee", "expense", "interest", "discount", "tax", "balance_forward", "note")
PAYMENT_KINDS = ("payment", "credit_deposit", "credit_application", "refund", "rejection", "reversal")
PAYMENT_METHODS = ("check", "card", "echeck", "cash", "wire", "credit", "other")
PAYMENT_STATUSES = ("completed", "void")
ORIGINS = ("billing", "quickbooks")
ELIGIBILITIES = ("eligible", "ineligible", "mixed")

_NOTHING = type(None)


def _dates(_model: type, values: pd.Series) -> pd.Series:
    return values.map(type).isin([date, _NOTHING])


def _instants(_model: type, values: pd.Series) -> pd.Series:
    return values.map(lambda value: isinstance(value, datetime) and value.utcoffset() == timedelta(0))


def _decimals(_model: type, values: pd.Series) -> pd.Series:
    return values.map(type).isin([Decimal, _NOTHING])


def _column(description: str, **limits: Any) -> Any:
    return pa.Field(description=description, **limits)


def _checked(check: Any, *columns: str) -> Any:
    return pa.check(*columns, name=check.__name__.strip("_"), ignore_na=False)(check)


class Payers(pa.DataFrameModel):
    """One row per payer. Source: billing.payers."""

    payer_id: Series[str] = _column("Billing's id of the payer", unique=True, str_length={"min_value": 1})
    kind: Series[str] = _column("individual or corporation", isin=PAYER_KINDS)
    first_name: Series[str] = _column("First name of an individual")
    middle_name: Series[str] = _column("Middle name of an individual")
    last_name: Series[str] = _column("Last name of an individual")
    suffix: Series[str] = _column("Suffix of an individual's name")
    corporation_name: Series[str] = _column("Name of a corporation")
    billing_first_name: Series[str] = _column("First name of a corporation's billing person")
    billing_last_name: Series[str] = _column("Last name of a corporation's billing person")
    billing_email: Series[str] = _column("E-mail address for invoices")
    billing_phone: Series[str] = _column("Telephone of the billing person")
    email: Series[str] = _column("E-mail address")
    phone: Series[str] = _column("Telephone")
    mobile: Series[str] = _column("Mobile telephone")
    address_line1: Series[str] = _column("Address, first line")
    address_line2: Series[str] = _column("Address, second line")
    city: Series[str] = _column("City")
    state: Series[str] = _column("State or province")
    postal_code: Series[str] = _column("Postal code")
    country: Series[str] = _column("Country")

    class Config:
        strict = True
        coerce = False


class FeeItems(pa.DataFrameModel):
    """One row per fee item. Source: billing.fee_items."""

    fee_item_id: Series[str] = _column("Billing's id of the fee item", unique=True, str_length={"min_value": 1})
    code: Series[str] = _column("Short code")
    name: Series[str] = _column("Name")
    description: Series[str] = _column("Description for the client")
    kind: Series[str] = _column("legal_fee, government_fee, expense or interest", isin=FEE_ITEM_KINDS)
    unit_price: Series[object] = _column("Usual price of one unit, decimal dollars", nullable=True)
    is_active: Series[bool] = _column("Whether billing still uses it")

    decimals = _checked(_decimals, "unit_price")

    class Config:
        strict = True
        coerce = False


class Invoices(pa.DataFrameModel):
    """One row per invoice. Source: billing.invoices."""

    invoice_id: Series[str] = _column("Billing's id of the invoice", unique=True, str_length={"min_value": 1})
    invoice_number: Series[str] = _column("Number that the client sees")
    payer_id: Series[str] = _column("Who pays it")
    matter: Series[str] = _column("Matter that it bills")
    status: Series[str] = _column("draft, issued or void", isin=INVOICE_STATUSES)
    invoice_date: Series[object] = _column("Date of the invoice")
    due_date: Series[object] = _column("Date when it is due", nullable=True)
    terms: Series[str] = _column("Terms of payment, as billing words them")
    currency: Series[str] = _column("ISO 4217 code")
    total_cents: Series[int] = _column("All lines, forwarded balance included; cents")
    customer_message: Series[str] = _column("Text for the client")
    internal_note: Series[str] = _column("Text for the firm")
    created_at: Series[object] = _column("When billing created it; UTC")

    dates = _checked(_dates, "invoice_date", "due_date")
    instants = _checked(_instants, "created_at")

    class Config:
        strict = True
        coerce = False


class InvoiceLines(pa.DataFrameModel):
    """One row per line of an invoice. Source: billing.invoice_lines."""

    invoice_id: Series[str] = _column("Invoice that it belongs to", str_length={"min_value": 1})
    line_number: Series[int] = _column("Position on the invoice")
    kind: Series[str] = _column(", ".join(LINE_KINDS), isin=LINE_KINDS)
    fee_item_id: Series[str] = _column("Fee item of a fee, expense or interest line")
    service_date: Series[object] = _column("Date of the work", nullable=True)
    description: Series[str] = _column("Text for the client")
    quantity: Series[object] = _column("Units, for example hours; decimal", nullable=True)
    unit_price: Series[object] = _column("Price of one unit, decimal dollars", nullable=True)
    amount_cents: Series[int] = _column("Amount of the line; a discount is negative; cents")
    is_taxable: Series[bool] = _column("Whether the line is taxed")
    forwarded_invoice_id: Series[str] = _column(
        "Older invoice whose balance a balance_forward line carries, when known"
    )

    dates = _checked(_dates, "service_date")
    decimals = _checked(_decimals, "quantity", "unit_price")

    class Config:
        strict = True
        coerce = False
        unique = ("invoice_id", "line_number")


class Payments(pa.DataFrameModel):
    """One row per payment. Source: billing.payments."""

    payment_id: Series[str] = _column("Billing's id of the payment", unique=True, str_length={"min_value": 1})
    payer_id: Series[str] = _column("Who paid")
    kind: Series[str] = _column(", ".join(PAYMENT_KINDS), isin=PAYMENT_KINDS)
    method: Series[str] = _column(", ".join(PAYMENT_METHODS), isin=PAYMENT_METHODS)
    reference: Series[str] = _column("Check number or transaction reference")
    received_date: Series[object] = _column("Date of receipt")
    amount_cents: Series[int] = _column("Amount; cents")
    currency: Series[str] = _column("ISO 4217 code")
    memo: Series[str] = _column("Text for the firm")
    reverses_payment_id: Series[str] = _column("Payment that a refund, rejection or reversal takes back")
    status: Series[str] = _column("completed or void", isin=PAYMENT_STATUSES)
    origin: Series[str] = _column("Where it was entered: billing or quickbooks", isin=ORIGINS)
    external_id: Series[str] = _column("QuickBooks identity of a payment that was entered there")
    created_at: Series[object] = _column("When billing created it; UTC")

    dates = _checked(_dates, "received_date")
    instants = _checked(_instants, "created_at")

    class Config:
        strict = True
        coerce = False


class Applications(pa.DataFrameModel):
    """One row per payment, invoice and day on which it was applied. Source: billing.payment_applications."""

    payment_id: Series[str] = _column("Payment that is applied", str_length={"min_value": 1})
    invoice_id: Series[str] = _column("Invoice that it is applied to", str_length={"min_value": 1})
    amount_cents: Series[int] = _column("Part of the payment; cents")
    applied_date: Series[object] = _column("Date of the application")

    dates = _checked(_dates, "applied_date")

    class Config:
        strict = True
        coerce = False
        unique = ("payment_id", "invoice_id", "applied_date")


class Headers(pa.DataFrameModel):
    """One row per document that a scan of billing sees. A payment from credit has one row per applied date."""

    kind: Series[str] = _column("invoice or payment", isin=DOCUMENTS)
    source_id: Series[str] = _column("Billing's id of the document", str_length={"min_value": 1})
    part: Series[str] = _column("Applied date of a payment from credit, as YYYY-MM-DD; else empty")
    number: Series[str] = _column("Invoice number or payment reference")
    document_date: Series[object] = _column("Date that QuickBooks shall show")
    payer_id: Series[str] = _column("Who pays")
    amount_cents: Series[int] = _column("Total; of a part, that date's sum; cents")
    currency: Series[str] = _column("ISO 4217 code")
    status: Series[str] = _column("issued or void; completed or void", isin=("issued", *PAYMENT_STATUSES))
    payment_kind: Series[str] = _column("Kind of a payment; empty for an invoice", isin=("", *PAYMENT_KINDS))
    reverses_payment_id: Series[str] = _column("Payment that a refund, rejection or reversal takes back; else empty")
    origin: Series[str] = _column("Where it was entered: billing or quickbooks", isin=ORIGINS)
    created_at: Series[object] = _column("When billing created it; UTC")
    updated_at: Series[object] = _column("When billing last changed it, its lines or its applications; UTC")
    eligibility: Series[str] = _column("eligible, ineligible or mixed", isin=ELIGIBILITIES)

    dates = _checked(_dates, "document_date")
    instants = _checked(_instants, "created_at", "updated_at")

    class Config:
        strict = True
        coerce = False
        unique = ("kind", "source_id", "part")


class Customers(pa.DataFrameModel):
    """One row per customer of the QuickBooks company, inactive ones too."""

    customer_id: Series[str] = _column("QuickBooks id of the customer", unique=True, str_length={"min_value": 1})
    display_name: Series[str] = _column("DisplayName")
    given_name: Series[str] = _column("GivenName")
    family_name: Series[str] = _column("FamilyName")
    company_name: Series[str] = _column("CompanyName")
    is_active: Series[bool] = _column("Active")
    is_sub_customer: Series[bool] = _column("Whether it has a parent customer")
    title: Series[str] = _column("Title")
    middle_name: Series[str] = _column("MiddleName")
    suffix: Series[str] = _column("Suffix")
    email: Series[str] = _column("PrimaryEmailAddr; may hold several addresses")
    phone: Series[str] = _column("PrimaryPhone")
    alternate_phone: Series[str] = _column("AlternatePhone")
    mobile: Series[str] = _column("Mobile")
    address_line1: Series[str] = _column("BillAddr, first line")
    city: Series[str] = _column("BillAddr, city")
    postal_code: Series[str] = _column("BillAddr, postal code")
    balance: Series[object] = _column("Balance: what it owes, decimal, in its own currency", nullable=True)

    decimals = _checked(_decimals, "balance")

    class Config:
        strict = True
        coerce = False


class Items(pa.DataFrameModel):
    """One row per item of the QuickBooks company, inactive ones too."""

    item_id: Series[str] = _column("QuickBooks id of the item", unique=True, str_length={"min_value": 1})
    name: Series[str] = _column("Name")
    sku: Series[str] = _column("Sku")
    type: Series[str] = _column("Type, for example Service")
    is_active: Series[bool] = _column("Active")

    class Config:
        strict = True
        coerce = False


class PayerMatches(pa.DataFrameModel):
    """One row per payer whose customer was searched for: the customer, or the problem. A row without both asks for a
    new customer."""

    payer_id: Series[str] = _column("Billing's id of the payer", unique=True)
    customer_id: Series[str] = _column("QuickBooks customer; empty when there is none yet")
    display_name: Series[str] = _column("DisplayName for a customer that must be created")
    problem: Series[str] = _column("Reason code; empty when there is none")

    class Config:
        strict = True
        coerce = False


class ItemMatches(pa.DataFrameModel):
    """One row per fee item whose item was searched for: the item, or the problem. A row without both asks for a new
    item."""

    fee_item_id: Series[str] = _column("Billing's id of the fee item", unique=True)
    item_id: Series[str] = _column("QuickBooks item; empty when there is none yet")
    problem: Series[str] = _column("Reason code; empty when there is none")

    class Config:
        strict = True
        coerce = False


class KnownInvoices(pa.DataFrameModel):
    """One row per invoice that payments are applied or forwarded to, with its facts in billing and in QuickBooks."""

    invoice_id: Series[str] = _column("Billing's id of the invoice", unique=True, str_length={"min_value": 1})
    status: Series[str] = _column("Billing's status; empty when billing no longer has it", isin=("", *INVOICE_STATUSES))
    state: Series[str] = _column("State of the document; empty when it was never seen")
    reason: Series[str] = _column("Reason code of that state; empty when there is none")
    eligibility: Series[str] = _column("eligible or ineligible", isin=ELIGIBILITIES[:2])
    quickbooks_id: Series[str] = _column("QuickBooks id; empty when it is not there")
    customer_id: Series[str] = _column("QuickBooks customer of the invoice; empty when it is not there")
    open_cents: Series[int] = _column("Open in QuickBooks before this run's payments; cents")
    document_date: Series[object] = _column("Date of the invoice", nullable=True)

    dates = _checked(_dates, "document_date")

    class Config:
        strict = True
        coerce = False


class PaymentParts(pa.DataFrameModel):
    """One row per payment that QuickBooks shall hold. A payment from credit has one row per applied date."""

    payment_id: Series[str] = _column("Billing's id of the payment")
    part: Series[str] = _column("Applied date of a payment from credit, as YYYY-MM-DD; else empty")
    payer_id: Series[str] = _column("Who paid")
    kind: Series[str] = _column(", ".join(PAYMENT_KINDS))
    method: Series[str] = _column(", ".join(PAYMENT_METHODS))
    reference: Series[str] = _column("Check number or transaction reference")
    document_date: Series[object] = _column("Date that QuickBooks shall show")
    amount_cents: Series[int] = _column("Total in QuickBooks; cents")
    applied_cents: Series[int] = _column("What billing applied to invoices; cents")
    currency: Series[str] = _column("ISO 4217 code")
    status: Series[str] = _column("completed or void")
    customer_id: Series[str] = _column("QuickBooks customer of its invoices, else of its payer; empty when unknown")
    problem: Series[str] = _column("Reason code; empty when there is none")
    blocked_by: Series[str] = _column("The payment that stands in the way, where one does; else empty")

    dates = _checked(_dates, "document_date")

    class Config:
        strict = True
        coerce = False
        unique = ("payment_id", "part")


class Allocations(pa.DataFrameModel):
    """One row per payment part and invoice, with the cents that the QuickBooks payment pays on the invoice."""

    payment_id: Series[str] = _column("Billing's id of the payment")
    part: Series[str] = _column("Applied date of a payment from credit, as YYYY-MM-DD; else empty")
    invoice_id: Series[str] = _column("Billing's id of the invoice")
    quickbooks_invoice_id: Series[str] = _column("QuickBooks id of the invoice")
    amount_cents: Series[int] = _column("Paid on this invoice; cents", gt=0)

    class Config:
        strict = True
        coerce = False
        unique = ("payment_id", "part", "invoice_id")


class WorkList(pa.DataFrameModel):
    """One row per document that the pipeline knows, with exactly one state."""

    kind: Series[str] = _column("invoice or payment")
    source_id: Series[str] = _column("Billing's id of the document")
    part: Series[str] = _column("Applied date of a payment from credit, as YYYY-MM-DD; else empty")
    state: Series[str] = _column(
        "new, waiting, held, sending, unknown, synced, revised, void_pending, voided, refused or closed"
    )
    reason: Series[str] = _column("Why it is held, waiting, refused or closed; else empty")
    number: Series[str] = _column("Invoice number or payment reference")
    document_date: Series[object] = _column("Date that QuickBooks shall show")
    amount_cents: Series[int] = _column("What billing says; cents")
    forwarded_cents: Series[int] = _column("Balance forward, which is not sent; cents")
    quickbooks_id: Series[str] = _column("Id in QuickBooks; empty when it is not there")
    quickbooks_total_cents: Series[int] = _column("Total that QuickBooks came to; cents")


class MappingRows(pa.DataFrameModel):
    """One row per entry of billing that is mapped to an object of QuickBooks."""

    kind: Series[str] = _column("payer, fee_item, payment_method, deposit_account, terms, tax_code or matter")
    source_id: Series[str] = _column("Billing's id or name of it")
    quickbooks_id: Series[str] = _column("Id in QuickBooks")
    quickbooks_name: Series[str] = _column("Name in QuickBooks when it was mapped; empty when it is not known")
    origin: Series[str] = _column("person, matched (found by name) or created (by the sync)")
    changed_at: Series[object] = _column("When it was mapped; UTC")
    changed_by: Series[str] = _column("Who mapped it")


class Decisions(pa.DataFrameModel):
    """One row per document that a run decided about, with the decision."""

    run_id: Series[str] = _column("Dagster run")
    document_id: Series[int] = _column("Document on the work list")
    operation: Series[str] = _column("create, update, void, skip, hold, wait or close")
    reason: Series[str] = _column("Why it is held, waits or is closed; else empty")
    amount_cents: Series[int] = _column("What billing says; cents")


class ContractBroken(Exception):  # noqa: N818 - it names what happened, as the agreement between rooms does
    """A frame breaks its schema. The message names the place and never a value, since values belong to the client."""

    def __init__(self, relation: str, checks: Sequence[str], keys: Sequence[str]) -> None:
        """Build the message from the relation, the failed checks with column and count, and the ids of the first
        failing rows."""
        self.relation = relation
        self.checks = tuple(checks)
        self.keys = tuple(keys)
        rows = f"; rows {', '.join(keys)}" if keys else ""
        super().__init__(
            f"{relation} breaks its contract: {'; '.join(checks)}{rows}. "
            "Compare the billing database with the contract (`billing check`) and correct it there."
        )


def validate(model: type[pa.DataFrameModel], frame: pd.DataFrame) -> pd.DataFrame:
    """Check a frame against its model, all checks at once, and return the frame.

    Each call costs a fixed 13 ms, so callers check a whole chunk at a time. Of a frame without rows only the columns
    and their types are compared.

    Raises:
        ContractBroken: the frame breaks its model. The message has counts, columns and ids.
    """
    if frame.empty and frame.dtypes.equals(_types_without_rows(model)):
        return frame
    try:
        _schema(model).validate(frame, lazy=True)
    except SchemaErrors as error:
        failures = error.failure_cases
    else:
        return frame
    # Raised outside of the handler: an exception chained to pandera's would carry the failing values into every log.
    raise _contract_broken(model, frame, failures)


def frame(model: type[pa.DataFrameModel], rows: Iterable[Sequence[object]]) -> pd.DataFrame:
    """Build a frame with the model's columns and types. Each row has its values in the model's order. There may be no
    rows."""
    columns = model.to_schema().columns
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pd.DataFrame(
        {
            name: pd.Series(list(column), dtype=_PANDAS_TYPES.get(str(columns[name].dtype), object))
            for name, column in zip(columns, values, strict=True)
        }
    )


@Engine.register_dtype
@immutable
class _Text(STRING):
    """The type of text columns. pandera's own type (0.35) inspects each value and writes the messages of failures even
    where no value fails, which took three quarters of the time of a check."""

    def check(self, pandera_dtype: DataType, data_container: Any = None) -> Any:
        return isinstance(pandera_dtype, STRING) or super().check(pandera_dtype, data_container)


@cache
def _schema(model: type[pa.DataFrameModel]) -> pa.DataFrameSchema:
    schema = model.to_schema()
    texts = [name for name, column in schema.columns.items() if isinstance(column.dtype, STRING)]
    return schema.update_columns({name: {"dtype": Engine.dtype(_Text)} for name in texts}) if texts else schema


@cache
def _types_without_rows(model: type[pa.DataFrameModel]) -> pd.Series:
    return frame(model, ()).dtypes


_PANDAS_TYPES: dict[str, Any] = {"string[python]": "str", "int64": "int64", "bool": "bool"}


def _contract_broken(model: type[pa.DataFrameModel], frame: pd.DataFrame, failures: pd.DataFrame) -> ContractBroken:
    key = next(iter(model.to_schema().columns))
    checks: dict[str, int] = {}
    rows: set[Hashable] = set()
    for column, check, case, index in failures[["column", "check", "failure_case", "index"]].itertuples(index=False):
        # For these two the "failing value" is the name of the column itself.
        name = case if check in ("column_in_schema", "column_in_dataframe") else column
        checks[f"{name}: {check}"] = checks.get(f"{name}: {check}", 0) + 1
        if not pd.isna(index):
            rows.add(index)
    ids = [] if key not in frame else [str(value) for value in frame.loc[frame.index.isin(rows), key].unique()[:10]]
    return ContractBroken(model.__name__, [f"{text} ({count})" for text, count in checks.items()], ids)


def rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Yield the rows of a frame as named tuples, typed Any, since a type checker cannot read the columns of the models
    above."""
    yield from frame.itertuples(index=False)
