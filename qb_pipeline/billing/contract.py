"""The contract with the billing database: relations, columns, types, keys, values.

Belongs here: the contract, comparing a database with it, creating the reference schema. Does not belong here: judging
single documents (``core``).
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import ReflectedColumn

from qb_pipeline.billing.errors import BillingError, ContractBrokenError, translated_errors
from qb_pipeline.config import SQL
from qb_pipeline.core import schemas

SCHEMA = "billing"

Family = Literal["text", "amount", "decimal", "integer", "date", "instant", "flag"]

WANTED: dict[Family, str] = {
    "text": "text",
    "amount": "numeric(15,2)",
    "decimal": "numeric",
    "integer": "integer",
    "date": "date",
    "instant": "timestamptz",
    "flag": "boolean",
}


ACCEPTED: dict[Family, tuple[type[sa.types.TypeEngine[Any]], ...]] = {
    "text": (sa.String,),
    "amount": (sa.Numeric,),  # not sa.Float: an amount never becomes a float
    "decimal": (sa.Numeric, sa.Integer),
    "integer": (sa.Integer,),
    "date": (sa.Date,),
    "instant": (sa.DateTime,),
    "flag": (sa.Boolean,),
}

IN_SQLITE: dict[Family, str] = {"date": "date", "instant": "datetime"}
"""SQLite's functions that turn a text or a number into a date or a time, keyed by family. SQLite stores times as texts
or numbers."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view. Columns in ``key`` or ``required`` are never null. ``values`` holds all values that a column may
    have, keyed by column. ``unique`` holds sets of columns that are unique together."""

    key: tuple[str, ...]
    columns: dict[str, Family]
    required: tuple[str, ...] = ()
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unique: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation of the contract. ``column`` is "" when the violation is about the whole relation."""

    relation: str
    column: str
    problem: str
    remedy: str


def _texts(names: str) -> dict[str, Family]:
    return dict.fromkeys(names.split(), "text")


CONTRACT: dict[str, Relation] = {
    "firms": Relation(
        key=("firm_id",),
        columns=_texts("firm_id name time_zone currency"),
        required=("name", "time_zone", "currency"),
    ),
    "payers": Relation(
        key=("firm_id", "payer_id"),
        columns=_texts(
            "firm_id payer_id kind first_name middle_name last_name suffix corporation_name billing_first_name "
            "billing_last_name billing_email billing_phone email phone mobile address_line1 address_line2 city state "
            "postal_code country"
        )
        | {"updated_at": "instant"},
        required=("kind", "updated_at"),
        values={"kind": schemas.PAYER_KINDS},
    ),
    "fee_items": Relation(
        key=("firm_id", "fee_item_id"),
        columns=_texts("firm_id fee_item_id code name description kind")
        | {"unit_price": "decimal", "is_active": "flag", "updated_at": "instant"},
        required=("kind", "is_active", "updated_at"),
        values={"kind": schemas.FEE_ITEM_KINDS},
    ),
    "invoices": Relation(
        key=("firm_id", "invoice_id"),
        columns=_texts(
            "firm_id invoice_id invoice_number payer_id matter status terms currency customer_message internal_note"
        )
        | {"invoice_date": "date", "due_date": "date", "total_amount": "amount"}
        | {"created_at": "instant", "updated_at": "instant"},
        required=("payer_id", "status", "currency", "invoice_date", "total_amount", "created_at", "updated_at"),
        values={"status": schemas.INVOICE_STATUSES},
    ),
    "invoice_lines": Relation(
        key=("firm_id", "invoice_id", "line_number"),
        columns=_texts("firm_id invoice_id kind fee_item_id description forwarded_invoice_id")
        | {"line_number": "integer", "service_date": "date", "quantity": "decimal", "unit_price": "decimal"}
        | {"amount": "amount", "is_taxable": "flag"},
        required=("kind", "amount", "is_taxable"),
        values={"kind": schemas.LINE_KINDS},
    ),
    "payments": Relation(
        key=("firm_id", "payment_id"),
        columns=_texts(
            "firm_id payment_id payer_id kind method reference currency memo reverses_payment_id status origin "
            "external_id"
        )
        | {"received_date": "date", "amount": "amount", "created_at": "instant", "updated_at": "instant"},
        required=(
            "payer_id", "kind", "method", "received_date", "amount", "currency", "status", "origin", "created_at",
            "updated_at",
        ),
        values={
            "kind": schemas.PAYMENT_KINDS, "method": schemas.PAYMENT_METHODS, "status": schemas.PAYMENT_STATUSES,
            "origin": schemas.ORIGINS,
        },
        unique=(("firm_id", "external_id"),),
    ),
    "payment_applications": Relation(
        key=("firm_id", "payment_id", "invoice_id", "applied_date"),
        columns=_texts("firm_id payment_id invoice_id") | {"amount": "amount", "applied_date": "date"},
        required=("amount",),
    ),
    "payment_guard": Relation(
        key=("firm_id",), columns=_texts("firm_id") | {"active_since": "instant"}, required=("active_since",)
    ),
}  # fmt: skip


def install(engine: sa.Engine) -> None:
    """Create the reference schema and its guard in an empty database, in one transaction.

    Raises:
        BillingError: the database is not PostgreSQL, or has a schema ``billing`` already.
    """
    if engine.dialect.name != "postgresql":
        raise BillingError("the reference schema is PostgreSQL; give a PostgreSQL URL, or views of the agreed names")
    with translated_errors():
        schema_names = sa.inspect(engine).get_schema_names()
    if SCHEMA in schema_names:
        raise BillingError(
            "this database has a schema billing already; nothing was changed. To see whether it fits, run: "
            "qb-pipeline billing check. To start afresh, name an empty database in QB_PIPELINE_BILLING_URL"
        )
    scripts = [(SQL / "billing" / name).read_text() for name in ("schema.sql", "guard.sql")]
    with engine.begin() as connection, closing(connection.connection.cursor()) as cursor:
        for script in scripts:
            cursor.execute(script)


def install_guard(engine: sa.Engine) -> None:
    """Create the Model 2 guard, a table and a trigger, in a firm's own database. Repeating it changes nothing.

    Raises:
        BillingError: the database is not PostgreSQL, or ``billing.payments``, which the trigger needs, is not a table.
    """
    if engine.dialect.name != "postgresql":
        raise BillingError(
            "the guard is a PostgreSQL trigger; elsewhere write one that refuses what sql/billing/guard.sql refuses"
        )
    with translated_errors():
        inspector = sa.inspect(engine)
        if "payments" not in inspector.get_table_names(SCHEMA):
            is_view = "payments" in inspector.get_view_names(SCHEMA)
            raise BillingError(
                "billing.payments is a view, and such a trigger needs a table: put the one of "
                "sql/billing/guard.sql on the table behind it"
                if is_view
                else "there is no billing.payments to guard; run: qb-pipeline billing check"
            )
    script = (SQL / "billing" / "guard.sql").read_text()
    with translated_errors(), engine.begin() as connection:
        connection.exec_driver_sql(script.replace("%", "%%"))  # its own percent signs are no parameters


def check_contract(engine: sa.Engine) -> list[Violation]:
    """Compare the billing database with the contract, column by column, and return the violations. An empty list means
    that the database fits.

    Constraints of the database are trusted. Where there is no constraint, as in every view, the rows are searched for
    missing, doubled and unknown values.
    """
    with translated_errors():
        inspector = sa.inspect(engine)
        schema_names = inspector.get_schema_names()
        if SCHEMA not in schema_names:
            remedy = "create it with views of the agreed names; or, in an empty database, run: qb-pipeline billing init"
            return [Violation(SCHEMA, "", "there is no schema of this name", remedy)]
        views = {*inspector.get_view_names(SCHEMA)}
        if engine.dialect.name == "postgresql":
            views |= {*inspector.get_materialized_view_names(SCHEMA)}
        return [
            violation
            for name, relation in CONTRACT.items()
            for violation in _check_relation(engine, inspector, name, relation, is_view=name in views)
        ]


def require_columns(engine: sa.Engine) -> None:
    """Refuse a database in which a column is missing or has another type. This costs one query, which reads no rows.

    Only PostgreSQL tells the column types of every view. On other engines nothing is checked, and the reads themselves
    fail later. The guard of Model 2 is left out, since it is checked when Model 2 is switched on.

    Raises:
        ContractBrokenError: a column is missing or has another type. The message names the first one.
    """
    if engine.dialect.name != "postgresql":
        return
    with translated_errors():
        tables = sa.inspect(engine).get_multi_columns(SCHEMA, kind=sa.engine.reflection.ObjectKind.ANY)
    for name, relation in CONTRACT.items():
        found = {column["name"]: column["type"] for column in tables.get((SCHEMA, name), ())}
        for column, family in relation.columns.items() if name != "payment_guard" else ():
            if column not in found or not _is_of(family, found[column], is_postgresql=True):
                problem = f"is {found[column]}, not {WANTED[family]}" if column in found else "is missing"
                raise ContractBrokenError(
                    f"billing does not look as agreed: {name}.{column} {problem}; nothing was sent. Run: "
                    "qb-pipeline billing check"
                )


def _check_relation(
    engine: sa.Engine, inspector: sa.Inspector, name: str, relation: Relation, *, is_view: bool
) -> Iterator[Violation]:
    try:
        found = {column["name"]: column for column in inspector.get_columns(name, SCHEMA)}
    except sa.exc.NoSuchTableError:
        script = "guard.sql" if name == "payment_guard" else "schema.sql"
        remedy = f"create a table or view of this name with the columns of sql/billing/{script}"
        yield Violation(name, "", "is missing", remedy)
        return
    usable = set()
    for column, family in relation.columns.items():
        wrong = _check_column(name, column, family, found.get(column), dialect=engine.dialect.name)
        if wrong is not None:
            yield wrong
            continue
        usable.add(column)
        if column in relation.key and found[column]["nullable"] and not is_view:
            yield Violation(name, column, "is a key and may be null", "make the column not null")
    nullable = {column for column in usable if found[column]["nullable"]}
    guaranteed = [] if is_view else _unique_sets(inspector, name)
    yield from _check_rows(engine, name, relation, usable=usable, nullable=nullable, guaranteed=guaranteed)


def _check_column(
    name: str, column: str, family: Family, found: ReflectedColumn | None, *, dialect: str
) -> Violation | None:
    """Return the violation of a column that is missing or has another type, or None. The rows are not checked."""
    if found is None:
        return Violation(name, column, "is missing", f"add the column ({WANTED[family]}), under this name")
    if _is_of(family, found["type"], is_postgresql=dialect == "postgresql"):
        return None
    remedy = _conversion(column, family, found["type"])
    if dialect == "sqlite" and family in IN_SQLITE:
        remedy = f"let the view make it: {IN_SQLITE[family]}({column})"
    return Violation(name, column, f"is {found['type']}, not {WANTED[family]}", remedy)


def _check_rows(
    engine: sa.Engine,
    name: str,
    relation: Relation,
    *,
    usable: Collection[str],
    nullable: Collection[str],
    guaranteed: Sequence[Collection[str]],
) -> Iterator[Violation]:
    """Yield the violations in the rows that no constraint rules out: missing, unknown and doubled values.

    ``guaranteed`` holds sets of columns that the database keeps unique.
    """
    doubtful = [column for column in (*relation.key, *relation.required) if column in nullable]
    values = {column: allowed for column, allowed in relation.values.items() if column in usable}
    keys = [
        key
        for key in (relation.key, *relation.unique)
        if set(key) <= set(usable) and not any(set(columns) <= set(key) for columns in guaranteed)
    ]
    with engine.connect() as connection:
        try:
            yield from _find_missing(connection, name, doubtful)
            yield from _find_unknown(connection, name, values)
            yield from _find_doubled(connection, name, keys)
        except sa.exc.ProgrammingError as error:
            if getattr(error.orig, "pgcode", None) != INSUFFICIENT_PRIVILEGE:
                raise
            yield Violation(name, "", "may not be read", f"grant select on {SCHEMA}.{name} to the pipeline's role")


INSUFFICIENT_PRIVILEGE = "42501"


def _table(name: str, columns: Iterable[str]) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns), schema=SCHEMA)


def _find_missing(connection: sa.Connection, name: str, columns: list[str]) -> Iterator[Violation]:
    if not columns:
        return
    table = _table(name, columns)
    missing = (sa.func.count(sa.case((table.c[column].is_(None), 1))) for column in columns)
    for column, rows in zip(columns, connection.execute(sa.select(*missing)).one(), strict=True):
        if rows:
            yield Violation(
                name, column, f"is missing in {rows} rows", "fill it in, or leave those rows out of the view"
            )


def _find_unknown(connection: sa.Connection, name: str, values: dict[str, tuple[str, ...]]) -> Iterator[Violation]:
    table = _table(name, values)
    for column, allowed in values.items():
        unknown = sa.select(table.c[column]).where(table.c[column].not_in(allowed)).distinct()
        for (value,) in connection.execute(unknown.order_by(table.c[column]).limit(5)):
            yield Violation(name, column, f"holds {value!r}", f"turn it into one of: {', '.join(allowed)}")


def _find_doubled(connection: sa.Connection, name: str, keys: list[tuple[str, ...]]) -> Iterator[Violation]:
    for key in keys:
        table = _table(name, key)
        present = (column.is_not(None) for column in table.c)
        doubled = sa.select(*table.c).where(*present).group_by(*table.c).having(sa.func.count() > 1).subquery()
        several = connection.execute(sa.select(sa.func.count()).select_from(doubled)).scalar_one()
        if several:
            remedy = "let each row appear once: a join in the view may multiply rows"
            yield Violation(name, ", ".join(key), f"is not unique: {several} values appear several times", remedy)


def _unique_sets(inspector: sa.Inspector, name: str) -> list[set[str]]:
    """Return the sets of columns that the database itself keeps unique."""
    primary = inspector.get_pk_constraint(name, SCHEMA)["constrained_columns"]
    constraints = [constraint["column_names"] for constraint in inspector.get_unique_constraints(name, SCHEMA)]
    return [set(columns) for columns in (primary, *constraints) if columns]


def _is_of(family: Family, type_: Any, *, is_postgresql: bool) -> bool:
    """Return whether a column's type fits the family. A type that is not known, as in a view of another engine, counts
    as fitting, because the rows are checked."""
    if isinstance(type_, postgresql.DOMAIN):
        type_ = type_.data_type
    if isinstance(type_, sa.types.NullType):
        return True
    if family == "instant" and is_postgresql:
        return isinstance(type_, sa.DateTime) and type_.timezone
    if family == "flag" and not is_postgresql:
        return isinstance(type_, sa.Boolean | sa.Integer)
    return isinstance(type_, ACCEPTED[family])


def _conversion(column: str, family: Family, type_: Any) -> str:
    """Return the remedy for a column of another type: the conversion that a view needs."""
    if family == "instant" and isinstance(type_, sa.DateTime):
        return f"say which zone it is in: {column} at time zone 'America/New_York'"
    if family == "amount" and isinstance(type_, sa.Integer):
        return f"if these are cents: cast({column} / 100.0 as numeric(15,2))"
    return f"offer cast({column} as {WANTED[family]})"
