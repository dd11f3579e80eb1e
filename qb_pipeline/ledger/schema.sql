-- name: lock_upgrade
select pg_advisory_xact_lock(7023411120);

-- name: create_schemas
create schema if not exists sync;
create schema if not exists reporting;

-- name: has_version_table
select to_regclass('sync.alembic_version')::text;

-- name: current_revision
select version_num from sync.alembic_version;

-- name: drop_views
-- reporting holds our views only; each upgrade makes them anew.
do $$
declare
    view_name text;
begin
    for view_name in select viewname from pg_views where schemaname = 'reporting' loop
        execute format('drop view if exists reporting.%I cascade', view_name);
    end loop;
end
$$;

-- name: grant_to_analysts
-- The role is of the whole cluster: where we may not create it, an administrator does, and the next upgrade grants.
do $$
begin
    if not exists (select from pg_roles where rolname = 'qb_analyst') then
        begin
            create role qb_analyst nologin;
        exception
            when insufficient_privilege then
                raise notice 'role qb_analyst is missing: ask an administrator to create it, then run db upgrade again';
                return;
            when duplicate_object or unique_violation then
                null;  -- another database of this cluster was upgraded at the same moment
        end;
    end if;
    revoke all on schema sync from public;
    grant usage on schema reporting to qb_analyst;
    grant select on all tables in schema reporting to qb_analyst;
end
$$;

-- name: store_problem
insert into sync.problem (code, sentence, remedy)
values (:code, :sentence, :remedy)
on conflict (code) do update set sentence = excluded.sentence, remedy = excluded.remedy;

-- name: name_installation
insert into sync.installation (installation_id, created_at)
select :installation_id, :now
where not exists (select from sync.installation);

-- name: installation_id
select installation_id from sync.installation;
