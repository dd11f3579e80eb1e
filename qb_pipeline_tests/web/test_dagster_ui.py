"""The Dagster UI behind our guard. The journeys drive it for real; here: how it is started."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_it_wants_both_ports_and_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qb_pipeline.web.dagster_ui"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "the following arguments are required: --port, --code-port" in done.stderr
