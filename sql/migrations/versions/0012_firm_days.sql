-- Which firm's day is done: the daily jobs run once per firm and local date.
create table sync.firm_day (
    job        text not null check (job in ('sync', 'reconcile')),
    firm_id    text not null references sync.firm,
    local_date date not null,
    outcome    text not null check (outcome in ('open', 'running', 'done', 'failed')),
    cause      text not null default '' check (cause in ('', 'unread', 'unanswered', 'other')),
    run_id     text not null default '',
    since      timestamptz not null,
    primary key (job, firm_id, local_date)
);
comment on table sync.firm_day is 'One row per daily job, firm and local date: whether the day is done. Dagster compares the run key of a schedule within one tick only.';
comment on column sync.firm_day.outcome is 'open: to be asked for; running: run_id works on it, or its process died; done: also when a tick found no work; failed: run_id ended by itself, in red.';
comment on column sync.firm_day.cause is 'Why it failed, by what shows that the cause is gone. unread: a tick can read the firm; unanswered: a run was answered by QuickBooks; other: a person changed the firm.';
comment on column sync.firm_day.since is 'When the outcome came about.';
