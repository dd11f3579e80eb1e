"""The probe: the emulator behaves as it believes QuickBooks to behave."""

import os
import subprocess
import sys
from pathlib import Path

PROBE = Path(__file__).parents[2] / "benchmarks" / "probe.py"


def probe(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("QUICKBOOKS")}
    command = [sys.executable, str(PROBE), *arguments]
    return subprocess.run(
        command, env={**inherited, **environment}, capture_output=True, text=True, check=False, timeout=60
    )


def test_every_belief_is_confirmed_by_the_emulator() -> None:
    done = probe()

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("0 of 27 answers differ")


def test_it_writes_to_a_strangers_company_only_when_told_twice_and_never_in_ci() -> None:
    away = {"QUICKBOOKS_PROBE_API_URL": "https://quickbooks.invalid", "QUICKBOOKS_PROBE_REALM": "7"}

    assert "--write-to-realm" in probe(**away, CI="").stderr
    assert "--write-to-realm" in probe("--write-to-realm", "8", **away, CI="").stderr
    assert "never leaves this machine" in probe("--write-to-realm", "7", **away, CI="true").stderr
