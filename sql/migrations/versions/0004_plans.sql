-- What a person has decided about single documents, what a census found, and plans that wait to be applied.

alter table sync.document add column reviewed_token text not null default '';
comment on column sync.document.reviewed_token is
    'SyncToken of the version in QuickBooks that a person has decided about: its differences are no drift; those of a later version are.';

create table sync.set_aside (
    firm_id       text not null references sync.firm,
    kind          text not null check (kind in ('invoice', 'payment')),
    quickbooks_id text not null,
    document_id   bigint not null references sync.document,
    set_aside_at  timestamptz not null,
    set_aside_by  text not null,
    primary key (firm_id, kind, quickbooks_id)
);
comment on table sync.set_aside is
    'Documents in QuickBooks that carry the mark of one of ours and are not it, as a person decided: copies, and dead ones that were made anew.';

create table sync.census (
    firm_id    text not null references sync.firm,
    run_id     text not null,
    at         timestamptz not null,
    kind       text not null check (kind in ('invoice', 'payment')),
    is_whole   boolean not null,
    documents  integer not null,
    living     integer not null,
    duplicates integer not null,
    copies     integer not null,
    missing    integer not null,
    differing  integer not null,
    foreigners integer not null,
    strays     integer not null,
    changed    integer not null,
    reads      integer not null,
    primary key (firm_id, run_id, kind, at)
);
comment on table sync.census is
    'What was counted in QuickBooks at the end of a run: one living document per document of ours, with equal totals. is_whole: all of them, not only those written since the census before.';
create index document_accepted on sync.document (firm_id, synced_at) where kind in ('invoice', 'payment');

-- A plan is what a dry run decided; its id is the run's. What it would send is kept as a digest.
alter table sync.plan_item
    add column source_hash    text not null default '',
    add column sync_token     text not null default '',
    add column body_sha256    text not null default '',
    add column content_sha256 text not null default '',
    add column before_cents   bigint,
    add column after_cents    bigint,
    add column changes        jsonb not null default '[]';
comment on column sync.plan_item.body_sha256 is 'Of a dry run: SHA-256 of what would be sent. A plan is applied only while the same would be sent.';
comment on column sync.plan_item.content_sha256 is 'The same without the Ids of customers, items and invoices that the run itself makes.';
comment on column sync.plan_item.changes is 'Of a dry run: field, before, after of what would change in QuickBooks. The client''s values: for who asked.';
