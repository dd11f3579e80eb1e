"""What runs and ticks work with."""

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from qb_pipeline import config
from qb_pipeline.config import Config, ConfigurationError
from qb_pipeline.defs.resources import EMULATOR_QUARANTINE, ChosenDocuments, deployment, open_deployment
from qb_pipeline.embedded.services import Services
from qb_pipeline.sync.deployment import Deployment
from qb_pipeline.sync.session.firm_session import QUARANTINE

NOWHERE = "postgresql+psycopg2://nobody:secret@127.0.0.1:9/nothing"


def load(home: Path, **values: str) -> tuple[Config, Services]:
    settings = config.load({config.HOME: str(home), **values})
    return settings, Services(
        home, NOWHERE, NOWHERE, NOWHERE, "http://127.0.0.1:9" if settings.needs_emulator else None
    )


def test_putting_companies_together_connects_to_nothing(tmp_path: Path) -> None:
    """Nobody listens at these addresses."""
    found = open_deployment(*load(tmp_path, QB_PIPELINE_FIRST_DATE="2024-05-06"))

    assert (found.environment.api_url, found.first_date) == ("http://127.0.0.1:9", date(2024, 5, 6))
    assert (found.client_id, found.quarantine) == ("emulator-client", EMULATOR_QUARANTINE)


def test_at_intuit_a_lost_answer_is_waited_for_as_long_as_it_may_take(tmp_path: Path) -> None:
    found = open_deployment(
        *load(tmp_path, QUICKBOOKS_ENVIRONMENT="sandbox", QUICKBOOKS_CLIENT_ID="a", QUICKBOOKS_CLIENT_SECRET="b")
    )

    assert (found.environment.name, found.quarantine) == ("sandbox", QUARANTINE)
    assert QUARANTINE > EMULATOR_QUARANTINE


def test_an_address_outside_the_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not production"):
        open_deployment(
            *load(
                tmp_path,
                QUICKBOOKS_ENVIRONMENT="production",
                QUICKBOOKS_API_URL="https://example.org",
                QUICKBOOKS_CLIENT_ID="a",
                QUICKBOOKS_CLIENT_SECRET="b",
            )
        )


def test_companies_show_no_secret(tmp_path: Path) -> None:
    found = open_deployment(*load(tmp_path, QB_PIPELINE_SECRET_KEY="a key of ours"))

    assert "a key of ours" not in repr(found)
    assert "emulator-secret" not in repr(found)
    assert ":secret@" not in repr(found)


def test_a_key_that_others_can_read_opens_nothing(tmp_path: Path) -> None:
    key = tmp_path / "secret_key"
    key.write_text("k")
    key.chmod(0o640)

    with pytest.raises(ConfigurationError, match=f"chmod 600 {key}"):
        open_deployment(*load(tmp_path))


def test_documents_are_chosen_in_the_run_config_and_none_are_by_default() -> None:
    assert (ChosenDocuments().invoice_ids, ChosenDocuments().payment_ids) == ([], [])
    assert {name: field.description != "" for name, field in ChosenDocuments.model_fields.items()} == {
        "invoice_ids": True,
        "payment_ids": True,
        "plan_id": True,
    }


def test_the_resource_of_a_run_is_the_companies(tmp_path: Path) -> None:
    """Everything configured: no embedded service is started."""
    names = (config.DATABASE_URL, config.BILLING_URL, config.DAGSTER_URL)
    values = dict.fromkeys(names, NOWHERE) | {
        config.HOME: str(tmp_path),
        config.API_URL: "http://127.0.0.1:9",
        config.ENVIRONMENT: "emulator",
    }
    with pytest.MonkeyPatch.context() as environment:
        for name, value in values.items():
            environment.setenv(name, value)
        with dg.build_init_resource_context() as context, deployment(context) as found:
            assert isinstance(found, Deployment)
            assert found.ledger.url.render_as_string(hide_password=False) == NOWHERE
    assert not (tmp_path / "running").exists()
