-- What each client owes, on both sides and over time.

-- QuickBooks' side: the mirror holds everything that moves receivables, what others wrote too; of that amounts only.

alter table sync.mirror drop constraint mirror_kind_check;
alter table sync.mirror add constraint mirror_kind_check
    check (kind in ('invoice', 'payment', 'credit_memo', 'journal_entry', 'deposit', 'purchase'));
alter table sync.mirror add column customer_key text not null default '';
alter table sync.mirror add column is_write_off boolean not null default false;
comment on table sync.mirror is 'What QuickBooks holds that moves receivables, ours and others'': one row per version that we saw. Of what others wrote only amounts, dates and Ids.';
comment on column sync.mirror.customer_key is 'Of a journal entry, a deposit or a purchase, which may concern several customers: the customer of this row; else empty.';
comment on column sync.mirror.is_write_off is 'A credit memo or a journal entry against an expense account.';
comment on column sync.mirror.total_cents is 'Total as QuickBooks has it. Of a journal entry, a deposit or a purchase what it adds to the receivables of the row''s customer; negative where it lowers them.';
comment on column sync.mirror.balance_cents is 'Of an invoice what was open, of a payment what was unapplied, of a credit memo what was left of it, in this very answer.';
drop index sync.mirror_current;
create unique index mirror_current on sync.mirror (firm_id, kind, quickbooks_id, customer_key) where valid_to = 'infinity';
create index mirror_customer on sync.mirror (firm_id, customer_id) where kind <> 'invoice' and valid_to = 'infinity';

alter table sync.settlement add column target_kind text not null default 'invoice'
    check (target_kind in ('invoice', 'journal_entry'));
alter table sync.settlement add column source_id text not null default '';
comment on table sync.settlement is 'What payments in QuickBooks, ours and others'', pay of invoices, or of entries that debit receivables: one row per version, invoice, means and source.';
comment on column sync.settlement.quickbooks_invoice_id is 'The Id of what is paid: an invoice, or where target_kind says so a journal entry.';
comment on column sync.settlement.source_id is 'The Id of the credit memo, journal entry or deposit whose credit the payment uses; empty for the payment''s own money.';
comment on column sync.settlement.document_date is 'Date of the payment. The application counts from the later of this date and that of what is paid.';
create index settlement_source on sync.settlement (firm_id, source_id, valid_to) where source_id <> '';

-- The next reading begins anew: it has to see what stood there before.
delete from sync.cursor where name = 'mirror';

create or replace view sync.mirror_then as
select mirror_id, firm_id, kind, quickbooks_id, valid_from, valid_to, seen_by, sync_token, status, number, document_date,
       due_date, customer_id, total_cents, balance_cents, otherwise_cents, content, customer_key, is_write_off
from sync.mirror
where valid_from <= (select sync.as_of()) and (valid_to = 'infinity' or valid_to > (select sync.as_of()));

create view sync.application_then as
select * from sync.settlement
where valid_from <= (select sync.as_of()) and (valid_to = 'infinity' or valid_to > (select sync.as_of()));
comment on view sync.application_then is 'What payments in QuickBooks paid of invoices and entries, and by which credit, as of the moment that reports answer for.';

create or replace view sync.settlement_then as
select firm_id, quickbooks_invoice_id, quickbooks_payment_id, means, amount_cents, document_date, valid_from, valid_to,
       target_kind, source_id
from sync.settlement
where target_kind = 'invoice'
  and valid_from <= (select sync.as_of()) and (valid_to = 'infinity' or valid_to > (select sync.as_of()));

create view sync.open_item_then as
select m.firm_id, m.kind, m.quickbooks_id, m.customer_id, m.status, m.document_date,
       coalesce(m.due_date, m.document_date) as due_date, m.is_write_off,
       case when m.kind in ('payment', 'credit_memo') then -m.total_cents else m.total_cents end as effect_cents,
       case m.kind
           when 'invoice' then m.total_cents - m.otherwise_cents - coalesce(paid.cents, 0)
           when 'payment' then coalesce(spent.cents, 0) - m.total_cents
           when 'credit_memo' then coalesce(used.cents, 0) - m.total_cents
           else m.total_cents + coalesce(used.cents, 0) - coalesce(paid.cents, 0)
       end as open_cents
from sync.mirror_then m
left join (
    select a.firm_id, a.target_kind, a.quickbooks_invoice_id, p.customer_key, sum(a.amount_cents) as cents
    from sync.application_then a
    left join lateral (
        select customer_id as customer_key from sync.mirror_then p
        where a.target_kind <> 'invoice' and p.firm_id = a.firm_id and p.kind = 'payment'
          and p.quickbooks_id = a.quickbooks_payment_id
    ) p on true
    group by a.firm_id, a.target_kind, a.quickbooks_invoice_id, p.customer_key
) paid on m.kind in ('invoice', 'journal_entry') and paid.firm_id = m.firm_id and paid.target_kind = m.kind
      and paid.quickbooks_invoice_id = m.quickbooks_id and coalesce(paid.customer_key, '') = m.customer_key
left join (
    select firm_id, quickbooks_payment_id, sum(amount_cents) as cents
    from sync.application_then
    where source_id = '' and means = 'payment'
    group by firm_id, quickbooks_payment_id
) spent on m.kind = 'payment' and spent.firm_id = m.firm_id and spent.quickbooks_payment_id = m.quickbooks_id
left join (
    select a.firm_id, a.means, a.source_id, p.customer_id, sum(a.amount_cents) as cents
    from sync.application_then a
    join sync.mirror_then p on p.firm_id = a.firm_id and p.kind = 'payment' and p.quickbooks_id = a.quickbooks_payment_id
    where a.source_id <> ''
    group by a.firm_id, a.means, a.source_id, p.customer_id
) used on m.kind not in ('invoice', 'payment') and used.firm_id = m.firm_id and used.source_id = m.quickbooks_id
      and used.means = case m.kind when 'credit_memo' then 'credit_memo' when 'journal_entry' then 'journal' else 'other' end
      and (m.kind = 'credit_memo' or used.customer_id = m.customer_key);
comment on view sync.open_item_then is 'Everything that moves receivables in QuickBooks, by customer, as of the moment that reports answer for: effect_cents is what it adds to what the customer owes, open_cents what of that is not yet paid or used (negative: credit).';

-- Billing's side: what each payment pays of each invoice, by the division of the sync, and since when that is known.

create table sync.share (
    firm_id      text not null references sync.firm,
    document_id  bigint not null references sync.document on delete cascade,
    position     integer not null,
    invoice_id   text not null,
    amount_cents bigint not null,
    applied_date date not null,
    valid_from   timestamptz not null,
    valid_to     timestamptz not null default 'infinity',
    check (valid_from <= valid_to)
);
comment on table sync.share is 'What payments of billing pay of its invoices, forwarded balances oldest first: one row per version, payment document and invoice. Before anything is taken back.';
comment on column sync.share.document_id is 'The payment on the work list.';
comment on column sync.share.position is 'Order of the payment''s invoices: what is taken back leaves the last one first.';
comment on column sync.share.applied_date is 'Date on which billing applied the amount; the newest, where there are several.';
create unique index share_current on sync.share (document_id, invoice_id) where valid_to = 'infinity';
create index share_document on sync.share (document_id, valid_to);
create index share_firm on sync.share (firm_id, valid_to);

alter table sync.document add column divided_hash text;
comment on column sync.document.divided_hash is 'source_hash of the content whose shares are in sync.share; of an invoice, whose forwarded balances have been read.';
create index document_undivided on sync.document (firm_id, document_id)
    where kind in ('invoice', 'payment') and divided_hash is distinct from source_hash;

-- Which customer a payer was.

create table sync.payer_history (
    firm_id       text not null references sync.firm,
    payer_id      text not null,
    quickbooks_id text not null,
    valid_from    timestamptz not null,
    valid_to      timestamptz not null
);
comment on table sync.payer_history is 'Former mappings of payers, for reports as of a past moment.';
create index payer_history_payer on sync.payer_history (firm_id, payer_id, valid_to);

create function sync.keep_former_customer() returns trigger language plpgsql as $$
begin
    if new.quickbooks_id <> old.quickbooks_id and new.changed_at > old.changed_at then
        insert into sync.payer_history (firm_id, payer_id, quickbooks_id, valid_from, valid_to)
        values (old.firm_id, old.source_id, old.quickbooks_id, old.changed_at, new.changed_at);
    end if;
    return new;
end
$$;
create trigger keep_former_customer before update on sync.mapping
    for each row when (old.kind = 'payer') execute function sync.keep_former_customer();

create view sync.payer_then as
select firm_id, source_id as payer_id, quickbooks_id as customer_id
from sync.mapping
where kind = 'payer' and changed_at <= (select sync.as_of())
union all
select firm_id, payer_id, quickbooks_id
from sync.payer_history
where valid_from <= (select sync.as_of()) and valid_to > (select sync.as_of());
comment on view sync.payer_then is 'The customer of each payer, as of the moment that reports answer for.';

-- Both sides of what is owed, in cents.

-- Few payments are taken back, or live no more: each of these sets has an index of its own.
create index document_takes_back on sync.document (firm_id) where reverses_payment_id <> '';
create index document_history_takes_back on sync.document_history (firm_id) where reverses_payment_id <> '';
create index document_off on sync.document (firm_id)
    where kind = 'payment' and (source_status = 'void' or reason in ('SOURCE_GONE', 'VOID_BEFORE_SENT'));
create index document_history_off on sync.document_history (firm_id)
    where kind = 'payment' and (source_status = 'void' or reason in ('SOURCE_GONE', 'VOID_BEFORE_SENT'));

create view sync.taken_back_then as
select firm_id, reverses_payment_id as payment_id, sum(amount_cents)::bigint as cents, max(document_id) as document_id
from sync.document_then
where kind = 'payment' and payment_kind in ('refund', 'rejection', 'reversal') and source_status <> 'void'
  and reason not in ('SOURCE_GONE', 'VOID_BEFORE_SENT') and reverses_payment_id <> ''
group by firm_id, reverses_payment_id;
comment on view sync.taken_back_then is 'What refunds, rejections and reversals take back of each payment of billing, and the newest of them.';

create view sync.share_then as
select s.firm_id, s.document_id, s.invoice_id, s.amount_cents as shared_cents,
       s.amount_cents - least(s.amount_cents, coalesce(k.cents, 0)) as owed_cents
from sync.share s
left join (
    select q.firm_id, q.document_id, t.invoice_id,
           greatest(0, b.cents - greatest(0, w.cents - sum(t.amount_cents) over (partition by q.firm_id, q.source_id))
                       - coalesce(sum(t.amount_cents) over last_first, 0)) as cents
    from sync.taken_back_then b
    join sync.document q on q.firm_id = b.firm_id and q.kind = 'payment' and q.source_id = b.payment_id
    join sync.share t on t.document_id = q.document_id and t.valid_from <= (select sync.as_of())
         and (t.valid_to = 'infinity' or t.valid_to > (select sync.as_of()))
    cross join lateral (
        select sum(p.amount_cents) as cents from sync.document_then p
        where p.firm_id = q.firm_id and p.kind = 'payment' and p.source_id = q.source_id
    ) w
    window last_first as (partition by q.firm_id, q.source_id order by q.part desc, t.position desc
                          rows between unbounded preceding and 1 preceding)
) k on k.firm_id = s.firm_id and k.document_id = s.document_id and k.invoice_id = s.invoice_id
where s.valid_from <= (select sync.as_of()) and (s.valid_to = 'infinity' or s.valid_to > (select sync.as_of()))
  and not exists (
      select from sync.document_then d
      where d.firm_id = s.firm_id and d.document_id = s.document_id
        and d.kind = 'payment' and (d.source_status = 'void' or d.reason in ('SOURCE_GONE', 'VOID_BEFORE_SENT')));
comment on view sync.share_then is 'What payments that live in billing pay of its invoices: shared_cents by their division, owed_cents of it after what was taken back. What is taken back is unapplied money first, then the last invoices.';

create view sync.posted_then as
select firm_id, invoice_id, quickbooks_invoice_id, payment_id as quickbooks_payment_id,
       sum(case kind when 'reversal' then -amount_cents else amount_cents end)::bigint as cents
from sync.posting
where posted_at <= (select sync.as_of())
group by firm_id, invoice_id, quickbooks_invoice_id, payment_id;
comment on view sync.posted_then is 'Model 2: what billing holds of payments that QuickBooks received, by invoice.';

create view sync.owed_invoice as
select c.firm_id, c.document_id, c.source_id, c.number, c.document_date, c.payer_id, c.state, c.reason, c.state_since, c.is_kept,
       coalesce(c.quickbooks_id, '') as quickbooks_id, c.quickbooks_status, w.is_off,
       case when y.customer_id is not null then y.customer_id else c.customer_id end as client_id,
       c.customer_id,
       case when w.is_off then 0 else c.billed_cents - c.forwarded_cents end as billed_cents,
       case when w.is_off then 0 else coalesce(o.shared_cents, 0) + coalesce(r.cents, 0) end as paid_cents,
       case when w.is_off then 0 else coalesce(o.shared_cents - o.owed_cents, 0) end as taken_back_cents,
       c.held_cents, coalesce(t.cents, 0) as settled_cents, c.otherwise_cents
from sync.comparison c
cross join lateral (
    select c.billed_cents = 0 or c.reason in ('WITHDRAWN', 'SOURCE_GONE') or c.state = 'closed' and c.reason = 'INELIGIBLE' as is_off
) w
left join sync.payer_then y on y.firm_id = c.firm_id and y.payer_id = c.payer_id
left join (
    select firm_id, invoice_id, sum(shared_cents) as shared_cents, sum(owed_cents) as owed_cents
    from sync.share_then
    group by firm_id, invoice_id
) o on o.firm_id = c.firm_id and o.invoice_id = c.source_id
left join (select firm_id, invoice_id, sum(cents) as cents from sync.posted_then group by firm_id, invoice_id) r
     on r.firm_id = c.firm_id and r.invoice_id = c.source_id
left join (
    select firm_id, quickbooks_invoice_id, sum(amount_cents) as cents
    from sync.settlement_then
    group by firm_id, quickbooks_invoice_id
) t on t.firm_id = c.firm_id and t.quickbooks_invoice_id = c.quickbooks_id
where c.kind = 'invoice';
comment on view sync.owed_invoice is 'Each invoice of ours: owed is billed - paid + taken back on our side, held - settled - otherwise in QuickBooks. client_id is the payer''s customer, customer_id the one that QuickBooks has.';

create view sync.owed_payment as
select c.firm_id, c.document_id, c.source_id, c.part, c.number, c.document_date, c.payer_id, c.state, c.reason, c.state_since,
       c.is_kept, coalesce(c.quickbooks_id, '') as quickbooks_id, c.quickbooks_status,
       coalesce(nullif(c.customer_id, ''), y.customer_id, '') as client_id,
       c.billed_cents, c.held_cents,
       case when c.billed_cents = 0 then 0
            else greatest(0, c.billed_cents - coalesce(o.shared_cents, 0) - coalesce(b.cents, 0)) end as unapplied_cents,
       case when c.billed_cents = 0 then 0
            else least(greatest(0, c.billed_cents - coalesce(o.shared_cents, 0)), coalesce(b.cents, 0)) end as unapplied_back_cents,
       c.held_cents - coalesce(t.cents, 0) as unapplied_there_cents
from sync.comparison c
left join sync.payer_then y on y.firm_id = c.firm_id and y.payer_id = c.payer_id
left join (
    select firm_id, document_id, sum(shared_cents) as shared_cents from sync.share_then group by firm_id, document_id
) o on o.firm_id = c.firm_id and o.document_id = c.document_id
left join sync.taken_back_then b on b.firm_id = c.firm_id and b.payment_id = c.source_id and c.part = ''
left join (
    select firm_id, quickbooks_payment_id, sum(amount_cents) as cents
    from sync.application_then
    where means = 'payment'
    group by firm_id, quickbooks_payment_id
) t on t.firm_id = c.firm_id and t.quickbooks_payment_id = c.quickbooks_id
where c.kind = 'payment' and c.payment_kind not in ('credit_deposit', 'refund', 'rejection', 'reversal');
comment on view sync.owed_payment is 'Each payment of ours with the money that is kept unapplied, in billing and in QuickBooks; unapplied_back of it went back to the client.';

create view sync.owed_other as
select f.firm_id, m.kind, m.quickbooks_id, m.customer_id, m.document_date, m.is_write_off, o.cents as open_cents,
       coalesce(j.source_id, '') as refund_id
from sync.firm f
cross join lateral (
    select m.*
    from sync.mirror_then m
    where m.firm_id = f.firm_id and m.total_cents <> 0
      and m.customer_id in (select y.customer_id from sync.payer_then y where y.firm_id = f.firm_id)
      and not exists (select from sync.document d
                      where d.firm_id = m.firm_id and d.kind = m.kind and d.quickbooks_id = m.quickbooks_id)
    offset 0
) m
cross join lateral (  -- one by one: what others wrote for our clients is a fraction of all
    select case m.kind when 'payment' then -m.total_cents when 'credit_memo' then -m.total_cents else m.total_cents - m.otherwise_cents end
           - (select coalesce(sum(a.amount_cents), 0) from sync.application_then a
              where m.kind in ('invoice', 'journal_entry') and a.firm_id = m.firm_id and a.target_kind = m.kind
                and a.quickbooks_invoice_id = m.quickbooks_id
                and (m.kind = 'invoice' or exists (
                         select from sync.mirror_then p
                         where p.firm_id = a.firm_id and p.kind = 'payment' and p.quickbooks_id = a.quickbooks_payment_id
                           and p.customer_id = m.customer_key)))
           + (select coalesce(sum(a.amount_cents), 0) from sync.application_then a
              where m.kind = 'payment' and a.firm_id = m.firm_id and a.quickbooks_payment_id = m.quickbooks_id
                and a.means = 'payment')
           + (select coalesce(sum(a.amount_cents), 0) from sync.application_then a
              where m.kind in ('credit_memo', 'journal_entry') and a.firm_id = m.firm_id and a.source_id = m.quickbooks_id
                and a.source_id <> '' and a.means = case m.kind when 'credit_memo' then 'credit_memo' else 'journal' end
                and (m.kind = 'credit_memo' or exists (
                         select from sync.mirror_then p
                         where p.firm_id = a.firm_id and p.kind = 'payment' and p.quickbooks_id = a.quickbooks_payment_id
                           and p.customer_id = m.customer_key))) as cents
) o
left join sync.document j on j.firm_id = m.firm_id and j.kind = 'refund' and j.quickbooks_id = m.quickbooks_id
     and m.kind = 'journal_entry'
where o.cents <> 0
union all
-- an entry of ours that no reading has seen yet
select j.firm_id, 'journal_entry', j.quickbooks_id, coalesce(p.customer_id, ''), r.document_date, false, o.cents,
       j.source_id
from sync.document_then j
join sync.document_then r on r.firm_id = j.firm_id and r.kind = 'payment' and r.source_id = j.source_id
join sync.document_then p on p.firm_id = j.firm_id and p.kind = 'payment' and p.source_id = r.reverses_payment_id and p.part = ''
cross join lateral (
    select j.sent_total_cents - coalesce(sum(a.amount_cents), 0) as cents
    from sync.application_then a
    where a.firm_id = j.firm_id and a.target_kind = 'journal_entry' and a.quickbooks_invoice_id = j.quickbooks_id
) o
where j.kind = 'refund' and j.quickbooks_id is not null and j.reason <> 'REMOTE_DELETED' and o.cents <> 0
  and not exists (select from sync.mirror_then m
                  where m.firm_id = j.firm_id and m.kind = 'journal_entry' and m.quickbooks_id = j.quickbooks_id);
comment on view sync.owed_other is 'What else our customers owe in QuickBooks, or have as credit: invoices, payments, credit memos and entries that are not documents of ours. refund_id is the refund or rejection that an entry of ours records.';
