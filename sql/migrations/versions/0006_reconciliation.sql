-- What QuickBooks holds of ours, as it was seen over time, and what the work list said over time.
-- A version counts from valid_from up to, but not including, valid_to; the one that still counts has valid_to 'infinity'.

create table sync.mirror (
    mirror_id       bigint generated always as identity primary key,
    firm_id         text not null references sync.firm,
    kind            text not null check (kind in ('invoice', 'payment')),
    quickbooks_id   text not null,
    valid_from      timestamptz not null,
    valid_to        timestamptz not null default 'infinity',
    seen_by         text not null check (seen_by in ('push', 'reading')),
    sync_token      text not null,
    status          text not null check (status in ('live', 'void', 'deleted')),
    number          text not null,
    document_date   date,
    due_date        date,
    customer_id     text not null,
    total_cents     bigint not null,
    balance_cents   bigint not null,
    otherwise_cents bigint not null default 0,
    content         text not null,
    check (valid_from <= valid_to)
);
comment on table sync.mirror is 'What QuickBooks holds of our documents, and payments of others on our invoices: one row per version that we saw.';
comment on column sync.mirror.seen_by is 'push: the answer to a request of ours; reading: change data capture or a query.';
comment on column sync.mirror.balance_cents is 'Of an invoice what was open, of a payment what was unapplied, in this very answer.';
comment on column sync.mirror.otherwise_cents is 'Of an invoice: what settled it beside the payments known then, such as a deposit.';
comment on column sync.mirror.content is 'Hash of what QuickBooks said: an answer that says the same makes no version.';
create unique index mirror_current on sync.mirror (firm_id, kind, quickbooks_id) where valid_to = 'infinity';
create index mirror_document on sync.mirror (firm_id, kind, quickbooks_id, valid_to);

create table sync.settlement (
    firm_id               text not null references sync.firm,
    quickbooks_invoice_id text not null,
    quickbooks_payment_id text not null,
    means                 text not null check (means in ('payment', 'credit_memo', 'journal', 'other')),
    amount_cents          bigint not null,
    document_date         date,
    valid_from            timestamptz not null,
    valid_to              timestamptz not null default 'infinity',
    check (valid_from <= valid_to)
);
comment on table sync.settlement is 'What payments in QuickBooks, ours and others, pay of our invoices: one row per version, invoice and means.';
create index settlement_invoice on sync.settlement (firm_id, quickbooks_invoice_id, valid_to);
create index settlement_payment on sync.settlement (firm_id, quickbooks_payment_id, valid_to);

-- What the work list said: sync.document has the version that counts, this table those before it.

alter table sync.document add column planned_at timestamptz;
alter table sync.document add column changed_at timestamptz not null default '-infinity';
alter table sync.document add column is_kept boolean not null default false;
comment on column sync.document.planned_at is 'When a plan last decided about the document.';
comment on column sync.document.changed_at is 'Since when the row says what it says; kept by a trigger.';
comment on column sync.document.is_kept is 'A person took what QuickBooks holds as accepted; until the next accepted send.';

create table sync.document_history (
    document_id            bigint not null references sync.document on delete cascade,
    valid_from             timestamptz not null,
    valid_to               timestamptz not null,
    firm_id                text not null,
    kind                   text not null,
    source_id              text not null,
    part                   text not null,
    state                  text not null,
    reason                 text not null,
    state_since            timestamptz not null,
    number                 text not null,
    document_date          date,
    payer_id               text not null,
    amount_cents           bigint not null,
    forwarded_cents        bigint not null,
    payment_kind           text not null,
    reverses_payment_id    text not null,
    source_status          text not null,
    sent_total_cents       bigint,
    customer_id            text,
    quickbooks_id          text,
    quickbooks_total_cents bigint,
    is_kept                boolean not null default false
);
comment on table sync.document_history is 'Former versions of the work list, for reports as of a past moment.';
create index document_history_firm on sync.document_history (firm_id, kind, valid_to);
create index document_history_document on sync.document_history (document_id, valid_from);

-- A trigger, so that no statement can forget it. The time is the newest that the statement itself set.
create function sync.keep_former_version() returns trigger language plpgsql as $$
declare
    moment timestamptz := greatest(new.state_since, new.seen_at, new.synced_at, new.planned_at);
begin
    if tg_op = 'INSERT' then
        new.changed_at := moment;
        return new;
    end if;
    if new.synced_at is distinct from old.synced_at then
        new.is_kept := false;
    end if;
    if (old.state, old.reason, old.state_since, old.number, old.document_date, old.payer_id, old.amount_cents,
        old.forwarded_cents, old.payment_kind, old.reverses_payment_id, old.source_status, old.sent_total_cents,
        old.customer_id, old.quickbooks_id, old.quickbooks_total_cents, old.is_kept)
       is not distinct from
       (new.state, new.reason, new.state_since, new.number, new.document_date, new.payer_id, new.amount_cents,
        new.forwarded_cents, new.payment_kind, new.reverses_payment_id, new.source_status, new.sent_total_cents,
        new.customer_id, new.quickbooks_id, new.quickbooks_total_cents, new.is_kept) then
        new.changed_at := old.changed_at;
        return new;
    end if;
    new.changed_at := greatest(moment, old.changed_at);
    if old.changed_at < new.changed_at then
        insert into sync.document_history (
            document_id, valid_from, valid_to, firm_id, kind, source_id, part, state, reason, state_since, number,
            document_date, payer_id, amount_cents, forwarded_cents, payment_kind, reverses_payment_id, source_status,
            sent_total_cents, customer_id, quickbooks_id, quickbooks_total_cents, is_kept)
        values (
            old.document_id, old.changed_at, new.changed_at, old.firm_id, old.kind, old.source_id, old.part, old.state,
            old.reason, old.state_since, old.number, old.document_date, old.payer_id, old.amount_cents,
            old.forwarded_cents, old.payment_kind, old.reverses_payment_id, old.source_status, old.sent_total_cents,
            old.customer_id, old.quickbooks_id, old.quickbooks_total_cents, old.is_kept);
    end if;
    return new;
end
$$;
create trigger document_history before insert or update on sync.document
    for each row execute function sync.keep_former_version();

-- The moment that reports answer for: reporting.as_of of the session, else the newest that is known.

create function sync.as_of() returns timestamptz language sql stable as $$
    select coalesce(nullif(current_setting('reporting.as_of', true), '')::timestamptz, 'infinity')
$$;

create function sync.local_date(moment timestamptz, time_zone text) returns date language sql stable as $$
    select (case when isfinite(moment) then moment - interval '1 microsecond' else statement_timestamp() end
            at time zone time_zone)::date
$$;
comment on function sync.local_date is 'The date of a moment (the midnight that ends a day belongs to it); of no moment, today.';

create view sync.document_then as
select document_id, firm_id, kind, source_id, part, state, reason, state_since, number, document_date, payer_id, amount_cents,
       forwarded_cents, payment_kind, reverses_payment_id, source_status, sent_total_cents, customer_id, quickbooks_id,
       quickbooks_total_cents, is_kept
from sync.document
where changed_at <= (select sync.as_of())
union all
select document_id, firm_id, kind, source_id, part, state, reason, state_since, number, document_date, payer_id, amount_cents,
       forwarded_cents, payment_kind, reverses_payment_id, source_status, sent_total_cents, customer_id, quickbooks_id,
       quickbooks_total_cents, is_kept
from sync.document_history
where valid_from <= (select sync.as_of()) and valid_to > (select sync.as_of());
comment on view sync.document_then is 'The work list as of the moment that reports answer for.';

create view sync.mirror_then as
select * from sync.mirror
where valid_from <= (select sync.as_of()) and (valid_to = 'infinity' or valid_to > (select sync.as_of()));
comment on view sync.mirror_then is 'What QuickBooks held, as far as we had seen, as of the moment that reports answer for.';

create view sync.settlement_then as
select * from sync.settlement
where valid_from <= (select sync.as_of()) and (valid_to = 'infinity' or valid_to > (select sync.as_of()));
comment on view sync.settlement_then is 'What payments paid of our invoices, as of the moment that reports answer for.';

create view sync.comparison as
select d.document_id, d.firm_id, d.kind, d.source_id, d.part, d.number, d.document_date, d.payer_id, d.payment_kind, d.state,
       d.reason, d.state_since, d.is_adopted, d.is_kept, d.quickbooks_id,
       case when d.is_off then 0 else d.sign * d.amount_cents end as billed_cents,
       case when d.is_off then 0 else d.forwarded_cents end as forwarded_cents,
       case
           when d.state = 'voided' then 0
           when d.is_unsent then d.sign * coalesce(m.total_cents, d.quickbooks_total_cents, 0)
           else d.sign * coalesce(d.sent_total_cents, 0)
       end as sent_cents,
       case
           when d.state = 'voided' then 0
           when d.is_unsent then d.sign * coalesce(m.total_cents, d.quickbooks_total_cents, 0)
           else d.sign * coalesce(d.quickbooks_total_cents, 0)
       end as answered_cents,
       case
           when d.quickbooks_id is null or d.is_removed then 0
           else d.sign * coalesce(m.total_cents, d.quickbooks_total_cents, 0)
       end as held_cents,
       case
           when d.quickbooks_id is null then ''
           when d.is_removed and coalesce(m.status, 'live') = 'live'
               then case d.reason when 'REMOTE_VOIDED' then 'void' else 'deleted' end
           else coalesce(m.status, 'live')
       end as quickbooks_status,
       coalesce(m.customer_id, d.customer_id, '') as customer_id,
       coalesce(m.document_date, d.document_date) as quickbooks_date,
       coalesce(m.due_date, m.document_date, d.document_date) as due_date,
       case when d.kind = 'invoice' then coalesce(m.otherwise_cents, 0) else 0 end as otherwise_cents
from (
    select *,
           case when payment_kind in ('refund', 'rejection', 'reversal') then -1 else 1 end as sign,
           source_status = 'void' or reason in ('SOURCE_GONE', 'VOID_BEFORE_SENT') as is_off,
           exists (select from sync.adoption a where a.document_id = document_then.document_id) as is_adopted,
           quickbooks_id is not null and sent_total_cents is null as is_unsent,
           reason in ('REMOTE_DELETED', 'REMOTE_VOIDED') as is_removed
    from sync.document_then
    where kind in ('invoice', 'payment')
) d
left join sync.mirror_then m on m.firm_id = d.firm_id and m.kind = d.kind and m.quickbooks_id = d.quickbooks_id;
comment on view sync.comparison is 'Each invoice and payment, both sides, in cents; what is taken back (refund, rejection, reversal) is negative.';

create view sync.receivable as
select c.*, coalesce(s.paid_cents, 0) as paid_cents, coalesce(s.paid_by_us_cents, 0) as paid_by_us_cents,
       c.held_cents - coalesce(s.paid_cents, 0) - c.otherwise_cents as open_cents
from sync.comparison c
left join (
    select s.firm_id, s.quickbooks_invoice_id, sum(s.amount_cents) as paid_cents,
           sum(s.amount_cents) filter (where p.document_id is not null) as paid_by_us_cents
    from sync.settlement_then s
    left join sync.document p on p.firm_id = s.firm_id and p.kind = 'payment' and p.quickbooks_id = s.quickbooks_payment_id
    group by s.firm_id, s.quickbooks_invoice_id
) s on s.firm_id = c.firm_id and s.quickbooks_invoice_id = c.quickbooks_id
where c.kind = 'invoice';
comment on view sync.receivable is 'Each invoice with what settles it in QuickBooks, in cents: for sums over many invoices.';

-- Without kind: before the first analyze a prefix (firm_id, kind) would pass for as good as the unique key, and no join would use that.
create index document_date on sync.document (firm_id, document_date);
create index document_synced on sync.document (firm_id) where state = 'synced' and kind in ('invoice', 'payment');

-- What a person changed in QuickBooks, field by field, as the last reading found it.

create table sync.drift (
    document_id bigint not null references sync.document on delete cascade,
    field       text not null,
    owner       text not null check (owner in ('billing', 'quickbooks')),
    ours        text not null,
    theirs      text not null,
    since       timestamptz not null,
    primary key (document_id, field)
);
comment on table sync.drift is 'Fields that QuickBooks holds otherwise than we wrote them. Values are the client''s: for views, never for a log.';
