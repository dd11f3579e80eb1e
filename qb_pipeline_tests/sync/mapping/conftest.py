"""A firm with a person and a corporation to map, for the tests of this room."""

import pytest

from qb_pipeline_tests.law_firm import LawFirm


@pytest.fixture
def firm(law_firm: LawFirm) -> LawFirm:
    law_firm.activate()
    law_firm.insert(
        "payers", payer_id="P2", kind="corporation", first_name="", last_name="", corporation_name="Acme Corp."
    )
    law_firm.invoice("1", "10.00")
    law_firm.invoice("2", "20.00", payer_id="P2")
    law_firm.sync(["work_list"])
    return law_firm
