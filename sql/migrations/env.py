"""Alembic's entry: migrates the schema ``sync`` over the connection that ``qb_pipeline.ledger.schema`` hands in."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    version_table="alembic_version",
    version_table_schema="sync",  # Dagster's own alembic_version lives in public, maybe of the same database
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
