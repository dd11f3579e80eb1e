-- Set-up: when a firm's model was switched, its company's settings as last seen, documents that were adopted.

alter table sync.firm add column cut_over_at timestamptz;
comment on column sync.firm.cut_over_at is 'When the model of the active firm was last switched; null: never. Payments created before it follow Model 1.';

create table sync.company_settings (
    firm_id  text primary key references sync.firm,
    seen_at  timestamptz not null,
    settings jsonb not null
);
comment on table sync.company_settings is 'What of a QuickBooks company''s settings matters to us, as last read. One row per firm.';
-- Whether QuickBooks ever refused a number that was taken: the only way to learn that it would.
create index attempt_item_number_refused on sync.attempt_item (attempt_id) where fault_code = '6140';

create table sync.adoption (
    document_id bigint primary key references sync.document on delete cascade,
    body        bytea not null,
    adopted_at  timestamptz not null,
    adopted_by  text not null
);
comment on table sync.adoption is 'Documents that an earlier integration put into QuickBooks, linked by their Id: what was equal on both sides, as JSON.';
