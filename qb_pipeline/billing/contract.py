"""What we and the billing database have agreed on.

Belongs here: creating the reference schema, comparing a database with the agreement. Does not belong here: judging
single documents (``core``).
"""

from contextlib import closing

import sqlalchemy as sa

from qb_pipeline.billing.errors import BillingError
from qb_pipeline.config import SQL


def install(engine: sa.Engine) -> None:
    """Create the reference schema and its guard in an empty database, both or neither.

    Raises:
        BillingError: the database is not PostgreSQL, or has a schema ``billing`` already.
    """
    if engine.dialect.name != "postgresql":
        raise BillingError("the reference schema is PostgreSQL; give a PostgreSQL URL, or views of the agreed names")
    if "billing" in sa.inspect(engine).get_schema_names():
        raise BillingError(
            "this database has a schema billing already; nothing was changed. To see whether it fits, run: "
            "qb-pipeline billing check. To start afresh, name an empty database in QB_PIPELINE_BILLING_URL"
        )
    scripts = [(SQL / "billing" / name).read_text() for name in ("schema.sql", "guard.sql")]
    with engine.begin() as connection, closing(connection.connection.cursor()) as cursor:
        for script in scripts:
            cursor.execute(script)
