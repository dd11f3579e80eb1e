"""One firm's documents, read from the billing database.

Belongs here: headers for the work list (staging table), full documents by id, the horizon of an incremental read. Does
not belong here: the decision whether a document may be sent (``core``), and the record of sent documents (``ledger``).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from pandas import DataFrame, Series

from qb_pipeline.billing.contract import require_columns
from qb_pipeline.billing.errors import BillingUnavailableError, ContractBrokenError, translated_errors
from qb_pipeline.core.money import to_cents
from qb_pipeline.core.states import Kind
from qb_pipeline.core.text import join_names, name_key, real_name
from qb_pipeline.database import Queries

QUERIES = Queries(Path(__file__).with_suffix(".sql"))

IDS_PER_QUERY = 2_000
"""SQL Server takes at most 2,100 parameters. PostgreSQL and SQLite take more."""

OVERLAP = timedelta(minutes=5)
"""The horizon of a primary server is set back by this time, because the clock that wrote ``updated_at`` may not be the
clock that we read."""

BLIND_OVERLAP = timedelta(days=1)
"""The horizon is set back by this time where the start of an open transaction cannot be seen."""

PATIENCE_SECONDS = 2.0
"""The default for the longest time that ``horizon`` waits until open transactions end."""

SNAPSHOT_NAME = "qb_pipeline snapshot"
"""The name of our session while it reads a snapshot. Such a session stamps no rows, so ``horizon`` does not wait for
it."""

LARGEST_CENTS = 2**63 - 1

IDS: sa.BindParameter[Sequence[str]] = sa.bindparam("ids", expanding=True, type_=sa.String)

# The columns that are not read as text, by their names in the queries.
AMOUNTS = {"amount": "amount_cents", "total_amount": "total_cents"}
DECIMALS = {"quantity", "unit_price"}
DATES = {"document_date", "invoice_date", "due_date", "service_date", "received_date", "applied_date"}
INSTANTS = {"created_at", "updated_at"}
FLAGS = {"is_taxable", "is_active"}


@dataclass(frozen=True, slots=True)
class BillingFirm:
    """A law firm as billing knows it."""

    firm_id: str
    name: str
    time_zone: str
    currency: str


class BadAmount(NamedTuple):
    """A document that cannot be read, because ``column`` holds no finite number, or an amount that whole cents cannot
    hold."""

    source_id: str
    column: str


class Named(NamedTuple):
    """A document as a person may know it. ``number`` is the number of an invoice, or the reference of a payment. It is
    "" for a document without one."""

    source_id: str
    number: str
    document_date: date | None
    status: str


class InvoiceRows(NamedTuple):
    """Invoices, their lines, and the bad amounts of invoices that both frames leave out."""

    invoices: DataFrame
    lines: DataFrame
    bad_amounts: list[BadAmount]


class PaymentRows(NamedTuple):
    """Payments, their applications, and the bad amounts of payments that both frames leave out."""

    payments: DataFrame
    applications: DataFrame
    bad_amounts: list[BadAmount]


def firms(engine: sa.Engine) -> list[BillingFirm]:
    """Read the firms that billing knows."""
    with translated_errors(), engine.connect() as connection:
        return [BillingFirm(*row) for row in connection.execute(QUERIES["firms"])]


def fetch_firm(engine: sa.Engine, firm_id: str) -> BillingFirm | None:
    """Read one firm. The result is None when billing does not know it."""
    with translated_errors(), engine.connect() as connection:
        row = connection.execute(QUERIES["firm"], {"firm_id": firm_id}).one_or_none()
    return BillingFirm(*row) if row else None


class BillingSource:
    """One firm's side of the billing database, read only and for one thread.

    Each call reads in a transaction of its own that sees one state of the database. Calls inside
    ``with source.snapshot():`` see the same state, so that an invoice and its payer never come from different moments.
    On PostgreSQL that transaction is REPEATABLE READ READ ONLY. Elsewhere it is the engine's default.
    """

    def __init__(
        self,
        engine: sa.Engine,
        firm_id: str,
        *,
        allow_standby: bool = False,
        lock_timeout_seconds: float = 10,
        statement_timeout_seconds: float = 300,
        overlap: timedelta = OVERLAP,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.firm_id = firm_id
        self._engine = engine
        self._is_postgresql = engine.dialect.name == "postgresql"
        self._allow_standby = allow_standby
        self._patience = {
            "lock_timeout": f"{round(lock_timeout_seconds * 1000)}ms",
            "statement_timeout": f"{round(statement_timeout_seconds * 1000)}ms",
        }
        self._overlap = overlap
        self._clock = clock
        self._sleep = sleep
        self._connection: sa.Connection | None = None

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Open a snapshot: every read inside the block sees one state of the database. Snapshots may be nested, and the
        outermost one counts."""
        if self._connection is not None:
            yield
            return
        with translated_errors():
            connection = self._engine.connect()
        try:
            with translated_errors():
                if self._is_postgresql:
                    connection = connection.execution_options(
                        isolation_level="REPEATABLE READ", postgresql_readonly=True
                    )
                    connection.execute(QUERIES["begin_snapshot"], self._patience | {"name": SNAPSHOT_NAME})
                    self._refuse_standby(connection)
            self._connection = connection
            yield
        finally:
            self._connection = None
            connection.close()

    def fingerprint(self) -> str:
        """Return the identity of the database: PostgreSQL's server and database, or on other engines a hash of the ids
        of its firms."""
        if self._is_postgresql:
            with translated_errors(), self._engine.connect() as connection:
                server, database = connection.execute(QUERIES["identity"]).one()
            return f"postgresql/{server}/{database}"
        names = "\n".join(firm.firm_id for firm in firms(self._engine))
        return f"{self._engine.dialect.name}/{sha256(names.encode()).hexdigest()[:16]}"

    def require_columns(self) -> None:
        """Refuse a database whose columns do not keep the contract (``contract.require_columns``)."""
        require_columns(self._engine)

    # Work list

    def headers(
        self,
        *,
        updated_since: datetime | None = None,
        first: date | None = None,
        last: date | None = None,
        eligible_since: datetime | None = None,
        chunk: int = 5_000,
    ) -> Iterator[DataFrame]:
        """Yield frames with one row per document (``Headers``), without drafts. Without limits all documents are read.
        ``updated_since`` limits the documents to those changed since then, ``first`` and ``last`` limit them by their
        date (inclusive).

        An amount that whole cents cannot hold is 0 here, and is reported when the document is fetched.

        Raises:
            ContractBrokenError: a document has no date, or lacks one of its times.
        """
        parameters = {"updated_since": updated_since, "first": first, "last": last, "every": 1, "ids": [""]}
        with self.snapshot():
            for name in ("invoice_headers", "payment_headers", "credit_headers"):
                yield from self._header_frames(name, parameters, eligible_since, chunk)

    def header_ids(
        self,
        *,
        invoice_ids: Sequence[str] = (),
        payment_ids: Sequence[str] = (),
        eligible_since: datetime | None = None,
    ) -> Iterator[DataFrame]:
        """Yield frames with the headers of chosen documents. A document that billing does not have, or has as a draft,
        has no row."""
        chosen = {"invoice_headers": invoice_ids, "payment_headers": payment_ids, "credit_headers": payment_ids}
        with self.snapshot():
            for name, wanted in chosen.items():
                for ids in _portions(wanted):
                    parameters = {"updated_since": None, "first": None, "last": None, "every": 0, "ids": ids}
                    yield from self._header_frames(name, parameters, eligible_since, IDS_PER_QUERY)

    def draft_headers(
        self,
        *,
        updated_since: datetime | None = None,
        first: date | None = None,
        last: date | None = None,
        invoice_ids: Sequence[str] | None = None,
        eligible_since: datetime | None = None,
        chunk: int = 5_000,
    ) -> Iterator[DataFrame]:
        """Stream the headers of invoices whose status is ``draft``, in frames of up to ``chunk`` rows.

        With ``invoice_ids``, only these invoices are read; otherwise the limits work as in ``headers``. A draft may be
        on the work list already, if it was issued before it became a draft again.

        Raises:
            ContractBrokenError: a draft without a date or without its times.
        """
        parameters: dict[str, Any] = {"updated_since": updated_since, "first": first, "last": last, "drafts": 1}
        portions = [[""]] if invoice_ids is None else _portions(invoice_ids)
        with self.snapshot():
            for ids in portions:
                chosen = {"every": int(invoice_ids is None), "ids": ids}
                yield from self._header_frames("invoice_headers", parameters | chosen, eligible_since, chunk)

    def horizon(self, *, patience_seconds: float = PATIENCE_SECONDS) -> datetime:
        """Return the horizon (watermark): the instant up to which an incremental read that begins after this call is
        complete.

        This holds for every firm of the database. Call it first, then read
        ``headers(updated_since=<the last horizon>)``, then store this horizon. A transaction stamps its rows when it
        begins and shows them when it commits, so a row may appear with an earlier time than rows already read. Hence
        the horizon is not simply the time of the clock:

        * PostgreSQL: the clock is read. Then we wait up to ``patience_seconds`` until each transaction that was open
          has ended. After that, every row stamped before that time of the clock can be seen, and the horizon is that
          time. Any role may watch open transactions. If a transaction stays open, the horizon is the start of the
          oldest one. With ``patience_seconds`` 0 there is no wait. Our own snapshots only read and do not count. A role
          without ``pg_read_all_stats`` cannot see the start of another role's transaction. If such a transaction stays
          open, the horizon is no later than ``BLIND_OVERLAP`` before the clock. ``overlap`` is subtracted as well.
        * A standby server of PostgreSQL cannot see the open transactions of its primary. The horizon is
          ``BLIND_OVERLAP`` before the last transaction that it has replayed.
        * Other engines do not show open transactions. The horizon is ``BLIND_OVERLAP`` before the clock.

        A row that is read twice is found unchanged. A row that appears too late for the incremental reads is found by
        the read of a whole date range with which each sync of everything begins.

        Raises:
            RuntimeError: the call is inside a snapshot, which would be older than the horizon.
        """
        if self._connection is not None:
            raise RuntimeError("ask for the horizon before the snapshot is opened")
        if not self._is_postgresql:
            return self._clock() - BLIND_OVERLAP
        with translated_errors(), self._engine.connect() as plain:
            connection = plain.execution_options(isolation_level="AUTOCOMMIT")
            state = connection.execute(QUERIES["server_state"]).one()
            if state.is_standby:
                self._refuse_standby(connection)
                return _instant(state.replayed_at or state.now) - BLIND_OVERLAP
            return _instant(self._oldest_start(connection, state.now, patience_seconds)) - self._overlap

    def _oldest_start(self, connection: sa.Connection, now: datetime, patience_seconds: float) -> datetime:
        """Wait for the transactions that are open at ``now``. Return the start of the oldest one that stays open, or
        else ``now``."""
        ours = {"snapshot": SNAPSHOT_NAME}
        started = {row.id: row.started_at for row in connection.execute(QUERIES["open_transactions"], ours)}
        pause, waited = 0.01, 0.0
        while started and waited < patience_seconds:
            self._sleep(pause)
            waited += pause
            pause = min(2 * pause, 0.25)
            still_open = {row.id for row in connection.execute(QUERIES["open_transactions"], ours)}
            started = {key: start for key, start in started.items() if key in still_open}
        starts = [start for start in started.values() if start is not None]
        if len(starts) < len(started):
            starts.append(now - BLIND_OVERLAP)
        return min(now, *starts) if starts else now

    # Documents

    def fetch_invoices(self, ids: Iterable[str]) -> InvoiceRows:
        """Read invoices (drafts too) with their lines. An invoice that has a bad amount, in itself or in a line, is
        left out."""
        with self.snapshot():
            invoices, bad_totals = self._fetch("invoices", ids)
            lines, bad_lines = self._fetch("invoice_lines", invoices["invoice_id"])
        bad = bad_totals + bad_lines
        return InvoiceRows(_without(invoices, bad_lines), _without(lines, bad_lines), bad)

    def fetch_payments(self, ids: Iterable[str]) -> PaymentRows:
        """Read payments with their applications. A payment that has a bad amount, in itself or in an application, is
        left out."""
        with self.snapshot():
            payments, bad_totals = self._fetch("payments", ids)
            applications, bad_parts = self._fetch("applications", payments["payment_id"])
        bad = bad_totals + bad_parts
        return PaymentRows(_without(payments, bad_parts), _without(applications, bad_parts), bad)

    def forwarded_balances(self, ids: Iterable[str]) -> set[tuple[str, str, int]]:
        """Balances that these invoices carry forward, or that newer ones carry forward of them.

        Gives the invoice, the older one ("" when unknown) and cents, summed up.
        """
        wanted = list(ids)
        summed: dict[tuple[str, str], int] = {}
        with self.snapshot():
            frames = [self._fetch(name, wanted, keep_bad=True)[0] for name in ("forwarded_from", "forwarded_onto")]
        for frame in frames:
            own: dict[tuple[str, str], int] = {}
            columns = (frame[name] for name in ("invoice_id", "forwarded_invoice_id", "amount_cents"))
            for invoice_id, older_id, cents in zip(*columns, strict=True):
                own[invoice_id, older_id] = own.get((invoice_id, older_id), 0) + cents
            summed |= own
        return {(*pair, cents) for pair, cents in summed.items()}

    def fetch_payers(self, ids: Iterable[str]) -> DataFrame:
        """Read payers by id."""
        return self._fetch("payers", ids)[0]

    def fetch_namesakes(self, ids: Iterable[str]) -> DataFrame:
        """Read these payers and every other payer of the same kind and name.

        The name is the first and last name, or the corporation's name. Case, spaces and Unicode forms do not count.
        Names are compared here and not by the database, because lower case differs between engines and locales.
        """
        wanted = set(ids)
        with self.snapshot():
            keys = {row.payer_id: _name_key(row) for row in self._rows("payer_names", {})}
            names = {keys[payer_id] for payer_id in wanted if payer_id in keys} - {None}
            return self.fetch_payers(payer_id for payer_id, key in keys.items() if payer_id in wanted or key in names)

    def fetch_fee_items(self, ids: Iterable[str]) -> DataFrame:
        """Read fee items by id. A unit price that is no finite number becomes None."""
        items, bad = self._fetch("fee_items", ids, keep_bad=True)
        items.loc[items["fee_item_id"].isin([row.source_id for row in bad]), "unit_price"] = None
        return items

    def mappable_names(self, payer_ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return the entries for which a mapping may be made: these payers, every fee item, every terms text.

        Returns:
            Names keyed by id, for each kind of mapping (payer, fee_item, terms).
        """
        with self.snapshot():
            payers = self.fetch_payers(payer_ids)
            names = [
                corporation or join_names((first, last))
                for corporation, first, last in zip(
                    payers["corporation_name"], payers["first_name"], payers["last_name"], strict=True
                )
            ]
            return {
                "payer": dict(zip(payers["payer_id"], names, strict=True)),
                "fee_item": {row.fee_item_id: row.name for row in self._rows("fee_item_names", {})},
                "terms": {row.terms: row.terms for row in self._rows("terms", {})},
            }

    def matters(self) -> list[str]:
        """Return the matters of all invoices, each text once."""
        with self.snapshot():
            return [row.matter for row in self._rows("matters", {})]

    def payment_ids_on(self, invoice_ids: Iterable[str]) -> set[str]:
        """Return the ids of the payments on these invoices, and of the refunds, rejections and reversals of those
        payments."""
        with self.snapshot():
            paying = set(self._ids("payments_on_invoices", invoice_ids))
            return paying | set(self._ids("takings_back", paying))

    def named(self, kind: Kind, words: Iterable[str]) -> list[Named]:
        """Return the documents of a kind whose id, number or reference is one of the words, drafts too, in the order of
        their ids."""
        with self.snapshot():
            rows = [
                row
                for portion in _portions(words, IDS_PER_QUERY // 2)  # each word is a parameter twice
                for row in self._rows(f"named_{kind}", {"ids": portion})
            ]
        found = {
            row.source_id: Named(
                row.source_id, row.number or "", _date(row.document_date) if row.document_date else None, row.status
            )
            for row in rows
        }
        return [found[source_id] for source_id in sorted(found)]

    def present_ids(self, kind: Kind, ids: Iterable[str]) -> set[str]:
        """Return those of these ids that billing still has, drafts included. The answer is complete, or the call raises
        an error."""
        with self.snapshot():
            return set(self._ids(f"present_{kind}", ids))

    # Reading

    def _header_frames(
        self, name: str, parameters: dict[str, Any], eligible_since: datetime | None, chunk: int
    ) -> Iterator[DataFrame]:
        statement = QUERIES[name].bindparams(
            sa.bindparam("updated_since", type_=sa.DateTime(timezone=True)),
            sa.bindparam("eligible_since", type_=sa.DateTime(timezone=True)),
            sa.bindparam("first", type_=sa.Date),
            sa.bindparam("last", type_=sa.Date),
            IDS,
        )
        values = (
            {"drafts": 0}
            | parameters
            | {
                "firm_id": self.firm_id,
                "updated_since": self._as_stored(parameters["updated_since"]),
                "eligible_since": self._as_stored(eligible_since),
            }
        )
        with translated_errors():
            result = self._reading().execute(statement, values, execution_options={"stream_results": True})
            columns = list(result.keys())
            partitions = result.partitions(chunk)
        while True:
            with translated_errors():
                rows = next(partitions, None)
            if not rows:
                return
            frame, _ = _frame(columns, rows)
            _refuse_missing(frame, ("document_date", "created_at", "updated_at"))
            yield frame

    def _fetch(self, name: str, ids: Iterable[str], *, keep_bad: bool = False) -> tuple[DataFrame, list[BadAmount]]:
        """Read the rows of these ids, and return them together with the bad amounts. Documents that have a bad amount
        are left out unless ``keep_bad``."""
        columns: list[str] = []
        rows: list[Any] = []
        with self.snapshot():
            for portion in _portions(ids):
                columns, more = self._execute(name, {"ids": portion})
                rows += more
            if not columns:  # no id was given: the empty answer still has its columns
                columns, rows = self._execute(name, {"ids": []})
        frame, bad = _frame(columns, rows)
        return (frame if keep_bad else _without(frame, bad)), bad

    def _ids(self, name: str, ids: Iterable[str]) -> Iterator[str]:
        for portion in _portions(ids):
            yield from (row[0] for row in self._rows(name, {"ids": portion}))

    def _rows(self, name: str, parameters: dict[str, Any]) -> list[Any]:
        return self._execute(name, parameters)[1]

    def _execute(self, name: str, parameters: dict[str, Any]) -> tuple[list[str], list[Any]]:
        statement = QUERIES[name]
        if "ids" in parameters:
            statement = statement.bindparams(IDS)
        with translated_errors():
            result = self._reading().execute(statement, parameters | {"firm_id": self.firm_id})
            return list(result.keys()), list(result.all())  # all(): iterating fetches rows one by one

    def _reading(self) -> sa.Connection:
        """Return the connection of the open snapshot."""
        if self._connection is None:
            raise RuntimeError("the snapshot was closed before everything was read")
        return self._connection

    def _as_stored(self, instant: datetime | None) -> datetime | None:
        """Return an instant in the form in which it is stored: unchanged for PostgreSQL, which compares instants, and
        elsewhere in UTC without a zone."""
        if instant is None or self._is_postgresql:
            return instant
        return instant.astimezone(UTC).replace(tzinfo=None)

    def _refuse_standby(self, connection: sa.Connection) -> None:
        """Refuse a standby server, unless it is allowed. It may lag behind, and a document that it does not show yet
        would count as gone."""
        if not self._allow_standby and connection.execute(QUERIES["server_state"]).one().is_standby:
            raise BillingUnavailableError(
                "the billing database is a standby server, which may lag behind; connect to its primary"
            )


def _portions(ids: Iterable[str], size: int = IDS_PER_QUERY) -> Iterator[list[str]]:
    """Divide ids into lists that one query may name, each id once, in a stable order."""
    unique = sorted(set(ids))
    return (unique[start : start + size] for start in range(0, len(unique), size))


def _name_key(row: Any) -> tuple[str, str] | None:
    """Return the key that payers of one kind and name share, or None for a payer without a name."""
    if row.kind == "corporation":
        key = name_key(row.corporation_name or "")
    else:  # a placeholder (FNU, LNU) is no part of the name
        key = name_key(f"{real_name(row.first_name or '')} {real_name(row.last_name or '')}")
    return (row.kind, key) if key else None


def _frame(columns: list[str], rows: Sequence[Any]) -> tuple[DataFrame, list[BadAmount]]:
    """Return a frame of the agreed types, and the list of bad amounts. In the frame, dollars that whole cents cannot
    hold are 0."""
    series: dict[str, Series[Any]] = {}
    bad: list[BadAmount] = []
    id_at = columns.index("source_id") if "source_id" in columns else 0
    transposed = zip(*rows, strict=True) if rows else ([] for _ in columns)
    for column, values in zip(columns, transposed, strict=True):
        series[AMOUNTS.get(column, column)], unreadable = _read_column(column, values)
        bad += [BadAmount(rows[at][id_at], column) for at in unreadable]
    return DataFrame(series), bad


def _read_column(column: str, values: Sequence[Any]) -> tuple["Series[Any]", list[int]]:
    """Return a column with its agreed type, and the positions of the values that are no amount or no finite number."""
    if column in AMOUNTS:
        cents_of = {value: _cents(value) for value in set(values)}  # the same prices stand on many lines
        cents = [cents_of[value] for value in values]
        return Series([value or 0 for value in cents], dtype="int64"), _places(value is None for value in cents)
    if column in DECIMALS:
        numbers = [None if value is None else _decimal(value) for value in values]
        infinite = (value is not None and not value.is_finite() for value in numbers)
        return Series(numbers, dtype="object"), _places(infinite)
    return _read_plain(column, values), []


def _read_plain(column: str, values: Sequence[Any]) -> "Series[Any]":
    """Return a column of dates, instants, flags, line numbers or texts with its agreed type."""
    if column in DATES:
        return Series([None if value is None else _date(value) for value in values], dtype="object")
    if column in INSTANTS:
        return Series([None if value is None else _instant(value) for value in values], dtype="object")
    if column in FLAGS:
        return Series([bool(value) for value in values], dtype="bool")
    if column == "line_number":
        return Series(list(values), dtype="int64")
    if column == "part":
        return Series(["" if value is None else _date(value).isoformat() for value in values], dtype="str")
    return Series(["" if value is None else value for value in values], dtype="str")


def _places(found: Iterable[bool]) -> list[int]:
    """Return the positions, counted from 0, of the true values."""
    return [at for at, is_there in enumerate(found) if is_there]


def _cents(dollars: Any) -> int | None:
    """Convert dollars to whole cents. The result is None when whole cents cannot hold the value."""
    if dollars is None:
        return None
    try:
        cents = to_cents(_decimal(dollars))
    except ValueError:
        return None
    return cents if abs(cents) <= LARGEST_CENTS else None


def _decimal(value: Any) -> Decimal:
    """Return a number as Decimal. A float, which SQLite's driver returns, counts as the shortest decimal that it can
    mean."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _date(value: Any) -> date:
    if isinstance(value, str):
        return date.fromisoformat(value[:10])
    return value.date() if isinstance(value, datetime) else value


def _instant(value: Any) -> datetime:
    """Return a time in UTC. A time without a zone counts as UTC. PostgreSQL must have timestamptz, whose times have a
    zone."""
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _without(frame: DataFrame, bad: list[BadAmount]) -> DataFrame:
    """Return a frame without the rows of these documents. The first column of each of our frames holds a document's
    id."""
    if not bad:
        return frame
    return frame[~frame.iloc[:, 0].isin([row.source_id for row in bad])].reset_index(drop=True)


def _refuse_missing(frame: DataFrame, columns: Iterable[str]) -> None:
    for column in columns:
        missing = frame.loc[frame[column].isna(), "source_id"]
        if len(missing):
            raise ContractBrokenError(
                f"billing: {len(missing)} {frame['kind'].iloc[0]}s have no {column}, the first is {missing.iloc[0]}; "
                "fill it in, or leave those rows out of the view"
            )
