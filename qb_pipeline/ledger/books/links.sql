-- name: payments
-- Payments of ours that QuickBooks should hold as they were sent, by Id there, with what was sent.
select d.document_id, d.state, d.reason, d.source_hash, d.amount_cents, coalesce(d.sync_token, '') as sync_token,
       coalesce(d.customer_id, '') as customer_id, d.quickbooks_id, d.is_kept,
       d.sent_source_hash is not distinct from d.source_hash as is_as_sent,
       coalesce((select jsonb_object_agg(a.quickbooks_invoice_id, a.amount_cents) from sync.application a
                 where a.document_id = d.document_id), '{}') as sent
from sync.document d
where d.firm_id = :firm_id and d.kind = 'payment' and d.quickbooks_id = any(:quickbooks_ids)
  and (d.state = 'synced' or (d.state = 'held' and d.reason = 'DRIFT'))
order by d.document_id;

-- name: invoices
select quickbooks_id, number, coalesce(customer_id, '') as customer_id, state = 'voided' as is_voided
from sync.document
where firm_id = :firm_id and kind = 'invoice' and quickbooks_id = any(:quickbooks_ids);

-- name: apply_again
-- move unapplied: synced -> revised
-- A step of ours took it off its invoices. The cleared fingerprint has it sent although billing's content is the same.
update sync.document
set state = 'revised', state_since = :now, sent_fingerprint = null, reviewed_token = r.sync_token
from jsonb_to_recordset(cast(:tokens as jsonb)) as r (document_id bigint, sync_token text)
where document.document_id = r.document_id and state = 'synced'
returning document.document_id, amount_cents;

-- name: keep
-- What QuickBooks holds is accepted: from here on that is what was sent.
delete from sync.application where document_id = :document_id;

-- name: keep_links
insert into sync.application (document_id, invoice_id, quickbooks_invoice_id, amount_cents)
select :document_id, i.source_id, i.quickbooks_id, r.cents
from sync.document d
join jsonb_to_recordset(cast(:links as jsonb)) as r (quickbooks_id text, cents bigint) on true
join sync.document i on i.firm_id = d.firm_id and i.kind = 'invoice' and i.quickbooks_id = r.quickbooks_id
where d.document_id = :document_id and r.cents > 0;
