"""The ledger's tables, the reporting views and the analysts' role: create, migrate, compare.

Belongs here: running what ``sql/`` holds. Does not belong here: reading or writing rows of it.
"""

import secrets
import string
from datetime import datetime
from pathlib import Path

import alembic.command
import alembic.config
import alembic.script
import sqlalchemy as sa

from qb_pipeline.config import SQL
from qb_pipeline.core.problems import PROBLEMS
from qb_pipeline.database import Queries, run_script

queries = Queries(Path(__file__).with_suffix(".sql"))
ANALYST = "qb_analyst"


def upgrade(engine: sa.Engine, *, now: datetime) -> str:
    """Bring the pipeline's database to the newest revision and return that revision.

    One transaction under one lock: two commands that upgrade at once end with the same schema, a failed one leaves the
    old one. Views are dropped and made again, so that a changed column is never refused.
    """
    with engine.begin() as connection:
        connection.execute(queries["lock_upgrade"])
        connection.execute(queries["create_schemas"])
        alembic.command.upgrade(_alembic(connection), "head")
        connection.execute(queries["drop_views"])
        for view in sorted((SQL / "reporting").glob("*.sql")):
            run_script(connection, view)
        connection.execute(queries["grant_to_analysts"])
        connection.execute(
            queries["store_problem"],
            [{"code": str(code), "sentence": a.sentence, "remedy": a.remedy} for code, a in PROBLEMS.items()],
        )
        alphabet = string.ascii_lowercase + string.digits
        new_id = "".join(secrets.choice(alphabet) for _ in range(6))
        connection.execute(queries["name_installation"], {"installation_id": new_id, "now": now})
    return revision(engine) or ""


def revision(engine: sa.Engine) -> str | None:
    """The revision that the database is at; None when it was never migrated."""
    with engine.connect() as connection:
        if connection.scalar(queries["has_version_table"]) is None:
            return None
        found: str | None = connection.scalar(queries["current_revision"])
        return found


def newest_revision() -> str:
    """The revision that this code needs."""
    return alembic.script.ScriptDirectory.from_config(_alembic(None)).get_current_head() or ""


def is_current(engine: sa.Engine) -> bool:
    """Whether ``qb-pipeline db upgrade`` has nothing to do."""
    return revision(engine) == newest_revision()


def installation_id(engine: sa.Engine) -> str:
    """The six characters that mark what this installation writes to QuickBooks."""
    with engine.connect() as connection:
        return str(connection.scalar(queries["installation_id"]))


def _alembic(connection: sa.Connection | None) -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(SQL / "migrations"))
    config.attributes["connection"] = connection
    return config
