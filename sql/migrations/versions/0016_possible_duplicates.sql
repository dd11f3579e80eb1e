create table sync.foreign_document (
    firm_id       text not null references sync.firm,
    kind          text not null check (kind in ('invoice', 'payment')),
    quickbooks_id text not null,
    number        text not null,
    customer_id   text not null,
    document_date date,
    total_cents   bigint not null,
    pays          text[] not null default '{}',
    primary key (firm_id, kind, quickbooks_id)
);
comment on table sync.foreign_document is 'An index of the living invoices and payments of the company that carry no mark: others wrote them. One row per document, as it was when its last change was read; an adopted one stands here too.';
comment on column sync.foreign_document.number is 'The key of an invoice''s number or of a payment''s reference, by which both sides are compared; empty without one.';
comment on column sync.foreign_document.pays is 'Of a payment: Ids of the invoices that it is applied to.';
create index foreign_document_number on sync.foreign_document (firm_id, kind, number) where number <> '';
create index foreign_document_amount on sync.foreign_document (firm_id, kind, customer_id, total_cents);

create table sync.duplicate_answer (
    firm_id       text not null references sync.firm,
    kind          text not null check (kind in ('invoice', 'payment')),
    source_id     text not null,
    part          text not null default '',
    quickbooks_id text not null,
    answer        text not null default '' check (answer in ('', 'same', 'new')),
    answered_at   timestamptz,
    answered_by   text not null default '',
    primary key (firm_id, kind, source_id, part, quickbooks_id),
    check ((answer = '') = (answered_at is null))
);
comment on table sync.duplicate_answer is 'Whether a document of billing and one of QuickBooks are the same, as a super user said; kept for ever.';
comment on column sync.duplicate_answer.answer is 'same, new (another document), or empty: adoption found the two alike and nobody has answered yet.';
