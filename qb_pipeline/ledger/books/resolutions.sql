-- Each statement changes the document only if it is still as it was when the evidence was read: the caller counts rows.

-- name: reopen
-- move retried: waiting, held, refused, closed -> new, revised, void_pending
-- again clears the fingerprint: the document then counts as never sent, and billing's version is sent.
update sync.document
set state = case when quickbooks_id is null and cast(:quickbooks_id as text) is null then 'new'
                 when source_status = 'void' then 'void_pending'
                 else 'revised' end,
    reason = '', state_since = :now, reviewed_token = :reviewed_token,
    quickbooks_id = coalesce(:quickbooks_id, quickbooks_id),
    sent_fingerprint = case when :again then null else sent_fingerprint end
where document_id = :document_id and (state, reason, source_hash) = (:state, :reason, :source_hash);

-- name: keep
-- move kept: held, refused -> synced, closed
-- A document that is in QuickBooks counts as accepted; one that is not is closed, and its reason says why it is not
-- there.
update sync.document
set state = case when :is_accepted then 'synced' else 'closed' end,
    reason = case when :is_accepted then '' else reason end,
    state_since = :now, reviewed_token = '',  -- after a new change in billing, QuickBooks' version is drift again
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
-- move recreated: held, closed -> new
-- move unapplied: synced -> revised
-- The next generation (version) has another marker and another request, so that nothing can take it for the lost
-- document. The payments of an invoice are planned again: they were applied to the lost one.
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
-- move void_ordered: held, closed -> void_pending
-- The ledger treats the document as void in billing, until billing says otherwise.
update sync.document
set state = 'void_pending', reason = '', state_since = :now, source_status = 'void', reviewed_token = :reviewed_token
where document_id = :document_id and (state, reason, source_hash) = (:state, :reason, :source_hash);
