"""Another company, another billing database, a copy, a restored ledger: each is recognised, and nothing is written."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from qb_pipeline.ledger.sending.witness import Witness
from qb_pipeline.ledger.setup.bindings import BindingError
from qb_pipeline_tests.conftest import fresh_database
from qb_pipeline_tests.law_firm import FIRM, LawFirm

CENSUS = 1
"""What a run that wrote invoices asks at its end: what there is of what it wrote."""


@pytest.fixture
def synced(law_firm: LawFirm) -> LawFirm:
    """A firm that has sent one invoice, and has another one to send."""
    law_firm.activate()
    law_firm.invoice("1", "100.00")
    law_firm.sync()
    law_firm.invoice("2", "200.00")
    law_firm.books.count_anew()
    return law_firm


def refusal(law_firm: LawFirm) -> str:
    """Why a sync is refused; it must have written nothing."""
    with pytest.raises(BindingError) as caught:
        law_firm.sync()
    assert law_firm.books.writes() == 0
    return str(caught.value)


def change_ledger(law_firm: LawFirm, statement: str) -> None:
    with law_firm.ledger.begin() as connection:
        connection.exec_driver_sql(statement)


def at_home(law_firm: LawFirm) -> Path:
    return law_firm.deployment.home / "witness" / f"emulator-{law_firm.books.realm_id}"


def test_where_nothing_is_in_doubt_the_company_is_asked_once_a_day_and_nothing_else(synced: LawFirm) -> None:
    synced.sync()
    assert synced.books.requests() == {"GET cdc": 1, "POST batch": 1, "POST query": CENSUS}
    synced.time.skipped += timedelta(days=1, minutes=1)
    synced.invoice("3", "300.00")
    synced.books.count_anew()

    synced.sync()
    asked = synced.books.requests()["GET companyinfo"]
    synced.books.count_anew()
    synced.sync()

    assert (asked, synced.books.requests()) == (2, {})  # the pre-flight reads it too
    assert synced.states() == dict.fromkeys(("1", "2", "3"), ("synced", ""))


def test_a_company_of_the_same_id_that_is_another_one_is_refused(synced: LawFirm) -> None:
    change_ledger(synced, "update sync.binding set company = 'made another day', company_checked_at = '2020-01-01'")

    assert refusal(synced).startswith(f"one: company {synced.books.realm_id} is not the one that this firm was")
    assert synced.books.requests() == {"GET companyinfo": 1}


def test_a_copy_of_the_ledger_in_another_database_is_refused(
    synced: LawFirm, server: sa.Engine, server_url: str
) -> None:
    """As a staging copy, or a dump that was restored elsewhere: the original may go on at the same time."""
    synced.ledger.dispose()
    with fresh_database(server, server_url, synced.ledger.url.database or "") as copy:
        synced.deployment.ledger = copy

        message = refusal(synced)

    assert "it was copied or restored to another place. A copy must never send to the same company" in message
    assert message.endswith("next step: qb-pipeline db reconcile-first one")
    assert synced.books.requests() == {}


def test_another_billing_database_is_refused_before_it_is_read(
    synced: LawFirm, server: sa.Engine, server_url: str, billing_template: str
) -> None:
    with fresh_database(server, server_url, billing_template) as other:
        synced.deployment.billing = other

        message = refusal(synced)

    assert message.startswith("one: billing is another database than the one that this firm was connected with.")
    assert (synced.states(), synced.books.requests()) == ({"1": ("synced", "")}, {})


def test_a_ledger_behind_its_witness_is_refused_by_every_home_until_it_is_reconciled(synced: LawFirm) -> None:
    change_ledger(synced, "update sync.witness set sequence = sequence - 1")

    first = refusal(synced)
    at_home(synced).unlink()

    assert first == refusal(synced) == (
        "one: the ledger is older than what it has sent: it was restored from a backup. Nothing is sent before "
        "everything of ours in QuickBooks is linked. Next step: qb-pipeline db reconcile-first one"
    )  # fmt: skip
    assert synced.books.requests() == {"GET cdc": 1}  # of the plan: the first stage that sends is refused


def test_a_home_that_is_a_copy_is_refused(synced: LawFirm) -> None:
    said = at_home(synced).read_text()
    at = said.split('"at": ')[1].split("}")[0]
    at_home(synced).write_text(said.replace(at, str(int(at) - 3600)))

    assert "this home was copied or restored from a backup" in refusal(synced)


def test_another_machine_asks_whether_all_is_known_and_goes_on(synced: LawFirm, tmp_path: Path) -> None:
    for name in ("b", "c"):
        synced.deployment.home = tmp_path / name
        synced.books.count_anew()
        synced.invoice(f"of-{name}", "10.00")
        synced.sync()
        asked = synced.books.requests()["POST query"]
        synced.invoice(f"more-of-{name}", "10.00")
        synced.sync()  # it sent last: no question
        assert (asked, synced.books.requests()["POST query"]) == (4 + CENSUS, 4 + 2 * CENSUS)

    assert set(synced.states().values()) == {("synced", "")}
    assert set(synced.in_quickbooks("invoice").values()) == {1}


@pytest.mark.parametrize("doubt", ["a lost witness", "a table that was restored"])
def test_where_quickbooks_holds_what_the_ledger_forgot_nothing_is_sent(synced: LawFirm, doubt: str) -> None:
    if doubt == "a lost witness":
        at_home(synced).unlink()
    else:
        change_ledger(synced, "update sync.binding set ledger_history = '00000001/1'")
    change_ledger(synced, "delete from sync.attempt_item; delete from sync.log")
    change_ledger(synced, "delete from sync.document where kind = 'invoice' and source_id = '1'")

    assert "one: QuickBooks holds 1 documents of ours that the ledger does not know. Nothing is sent" in refusal(synced)
    assert "one: QuickBooks holds 1 documents of ours that the ledger does not know. Nothing is sent" in refusal(synced)
    assert synced.books.requests() == {"GET cdc": 1, "POST query": 4}  # once: then the firm is stopped


@pytest.mark.parametrize(
    "doubt",
    [
        "a lost witness and a table that was restored",
        pytest.param("a lost witness", marks=pytest.mark.slow),
        pytest.param("a table that was restored", marks=pytest.mark.slow),
    ],
)
def test_a_doubt_that_proves_groundless_stops_nobody_and_is_over(synced: LawFirm, doubt: str) -> None:
    if "lost witness" in doubt:
        at_home(synced).unlink()
    if "restored" in doubt:
        change_ledger(synced, "update sync.binding set ledger_history = '00000001/1'")

    synced.sync()
    synced.invoice("3", "300.00")
    synced.sync()

    assert synced.books.requests() == {"GET cdc": 2, "POST query": 4 + 2 * CENSUS, "POST batch": 2}
    assert synced.states() == dict.fromkeys(("1", "2", "3"), ("synced", ""))


def test_documents_of_another_installation_stop_the_firm_when_they_are_seen(synced: LawFirm) -> None:
    [invoice] = synced.books.ours("Invoice")
    note = invoice["PrivateNote"].replace("qbp1:", "qbp1:zzzzzz:", 1).split(":")
    foreign = ":".join([*note[:2], *note[3:]])
    synced.books.do("edit", entity="Invoice", id=invoice["Id"], changes={"PrivateNote": foreign})
    at_home(synced).unlink()

    assert "the company holds documents of another installation of this pipeline (zzzzzz)" in refusal(synced)


def test_a_disk_that_takes_no_witness_keeps_everything_here(synced: LawFirm) -> None:
    synced.deployment.home = at_home(synced)  # a file: no folder can be made below it
    with pytest.raises(Exception, match="nothing is sent without a witness"):
        synced.sync()

    assert (synced.books.writes(), synced.states()["2"]) == (0, ("new", ""))


def test_the_witness_is_never_behind_what_has_left(synced: LawFirm) -> None:
    synced.sync()

    said = Witness(synced.deployment.home, "emulator", synced.books.realm_id).read()
    [row] = synced.query("select sequence, witness_id from sync.witness")
    assert said is not None
    assert (said.sequence, said.witness_id) == (row["sequence"], row["witness_id"])
    assert said.sequence == synced.sends()
    assert FIRM == "one"
