"""A change of mappings moves the unsent documents that it is about, and only them."""

import pytest

from qb_pipeline.ledger.log import Run
from qb_pipeline.quickbooks.errors import AuthorizationLostError
from qb_pipeline.sync.mapping.csv_file import Row, import_rows
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

RUN = Run("mapping", "cli", PARTNER)


def import_mapping(law_firm: LawFirm, *rows: Row) -> None:
    with law_firm.deployment.open(FIRM, RUN) as session:
        assert import_rows(session, rows) == []


@pytest.fixture
def firm(law_firm: LawFirm) -> LawFirm:
    """P1 is in QuickBooks and was billed; P2, P3 (two of one name) and fee item F2 wait for a mapping."""
    law_firm.activate(unmatched_payer="hold")
    law_firm.books.create("Customer", {"DisplayName": "Ana Diaz", "GivenName": "Ana", "FamilyName": "Diaz"})
    law_firm.invoice("sent", "10.00")
    for payer_id in ("P2", "P3"):
        law_firm.insert("payers", payer_id=payer_id, first_name="Bo")
    law_firm.insert("payers", payer_id="P4", first_name="Cy")
    law_firm.insert("fee_items", fee_item_id="F2", name="Research", code="RES")
    law_firm.invoice("p2", "10.00", payer_id="P2")
    law_firm.invoice("p3", "10.00", payer_id="P3")
    law_firm.invoice("p4", "10.00", payer_id="P4")
    law_firm.invoice("f2", lines=[{"fee_item_id": "F2", "amount": "5.00"}])
    law_firm.invoice("wrong", "10.00", payer_id="P2", total_amount="11.00")
    law_firm.payment("pay2", applied={"p2": "5.00"}, payer_id="P2")
    law_firm.sync()
    return law_firm


HELD = {
    "f2": ("held", "UNMAPPED_FEE_ITEM"),
    "p2": ("held", "UNMATCHED_PAYER"),
    "p3": ("held", "UNMATCHED_PAYER"),
    "p4": ("held", "UNMATCHED_PAYER"),
    "pay2": ("waiting", "INVOICE_NOT_SENT"),
    "sent": ("synced", ""),
    "wrong": ("held", "TOTAL_MISMATCH"),
}
NEW = ("new", "")


def test_a_payer_s_documents_and_its_namesakes_are_looked_at_again(firm: LawFirm) -> None:
    before = firm.states()
    customer_id = firm.books.create("Customer", {"DisplayName": "Bo Diaz"})["Id"]

    import_mapping(firm, Row("payer", "P2", "", customer_id))

    assert before == HELD
    assert firm.states() == HELD | {"p2": NEW, "p3": NEW}
    assert firm.activities("mapped") == [("invoice", "p2", "mapped", ""), ("invoice", "p3", "mapped", "")]


def test_a_fee_item_s_invoices_are_looked_at_again_and_the_next_sync_sends_them(firm: LawFirm) -> None:
    import_mapping(firm, Row("fee_item", "F2", "", firm.item_id))
    moved = firm.states()
    firm.sync()

    assert (moved, firm.states()["f2"]) == (HELD | {"f2": NEW}, ("synced", ""))


def test_the_same_mapping_again_moves_nothing(firm: LawFirm) -> None:
    import_mapping(firm, Row("payer", "P1", "", firm.books.all("Customer")[0]["Id"]))

    assert (firm.states(), firm.activities("mapped")) == (HELD, [])


SMALLER: list[tuple[str, str, str, set[str]]] = [
    ("terms", "net thirty", "Term", {"i1"}),
    ("tax_code", "NON", "TaxCode", {"i1", "i2"}),
    ("tax_code", "TAX", "TaxCode", set()),
    ("tax_code", "TOTAL", "TaxCode", {"i1", "i2"}),
    ("payment_method", "wire", "PaymentMethod", {"y1"}),
    ("payment_method", "cash", "PaymentMethod", {"y2"}),
]


def test_the_smaller_mappings_move_what_uses_them(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("i1", "10.00", terms="net thirty")
    law_firm.invoice("i2", "10.00", terms="at once")
    law_firm.payment("y1", applied={"i1": "1.00"}, method="wire")
    law_firm.payment("y2", applied={"i2": "1.00"}, method="cash")
    law_firm.sync(["work_list"])

    for kind, billing_id, entity, moved in SMALLER:
        with law_firm.ledger.begin() as connection:  # as QuickBooks' fault 610 leaves them
            connection.exec_driver_sql("update sync.document set state = 'held', reason = 'MAPPING_INACTIVE'")
        import_mapping(law_firm, Row(kind, billing_id, "", law_firm.books.all(entity)[0]["Id"]))

        assert {key for key, state in law_firm.states().items() if state == NEW} == moved, (kind, billing_id)


@pytest.mark.slow
def test_a_request_that_is_under_way_keeps_its_bytes_whatever_is_mapped_meanwhile(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("0", "1.00")
    law_firm.sync()
    former = law_firm.books.all("Customer")[0]["Id"]
    law_firm.invoice("1", "10.00")
    law_firm.books.fault(
        {"match": "batch", "what": "drop_before"},
        {"match": {"endpoint": "query"}, "what": "403", "times": None},
    )
    with pytest.raises(AuthorizationLostError):
        law_firm.sync()
    law_firm.books.heal()
    other = law_firm.books.create("Customer", {"DisplayName": "Diaz, Ana"})["Id"]

    import_mapping(law_firm, Row("payer", "P1", "", other))
    law_firm.invoice("2", "20.00")
    law_firm.sync()

    billed = {row["DocNumber"]: row["CustomerRef"]["value"] for row in law_firm.books.ours("Invoice")}
    sent = law_firm.query(
        "select count(distinct body_sha256) as bodies, max(sends) as sends from sync.attempt"
        " where attempt_id in (select attempt_id from sync.attempt_item join sync.document"
        " using (document_id) where source_id = '1')"
    )
    assert billed == {"N-0": former, "N-1": former, "N-2": other}
    assert sent == [{"bodies": 1, "sends": 2}]
