"""The names of environment variables, their defaults, and the places of files on disk.

Belongs here: reading the environment. Does not belong here: opening a connection (``database``) or starting a server
(``embedded``).
"""

import hashlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SQL = PROJECT / "sql"

DATABASE_URL = "QB_PIPELINE_DATABASE_URL"
BILLING_URL = "QB_PIPELINE_BILLING_URL"
DAGSTER_URL = "QB_PIPELINE_DAGSTER_URL"
SECRET_KEY = "QB_PIPELINE_SECRET_KEY"  # noqa: S105 - the variable's name, not a secret
HOME = "QB_PIPELINE_HOME"
FIRST_DATE = "QB_PIPELINE_FIRST_DATE"
ALERT_URLS = "QB_PIPELINE_ALERT_URLS"
PULL_SECONDS = "QB_PIPELINE_PULL_SECONDS"
CLIENT_ID = "QUICKBOOKS_CLIENT_ID"
CLIENT_SECRET = "QUICKBOOKS_CLIENT_SECRET"  # noqa: S105 - the variable's name, not a secret
ENVIRONMENT = "QUICKBOOKS_ENVIRONMENT"
WEBHOOK_TOKEN = "QUICKBOOKS_WEBHOOK_TOKEN"  # noqa: S105 - the variable's name, not a secret
API_URL = "QUICKBOOKS_API_URL"
DISCOVERY_URL = "QUICKBOOKS_DISCOVERY_URL"

DAGSTER_SWITCHES = {
    "DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS": "true",
    "DAGSTER_EVENT_BATCH_SIZE": "500",
}
"""Variables that every process of Dagster must have.

With them a run plans each asset once instead of once per date, and writes its events in batches. The process that
creates a run also plans it: Dagster's page, its daemon, or a command.

Source: ``supports_partition_subset_in_asset_materialization_planned_events`` and ``_get_event_batch_size`` of dagster
1.13.27, which read only the environment.
"""

ENVIRONMENTS = ("production", "sandbox", "emulator")
EMULATOR_CLIENT_ID = "emulator-client"
EMULATOR_CLIENT_SECRET = "emulator-secret"  # noqa: S105 - accepted by the local emulator only


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message names the variable and the remedy."""


@dataclass(frozen=True, slots=True)
class Config:
    """The settings in the environment. A database URL of None stands for the embedded PostgreSQL."""

    home: Path
    database_url: str | None
    billing_url: str | None
    dagster_url: str | None
    first_date: date
    environment: str
    client_id: str
    client_secret: str
    api_url: str | None
    discovery_url: str | None
    alert_urls: str | None = field(repr=False)
    pull_seconds: int
    webhook_token: str = field(repr=False)

    @property
    def needs_postgres(self) -> bool:
        """Whether any of the three databases is the embedded one."""
        return None in (self.database_url, self.billing_url, self.dagster_url)

    @property
    def needs_emulator(self) -> bool:
        """Whether QuickBooks is the local emulator that our own commands start."""
        return self.environment == "emulator" and self.api_url is None


def load(environ: Mapping[str, str] | None = None) -> Config:
    """Read the settings from the environment (by default the process's own).

    Raises:
        ConfigurationError: a value cannot be used; the caller prints the message and stops.
    """
    env = os.environ if environ is None else environ
    environment = _read_environment(env)
    first_date = _read_first_date(env)
    pull_seconds = _read_pull_seconds(env)
    local = environment == "emulator"
    return Config(
        home=Path(env[HOME]) if env.get(HOME) else default_home(),
        database_url=env.get(DATABASE_URL) or None,
        billing_url=env.get(BILLING_URL) or None,
        dagster_url=env.get(DAGSTER_URL) or None,
        first_date=first_date,
        environment=environment,
        client_id=env.get(CLIENT_ID) or (EMULATOR_CLIENT_ID if local else ""),
        client_secret=env.get(CLIENT_SECRET) or (EMULATOR_CLIENT_SECRET if local else ""),
        api_url=env.get(API_URL) or None,
        discovery_url=env.get(DISCOVERY_URL) or None,
        alert_urls=env.get(ALERT_URLS) or None,
        pull_seconds=pull_seconds,
        webhook_token=env.get(WEBHOOK_TOKEN) or "",
    )


def _read_environment(env: Mapping[str, str]) -> str:
    """Read the environment of QuickBooks: production, sandbox or emulator (the default)."""
    environment = env.get(ENVIRONMENT, "emulator")
    if environment not in ENVIRONMENTS:
        raise ConfigurationError(f"{ENVIRONMENT} is {environment!r}; use one of {', '.join(ENVIRONMENTS)}")
    return environment


def _read_first_date(env: Mapping[str, str]) -> date:
    """Read the date of the first partition; no document with an earlier date is sent."""
    first_date = env.get(FIRST_DATE, "2023-01-01")
    try:
        return date.fromisoformat(first_date)
    except ValueError as error:
        raise ConfigurationError(f"{FIRST_DATE} is {first_date!r}; write a date as 2023-01-31") from error


def _read_pull_seconds(env: Mapping[str, str]) -> int:
    """Read the number of seconds between two reads of a company by the sensor ``received_payments``."""
    pull_seconds = env.get(PULL_SECONDS) or "300"
    if not pull_seconds.isdecimal() or not 5 <= int(pull_seconds) <= 86_400:
        raise ConfigurationError(f"{PULL_SECONDS} is {pull_seconds!r}; write seconds, 5 to 86400")
    return int(pull_seconds)


def default_home() -> Path:
    """Return the folder of the embedded services' data: beside the project, or below /var/lib for root.

    For root the embedded server runs as an unprivileged user, who may not be allowed to enter the folder of the
    project.
    """
    if os.geteuid() != 0:
        return PROJECT / ".qb_pipeline"
    return Path("/var/lib/qb_pipeline") / hashlib.sha256(str(PROJECT).encode()).hexdigest()[:12]


def secret_keys(home: Path, environ: Mapping[str, str] | None = None) -> list[str]:
    """Return the keys that encrypt tokens at rest, newest first. The first key encrypts; every key decrypts.

    Without the variable a key is generated once and written to ``home/secret_key``, which only its owner may read.

    Raises:
        ConfigurationError: other users may read the key file.
    """
    env = os.environ if environ is None else environ
    if env.get(SECRET_KEY):
        return [key.strip() for key in env[SECRET_KEY].split(",") if key.strip()]
    path = home / "secret_key"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        _make_key(path)
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(f"{path} can be read by others; run: chmod 600 {path}")
    return [path.read_text().strip()]


def _make_key(path: Path) -> None:
    """Write a new key to a temporary file and link that file to its final name, so that no process reads part of a key.

    Of commands that start together the first one links its key, and all of them use that key.
    """
    descriptor, unfinished = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # its mode is 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32))
    with suppress(FileExistsError):
        os.link(unfinished, path)
    os.unlink(unfinished)
