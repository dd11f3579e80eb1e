-- An invoice that billing makes a draft again after it was sent.

alter table sync.document add column is_withdrawn boolean not null default false;
comment on column sync.document.is_withdrawn is 'Of an invoice: billing''s last word of it is that it is a draft.';

-- A draft bills nothing, like a void invoice. The rest of the view stays as it is.
do $$
declare
    former text := pg_get_viewdef('sync.comparison'::regclass);
    changed text := replace(former, 'source_status = ''void''::text', 'source_status = any (array[''void'', ''draft''])');
begin
    if changed = former then
        raise exception 'sync.comparison no longer says which documents bill nothing';
    end if;
    execute 'create or replace view sync.comparison as ' || changed;
end
$$;

-- What people enter in QuickBooks by hand, because the sync does not send it.

create table sync.possible_entry (
    firm_id       text not null references sync.firm,
    entity        text not null,
    quickbooks_id text not null,
    customer_id   text not null,
    side          text not null check (side in ('credit', 'debit')),
    amount_cents  bigint not null check (amount_cents > 0),
    entry_date    date not null,
    primary key (firm_id, entity, quickbooks_id, customer_id, side)
);
comment on table sync.possible_entry is 'Transactions of QuickBooks that others wrote and that may be what the by-hand list asks for, as they were when their last change was read. One row per transaction, customer and side.';
comment on column sync.possible_entry.side is 'credit: the customer gave money, or was credited; debit: the customer got money back, or was charged.';
create index possible_entry_amount on sync.possible_entry (firm_id, customer_id, amount_cents);

create table sync.entered (
    document_id   bigint primary key references sync.document on delete cascade,
    firm_id       text not null references sync.firm,
    entity        text not null,
    quickbooks_id text not null,
    amount_cents  bigint not null,
    total_cents   bigint not null,
    entry_date    date,
    evidence      text not null,
    entered_at    timestamptz not null,
    entered_by    text not null default '',
    standing      text not null default 'there' check (standing in ('there', 'gone', 'differs')),
    unique (firm_id, entity, quickbooks_id)
);
comment on table sync.entered is 'Rows of the by-hand list that a person has entered, each with its transaction in QuickBooks. One transaction serves one row.';
comment on column sync.entered.amount_cents is 'Amount in billing when it was entered; the row comes back when billing changes it.';
comment on column sync.entered.total_cents is 'Total of the transaction when it was entered; the row comes back when it has another one.';
comment on column sync.entered.entered_by is 'Person who named the transaction; empty where it was recognised.';

create table sync.entry_candidate (
    document_id   bigint not null references sync.document on delete cascade,
    firm_id       text not null references sync.firm,
    entity        text not null,
    quickbooks_id text not null,
    entry_date    date not null,
    primary key (document_id, entity, quickbooks_id)
);
comment on table sync.entry_candidate is 'Transactions that may be what a row of the by-hand list asks for, of which a person says which one it is.';
