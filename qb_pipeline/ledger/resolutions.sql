-- Each statement takes the document as it was when the evidence was read, or not at all: the caller counts rows.

-- name: reopen
-- Without its fingerprint the document counts as never sent as billing means it: it is sent, whatever was sent before.
update sync.document
set state = case when quickbooks_id is null and cast(:quickbooks_id as text) is null then 'new'
                 when source_status = 'void' then 'void_pending'
                 else 'revised' end,
    reason = '', state_since = :now, reviewed_token = :reviewed_token,
    quickbooks_id = coalesce(:quickbooks_id, quickbooks_id),
    sent_fingerprint = case when :again then null else sent_fingerprint end
where document_id = :document_id and (state, reason, source_hash) = (:state, :reason, :source_hash);

-- name: keep
-- What stands in QuickBooks is taken as accepted; what does not is closed, with the reason why it is not there.
update sync.document
set state = case when :is_accepted then 'synced' else 'closed' end,
    reason = case when :is_accepted then '' else reason end,
    state_since = :now, reviewed_token = '',  -- when billing changes it again, what stands there is drift again
    sent_fingerprint = case when :is_accepted then :fingerprint else sent_fingerprint end, is_kept = :is_accepted,
    quickbooks_total_cents = coalesce(cast(:total_cents as bigint), quickbooks_total_cents),
    customer_id = coalesce(nullif(:customer_id, ''), customer_id),
    sync_token = coalesce(nullif(:reviewed_token, ''), sync_token)
where document_id = :document_id and (state, reason, source_hash) = (:state, :reason, :source_hash);

-- name: set_aside
insert into sync.set_aside (firm_id, kind, quickbooks_id, document_id, set_aside_at, set_aside_by)
select firm_id, kind, unnest(cast(:quickbooks_ids as text[])), document_id, :now, :actor
from sync.document
where document_id = :document_id
on conflict do nothing;

-- name: recreate
-- The next generation has another marker and another request: nothing can take it for the dead one. Its payments are
-- looked at again: they were applied to the dead one.
with unpaid as (
    delete from sync.application where document_id = :document_id
),
payment as (
    update sync.document p
    set state = 'revised', state_since = :now
    from sync.application a
    join sync.document d on d.document_id = :document_id and d.kind = 'invoice' and d.source_id = a.invoice_id
    where p.document_id = a.document_id and p.firm_id = d.firm_id and p.state = 'synced'
)
update sync.document
set state = 'new', reason = '', state_since = :now, generation = generation + 1, quickbooks_id = null,
    sync_token = null, customer_id = null, sent_fingerprint = null, sent_source_hash = null, sent_total_cents = null,
    quickbooks_total_cents = null, synced_at = null, reviewed_token = ''
where document_id = :document_id and (state, reason, source_hash) = (:state, :reason, :source_hash);

-- name: void
-- To the ledger it is void in billing, until billing says otherwise.
update sync.document
set state = 'void_pending', reason = '', state_since = :now, source_status = 'void', reviewed_token = :reviewed_token
where document_id = :document_id and (state, reason, source_hash) = (:state, :reason, :source_hash);
