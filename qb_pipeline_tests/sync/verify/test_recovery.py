"""A ledger that was restored from a backup: everything of ours is linked, and nothing is sent twice."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from qb_pipeline.core.markers import find_marker, marker
from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.bindings import BindingError
from qb_pipeline.sync.verify.recovery import Recovered, reconcile_first
from qb_pipeline_tests.conftest import fresh_database
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm


def recover(law_firm: LawFirm, *, former: tuple[str, ...] = ()) -> Recovered:
    run = Run("reconcile-first", "cli", PARTNER)
    with law_firm.deployment.open(FIRM, run, setting_up=True, rebinding=True) as session:
        return reconcile_first(session, former=former)


@contextmanager
def backup(law_firm: LawFirm, server: sa.Engine, server_url: str) -> Iterator[sa.Engine]:
    """The ledger as it is now, kept aside."""
    law_firm.ledger.dispose()
    with fresh_database(server, server_url, law_firm.ledger.url.database or "") as copy:
        yield copy


def restore(law_firm: LawFirm, copy: sa.Engine) -> None:
    law_firm.ledger = law_firm.deployment.ledger = copy


@pytest.mark.slow
def test_fifty_documents_after_the_backup_are_linked_and_none_is_sent_twice(
    law_firm: LawFirm, server: sa.Engine, server_url: str
) -> None:
    law_firm.activate()
    law_firm.invoice("0", "100.00")
    law_firm.sync()
    with backup(law_firm, server, server_url) as copy:
        for number in range(1, 26):
            law_firm.insert("payers", payer_id=f"P{number}x", first_name="Eve", last_name=f"Number {number}")
            law_firm.invoice(str(number), "100.00", payer_id=f"P{number}x")
            law_firm.payment(f"p{number}", applied={str(number): "40.00"}, payer_id=f"P{number}x")
        law_firm.sync()
        meant, before = law_firm.states(), law_firm.query("select * from sync.application order by invoice_id")
        restore(law_firm, copy)
        law_firm.books.count_anew()

        with pytest.raises(BindingError, match="db reconcile-first one"):
            law_firm.sync()
        recovered = recover(law_firm)
        law_firm.sync()
        second = law_firm.sync()

        assert law_firm.books.writes() == 0
        assert recovered.linked == {"synced": 75}  # customers, invoices, payments
        assert (law_firm.states(), second.held) == (meant, 0)
        columns = ("invoice_id", "quickbooks_invoice_id", "amount_cents")
        after = law_firm.query("select * from sync.application order by invoice_id")
        assert [[row[c] for c in columns] for row in after] == [[row[c] for c in columns] for row in before]
        numbers = [str(number) for number in range(26)]
        assert law_firm.in_quickbooks("invoice") == Counter(dict.fromkeys(numbers, 1))
        assert law_firm.activities("adopted")[:1] == [("customer", "P10x", "adopted", "")]


@pytest.mark.slow
def test_what_changed_on_either_side_since_the_backup_ends_as_billing_says(
    law_firm: LawFirm, server: sa.Engine, server_url: str
) -> None:
    law_firm.books.switch(void_note="prepended")
    law_firm.activate()
    with backup(law_firm, server, server_url) as copy:
        for number in ("revised", "void", "gone", "voided there", "in flight"):
            law_firm.invoice(number, "100.00")
        law_firm.sync()
        law_firm.change("update invoice_lines set amount = 120, unit_price = 120 where invoice_id = 'revised'")
        law_firm.change("update invoices set total_amount = 120 where invoice_id = 'revised'")
        law_firm.change("update invoices set status = 'void' where invoice_id = 'void'")
        law_firm.remove("invoice_lines", invoice_id="gone")
        law_firm.remove("invoices", invoice_id="gone")
        [there] = [row for row in law_firm.books.ours("Invoice") if "voided%20there" in row["PrivateNote"]]
        law_firm.books.do("void", entity="Invoice", id=there["Id"])
        restore(law_firm, copy)

        recovered = recover(law_firm)
        assert recovered.linked == {"held": 2, "revised": 1, "synced": 2, "void_pending": 1}  # and their customer
        law_firm.sync()

        assert law_firm.states() == {
            "revised": ("synced", ""),
            "void": ("voided", ""),
            "gone": ("held", "SOURCE_GONE"),
            "voided there": ("held", "REMOTE_VOIDED"),
            "in flight": ("synced", ""),
        }
        totals = {row["DocNumber"]: int(row["TotalAmt"]) for row in law_firm.books.all("Invoice")}
        assert totals == {"N-revised": 120, "N-void": 0, "N-gone": 100, "N-voided there": 0, "N-in flight": 100}


def test_a_second_time_finds_nothing_to_link(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()

    assert [recover(law_firm).linked, recover(law_firm).linked] == [{}, {}]
    law_firm.invoice("2", "100.00")
    law_firm.sync()
    assert law_firm.states() == {"1": ("synced", ""), "2": ("synced", "")}


def test_a_ledger_that_was_lost_takes_over_what_its_former_installation_sent(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    with law_firm.ledger.begin() as connection:
        connection.exec_driver_sql(
            "truncate sync.document, sync.attempt, sync.attempt_item, sync.application, sync.mapping, sync.witness"
            " cascade"
        )
        former = connection.scalar(sa.text("select installation_id from sync.installation"))
        connection.exec_driver_sql("update sync.installation set installation_id = 'newone'")
    law_firm.books.count_anew()
    with pytest.raises(BindingError, match="restored from a backup"):
        law_firm.sync()

    with pytest.raises(BindingError, match=f"documents of another installation of this pipeline .{former}"):
        recover(law_firm)
    recovered = recover(law_firm, former=(str(former),))
    law_firm.sync()

    assert recovered.linked == {"synced": 2}
    assert (law_firm.books.writes(), law_firm.states()) == (0, {"1": ("synced", "")})


def test_a_billing_database_without_what_was_sent_is_not_taken_for_a_moved_one(
    law_firm: LawFirm, server: sa.Engine, server_url: str, billing_template: str
) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    with fresh_database(server, server_url, billing_template) as other:
        law_firm.deployment.billing = other

        with pytest.raises(BindingError, match="has none of the last 1 invoices that were sent"):
            recover(law_firm)

    assert law_firm.states() == {"1": ("synced", "")}


def test_a_document_that_two_installations_have_marked_is_named_and_nothing_is_linked(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    [ours] = law_firm.books.ours("Invoice")
    mark = find_marker(ours["PrivateNote"])
    assert mark is not None
    detail = {"ItemRef": {"value": law_firm.item_id}}
    line = {"Amount": 100, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}
    body = {"CustomerRef": ours["CustomerRef"], "Line": [line], "DocNumber": "N-copy"}
    note = marker("former", FIRM, mark.kind, mark.source_id, mark.part, mark.generation)
    copy = law_firm.books.create("Invoice", body | {"PrivateNote": note})
    law_firm.query_change("truncate sync.document cascade")

    with pytest.raises(BindingError, match=rf"Invoice Ids {ours['Id']} and {copy['Id']}.*delete the copy"):
        recover(law_firm, former=("former",))
    assert law_firm.query("select document_id from sync.document where quickbooks_id is not null") == []

    law_firm.books.do("void", entity="Invoice", id=copy["Id"])
    law_firm.time.sleep(60)
    recover(law_firm, former=("former",))

    linked = law_firm.query("select quickbooks_id from sync.document where kind = 'invoice'")
    assert linked == [{"quickbooks_id": ours["Id"]}]
