"""The objects of a new company: settings, a law firm's chart of accounts, items, terms, tax codes, payment methods.

Belongs here: these objects. Does not belong here: customers; a new company has no customers.
"""

from qb_pipeline.emulator.books.company import Change, Company
from qb_pipeline.emulator.books.fields import Body
from qb_pipeline.emulator.books.writes import write

ACCOUNTS = (
    ("Checking", "Bank", "Checking"),
    ("Trust Account", "Bank", "TrustAccounts"),
    ("Accounts Receivable (A/R)", "Accounts Receivable", "AccountsReceivable"),
    ("Undeposited Funds", "Other Current Asset", "UndepositedFunds"),
    ("Sales Tax Payable", "Other Current Liability", "SalesTaxPayable"),
    ("Opening Balance Equity", "Equity", "OpeningBalanceEquity"),
    ("Legal Fees", "Income", "ServiceFeeIncome"),
    ("Reimbursed Expenses", "Income", "OtherPrimaryIncome"),
    ("Discounts Given", "Income", "DiscountsRefundsGiven"),
    ("Interest Earned", "Other Income", "InterestEarned"),
    ("Bank Charges", "Expense", "BankCharges"),
)
ITEMS = (("Services", "Legal Fees"), ("Legal Services", "Legal Fees"), ("Reimbursable Expenses", "Reimbursed Expenses"))
TERMS = (("Due on receipt", 0), ("Net 15", 15), ("Net 30", 30), ("Net 60", 60))
PAYMENT_METHODS = (
    ("Cash", "NON_CREDIT_CARD"),
    ("Check", "NON_CREDIT_CARD"),
    ("Credit Card", "CREDIT_CARD"),
    ("ACH", "NON_CREDIT_CARD"),
    ("Wire", "NON_CREDIT_CARD"),
)
ADDRESS = {
    "Line1": "123 Sierra Way",
    "City": "San Pablo",
    "CountrySubDivisionCode": "CA",
    "PostalCode": "87999",
    "Country": "USA",
}

PREFERENCES: Body = {
    "AccountingInfoPrefs": {
        "FirstMonthOfFiscalYear": "January",
        "UseAccountNumbers": False,
        "TaxYearMonth": "January",
        "ClassTrackingPerTxn": False,
        "ClassTrackingPerTxnLine": False,
        "TrackDepartments": False,
        "CustomerTerminology": "Clients",
        "DepartmentTerminology": "Location",
    },
    "ProductAndServicesPrefs": {
        "ForSales": True,
        "ForPurchase": True,
        "QuantityWithPriceAndRate": True,
        "QuantityOnHand": False,
    },
    "SalesFormsPrefs": {
        "AllowDeposit": False,
        "AllowDiscount": True,
        "AllowEstimates": True,
        "AllowServiceDate": True,
        "AllowShipping": False,
        "AutoApplyCredit": False,
        "AutoApplyPayments": False,
        "CustomTxnNumbers": True,
        "DefaultCustomerMessage": "Thank you for your business.",
        "ETransactionAttachPDF": False,
        "ETransactionEnabledStatus": "NotApplicable",
        "ETransactionPaymentEnabled": False,
        "IPNSupportEnabled": False,
        "UsingPriceLevels": False,
        "UsingProgressInvoicing": False,
        "CustomField": [],
    },
    "VendorAndPurchasesPrefs": {"BillableExpenseTracking": True, "TrackingByCustomer": True},
    "TimeTrackingPrefs": {"UseServices": True, "BillCustomers": True, "ShowBillRateToAll": False},
    "TaxPrefs": {"UsingSalesTax": True, "PartnerTaxEnabled": True},
    "CurrencyPrefs": {"MultiCurrencyEnabled": False, "HomeCurrency": {"value": "USD"}},
    "ReportPrefs": {"ReportBasis": "Accrual", "CalcAgingReportFromTxnDate": False},
    "OtherPrefs": {"NameValue": [{"Name": "TimeTrackingFeatureEnabled", "Value": "true"}]},
}


def open_company(company: Company) -> None:
    """Write the first objects of an empty company."""
    change = company.change()
    change.create("Preferences", {**PREFERENCES})
    change.create("CompanyInfo", _company_info(company))
    _tax_codes(change)
    change.commit()
    accounts = {
        name: _make(company, "Account", {"Name": name, "AccountType": kind, "AccountSubType": sub})
        for name, kind, sub in ACCOUNTS
    }
    for name, account in ITEMS:
        income = {"value": accounts[account]}
        _make(company, "Item", {"Name": name, "Type": "Service", "IncomeAccountRef": income, "Description": name})
    for name, days in TERMS:
        _make(company, "Term", {"Name": name, "DueDays": days})
    for name, kind in PAYMENT_METHODS:
        _make(company, "PaymentMethod", {"Name": name, "Type": kind})


def _make(company: Company, entity: str, body: Body) -> str:
    return write(company, entity, "create", body, by_hand=True)[1]


def _company_info(company: Company) -> Body:
    return {
        "CompanyName": company.name,
        "LegalName": company.name,
        "CompanyAddr": {**ADDRESS},
        "CustomerCommunicationAddr": {**ADDRESS},
        "LegalAddr": {**ADDRESS},
        "Country": "US",
        "CompanyStartDate": company.clock.today(),
        "FiscalYearStartMonth": "January",
        "SupportedLanguages": "en",
        "DefaultTimeZone": "America/Los_Angeles",
        "Email": {"Address": "noreply@quickbooks.example"},
        "WebAddr": {},
        "NameValue": [
            {"Name": "NeoEnabled", "Value": "true"},
            {"Name": "IndustryType", "Value": "Offices of Lawyers"},
            {"Name": "SubscriptionStatus", "Value": "PAID"},
            {"Name": "OfferingSku", "Value": "QuickBooks Online Plus"},
        ],
    }


def _tax_codes(change: Change) -> None:
    """Create the two pseudo codes of a US company, whose ids are words, and one rate."""
    rate = {"Name": "California", "Active": True, "RateValue": 8, "AgencyRef": {"value": "1"}, "SpecialTaxType": "NONE"}
    change.create("TaxRate", {**rate, "DisplayType": "ReadOnly", "Description": "Sales Tax"})
    for code, taxable in (("TAX", True), ("NON", False)):
        body: Body = {"Name": code, "Description": code, "Active": True, "Taxable": taxable, "TaxGroup": False}
        body["Id"] = code
        change.create("TaxCode", body)
    detail = {"TaxRateRef": {"value": "1", "name": "California"}, "TaxTypeApplicable": "TaxOnAmount", "TaxOrder": 0}
    group: Body = {"Name": "California", "Description": "California", "Active": True, "Taxable": True, "TaxGroup": True}
    group["SalesTaxRateList"] = {"TaxRateDetail": [detail]}
    group["PurchaseTaxRateList"] = {"TaxRateDetail": []}
    change.create("TaxCode", group)
