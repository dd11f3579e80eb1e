-- The sync ledger: what we believe QuickBooks holds, what is in flight, and what happened.
-- Money is integer cents; times are instants (timestamptz) handed in by the application, never now().

create table sync.installation (
    installation_id text primary key check (installation_id ~ '^[a-z0-9]{6}$'),
    created_at      timestamptz not null
);
comment on table sync.installation is 'One row: the six characters that mark what this installation wrote.';

create table sync.firm (
    firm_id         text primary key check (firm_id ~ '^[a-z0-9-]{1,30}$'),
    name            text not null,
    time_zone       text not null,
    currency        text not null,
    created_at      timestamptz not null,
    subscribed_at   timestamptz,
    model           smallint check (model in (1, 2)),
    model_chosen_at timestamptz,
    environment     text check (environment in ('production', 'sandbox', 'emulator')),
    realm_id        text,
    company_name    text,
    connected_at    timestamptz,
    mapped_at       timestamptz,
    activated_at    timestamptz,
    eligible_since  timestamptz,
    paused_at       timestamptz,
    settings        jsonb not null default '{}',
    unique (environment, realm_id)
);
comment on table sync.firm is 'One row per law firm; set-up goes subscribe, model, connect, map, activate.';
comment on column sync.firm.realm_id is 'The QuickBooks company. Kept after a disconnect, so that another company is recognised.';
comment on column sync.firm.eligible_since is 'Only documents created in billing since then are synced; null: all.';

create table sync.firm_user (
    firm_id   text not null references sync.firm,
    user_name text not null,
    role      text not null check (role in ('super_user')),
    added_at  timestamptz not null,
    primary key (firm_id, user_name)
);

create table sync.firm_event (
    firm_event_id bigint generated always as identity primary key,
    firm_id       text not null references sync.firm,
    at            timestamptz not null,
    actor         text not null,
    event         text not null,
    detail        jsonb not null default '{}'
);
comment on table sync.firm_event is 'Who changed the set-up of a firm, when, and to what. Append only.';

create table sync.token (
    firm_id                 text primary key references sync.firm,
    realm_id                text not null,
    environment             text not null,
    key_id                  text not null,
    ciphertext              bytea not null,
    previous_ciphertext     bytea,
    access_expires_at       timestamptz not null,
    refresh_expires_at      timestamptz not null,
    refresh_hard_expires_at timestamptz,
    refresh_started_at      timestamptz,
    updated_at              timestamptz not null
);
comment on table sync.token is 'AES-256-GCM ciphertext, bound to company, environment and key.';

create table sync.lease (
    realm_id     text primary key,
    firm_id      text not null references sync.firm,
    epoch        bigint not null,
    host         text not null,
    boot_id      text not null,
    pid          integer not null,
    pid_started  bigint not null,
    run_id       text not null,
    taken_at     timestamptz not null,
    released_at  timestamptz
);
comment on table sync.lease is 'The one sender of a company. epoch rises with every holder; a write of an older epoch is refused.';

create table sync.mapping (
    firm_id         text not null references sync.firm,
    kind            text not null check (kind in ('payer', 'fee_item', 'payment_method', 'deposit_account', 'terms', 'tax_code')),
    source_id       text not null,
    quickbooks_id   text not null,
    quickbooks_name text not null default '',
    origin          text not null check (origin in ('person', 'matched', 'created')),
    changed_at      timestamptz not null,
    changed_by      text not null,
    primary key (firm_id, kind, source_id)
);
-- Two payers never share a customer that we found or made by ourselves; a person may decide so.
create unique index mapping_one_owner on sync.mapping (firm_id, kind, quickbooks_id)
    where kind = 'payer' and origin <> 'person';

create table sync.document (
    document_id            bigint generated always as identity primary key,
    firm_id                text not null references sync.firm,
    kind                   text not null check (kind in ('customer', 'item', 'invoice', 'payment')),
    source_id              text not null,
    part                   text not null default '',
    state                  text not null check (state in ('new', 'waiting', 'held', 'sending', 'unknown', 'synced',
                                                          'revised', 'void_pending', 'voided', 'refused', 'closed')),
    reason                 text not null default '',
    state_since            timestamptz not null,
    generation             integer not null default 1,
    number                 text not null default '',
    document_date          date,
    payer_id               text not null default '',
    amount_cents           bigint not null default 0,
    forwarded_cents        bigint not null default 0,
    payment_kind           text not null default '',
    reverses_payment_id    text not null default '',
    source_status          text not null default '',
    eligibility            text not null default 'eligible',
    source_hash            text not null,
    source_created_at      timestamptz,
    seen_at                timestamptz not null,
    sent_source_hash       text,
    sent_fingerprint       text,
    sent_total_cents       bigint,
    customer_id            text,
    quickbooks_id          text,
    sync_token             text,
    quickbooks_total_cents bigint,
    synced_at              timestamptz,
    unique (firm_id, kind, source_id, part),
    check (state not in ('held', 'waiting', 'refused', 'closed') or reason <> '')
);
comment on table sync.document is 'The work list: one row and exactly one state per document (firm, kind, source id, part).';
comment on column sync.document.part is 'The applied date, where one billing payment becomes several in QuickBooks; else empty.';
comment on column sync.document.amount_cents is 'What billing says; for an invoice with its forwarded balance.';
comment on column sync.document.forwarded_cents is 'Balance forward that is not sent, because QuickBooks knows the older invoice already.';
comment on column sync.document.sent_source_hash is 'source_hash at the time of the last send: a change during the send is seen after it.';
create unique index document_quickbooks on sync.document (firm_id, kind, quickbooks_id) where quickbooks_id is not null;
create index document_work on sync.document (firm_id, kind, document_date, document_id)
    where state in ('new', 'waiting', 'held', 'revised', 'void_pending', 'refused');
create index document_in_flight on sync.document (firm_id) where state in ('sending', 'unknown');
create index document_number on sync.document (firm_id, number) where kind = 'invoice';

create table sync.application (
    document_id           bigint not null references sync.document on delete cascade,
    invoice_id            text not null,
    quickbooks_invoice_id text not null,
    amount_cents          bigint not null check (amount_cents > 0),
    primary key (document_id, invoice_id)
);
comment on table sync.application is 'What a payment of ours pays in QuickBooks, in cents. One row per payment document and invoice.';
create index application_invoice on sync.application (quickbooks_invoice_id);

create table sync.attempt (
    attempt_id    uuid primary key,
    firm_id       text not null references sync.firm,
    realm_id      text not null,
    epoch         bigint not null,
    endpoint      text not null check (endpoint in ('batch', 'customer', 'item', 'invoice', 'payment')),
    operation     text not null check (operation in ('create', 'update', 'void', 'mixed')),
    request_id    text not null unique check (length(request_id) <= 36),
    body          bytea not null,
    body_sha256   text not null,
    state         text not null check (state in ('sending', 'unknown', 'done', 'not_sent')),
    sends         integer not null default 1,
    first_sent_at timestamptz not null,
    last_sent_at  timestamptz not null,
    http_status   integer,
    intuit_tid    text not null default '',
    run_id        text not null
);
comment on table sync.attempt is 'One request to QuickBooks, written down and committed before its first byte leaves. Bytes, order and ids never change.';
create index attempt_open on sync.attempt (firm_id) where state in ('sending', 'unknown');

create table sync.attempt_item (
    attempt_id  uuid not null references sync.attempt on delete cascade,
    position    integer not null,
    b_id        text not null check (length(b_id) <= 10),
    document_id bigint not null references sync.document,
    operation   text not null check (operation in ('create', 'update', 'void')),
    marker      text not null,
    fingerprint text not null,
    source_hash text not null,
    total_cents bigint not null,
    applications jsonb not null default '[]',
    former_state text not null,
    former_reason text not null default '',
    outcome     text not null default 'open' check (outcome in ('open', 'accepted', 'refused', 'missing', 'not_sent')),
    fault_code  text not null default '',
    primary key (attempt_id, position)
);
-- The fence inside one database: a document is never in two open requests.
create unique index one_open_attempt_per_document on sync.attempt_item (document_id) where outcome = 'open';
create index attempt_item_document on sync.attempt_item (document_id);

create table sync.run (
    run_id      text not null,
    firm_id     text not null references sync.firm,
    trigger     text not null,
    actor       text not null,
    started_at  timestamptz not null,
    finished_at timestamptz,
    outcome     text not null default 'running' check (outcome in ('running', 'done', 'failed')),
    error       text not null default '',
    reads       integer not null default 0,
    writes      integer not null default 0,
    primary key (run_id, firm_id)
);
comment on table sync.run is 'One row per Dagster run and firm, kept apart from Dagster''s own storage. reads are metered by Intuit.';

create table sync.plan_item (
    run_id       text not null,
    document_id  bigint not null references sync.document on delete cascade,
    operation    text not null check (operation in ('create', 'update', 'void', 'skip', 'hold', 'wait', 'close')),
    reason       text not null default '',
    amount_cents bigint not null,
    primary key (run_id, document_id)
);
comment on table sync.plan_item is 'What a run decided to do with each document that it looked at.';

create table sync.log (
    log_id        bigint generated always as identity primary key,
    at            timestamptz not null,
    firm_id       text not null,
    run_id        text not null,
    trigger       text not null,
    actor         text not null,
    document_id   bigint,
    kind          text not null default '',
    source_id     text not null default '',
    part          text not null default '',
    number        text not null default '',
    activity      text not null,
    reason        text not null default '',
    detail        text not null default '',
    amount_cents  bigint,
    quickbooks_id text not null default '',
    attempt_id    uuid,
    intuit_tid    text not null default ''
);
comment on table sync.log is 'Every activity and every error, skips and no-ops too. Append only; ids, codes and sums, never names or memos.';
create index log_document on sync.log (document_id, log_id);
create index log_firm on sync.log (firm_id, at desc);
create index log_run on sync.log (run_id);

create table sync.cursor (
    firm_id    text not null references sync.firm,
    name       text not null,
    value      timestamptz not null,
    primary key (firm_id, name)
);
comment on table sync.cursor is 'How far an incremental read has come, saved after its rows.';

create table sync.problem (
    code     text primary key,
    sentence text not null,
    remedy   text not null
);
comment on table sync.problem is 'Each reason with its sentence and its one remedy, copied from the code by db upgrade.';
