-- name: lock_upgrade
select pg_advisory_xact_lock(7023411120);

-- name: create_schemas
create schema if not exists sync;
create schema if not exists reporting;

-- name: has_version_table
select to_regclass('sync.alembic_version')::text;

-- name: current_revision
select version_num from sync.alembic_version;

-- name: views_version
select obj_description(to_regnamespace('reporting'), 'pg_namespace');

-- name: drop_views
-- All our functions and views, each in one statement, without cascade: a view that somebody built upon ours stops the upgrade and is not
-- dropped.
do $$
declare
    views text;
    functions text;
begin
    select string_agg(oid::regprocedure::text, ', ') into functions
    from pg_proc where pronamespace = 'reporting'::regnamespace;
    if functions is not null then
        execute 'drop function ' || functions;
    end if;
    select string_agg(format('reporting.%I', viewname), ', ') into views from pg_views where schemaname = 'reporting';
    if views is not null then
        execute 'drop view ' || views;
    end if;
end
$$;

-- name: comment_on_function
select format('comment on function reporting.%I is %L', cast(:name as text), cast(:text as text));

-- name: comment_on
-- The text of a COMMENT statement for the schema, a view or a column of one: COMMENT itself takes no parameters.
select format('comment on %s reporting%s is %L',
              case when :column <> '' then 'column' when :view <> '' then 'view' else 'schema' end,
              case when :view <> '' then format('.%I', :view) else '' end
              || case when :column <> '' then format('.%I', :column) else '' end,
              cast(:text as text));

-- name: grant_to_analysts
-- A role belongs to the whole cluster: where we may not create it, an administrator creates it, and the next upgrade
-- grants.
do $$
begin
    revoke all on schema sync from public;
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
