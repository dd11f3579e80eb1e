-- A moment before the records: a report says since when there are any, instead of nothing.

alter table sync.firm add column records_since timestamptz;
comment on column sync.firm.records_since is 'Since when the work list is kept: the first look at billing. null: nobody has looked yet.';
update sync.firm f
set records_since = first.at  -- '-infinity' where the work list is older than its history: it counts for any moment
from (
    select firm_id, min(at) as at
    from (
        select firm_id, changed_at as at from sync.document where kind in ('invoice', 'payment')
        union all
        select firm_id, valid_from from sync.document_history
    ) version
    group by firm_id
) first
where first.firm_id = f.firm_id;

create view sync.before_records as
select firm_id,
       coalesce('records of this firm begin ' || to_char(records_since at time zone time_zone, 'YYYY-MM-DD HH24:MI'),
                'this firm has no records yet') as note
from sync.firm
where coalesce(records_since, 'infinity') > (select sync.as_of());
comment on view sync.before_records is 'Firms whose records begin later than the moment that reports answer for, and the words that say so.';

-- Names of clients, as QuickBooks spells them: for reports, whose readers know clients by name.

create table sync.customer_name (
    firm_id     text not null references sync.firm,
    customer_id text not null,
    name        text not null,
    seen_at     timestamptz not null,
    primary key (firm_id, customer_id)
);
comment on table sync.customer_name is 'Customers of QuickBooks that payers are mapped to, or that documents of ours stand under: their names as last seen.';
insert into sync.customer_name (firm_id, customer_id, name, seen_at)
select distinct on (firm_id, quickbooks_id) firm_id, quickbooks_id, quickbooks_name, changed_at
from sync.mapping
where kind = 'payer' and quickbooks_name <> ''
order by firm_id, quickbooks_id, changed_at desc;

create view sync.shown_customer as
select n.firm_id, n.customer_id, n.name
from sync.customer_name n
join sync.firm f on f.firm_id = n.firm_id
where coalesce((f.settings ->> 'show_client_names')::boolean, true);
comment on view sync.shown_customer is 'The names of customers, of firms that show them in reports.';

create view sync.shown_payer as
select m.firm_id, m.source_id as payer_id, n.name
from sync.mapping m
join sync.shown_customer n on n.firm_id = m.firm_id and n.customer_id = m.quickbooks_id
where m.kind = 'payer';
comment on view sync.shown_payer is 'The name of each payer''s customer: for documents that stand under no customer yet.';

-- The lines of invoices: they count while the content that they were planned with is the one that was accepted last.

create table sync.invoice_line (
    document_id  bigint not null references sync.document on delete cascade,
    fingerprint  text not null,
    line_number  integer not null,
    kind         text not null,
    fee_item_id  text not null,
    item_id      text not null,
    matter       text not null,
    quantity     numeric,
    unit_price   numeric,
    amount_cents bigint not null,
    tax_cents    bigint not null,
    primary key (document_id, fingerprint, line_number)
);
comment on table sync.invoice_line is 'Lines of invoices as billing had them when they were planned, without texts. Those with the fingerprint that sync.document has as sent are in QuickBooks.';

-- How a payment came, and which account received it: of every payment that the mirror holds, as last seen.

create table sync.payment_detail (
    firm_id       text not null references sync.firm,
    quickbooks_id text not null,
    method        text not null,
    account_id    text not null,
    account_name  text not null,
    primary key (firm_id, quickbooks_id)
);
comment on table sync.payment_detail is 'Method and deposit account of payments in QuickBooks, by their names there, as last seen. Another one makes no version.';

-- Bank deposits that bring payments to the bank.

create table sync.bank_deposit (
    firm_id       text not null references sync.firm,
    quickbooks_id text not null,
    valid_from    timestamptz not null,
    valid_to      timestamptz not null default 'infinity',
    sync_token    bigint not null,
    status        text not null check (status in ('live', 'deleted')),
    document_date date,
    account_id    text not null,
    account_name  text not null,
    total_cents   bigint not null,
    lines         jsonb not null,
    check (valid_from <= valid_to)
);
comment on table sync.bank_deposit is 'Bank deposits of QuickBooks with payments in them: one row per version that we saw. Amounts, dates and Ids only.';
comment on column sync.bank_deposit.lines is 'What it brings to the bank: an array of {"payment_id": Id, "amount_cents": n}; the Id is empty for what is no payment.';
create unique index bank_deposit_current on sync.bank_deposit (firm_id, quickbooks_id) where valid_to = 'infinity';
create index bank_deposit_date on sync.bank_deposit (firm_id, document_date);

create view sync.bank_deposit_then as
select * from sync.bank_deposit
where valid_from <= (select sync.as_of()) and (valid_to = 'infinity' or valid_to > (select sync.as_of()));
comment on view sync.bank_deposit_then is 'The bank deposits, as of the moment that reports answer for.';

-- Each application moves the open amount of two documents: what is paid, or what gives its credit, and the payment that does so.
-- It counts from the later of both dates.

create view sync.receivable_application_then as
select a.firm_id, x.kind, x.quickbooks_id, '' as customer_key, x.other_kind, x.other_id, a.source_id as credit_id,
       greatest(a.document_date, i.document_date) as effective_date, x.cents
from sync.settlement_then a
join sync.mirror_then i on i.firm_id = a.firm_id and i.kind = 'invoice' and i.quickbooks_id = a.quickbooks_invoice_id
     and i.status <> 'deleted'
cross join lateral (
    values ('invoice', a.quickbooks_invoice_id, 'payment', a.quickbooks_payment_id, -a.amount_cents),
           ('payment', a.quickbooks_payment_id, 'invoice', a.quickbooks_invoice_id, a.amount_cents)
) x (kind, quickbooks_id, other_kind, other_id, cents)
union all
-- an entry that debits receivables is paid, by customer
select a.firm_id, x.kind, x.quickbooks_id, x.customer_key, x.other_kind, x.other_id, a.source_id,
       greatest(a.document_date, e.document_date), x.cents
from sync.application_then a
join sync.mirror_then p on p.firm_id = a.firm_id and p.kind = 'payment' and p.quickbooks_id = a.quickbooks_payment_id
join sync.mirror_then e on e.firm_id = a.firm_id and e.kind = 'journal_entry' and e.quickbooks_id = a.quickbooks_invoice_id
     and e.customer_key = p.customer_id and e.status <> 'deleted'
cross join lateral (
    values ('journal_entry', e.quickbooks_id, e.customer_key, 'payment', a.quickbooks_payment_id, -a.amount_cents),
           ('payment', a.quickbooks_payment_id, '', 'journal_entry', e.quickbooks_id, a.amount_cents)
) x (kind, quickbooks_id, customer_key, other_kind, other_id, cents)
where a.target_kind = 'journal_entry'
union all
-- a payment takes the credit of a memo or an entry
select a.firm_id, x.kind, x.quickbooks_id, x.customer_key, x.other_kind, x.other_id, '',
       greatest(a.document_date, c.document_date), x.cents
from (
    select firm_id, quickbooks_payment_id, means, source_id, document_date, sum(amount_cents)::bigint as cents
    from sync.application_then
    where source_id <> ''
    group by firm_id, quickbooks_payment_id, means, source_id, document_date
) a
join sync.mirror_then p on p.firm_id = a.firm_id and p.kind = 'payment' and p.quickbooks_id = a.quickbooks_payment_id
join sync.mirror_then c on c.firm_id = a.firm_id and c.quickbooks_id = a.source_id and c.customer_key in ('', p.customer_id)
     and c.kind = case a.means when 'credit_memo' then 'credit_memo' when 'journal' then 'journal_entry' end
     and c.status <> 'deleted'
cross join lateral (
    values (c.kind, a.source_id, c.customer_key, 'payment', a.quickbooks_payment_id, a.cents),
           ('payment', a.quickbooks_payment_id, '', c.kind, a.source_id, -a.cents)
) x (kind, quickbooks_id, customer_key, other_kind, other_id, cents);
comment on view sync.receivable_application_then is 'What each application adds to the open amount of a document, in cents, and from which date it counts; as of the moment that reports answer for.';

-- Beside sync.share_then, which knows what was taken back: for single payments, one by one.

create view sync.billed_share_then as
select s.document_id, s.invoice_id, s.amount_cents
from sync.share s
join sync.document d on d.document_id = s.document_id
cross join lateral (
    select d.source_status, d.reason
    where d.changed_at <= (select sync.as_of())
    union all
    select h.source_status, h.reason
    from sync.document_history h
    where d.changed_at > (select sync.as_of()) and h.document_id = d.document_id
      and h.valid_from <= (select sync.as_of()) and h.valid_to > (select sync.as_of())
) version
where s.valid_from <= (select sync.as_of()) and (s.valid_to = 'infinity' or s.valid_to > (select sync.as_of()))
  and version.source_status <> 'void' and version.reason not in ('SOURCE_GONE', 'VOID_BEFORE_SENT');
comment on view sync.billed_share_then is 'What payments that live in billing pay of its invoices, by their division; as of the moment that reports answer for.';
