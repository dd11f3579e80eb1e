-- Senders: what binds an installation to its companies, its cluster and its billing database.

create table sync.binding (
    firm_id            text primary key references sync.firm,
    company            text not null,
    company_checked_at timestamptz not null,
    billing            text not null,
    ledger             text not null,
    ledger_history     text not null,
    reconcile_first    text not null default '',
    bound_at           timestamptz not null
);
comment on table sync.binding is 'What a firm was connected with. Nothing is sent when one of them is another. One row per firm.';
comment on column sync.binding.company is 'Fingerprint of the QuickBooks company; empty: not asked yet.';
comment on column sync.binding.billing is 'Which billing database: server and database, or its firms.';
comment on column sync.binding.ledger is 'Which pipeline''s database: server and database. Another one is a copy.';
comment on column sync.binding.ledger_history is 'Timeline and table of the ledger. Another one was restored, or took over from a server that failed.';
comment on column sync.binding.reconcile_first is 'Why nothing is sent before everything of ours in QuickBooks is linked; empty: it may be.';

alter table sync.token
    add column previous_key_id text,
    add column lost_at timestamptz;
comment on column sync.token.lost_at is 'Since when QuickBooks takes neither these tokens nor the ones before: a person must connect again.';

create table sync.former_installation (
    installation_id text primary key,
    declared_at     timestamptz not null
);
comment on table sync.former_installation is 'Installations that a person declared gone for good: what they sent is ours.';

create table sync.witness (
    realm_id   text primary key,
    sequence   bigint not null,
    witness_id text not null,
    noted_at   timestamptz not null
);
comment on table sync.witness is 'How many requests that write have left for a company, and which home sent the last. Its file in that home knows too.';
