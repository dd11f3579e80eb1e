"""The database comes up to date by itself, whoever asks, and analysts read the views and nothing else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from multiprocessing.context import ForkServerContext
from typing import Any

import pytest
import sqlalchemy as sa

from qb_pipeline.config import SQL
from qb_pipeline.core.problems import PROBLEMS
from qb_pipeline.ledger.setup import schema
from qb_pipeline_tests.conftest import fresh_database, url_of
from qb_pipeline_tests.ledger import racers
from qb_pipeline_tests.ledger.desk import LATER, NOON, set_up

PERMISSION_DENIED = "42501"
NEWEST = max(path.stem[:4] for path in (SQL / "migrations" / "versions").glob("*.sql"))
roles = count(1)


@pytest.fixture
def empty_engine(server: sa.Engine, server_url: str) -> Iterator[sa.Engine]:
    """A database without anything."""
    with fresh_database(server, server_url, "template1") as engine:
        yield engine


def run(engine: sa.Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def ask(engine: sa.Engine, statement: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


def views(engine: sa.Engine) -> list[tuple[Any, ...]]:
    """Each view with its object id, which changes when it is made anew."""
    return ask(engine, "select relname, oid from pg_class where relnamespace = 'reporting'::regnamespace order by 1")


# Upgrading


def test_an_empty_database_comes_to_the_newest_revision(empty_engine: sa.Engine) -> None:
    assert (schema.revision(empty_engine), schema.is_current(empty_engine)) == (None, False)

    assert schema.upgrade(empty_engine, now=NOON) == schema.newest_revision() == NEWEST

    assert schema.revision(empty_engine) == NEWEST
    assert schema.is_current(empty_engine)


def test_a_second_upgrade_changes_nothing(ledger_engine: sa.Engine) -> None:
    set_up(ledger_engine)
    before = (views(ledger_engine), schema.installation_id(ledger_engine), ask(ledger_engine, "table sync.firm"))

    schema.upgrade(ledger_engine, now=LATER)

    after = (views(ledger_engine), schema.installation_id(ledger_engine), ask(ledger_engine, "table sync.firm"))
    assert after == before


def test_upgrades_at_once_end_with_one_schema(empty_engine: sa.Engine, processes: ForkServerContext) -> None:
    url = empty_engine.url.render_as_string(hide_password=False)
    start, pipes = processes.Barrier(4), [processes.Pipe(duplex=False) for _ in range(4)]
    for _, sender in pipes:
        processes.Process(target=racers.upgrade, args=(url, start, sender), daemon=True).start()

    assert [receiver.poll(30) and receiver.recv() for receiver, _ in pipes] == [NEWEST] * 4

    assert schema.is_current(empty_engine)
    assert ask(empty_engine, "select count(*) from sync.installation") == [(1,)]


def test_databases_of_one_server_are_upgraded_at_once(server: sa.Engine, server_url: str) -> None:
    """The analysts' role belongs to all of them."""
    with (
        fresh_database(server, server_url, "template1") as one,
        fresh_database(server, server_url, "template1") as two,
        ThreadPoolExecutor(2) as pool,
    ):
        assert list(pool.map(lambda engine: schema.upgrade(engine, now=NOON), (one, two))) == [NEWEST] * 2


def test_the_version_table_of_dagster_in_the_same_database_is_left_alone(empty_engine: sa.Engine) -> None:
    run(
        empty_engine,
        "create table public.alembic_version (version_num varchar(32) primary key)",
        "insert into public.alembic_version values ('of dagster')",
    )
    assert schema.revision(empty_engine) is None

    schema.upgrade(empty_engine, now=NOON)

    assert ask(empty_engine, "table public.alembic_version") == [("of dagster",)]
    assert ask(empty_engine, "table sync.alembic_version") == [(NEWEST,)]


OLD_VIEW = (
    "drop view reporting.drift",
    "create view reporting.drift as select 1 as of_an_older_release",
    "comment on schema reporting is 'Views for analysts, version of an older release'",
)


def test_views_that_changed_are_made_anew(ledger_engine: sa.Engine) -> None:
    run(ledger_engine, *OLD_VIEW)
    assert not schema.is_current(ledger_engine)

    schema.upgrade(ledger_engine, now=NOON)

    assert schema.is_current(ledger_engine)
    assert "firm_id" in sa.inspect(ledger_engine).get_columns("drift", schema="reporting")[0].values()
    assert ask(ledger_engine, "select has_table_privilege('qb_analyst', 'reporting.drift', 'select')") == [(True,)]


def test_a_view_that_somebody_built_upon_ours_is_never_dropped(ledger_engine: sa.Engine) -> None:
    run(
        ledger_engine,
        "create schema finance",
        "create view finance.mine as select * from reporting.firm_status",
    )
    schema.upgrade(ledger_engine, now=NOON)  # our views are as they were: nothing is dropped
    run(ledger_engine, *OLD_VIEW)
    before = views(ledger_engine)

    with pytest.raises(schema.DependentViewsError) as refusal:
        schema.upgrade(ledger_engine, now=NOON)

    assert "view finance.mine depends on view reporting.firm_status" in str(refusal.value)
    assert "run qb-pipeline db upgrade" in str(refusal.value)
    assert views(ledger_engine) == before
    run(ledger_engine, "drop view finance.mine")
    schema.upgrade(ledger_engine, now=NOON)
    assert schema.is_current(ledger_engine)


@contextmanager
def without_analysts(server: sa.Engine) -> Iterator[None]:
    """The role is away: other databases of the server hold on to it, so it takes another name."""
    run(server, "alter role qb_analyst rename to qb_analyst_away")
    try:
        yield
    finally:
        run(server, "alter role qb_analyst_away rename to qb_analyst")


def test_a_role_that_may_not_create_roles_can_upgrade(
    server: sa.Engine, server_url: str, ledger_template: str, empty_engine: sa.Engine
) -> None:
    role = f"plain_{next(roles)}"
    run(
        server,
        f"create role {role} login nocreaterole password 'secret'",
        f"alter database {empty_engine.url.database} owner to {role}",
    )
    url = sa.make_url(url_of(server_url, str(empty_engine.url.database))).set(username=role, password="secret")
    plain = sa.create_engine(url)
    granted = "select has_table_privilege('qb_analyst', 'reporting.drift', 'select')"

    with without_analysts(server):
        schema.upgrade(plain, now=NOON)
        assert schema.is_current(plain)
    before = ask(plain, granted)
    schema.upgrade(plain, now=NOON)  # an administrator has made the role meanwhile

    assert (before, ask(plain, granted)) == ([(False,)], [(True,)])
    plain.dispose()
    run(server, f"alter database {empty_engine.url.database} owner to {server.url.username}")
    run(empty_engine, f"reassign owned by {role} to {server.url.username}", f"drop owned by {role}")
    run(server, f"drop role {role}")


def test_an_installation_has_six_characters_of_its_own(server: sa.Engine, server_url: str) -> None:
    with fresh_database(server, server_url, "template1") as one, fresh_database(server, server_url, "template1") as two:
        for engine in (one, two):
            schema.upgrade(engine, now=NOON)
        names = [schema.installation_id(engine) for engine in (one, two)]

    assert [len(name) for name in names] == [6, 6]
    assert names[0] != names[1]


def test_the_words_for_each_reason_follow_the_code(ledger_engine: sa.Engine) -> None:
    run(ledger_engine, "update sync.problem set remedy = 'of an older release'")

    schema.upgrade(ledger_engine, now=NOON)

    assert ask(ledger_engine, "select code, sentence, remedy from sync.problem order by code") == sorted(
        (str(code), advice.sentence, advice.remedy) for code, advice in PROBLEMS.items()
    )


# Analysts


def privileges(engine: sa.Engine, statement: str) -> str:
    """The error code of a statement of an analyst; empty when it worked."""
    with engine.connect() as connection:
        connection.exec_driver_sql("set role qb_analyst")
        try:
            connection.exec_driver_sql(statement)
        except sa.exc.DBAPIError as error:
            return str(getattr(error.orig, "pgcode", ""))
        return ""


def test_analysts_read_every_view(ledger_engine: sa.Engine) -> None:
    names = [name for name, _ in views(ledger_engine)]

    assert len(names) >= 11
    assert {privileges(ledger_engine, f"select * from reporting.{name}") for name in names} == {""}  # noqa: S608


def test_analysts_read_nothing_else(ledger_engine: sa.Engine) -> None:
    tables = sa.inspect(ledger_engine).get_table_names(schema="sync")

    assert "token" in tables
    codes = {privileges(ledger_engine, f"select * from sync.{name}") for name in tables}  # noqa: S608
    assert codes == {PERMISSION_DENIED}


def test_the_privileges_of_analysts_are_to_select_from_views_and_no_other(ledger_engine: sa.Engine) -> None:
    """The whole matrix: every relation and sequence of both schemas, every privilege."""
    granted = ask(
        ledger_engine,
        """
        select n.nspname, c.relkind, p.privilege, bool_or(has_table_privilege('qb_analyst', c.oid, p.privilege))
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger'])
                   as p (privilege)
        where n.nspname in ('sync', 'reporting') and c.relkind in ('r', 'v', 'm', 'p', 'f')
        group by 1, 2, 3
        having bool_or(has_table_privilege('qb_analyst', c.oid, p.privilege))
        """,
    )

    assert granted == [("reporting", "v", "select", True)]
    assert ask(
        ledger_engine,
        """
        select has_schema_privilege('qb_analyst', 'reporting', 'usage'),
               has_schema_privilege('qb_analyst', 'reporting', 'create'),
               has_schema_privilege('qb_analyst', 'sync', 'usage'),
               has_schema_privilege('qb_analyst', 'sync', 'create'),
               has_database_privilege('qb_analyst', current_database(), 'create'),
               (select bool_or(has_sequence_privilege('qb_analyst', oid, 'usage')) from pg_class
                where relkind = 'S' and relnamespace = 'sync'::regnamespace),
               (select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls or rolcanlogin
                from pg_roles where rolname = 'qb_analyst')
        """,
    ) == [(True, False, False, False, False, False, False)]


TRICKS = (
    "update reporting.field_mapping set origin = 'person'",
    "insert into reporting.field_mapping (origin) values ('person')",
    "delete from reporting.field_mapping",
    "select * from reporting.held_documents for update",
    "lock table reporting.held_documents in exclusive mode",
    "create trigger mine instead of insert on reporting.drift for each row "
    "execute function suppress_redundant_updates_trigger()",
    "create rule mine as on insert to reporting.drift do instead nothing",
    "create or replace view reporting.drift as select 1",
    "alter view reporting.drift owner to qb_analyst",
    "comment on view reporting.drift is 'all is well'",
    "drop view reporting.drift",
    "create table reporting.mine (a int)",
    "create function reporting.mine() returns int language sql as 'select 1'",
    "create table public.mine (a int)",
    "create schema mine",
    "truncate sync.log",
    "update sync.document set state = 'synced'",
    "do $$ begin delete from sync.log; end $$",
    "with gone as (delete from sync.log returning 1) select * from gone",
    "explain analyze delete from sync.log",
    "copy sync.firm from program 'true'",
    "copy (select 1) to '/tmp/mine'",
    "select nextval('sync.log_log_id_seq')",
    "select sync.keep_posting()",
    "grant select on sync.token to qb_analyst",
    "alter role qb_analyst superuser",
    "set role qb_pipeline",
    "set session_replication_role = replica",
    "alter database postgres set log_statement = 'all'",
)


def test_every_trick_of_an_analyst_to_write_fails(server: sa.Engine, ledger_engine: sa.Engine) -> None:
    """A person's own login that is a member of the role: what it may not do is refused, not left to good manners."""
    login = f"analyst_{next(roles)}"
    run(server, f"create role {login} login in role qb_analyst")
    try:
        refused = {}
        for trick in TRICKS:
            with ledger_engine.connect() as connection:
                connection.exec_driver_sql(f"set session authorization {login}")
                try:
                    connection.exec_driver_sql(trick)
                except sa.exc.DBAPIError as error:
                    refused[trick] = str(getattr(error.orig, "pgcode", ""))
                connection.invalidate()  # it must not serve anybody else under this login
    finally:
        run(server, f"drop role {login}")

    assert refused == dict.fromkeys(TRICKS, PERMISSION_DENIED)
    assert len(TRICKS) >= 20


# What the tables refuse, whoever writes


INSERT = (
    "insert into sync.document (firm_id, kind, source_id, state, reason, state_since, source_hash, seen_at) "
    "values ('one', '{kind}', '{source_id}', '{state}', '{reason}', now(), '', now())"
)


@pytest.mark.parametrize("state", ["held", "waiting", "refused", "closed"])
def test_no_document_stands_still_without_a_reason(ledger_engine: sa.Engine, state: str) -> None:
    set_up(ledger_engine)

    with pytest.raises(sa.exc.IntegrityError, match="check constraint"):
        run(ledger_engine, INSERT.format(kind="invoice", source_id="1", state=state, reason=""))


@pytest.mark.parametrize(("kind", "state"), [("journal", "new"), ("invoice", "lost")])
def test_there_are_only_the_kinds_and_states_that_are_documented(
    ledger_engine: sa.Engine, kind: str, state: str
) -> None:
    set_up(ledger_engine)

    with pytest.raises(sa.exc.IntegrityError, match="check constraint"):
        run(ledger_engine, INSERT.format(kind=kind, source_id="1", state=state, reason="X"))


def test_a_company_belongs_to_one_firm(ledger_engine: sa.Engine) -> None:
    set_up(ledger_engine)
    set_up(ledger_engine, "two", until="model")

    with pytest.raises(sa.exc.IntegrityError, match="unique constraint"):
        run(ledger_engine, "update sync.firm set environment = 'emulator', realm_id = '9130'")
