-- Runs: the process that works, as in sync.lease.
alter table sync.run
    add column host text not null default '',
    add column boot_id text not null default '',
    add column pid integer not null default 0,
    add column pid_started bigint not null default 0;
comment on column sync.run.boot_id is 'Start of the machine, and the container, in which pid counts; empty where the system does not tell.';
create index run_running on sync.run (firm_id) where outcome = 'running';
-- Of the runs so far nobody can tell whether their process lives; none works for a day.
update sync.run
set outcome = 'failed', finished_at = now(), error = 'its process ended before the run did'
where outcome = 'running' and started_at < now() - interval '1 day';
