-- Model 2: payments that QuickBooks received, their postings in billing, what the reads cost.

create table sync.received_payment (
    firm_id       text not null references sync.firm,
    payment_id    text not null,
    sync_token    bigint not null,
    status        text not null check (status in ('live', 'voided', 'deleted')),
    payment_date  date not null,
    created_at    timestamptz not null,
    currency      text not null default '',
    total_cents   bigint not null,
    credit_cents  bigint not null default 0,
    links         jsonb not null default '[]',
    method_id     text not null default '',
    method_name   text not null default '',
    reference     text not null default '',
    note          text not null default '',
    is_marked     boolean not null default false,
    has_foreign   boolean not null default false,
    read_at       timestamptz not null,
    problem       text not null default '',
    state         text not null check (state in ('superseded', 'open', 'done', 'waiting', 'not_ours', 'unapplied', 'echo',
                                                 'older', 'refused')),
    state_since   timestamptz not null,
    error         text not null default '',
    failed_at     timestamptz,
    primary key (firm_id, payment_id, sync_token, status)
);
comment on table sync.received_payment is 'The inbox: every snapshot of a payment in QuickBooks that was read. The newest of each payment is the one that is not superseded.';
comment on column sync.received_payment.links is 'What it pays: an array of {"invoice": Id, "cents": n}, by Id.';
comment on column sync.received_payment.error is 'Why it was refused, or what billing said when it was posted; empty when all is well.';
comment on column sync.received_payment.failed_at is 'Since when billing refuses a posting of it.';
comment on column sync.received_payment.has_foreign is 'Whether it pays an invoice that was not ours when it was judged; it may become ours.';
comment on column sync.received_payment.credit_cents is 'Which part of that credit memos and journal entries pay; no cash.';
create unique index received_payment_newest on sync.received_payment (firm_id, payment_id) where state <> 'superseded';
create index received_payment_open on sync.received_payment (firm_id, state) where state in ('open', 'waiting');
create index received_payment_foreign on sync.received_payment (firm_id) where has_foreign and state <> 'superseded';
create index received_payment_date on sync.received_payment (firm_id, payment_date) where state <> 'superseded';

create table sync.posting (
    posting_id            bigint generated always as identity primary key,
    firm_id               text not null references sync.firm,
    payment_id            text not null,
    quickbooks_invoice_id text not null,
    revision              integer not null check (revision > 0),
    document_id           bigint not null references sync.document,
    invoice_id            text not null,
    payer_id              text not null,
    kind                  text not null check (kind in ('payment', 'credit_application', 'reversal')),
    amount_cents          bigint not null check (amount_cents > 0),
    payment_date          date not null,
    method_id             text not null default '',
    method                text not null,
    reference             text not null default '',
    note                  text not null default '',
    external_id           text not null,
    reverses              bigint unique references sync.posting,
    run_id                text not null,
    created_at            timestamptz not null,
    posted_at             timestamptz,
    unique (firm_id, payment_id, quickbooks_invoice_id, revision),
    unique (firm_id, external_id),
    check ((kind = 'reversal') = (reverses is not null))
);
comment on table sync.posting is 'What billing shall hold of QuickBooks'' payments. Written before it is posted; append only.';
comment on column sync.posting.posted_at is 'When billing had it; null: not yet, or nobody could say so.';
create index posting_unposted on sync.posting (firm_id, payment_id) where posted_at is null;
create index posting_invoice on sync.posting (firm_id, quickbooks_invoice_id);
create index posting_document on sync.posting (document_id);

create function sync.keep_posting() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.posted_at is null
       and to_jsonb(old) - 'posted_at' = to_jsonb(new) - 'posted_at' then
        return new;
    end if;
    raise exception 'a posting is never changed or deleted: append its reversal';
end
$$;
create trigger keep_posting before update or delete on sync.posting for each row execute function sync.keep_posting();

create table sync.metered_reads (
    firm_id text not null references sync.firm,
    month   date not null check (extract(day from month) = 1),
    reads   bigint not null,
    primary key (firm_id, month)
);
comment on table sync.metered_reads is 'Reads of QuickBooks by the sensor, outside any run. Intuit meters all reads of its app together.';

-- What of an invoice QuickBooks received, as far as billing shall hold it; for views and reconciliation.
create view sync.received_on_invoice as
with standing as (
    select p.*
    from sync.posting p
    where p.kind <> 'reversal' and not exists (select from sync.posting r where r.reverses = p.posting_id)
)
select firm_id, document_id, invoice_id, quickbooks_invoice_id,
       count(distinct payment_id) as payments,
       coalesce(sum(amount_cents) filter (where kind = 'payment'), 0)::bigint as cash_cents,
       coalesce(sum(amount_cents) filter (where kind = 'credit_application'), 0)::bigint as credit_cents,
       coalesce(sum(amount_cents) filter (where posted_at is null), 0)::bigint as unposted_cents,
       max(payment_date) as last_payment_date
from standing
group by firm_id, document_id, invoice_id, quickbooks_invoice_id;
comment on view sync.received_on_invoice is 'One row per invoice of ours that payments in QuickBooks pay: cash, and credit (credit memo, journal entry) that stands for no cash.';

-- The one place that asks the server's clock: a view cannot be told the time. Dates are the firm's own.
create view sync.recent_payment as
select r.firm_id, r.document_id, r.last_payment_date as payment_date, f.today - r.last_payment_date as age_days
from sync.received_on_invoice r
join (
    select firm_id, (current_timestamp at time zone time_zone)::date as today,
           coalesce((settings ->> 'recent_payment_days')::integer, 7) as recent_days
    from sync.firm
) f using (firm_id)
where f.today - r.last_payment_date <= f.recent_days;
comment on view sync.recent_payment is 'Invoices of ours that QuickBooks received a payment on within the firm''s recent_payment_days, and how many days ago.';
