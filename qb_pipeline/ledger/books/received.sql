-- name: add
-- A snapshot that was read before is the same row. It is overwritten only when QuickBooks changed a payment without a
-- new SyncToken. The newest snapshot is determined afterwards.
insert into sync.received_payment as old (firm_id, payment_id, sync_token, status, payment_date, created_at, currency,
                                          total_cents, credit_cents, links, method_id, method_name, reference, note,
                                          is_marked, problem, read_at, state, state_since)
select :firm_id, r.payment_id, r.sync_token, r.status, r.payment_date, r.created_at, r.currency, r.total_cents,
       r.credit_cents, r.links, r.method_id, r.method_name, r.reference, r.note, r.is_marked, r.problem, :now, 'superseded', :now
from jsonb_to_recordset(cast(:rows as jsonb))
     as r (payment_id text, sync_token bigint, status text, payment_date date, created_at timestamptz, currency text,
           total_cents bigint, credit_cents bigint, links jsonb, method_id text, method_name text, reference text,
           note text, is_marked boolean, problem text)
order by r.payment_id
on conflict (firm_id, payment_id, sync_token, status) do update
set payment_date = excluded.payment_date, currency = excluded.currency, total_cents = excluded.total_cents,
    credit_cents = excluded.credit_cents, links = excluded.links, method_id = excluded.method_id,
    method_name = excluded.method_name, reference = excluded.reference, note = excluded.note,
    is_marked = excluded.is_marked, read_at = excluded.read_at,
    state = case when old.state = 'superseded' then 'superseded' else 'open' end, state_since = excluded.state_since
where (old.payment_date, old.currency, old.total_cents, old.credit_cents, old.links, old.method_id, old.reference,
       old.is_marked)
      is distinct from (excluded.payment_date, excluded.currency, excluded.total_cents, excluded.credit_cents,
                        excluded.links, excluded.method_id, excluded.reference, excluded.is_marked)
returning payment_id;

-- name: delete
-- QuickBooks gives no SyncToken with a deletion: it counts as newer than all snapshots that were read before it.
insert into sync.received_payment (firm_id, payment_id, sync_token, status, payment_date, created_at, currency,
                                   total_cents, method_id, method_name, reference, note, is_marked, read_at, state,
                                   state_since)
select firm_id, payment_id, sync_token, 'deleted', payment_date, created_at, currency, 0, method_id, method_name,
       reference, note, is_marked, :now, 'superseded', :now
from sync.received_payment
where firm_id = :firm_id and payment_id = any(:payment_ids) and state <> 'superseded' and status <> 'deleted'
on conflict do nothing
returning payment_id;

-- name: supersede
update sync.received_payment r
set state = 'superseded', state_since = :now
where r.firm_id = :firm_id and r.payment_id = any(:payment_ids) and r.state <> 'superseded'
  and exists (select from sync.received_payment n
              where n.firm_id = r.firm_id and n.payment_id = r.payment_id
                and (n.sync_token, array_position(array['live', 'voided', 'deleted'], n.status))
                    > (r.sync_token, array_position(array['live', 'voided', 'deleted'], r.status)));

-- name: open_newest
update sync.received_payment r
set state = 'open', state_since = :now, error = ''
where r.firm_id = :firm_id and r.payment_id = any(:payment_ids) and r.state = 'superseded'
  and not exists (select from sync.received_payment n
                  where n.firm_id = r.firm_id and n.payment_id = r.payment_id
                    and (n.sync_token, array_position(array['live', 'voided', 'deleted'], n.status))
                        > (r.sync_token, array_position(array['live', 'voided', 'deleted'], r.status)));

-- name: known_ids
select payment_id
from sync.received_payment
where firm_id = :firm_id and state <> 'superseded' and status <> 'deleted'
  and (cast(:first as date) is null or payment_date >= :first)
  and (cast(:last as date) is null or payment_date <= :last);

-- name: method_names
select distinct on (method_id) method_id, method_name
from sync.received_payment
where firm_id = :firm_id and method_name <> ''
order by method_id, read_at desc;

-- name: due
-- Payments whose postings in billing are missing or out of date: new ones, those with an unposted posting, those that
-- pay an invoice which has only now become ours, and those that wait for an invoice although no invoice of ours is
-- unknown any more.
with due as (
    select payment_id from sync.received_payment where firm_id = :firm_id and state = 'open'
    union
    select payment_id from sync.posting where firm_id = :firm_id and posted_at is null
    union
    select payment_id
    from sync.received_payment
    where firm_id = :firm_id and state = 'waiting'
      and not exists (select from sync.document d
                      where d.firm_id = :firm_id and d.kind = 'invoice' and d.state in ('sending', 'unknown')
                        and d.quickbooks_id is null)
    union
    select r.payment_id
    from sync.received_payment r
    cross join jsonb_to_recordset(r.links) as link (invoice text, cents bigint)
    join sync.document d on d.firm_id = r.firm_id and d.kind = 'invoice' and d.quickbooks_id = link.invoice
    where r.firm_id = :firm_id and r.has_foreign and r.state <> 'superseded' and r.state <> 'echo' and r.status = 'live'
      and not exists (select from sync.posting p
                      where p.firm_id = r.firm_id and p.payment_id = r.payment_id
                        and p.quickbooks_invoice_id = link.invoice)
)
select r.payment_id, r.payment_date, r.sync_token, r.status, r.failed_at is not null as has_failed
from due
join sync.received_payment r on r.firm_id = :firm_id and r.payment_id = due.payment_id and r.state <> 'superseded'
where (cast(:first as date) is null or r.payment_date >= :first)
  and (cast(:last as date) is null or r.payment_date <= :last)
order by r.payment_date, r.payment_id;

-- name: newest
select payment_id, sync_token, status, payment_date, created_at, currency, total_cents, credit_cents, links, method_id,
       method_name, reference, note, is_marked, problem
from sync.received_payment
where firm_id = :firm_id and payment_id = any(:payment_ids) and state <> 'superseded'
order by payment_date, payment_id
for update;

-- name: invoices
-- is_since: we created the invoice in QuickBooks since then; an adopted (linked) invoice was there before.
select d.quickbooks_id, d.document_id, d.source_id, d.payer_id,
       exists (select from sync.attempt_item i
               join sync.attempt a using (attempt_id)
               where i.document_id = d.document_id and i.operation = 'create' and a.first_sent_at >= :since) as is_since
from sync.document d
where d.firm_id = :firm_id and d.kind = 'invoice' and d.quickbooks_id = any(:invoice_ids);

-- name: own_payments
select quickbooks_id
from sync.document
where firm_id = :firm_id and kind = 'payment' and quickbooks_id = any(:payment_ids);

-- name: is_anything_unknown
select exists (select from sync.document
               where firm_id = :firm_id and kind = 'invoice' and state in ('sending', 'unknown')
                 and quickbooks_id is null);

-- name: standing
select p.payment_id, p.posting_id, p.quickbooks_invoice_id, p.kind, p.amount_cents, p.payment_date, p.method_id,
       p.reference
from sync.posting p
where p.firm_id = :firm_id and p.payment_id = any(:payment_ids) and p.kind <> 'reversal'
  and not exists (select from sync.posting r where r.reverses = p.posting_id)
order by p.posting_id;

-- name: revisions
select payment_id, quickbooks_invoice_id, max(revision) as revision
from sync.posting
where firm_id = :firm_id and payment_id = any(:payment_ids)
group by payment_id, quickbooks_invoice_id;

-- name: append
insert into sync.posting (firm_id, payment_id, quickbooks_invoice_id, revision, document_id, invoice_id, payer_id, kind,
                          amount_cents, payment_date, method_id, method, reference, note, external_id, run_id, created_at)
values (:firm_id, :payment_id, :quickbooks_invoice_id, :revision, :document_id, :invoice_id, :payer_id, :kind,
        :amount_cents, :payment_date, :method_id, :method, :reference, :note, :external_id, :run_id, :now);

-- name: append_reversal
-- A reversal has the date of the posting that it reverses: QuickBooks' own books change at that date too.
insert into sync.posting (firm_id, payment_id, quickbooks_invoice_id, revision, document_id, invoice_id, payer_id, kind,
                          amount_cents, payment_date, method_id, method, reference, note, external_id, reverses, run_id,
                          created_at)
select firm_id, payment_id, quickbooks_invoice_id, :revision, document_id, invoice_id, payer_id, 'reversal',
       amount_cents, payment_date, method_id, method, reference, '', :external_id, posting_id, :run_id, :now
from sync.posting
where posting_id = :posting_id;

-- name: move
update sync.received_payment
set state = :state, has_foreign = :has_foreign, error = case when :error <> '' then :error when failed_at is null then '' else error end,
    state_since = case when state = :state then state_since else :now end
where firm_id = :firm_id and payment_id = :payment_id and state <> 'superseded';

-- name: unposted
select p.posting_id, p.document_id, p.external_id, p.payment_id, p.payer_id, p.kind, p.method, p.reference, p.note, p.payment_date,
       p.amount_cents, p.invoice_id, coalesce(r.external_id, '') as reverses_external_id
from sync.posting p
left join sync.posting r on r.posting_id = p.reverses
where p.firm_id = :firm_id and p.payment_id = any(:payment_ids) and p.posted_at is null
order by p.posting_id;

-- name: posted
update sync.posting set posted_at = :now where posting_id = :posting_id and posted_at is null
returning document_id, kind, amount_cents, payment_id;

-- name: recover
update sync.received_payment set error = '', failed_at = null
where firm_id = :firm_id and payment_id = :payment_id and state <> 'superseded' and failed_at is not null;

-- name: fail
update sync.received_payment set error = :error, failed_at = coalesce(failed_at, :now)
where firm_id = :firm_id and payment_id = :payment_id and state <> 'superseded';

-- name: counts
select state, count(*) as payments,
       coalesce(sum(greatest(total_cents + credit_cents
                             - (select coalesce(sum(link.cents), 0)
                                from jsonb_to_recordset(links) as link (invoice text, cents bigint)), 0)), 0)::bigint
           as unapplied_cents
from sync.received_payment
where firm_id = :firm_id and state <> 'superseded'
  and (cast(:first as date) is null or payment_date >= :first)
  and (cast(:last as date) is null or payment_date <= :last)
group by state
order by state;

-- name: troubles
select payment_id, payment_date, case when failed_at is null then state else 'failed' end as state, error
from sync.received_payment
where firm_id = :firm_id and state <> 'superseded' and (state = 'refused' or failed_at is not null)
  and (cast(:first as date) is null or payment_date >= :first)
  and (cast(:last as date) is null or payment_date <= :last)
order by payment_date, payment_id;

-- name: standing_in_billing
select p.external_id, p.kind, p.amount_cents
from sync.posting p
where p.firm_id = :firm_id and p.payment_id = any(:payment_ids) and p.posted_at is not null
order by p.posting_id;

-- name: posted_in_run
select detail as kind, count(*) as rows, sum(amount_cents)::bigint as cents
from sync.log
where firm_id = :firm_id and run_id = :run_id and activity in ('received', 'reversed')
group by detail
order by detail;

-- name: forget_differences
delete from sync.billing_difference where firm_id = :firm_id and payment_id = any(:payment_ids);

-- name: keep_differences
insert into sync.billing_difference (firm_id, external_id, payment_id, run_id, seen_at)
select :firm_id, r.external_id, r.payment_id, :run_id, :now
from jsonb_to_recordset(cast(:rows as jsonb)) as r (external_id text, payment_id text);

-- name: recent_invoices
select count(*) from sync.recent_payment where firm_id = :firm_id;

-- name: on_document
-- Postings on one invoice that are not reversed, oldest first.
select p.payment_date, p.kind, p.method, p.amount_cents, p.external_id, p.posted_at,
       coalesce(newest.age_days + (newest.payment_date - p.payment_date)
                <= coalesce((f.settings ->> 'recent_payment_days')::integer, 7), false) as is_recent
from sync.posting p
join sync.firm f using (firm_id)
left join sync.recent_payment newest using (document_id)
where p.firm_id = :firm_id and p.document_id = :document_id and p.kind <> 'reversal'
  and not exists (select from sync.posting r where r.reverses = p.posting_id)
order by p.payment_date, p.posting_id;

-- name: postings
select count(*) from sync.posting where firm_id = :firm_id;

-- name: recall
-- Rows of billing that this ledger does not know become postings that billing has. An external id reads qbo, company,
-- payment, invoice, r and the revision, with colons between them.
insert into sync.posting (firm_id, payment_id, quickbooks_invoice_id, revision, document_id, invoice_id, payer_id, kind,
                          amount_cents, payment_date, method_id, method, reference, note, external_id, reverses, run_id,
                          created_at, posted_at)
select :firm_id, split_part(r.external_id, ':', 3), split_part(r.external_id, ':', 4),
       substr(split_part(r.external_id, ':', 5), 2)::integer, coalesce(d.document_id, former.document_id),
       coalesce(d.source_id, former.invoice_id), r.payer_id, r.kind, r.amount_cents, r.payment_date,
       coalesce(s.method_id, ''), r.method, r.reference, r.note, r.external_id, former.posting_id, :run_id, :now, :now
from jsonb_to_recordset(cast(:rows as jsonb))
     as r (external_id text, payer_id text, kind text, method text, reference text, note text, payment_date date,
           amount_cents bigint, invoice_id text, reverses_external_id text)
left join sync.document d on d.firm_id = :firm_id and d.kind = 'invoice' and d.source_id = r.invoice_id
left join sync.posting former on former.firm_id = :firm_id and former.external_id = r.reverses_external_id
left join sync.received_payment s on s.firm_id = :firm_id and s.payment_id = split_part(r.external_id, ':', 3)
                                  and s.state <> 'superseded'
where split_part(r.external_id, ':', 2) = :realm_id and split_part(r.external_id, ':', 5) ~ '^r[0-9]+$'
  and (r.kind = 'reversal') = :reversals
  and coalesce(d.document_id, former.document_id) is not null
order by r.payment_date, r.external_id
on conflict do nothing
returning payment_id;

-- name: recall_payment
-- A posted payment that is not in the inbox gets a snapshot from its postings; sync_token -1 makes it older than any
-- snapshot that can be read.
insert into sync.received_payment (firm_id, payment_id, sync_token, status, payment_date, created_at, total_cents, links,
                                   method_id, reference, read_at, state, state_since)
select p.firm_id, p.payment_id, -1, 'live', max(p.payment_date), :now, sum(p.cents),
       jsonb_agg(jsonb_build_object('invoice', p.quickbooks_invoice_id, 'cents', p.cents) order by p.quickbooks_invoice_id),
       max(p.method_id), max(p.reference), :now, 'done', :now
from (
    select p.firm_id, p.payment_id, p.quickbooks_invoice_id, max(p.payment_date) as payment_date, sum(p.amount_cents) as cents,
           max(p.method_id) as method_id, max(p.reference) as reference
    from sync.posting p
    where p.firm_id = :firm_id and p.payment_id = any(:payment_ids) and p.kind <> 'reversal'
      and not exists (select from sync.posting r where r.reverses = p.posting_id)
    group by p.firm_id, p.payment_id, p.quickbooks_invoice_id
) p
where not exists (select from sync.received_payment known
                  where known.firm_id = p.firm_id and known.payment_id = p.payment_id)
group by p.firm_id, p.payment_id;

-- name: reopen
update sync.received_payment set state = 'open', state_since = :now
where firm_id = :firm_id and payment_id = any(:payment_ids) and state <> 'superseded' and sync_token >= 0;

-- name: forget_cursor
delete from sync.cursor where firm_id = :firm_id and name = :name;
