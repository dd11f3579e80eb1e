-- name: undivided
-- Invoices and payments whose newest content has not been divided yet.
select document_id, kind, source_id, source_hash
from sync.document
where firm_id = :firm_id and kind in ('invoice', 'payment') and divided_hash is distinct from source_hash
order by document_id
limit :limit;

-- name: payments
-- What the work list knows of these payments, and what QuickBooks holds of those that it holds as billing means them.
select d.document_id, d.source_id, d.part, d.document_date,
       coalesce((select jsonb_object_agg(a.invoice_id, a.amount_cents) from sync.application a
                 where a.document_id = d.document_id and d.state = 'synced' and not d.is_kept
                   and d.sent_source_hash = d.source_hash), '{}') as sent
from sync.document d
where d.firm_id = :firm_id and d.kind = 'payment' and d.source_id = any(:payment_ids)
order by d.document_date, d.source_id, d.part;

-- name: invoices
-- Totals of invoices that are issued; 0 for all others.
select document_id, source_id, document_date, forwarded_cents,
       case when source_status = 'issued' and reason <> 'SOURCE_GONE' then amount_cents else 0 end as amount_cents
from sync.document
where firm_id = :firm_id and kind = 'invoice' and source_id = any(:invoice_ids);

-- name: lock
select document_id from sync.document where document_id = any(:document_ids) order by document_id for update;

-- name: close
update sync.share s
set valid_to = greatest(s.valid_from, :now)
where s.document_id = any(:document_ids) and s.valid_to = 'infinity'
  and not exists (select from jsonb_to_recordset(cast(:shares as jsonb))
                  as r (document_id bigint, position integer, invoice_id text, amount_cents bigint, applied_date date)
                  where (r.document_id, r.position, r.invoice_id, r.amount_cents, r.applied_date)
                      = (s.document_id, s.position, s.invoice_id, s.amount_cents, s.applied_date));

-- name: add
insert into sync.share (firm_id, document_id, position, invoice_id, amount_cents, applied_date, valid_from)
select :firm_id, r.document_id, r.position, r.invoice_id, r.amount_cents, r.applied_date, :now
from jsonb_to_recordset(cast(:shares as jsonb))
     as r (document_id bigint, position integer, invoice_id text, amount_cents bigint, applied_date date)
where not exists (select from sync.share s
                  where s.document_id = r.document_id and s.invoice_id = r.invoice_id and s.valid_to = 'infinity');

-- name: forward
-- The balance of older invoices is known from here on, before a plan looks at the invoice.
update sync.document d
set forwarded_cents = r.cents, seen_at = :now
from jsonb_to_recordset(cast(:forwarded as jsonb)) as r (document_id bigint, cents bigint)
where d.document_id = r.document_id and d.forwarded_cents <> r.cents;

-- name: divided
update sync.document d
set divided_hash = r.source_hash
from jsonb_to_recordset(cast(:divided as jsonb)) as r (document_id bigint, source_hash text)
where d.document_id = r.document_id;
