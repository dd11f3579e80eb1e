-- name: candidates
-- Documents that we never put into QuickBooks, as far as the ledger knows.
select document_id, kind, source_id, part, number, document_date, payer_id, amount_cents, source_hash
from sync.document
where firm_id = :firm_id and kind in ('invoice', 'payment') and quickbooks_id is null and source_status <> 'void'
  and state in ('new', 'waiting', 'held', 'refused') and not reason = any(:sticky)
order by kind, document_date, source_id, part;

-- name: linked_invoices
select source_id, quickbooks_id
from sync.document
where firm_id = :firm_id and kind = 'invoice' and quickbooks_id is not null and state <> 'voided'
  and source_id = any(:invoice_ids);

-- name: link
-- move linked: new, waiting, held, refused -> synced
-- A document that billing changed since it was compared is left out: the caller compares the counts.
with found as (
    select *
    from jsonb_to_recordset(cast(:links as jsonb))
         as r (document_id bigint, quickbooks_id text, sync_token text, customer_id text, total_cents bigint,
               forwarded_cents bigint, source_hash text, fingerprint text, body text)
),
linked as (
    update sync.document d
    set state = 'synced', reason = '', state_since = :now, quickbooks_id = f.quickbooks_id, sync_token = f.sync_token,
        customer_id = f.customer_id, quickbooks_total_cents = f.total_cents, sent_total_cents = f.total_cents,
        forwarded_cents = f.forwarded_cents, sent_source_hash = f.source_hash,
        sent_fingerprint = nullif(f.fingerprint, ''), synced_at = :now
    from found f
    where d.document_id = f.document_id and d.quickbooks_id is null and d.source_hash = f.source_hash
      and d.state in ('new', 'waiting', 'held', 'refused')
    returning d.document_id, d.amount_cents, d.quickbooks_id
),
kept as (
    insert into sync.adoption (document_id, body, adopted_at, adopted_by)
    select document_id, convert_to(f.body, 'UTF8'), :now, :actor from found f join linked using (document_id)
)
select document_id, amount_cents, quickbooks_id from linked order by document_id;

-- name: apply
insert into sync.application (document_id, invoice_id, quickbooks_invoice_id, amount_cents)
select document_id, invoice_id, quickbooks_invoice_id, amount_cents
from jsonb_to_recordset(cast(:applications as jsonb))
     as r (document_id bigint, invoice_id text, quickbooks_invoice_id text, amount_cents bigint)
where document_id = any(:document_ids);
