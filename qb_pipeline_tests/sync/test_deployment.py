"""A firm's workplace is opened only for a firm that is set up, in the environment that it belongs to."""

from dataclasses import replace

import pytest

from qb_pipeline.ledger.log import Run
from qb_pipeline.ledger.setup.firms import SetUpError
from qb_pipeline.quickbooks.environments import environment
from qb_pipeline_tests.law_firm import FIRM, PARTNER, LawFirm

RUN = Run("run", "test", PARTNER)


def test_a_firm_that_is_not_subscribed_is_never_touched(law_firm: LawFirm) -> None:
    law_firm.deployment.firms.add(
        FIRM,
        name="Firm One",
        time_zone="UTC",
        currency="USD",
        super_user=PARTNER,
        actor=PARTNER,
        now=law_firm.time.now(),
    )
    law_firm.invoice("1", "1.00")
    law_firm.books.count_anew()

    with pytest.raises(SetUpError, match=r"one is not subscribed: .* Next step: qb-pipeline firm subscribe"):
        law_firm.sync()

    assert (law_firm.states(), law_firm.books.requests()) == ({}, {})


def test_a_firm_of_another_environment_is_refused(law_firm: LawFirm) -> None:
    law_firm.activate()
    sandbox = replace(law_firm.deployment, environment=environment("sandbox"))

    with (
        pytest.raises(SetUpError, match="start with QUICKBOOKS_ENVIRONMENT=emulator"),
        sandbox.open(FIRM, RUN),
    ):
        raise AssertionError("unreachable")


def test_every_run_of_a_process_shares_its_company_s_throttle(law_firm: LawFirm) -> None:
    law_firm.activate()
    law_firm.deployment.throttles.clear()

    with law_firm.deployment.open(FIRM, RUN):
        pass
    first = dict(law_firm.deployment.throttles)
    with law_firm.deployment.open(FIRM, RUN):
        pass

    assert list(first) == [law_firm.books.realm_id]
    assert law_firm.deployment.throttles[law_firm.books.realm_id] is first[law_firm.books.realm_id]


def test_what_opens_tokens_does_not_show(law_firm: LawFirm) -> None:
    deployment = law_firm.deployment

    assert [secret for secret in (deployment.client_secret, *deployment.keys) if secret in repr(deployment)] == []
