-- Runs: the process that works, as in sync.lease.
alter table sync.run
    add column host text not null default '',
    add column boot_id text not null default '',
    add column pid integer not null default 0,
    add column pid_started bigint not null default 0;
comment on column sync.run.boot_id is 'Start of the machine, and the container, in which pid counts; empty where the system does not tell.';
create index run_running on sync.run (firm_id) where outcome = 'running';
