"""What a new company has."""

from qb_pipeline.emulator.books.company import Company
from qb_pipeline_tests.emulator.books.test_double_entry import audit


def test_a_new_company_can_bill_and_be_paid(company: Company) -> None:
    names = {entity: [record.name for record in company.tables[entity].rows.values()] for entity in company.tables}

    assert {"Checking", "Undeposited Funds", "Legal Fees", "Reimbursed Expenses"} <= set(names["Account"])
    assert names["Item"] == ["Services", "Legal Services", "Reimbursable Expenses"]
    assert names["Term"] == ["Due on receipt", "Net 15", "Net 30", "Net 60"]
    assert names["PaymentMethod"] == ["Cash", "Check", "Credit Card", "ACH", "Wire"]
    assert list(company.tables["TaxCode"].rows)[:2] == ["TAX", "NON"]
    assert names["Customer"] == []
    assert set(company.roles) == {"receivable", "undeposited", "income", "sales_tax", "discount"}
    assert company.settings("CompanyInfo")["CompanyName"] == "Law Firm"
    audit(company)
