"""A deployment as a user has it: embedded services, the demo firms, Dagster's webserver and daemon, all real."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from qb_pipeline.embedded import postgres
from qb_pipeline_tests.bookkeeper import Bookkeeper
from qb_pipeline_tests.embedded.homes import temporary_home

PREPARE = """
from qb_pipeline.commands import demo
from qb_pipeline.commands.terminal.console import working
with working() as (_, found, companies):
    demo.load_billing(companies)
    demo.seed_companies(found.emulator_url, companies.clock().date())
    for firm_id in demo.MODELS:
        demo.set_up(companies, firm_id)
        companies.firms.change_settings(
            firm_id, {"daily_sync_at": "23:45"}, actor=demo.SUPER_USER, now=companies.clock()
        )
"""
"""The daily sync is put off to the end of the day: no tick of its schedule may sync what a test is about to sync."""

SCHEDULES = """
query { schedulesOrError(repositorySelector: {repositoryLocationName: "qb_pipeline", repositoryName: "__repository__"})
  { ... on Schedules { results { id } } } }
"""

REALMS = {"rivera-law": "9130357849372001", "chen-partners": "9130357849372002"}


@dataclass
class Deployment:
    """A home with everything in it, and the command line."""

    home: Path

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "QB_PIPELINE_HOME": str(self.home), "COLUMNS": "200"}

    def run(self, *arguments: str, code: int | None = 0) -> str:
        """Run ``qb-pipeline`` and give what it printed; ``code`` is the exit code that is expected."""
        done = subprocess.run(
            [sys.executable, "-m", "qb_pipeline.cli", *arguments],
            env=self.env, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert code in (None, done.returncode), f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *arguments: str, code: int | None = 0) -> Any:
        """Run a command that prints JSON."""
        return json.loads(self.run(*arguments, "--json", code=code), parse_float=Decimal)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start ``qb-pipeline`` and go on."""
        return subprocess.Popen(
            [sys.executable, "-m", "qb_pipeline.cli", *arguments],
            env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def prepare(self) -> None:
        """Load the demo's billing database, seed its companies and take every step of set-up; nothing is synced."""
        subprocess.run([sys.executable, "-c", PREPARE], env=self.env, check=True, timeout=300)

    def books(self, firm_id: str) -> Bookkeeper:
        """A firm's company from the bookkeeper's side."""
        url = (self.home / "emulator" / "url").read_text().strip()
        return Bookkeeper(url, REALMS[firm_id])

    def query(self, statement: str, *, database: str = "database", **values: Any) -> list[dict[str, Any]]:
        """Rows of one of the embedded databases: ``database`` (the pipeline's), ``billing`` or ``dagster``."""
        engine = sa.create_engine(getattr(postgres.urls(self.home), database))
        try:
            with engine.connect() as connection:
                return [dict(row) for row in connection.execute(sa.text(statement), values).mappings()]
        finally:
            engine.dispose()


@dataclass
class Page:
    """The Dagster webserver, by GraphQL."""

    url: str

    def ask(self, query: str, **variables: Any) -> Any:
        answer = requests.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def stop_schedules(self) -> None:
        """Stop both schedules, as an operator would: only what a test starts, and what sensors ask for, runs."""
        for schedule in self.ask(SCHEDULES)["schedulesOrError"]["results"]:
            self.ask("mutation($id: String!) { stopRunningSchedule(id: $id) { __typename } }", id=schedule["id"])

    def backfill(self, partitions: list[str], assets: list[str]) -> list[dict[str, Any]]:
        """Launch a backfill as the UI's dialog does and wait for its end; gives its runs."""
        started = self.ask(
            """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
                 __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }""",
            p={"assetSelection": [{"path": [asset]} for asset in assets], "partitionNames": partitions},
        )["launchPartitionBackfill"]
        assert started["__typename"] == "LaunchBackfillSuccess", started
        deadline = time.monotonic() + 300
        while True:
            found = self.ask(
                """query($b: String!) {
                     partitionBackfillOrError(backfillId: $b) { ... on PartitionBackfill { status } }
                     runsOrError(filter: {tags: [{key: "dagster/backfill", value: $b}]}) {
                       ... on Runs { results { runId status tags { key value } } } } }""",
                b=started["backfillId"],
            )
            runs: list[dict[str, Any]] = found["runsOrError"]["results"]
            if runs and all(run["status"] in ("SUCCESS", "FAILURE", "CANCELED") for run in runs):
                return runs
            assert time.monotonic() < deadline, f"the backfill did not end: {found}"
            time.sleep(1)

    def start(self, tags: dict[str, str], resources: dict[str, Any]) -> str:
        """Launch the job ``sync`` from the launchpad; gives the run's id."""
        launched = self.ask(
            """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
                 __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
                 ... on RunConfigValidationInvalid { errors { message } } } }""",
            p={
                "selector": {
                    "repositoryLocationName": "qb_pipeline", "repositoryName": "__repository__", "pipelineName": "sync",
                },
                "runConfigData": {"resources": resources},
                "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
            },
        )["launchRun"]  # fmt: skip
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run_id: str = launched["run"]["runId"]
        return run_id

    def launch(self, tags: dict[str, str], resources: dict[str, Any]) -> dict[str, Any]:
        """Launch the job ``sync`` from the launchpad and wait for its end; gives the run."""
        run_id = self.start(tags, resources)
        deadline = time.monotonic() + 180
        while True:
            run: dict[str, Any] = self.ask(
                """query($r: ID!) { runOrError(runId: $r) { ... on Run {
                     runId status
                     eventConnection { events { __typename
                       ... on ExecutionStepFailureEvent { failureMetadata { description } } } } } } }""",
                r=run_id,
            )["runOrError"]
            if run["status"] in ("SUCCESS", "FAILURE", "CANCELED"):
                return run
            assert time.monotonic() < deadline, f"the run did not end: {run['status']}"
            time.sleep(0.5)


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """The demo firms connected and active, nothing synced yet."""
    with temporary_home() as home:
        found = Deployment(home)
        found.prepare()
        yield found


@pytest.fixture(scope="module")
def page(deployment: Deployment) -> Iterator[Page]:
    """``qb-pipeline dev``: the Dagster UI and daemon of the deployment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = deployment.start("dev", "--port", str(port))
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for_dagster(url, process)
        page = Page(url)
        page.stop_schedules()
        yield page
    finally:
        process.terminate()
        process.wait(60)


def wait_for_dagster(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the page is there and knows our definitions."""
    deadline = time.monotonic() + 180
    while not _is_loaded(url):
        assert process.poll() is None, "qb-pipeline dev ended"
        assert time.monotonic() < deadline, "the Dagster UI did not come up"
        time.sleep(0.5)


def _is_loaded(url: str) -> bool:
    query = "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }"
    try:
        answer = requests.post(f"{url}/graphql", json={"query": query}, timeout=5).json()
    except (requests.ConnectionError, requests.Timeout):
        return False
    return bool(re.search("RepositoryLocation", json.dumps(answer)))
