"""A terminal in front of the law firm's databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from qb_pipeline import config, database
from qb_pipeline_tests.commands.typed import DAGSTER_YAML, Terminal, environment_of
from qb_pipeline_tests.law_firm import LawFirm


@pytest.fixture(scope="session")
def dagster_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dagster's files of this test session; its first use costs a second."""
    home = tmp_path_factory.mktemp("dagster")
    (home / "dagster.yaml").write_text(DAGSTER_YAML)
    return home


@pytest.fixture
def terminal(law_firm: LawFirm, tmp_path: Path, dagster_home: Path) -> Iterator[Terminal]:
    """Everything configured and up to date; no firm added yet."""
    found = Terminal(environment_of(law_firm, tmp_path, dagster_home))
    yield found
    for name in (config.DATABASE_URL, config.BILLING_URL):
        database.engine(found.env[name]).dispose()
