"""``db reconcile-first``: the way out of a restored ledger, at the terminal."""

import pytest

from qb_pipeline.ledger.setup.bindings import BindingError
from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import PARTNER, LawFirm


def test_a_stopped_firm_sends_again_after_a_super_user_has_reconciled_it(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()
    law_firm.invoice("1", "10.00")
    law_firm.sync()
    with law_firm.ledger.begin() as connection:
        connection.exec_driver_sql("delete from sync.attempt_item")
        connection.exec_driver_sql("delete from sync.document where kind = 'invoice'")
        connection.exec_driver_sql("update sync.witness set sequence = sequence - 1")
    law_firm.books.count_anew()
    with pytest.raises(BindingError, match="Next step: qb-pipeline db reconcile-first one"):
        law_firm.sync()

    refused = terminal.run("db", "reconcile-first", "one", "--as", "passer-by", code=1)
    done = terminal.run("db", "reconcile-first", "one", "--as", PARTNER)
    law_firm.sync()

    assert "passer-by is no super user of one" in refused.err
    assert done.out.splitlines() == [
        "one: QuickBooks holds 2 documents of ours; 1 were not known and are linked now (1 synced). 6 reads.",
        "Next step: qb-pipeline sync one",
    ]
    assert (law_firm.states(), law_firm.books.writes()) == ({"1": ("synced", "")}, 0)
