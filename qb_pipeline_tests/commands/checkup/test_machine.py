"""Releases, key and disk: each is broken once."""

import importlib.metadata
import shutil
from pathlib import Path

import pytest

from qb_pipeline import config
from qb_pipeline.commands.checkup import machine
from qb_pipeline.commands.checkup.finding import Finding
from qb_pipeline_tests.commands.checkup.looks import look
from qb_pipeline_tests.commands.typed import Terminal
from qb_pipeline_tests.law_firm import LawFirm


def test_the_dagster_packages_that_were_tested_together_are_installed() -> None:
    assert list(machine.versions()) == []


def test_a_lone_upgrade_breaks_the_set() -> None:
    def after_pip_install_upgrade_dagster(package: str) -> str:
        return "1.13.29" if package == "dagster" else importlib.metadata.version(package)

    assert list(machine.versions(after_pip_install_upgrade_dagster)) == [
        Finding(
            "dagster", "broken", "version 1.13.29, tested with 1.13.27", "Install requirements.lock again (make dev)."
        )
    ]


def test_a_key_that_is_missing_while_tokens_need_it(law_firm: LawFirm, terminal: Terminal) -> None:
    law_firm.activate()

    found = look(terminal, **{config.SECRET_KEY: ""})

    assert set(found) == {"key"}
    assert found["key"].found == "missing, and the tokens of 1 firms need it"
    assert not (Path(terminal.env[config.HOME]) / "secret_key").exists(), "looking made a key that opens nothing"


def test_before_the_first_connection_no_key_is_missed(terminal: Terminal) -> None:
    assert look(terminal, **{config.SECRET_KEY: ""}) == {}


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_that_others_can_read(terminal: Terminal, mode: int) -> None:
    key = Path(terminal.env[config.HOME]) / "secret_key"
    key.write_text("a key")
    key.chmod(mode)

    found = look(terminal, **{config.SECRET_KEY: ""})

    assert found == {"key": Finding("key", "broken", f"{key} can be read by others", f"chmod 600 {key}")}


def test_a_disk_that_is_full_or_soon_will_be(tmp_path: Path) -> None:
    """The same disk, wanted emptier than it is."""
    more = shutil.disk_usage(tmp_path).free * 2
    missing = tmp_path / "not" / "there yet"

    assert machine.disk(tmp_path, enough=0, full=0).verdict == "ok"
    assert machine.disk(tmp_path, enough=more, full=0).verdict == "warning"
    found = machine.disk(missing, full=more)
    assert (found.verdict, found.found.split(" MB")[1]) == ("broken", f" free in {tmp_path}")


def test_an_address_for_alerts_that_is_none_is_named_without_its_password(terminal: Terminal) -> None:
    good = look(terminal, **{config.ALERT_URLS: "json://127.0.0.1:9/x, mailto://u:hidden@example.com?to=a@b.c"})
    bad = look(terminal, **{config.ALERT_URLS: "json://127.0.0.1:9/x, slak://hidden"})

    assert good == {}
    assert bad["alerts"] == Finding(
        "alerts", "broken", "apprise does not know slak://…", "Correct QB_PIPELINE_ALERT_URLS."
    )
