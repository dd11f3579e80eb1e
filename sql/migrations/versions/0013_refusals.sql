create table sync.refusal (
    document_id     bigint primary key references sync.document on delete cascade,
    operation       text not null check (operation in ('create', 'update', 'void')),
    fault_code      text not null,
    reason          text not null,
    named           text not null default '',
    body_sha256     text not null,
    evidence_sha256 text not null default '',
    times           integer not null default 1,
    refused_at      timestamptz not null
);
comment on table sync.refusal is 'The last refusal of each document, until QuickBooks accepts it or a person answers.';
comment on column sync.refusal.named is 'The entity that the fault itself named, such as CreditMemo; else empty.';
comment on column sync.refusal.body_sha256 is 'What was refused, without what changes by itself (SyncToken).';
comment on column sync.refusal.evidence_sha256 is 'What the fault spoke of, as QuickBooks held it after the refusal; empty while nobody has read it.';
comment on column sync.refusal.times is 'How often in a row the same body was refused.';
