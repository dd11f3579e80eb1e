create table sync.company_fault (
    firm_id    text primary key references sync.firm,
    code       text not null,
    sentence   text not null,
    remedy     text not null,
    since      timestamptz not null,
    seen_at    timestamptz not null,
    run_id     text not null,
    intuit_tid text not null default ''
);
comment on table sync.company_fault is 'A fault of a whole QuickBooks company, such as an ended subscription, until a write succeeds.';

alter table sync.attempt_item add column former_since timestamptz;
comment on column sync.attempt_item.former_since is 'Since when the document stood in its former state: it goes back to it when nothing was done.';
