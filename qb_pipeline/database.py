"""Database engines, and the queries in ``.sql`` files.

Belongs here: connecting, and finding a named query. Does not belong here: any query.
"""

import re
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from qb_pipeline.config import BILLING_URL, DAGSTER_URL, DATABASE_URL, ConfigurationError

HOW_TO_WRITE_IT = (
    f"write {DATABASE_URL}, {BILLING_URL} and {DAGSTER_URL} as postgresql+psycopg2://user:password@host/database "
    "(billing: as any SQLAlchemy URL whose driver is installed)"
)

PATIENCE = """
    set idle_in_transaction_session_timeout = '5min';
    set tcp_keepalives_idle = 60; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 6
"""
"""The settings that limit how long a client keeps its locks on a PostgreSQL server.

A client that is idle in a transaction keeps them for five minutes at most, and a client that has left the network for
two minutes. PostgreSQL's own defaults are no limit and two hours. Only one transaction of ours waits for somebody else:
the refresh of a token, which waits for one request at most.
"""

KEEPALIVE = {"keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 6}
"""libpq's parameters that end our side of a connection after two minutes when the server has left the network.

Parameters in the URL have precedence.
"""

NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def with_driver(url: str) -> str:
    """Return a PostgreSQL URL with psycopg2 as its driver; return any other URL unchanged.

    SQLAlchemy 2.1 reads a plain ``postgresql://`` as psycopg 3, which dagster-postgres cannot use: its NOTIFY takes a
    parameter that psycopg 3 binds on the server (dagster#33958).

    Raises:
        ConfigurationError: the text is not a URL.
    """
    try:
        parsed = sa.engine.make_url(url)
    except sa.exc.ArgumentError as error:
        raise ConfigurationError(f"a database URL is not a valid URL; {HOW_TO_WRITE_IT}") from error
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        return url
    return parsed.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)


@cache
def engine(url: str) -> sa.Engine:
    """Return the pooled engine of a URL; a process has one engine per URL.

    The engine's errors show neither parameters nor values, because those are clients' data.

    Raises:
        ConfigurationError: the URL is not valid, or names a driver that is not installed.
    """
    address = sa.engine.make_url(with_driver(url))
    is_postgresql = address.get_backend_name() == "postgresql"
    arguments = {key: value for key, value in KEEPALIVE.items() if is_postgresql and key not in address.query}
    try:
        made = sa.create_engine(
            address, pool_pre_ping=True, pool_size=5, max_overflow=5, hide_parameters=True, connect_args=arguments
        )
    except (sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigurationError(
            f"a database URL names a driver that is not installed ({error}); {HOW_TO_WRITE_IT}"
        ) from error
    sa.event.listen(made, "handle_error", _leave_values_out)
    if is_postgresql:
        sa.event.listen(made, "connect", _be_patient)
    if made.dialect.name == "sqlite":
        sa.event.listen(made, "connect", _name_schema)
    return made


def _be_patient(connection: Any, _record: object) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute(PATIENCE)
    connection.commit()


def _name_schema(connection: Any, _record: object) -> None:
    """Attach the SQLite file a second time under the name ``billing``, because SQLite has no schemas."""
    [(_number, _name, path)] = connection.execute("pragma database_list")
    connection.execute("attach database ? as billing", (path or ":memory:",))


def _leave_values_out(context: sa.engine.ExceptionContext) -> None:
    """Reduce an error that quotes rows to its code and constraint, because the error's text may be written to a log.

    PostgreSQL quotes values in class 22 (data exception) and class 23 (integrity constraint violation).
    """
    original: Any = context.original_exception
    code = getattr(original, "pgcode", None) or ""
    if code[:2] in ("22", "23") and context.sqlalchemy_exception is not None:
        constraint = original.diag.constraint_name
        text = f"SQLSTATE {code}" + (f", constraint {constraint}" if constraint else "")
        original.args = (text,)
        context.sqlalchemy_exception.args = (f"({type(original).__name__}) {text}",)


def run_script(connection: sa.Connection, path: Path) -> None:
    """Run a whole ``.sql`` file, which has no parameters, in the connection's transaction."""
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(path.read_text())


class Queries:
    """The queries of one ``.sql`` file, keyed by name: ``queries["reserve"]``.

    In the file a query begins with ``-- name: its_name``, and its parameters are written ``:name``.
    """

    def __init__(self, path: Path) -> None:
        parts = NAME.split(path.read_text())[1:]
        self._texts = dict(zip(parts[::2], parts[1::2], strict=True))
        self._path = path

    def __getitem__(self, name: str) -> sa.TextClause:
        try:
            return sa.text(self._texts[name])
        except KeyError:
            raise KeyError(f"no query named {name!r} in {self._path}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)
