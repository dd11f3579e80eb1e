"""The ledger's tables, the reporting views and the analysts' role: create, migrate, compare.

Belongs here: running the files of ``sql/``. Does not belong here: reading or writing rows of the tables.
"""

import hashlib
import re
import secrets
import string
import threading
from collections.abc import Iterator
from datetime import datetime
from graphlib import TopologicalSorter
from pathlib import Path

import alembic.command
import alembic.config
import alembic.script
import sqlalchemy as sa

from qb_pipeline.config import SQL
from qb_pipeline.core.problems import PROBLEMS
from qb_pipeline.database import Queries, run_script

queries = Queries(Path(__file__).with_suffix(".sql"))

COLUMN = re.compile(r"(\w+),?[ ]+-- (.+)$", re.MULTILINE)
"""The pattern of a view's column and of the comment about its meaning: ``state,   -- new, waiting, held …``."""

FUNCTION_COLUMN = re.compile(r"^    (\w+) +(\w+),? +-- (.+)$", re.MULTILINE)
"""A column that a function returns, its type and what it means: ``total numeric,  -- Amount …``."""

USED_VIEW = re.compile(r"\b(?:from|join) reporting\.(\w+)")
"""The pattern of a view from which another view selects."""

DEPENDENT_OBJECTS = "2BP01"
"""PostgreSQL's code for an object that others depend on (appendix A, "PostgreSQL Error Codes")."""

_one_at_a_time = threading.Lock()  # Alembic keeps its connection in a global: two threads would migrate one database


class DependentViewsError(ValueError):
    """Somebody else's view depends on one of ours that must change."""


def upgrade(engine: sa.Engine, *, now: datetime) -> str:
    """Migrate the pipeline's database to the newest revision, and return that revision.

    Everything is one transaction under one lock. Two concurrent upgrades end with the same schema, and a failed upgrade
    leaves the old schema. When a view has changed, all views are dropped and created again, because PostgreSQL cannot
    replace a view whose columns changed.

    Raises:
        DependentViewsError: a view that is not ours depends on a view that must change. Nothing was changed.
    """
    with _one_at_a_time, engine.begin() as connection:
        connection.execute(queries["lock_upgrade"])
        connection.execute(queries["create_schemas"])
        alembic.command.upgrade(_alembic(connection), "head")
        if connection.scalar(queries["views_version"]) != views_version():
            _make_views(connection)
        connection.execute(queries["grant_to_analysts"])
        connection.execute(
            queries["store_problem"],
            [{"code": str(code), "sentence": a.sentence, "remedy": a.remedy} for code, a in PROBLEMS.items()],
        )
        alphabet = string.ascii_lowercase + string.digits
        new_id = "".join(secrets.choice(alphabet) for _ in range(6))
        connection.execute(queries["name_installation"], {"installation_id": new_id, "now": now})
    return revision(engine) or ""


def _make_views(connection: sa.Connection) -> None:
    """Create the views of ``sql/reporting``, with the comments that their files have for views and columns."""
    try:
        connection.execute(queries["drop_views"])
    except sa.exc.DBAPIError as error:
        if getattr(error.orig, "pgcode", "") != DEPENDENT_OBJECTS:
            raise
        raise DependentViewsError(
            f"The reporting views change, but {str(error.orig).strip()} Drop what depends on them, run "
            "qb-pipeline db upgrade, and make it again."
        ) from error
    for path in _view_files():
        run_script(connection, path)
        for column, text in _descriptions(path.read_text()):
            _comment(connection, path.stem, column, text)
    for path in function_files():
        run_script(connection, path)
        about, _ = describe_function(path)
        connection.exec_driver_sql(
            str(connection.scalar(queries["comment_on_function"], {"name": path.stem, "text": about}))
        )
    _comment(connection, "", "", views_version())


def _comment(connection: sa.Connection, view: str, column: str, text: str) -> None:
    statement = connection.scalar(queries["comment_on"], {"view": view, "column": column, "text": text})
    connection.exec_driver_sql(str(statement))


def _descriptions(text: str) -> Iterator[tuple[str, str]]:
    """Yield pairs of column and comment from a view's file. Column "" is the view itself, described in the first lines
    of the file."""
    head, select = text.split("create view", 1)
    yield "", " ".join(line.removeprefix("-- ") for line in head.strip().splitlines())
    yield from COLUMN.findall(select)


def function_files() -> list[Path]:
    """The files of functions that analysts call; a function has its file's name."""
    return sorted((SQL / "reporting" / "functions").glob("*.sql"))


def describe_function(path: Path) -> tuple[str, list[tuple[str, str, str]]]:
    """What a function answers, by the first lines of its file; and its columns with type and meaning."""
    head, rest = path.read_text().split("create function", 1)
    about = " ".join(line.removeprefix("-- ") for line in head.strip().splitlines())
    return about, FUNCTION_COLUMN.findall(rest)


def _view_files() -> list[Path]:
    """Return the files of all views, each after the files of the views that it selects from."""
    files = {path.stem: path for path in sorted((SQL / "reporting").glob("*.sql"))}
    uses = {name: set(USED_VIEW.findall(path.read_text())) & files.keys() - {name} for name, path in files.items()}
    return [files[name] for name in TopologicalSorter(uses).static_order()]


def views_version() -> str:
    """Return the version of this code's views. The database keeps it as the comment of its schema ``reporting``."""
    digest = hashlib.sha256()
    for path in [*_view_files(), *function_files()]:
        digest.update(f"{path.name}\0{path.read_text()}\0".encode())
    return f"Views for analysts, version {digest.hexdigest()[:16]}"


def revision(engine: sa.Engine) -> str | None:
    """Read the revision of the database. The result is None when the database was never migrated."""
    with engine.connect() as connection:
        if connection.scalar(queries["has_version_table"]) is None:
            return None
        found: str | None = connection.scalar(queries["current_revision"])
        return found


def newest_revision() -> str:
    """Return the revision that this code needs."""
    return alembic.script.ScriptDirectory.from_config(_alembic(None)).get_current_head() or ""


def is_current(engine: sa.Engine) -> bool:
    """Return whether ``qb-pipeline db upgrade`` has nothing to do."""
    if revision(engine) != newest_revision():
        return False
    with engine.connect() as connection:
        return bool(connection.scalar(queries["views_version"]) == views_version())


def installation_id(engine: sa.Engine) -> str:
    """Read the six characters that mark all that this installation writes to QuickBooks."""
    with engine.connect() as connection:
        return str(connection.scalar(queries["installation_id"]))


def _alembic(connection: sa.Connection | None) -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(SQL / "migrations"))
    config.attributes["connection"] = connection
    return config
