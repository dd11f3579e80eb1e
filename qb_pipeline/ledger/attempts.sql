-- name: reserve
-- Write the request down before it leaves; bytes and ids of an attempt never change afterwards.
insert into sync.attempt (attempt_id, firm_id, realm_id, epoch, endpoint, operation, request_id, body, body_sha256, state,
                          first_sent_at, last_sent_at, run_id)
values (:attempt_id, :firm_id, :realm_id, :epoch, :endpoint, :operation, :request_id, :body, :body_sha256, 'sending',
        :now, :now, :run_id);

-- name: reserve_items
-- A document that has moved since it was planned is not taken: the caller compares the counts.
with item as (
    select *
    from jsonb_to_recordset(cast(:items as jsonb))
         as r (document_id bigint, b_id text, operation text, marker text, fingerprint text, source_hash text,
               total_cents bigint, former_state text, applications jsonb, position integer)
),
written as (
    insert into sync.attempt_item (attempt_id, position, b_id, document_id, operation, marker, fingerprint, source_hash,
                                   total_cents, applications, former_state)
    select cast(:attempt_id as uuid), position, b_id, document_id, operation, marker, fingerprint, source_hash, total_cents,
           applications, former_state
    from item
)
update sync.document d
set state = 'sending', reason = '', state_since = :now, sent_source_hash = item.source_hash
from item
where d.document_id = item.document_id and d.state = item.former_state and d.source_hash = item.source_hash;

-- name: sending_again
update sync.attempt
set state = 'sending', sends = sends + 1, last_sent_at = :now
where attempt_id = :attempt_id and state in ('sending', 'unknown');

-- name: unknown
with attempt as (
    update sync.attempt set state = 'unknown', last_sent_at = :now
    where attempt_id = :attempt_id and state = 'sending'
    returning attempt_id
)
update sync.document d
set state = 'unknown', reason = 'OUTCOME_UNKNOWN', state_since = :now
from sync.attempt_item i
join attempt using (attempt_id)
where i.document_id = d.document_id and i.outcome = 'open';

-- name: record_documents
with outcome as (
    select *
    from jsonb_to_recordset(cast(:outcomes as jsonb))
         as r (document_id bigint, outcome text, state text, reason text, quickbooks_id text, sync_token text,
               customer_id text, total_cents bigint)
)
update sync.document d
set state = case
                when o.outcome <> 'accepted' then o.state
                -- billing moved on while the request was under way: what was sent is no longer what is meant
                when o.state = 'synced' and d.source_hash <> i.source_hash and d.source_status = 'void' then 'void_pending'
                when o.state = 'synced' and d.source_hash <> i.source_hash then 'revised'
                else o.state
            end,
    reason = o.reason,
    state_since = :now,
    quickbooks_id = coalesce(nullif(o.quickbooks_id, ''), d.quickbooks_id),
    sync_token = coalesce(nullif(o.sync_token, ''), d.sync_token),
    customer_id = coalesce(nullif(o.customer_id, ''), d.customer_id),
    quickbooks_total_cents = coalesce(o.total_cents, d.quickbooks_total_cents),
    sent_fingerprint = case when o.outcome = 'accepted' then i.fingerprint else d.sent_fingerprint end,
    sent_total_cents = case when o.outcome = 'accepted' then i.total_cents else d.sent_total_cents end,
    synced_at = case when o.outcome = 'accepted' then :now else d.synced_at end
from outcome o
join sync.attempt_item i on i.document_id = o.document_id and i.attempt_id = :attempt_id and i.outcome = 'open'
where d.document_id = o.document_id;

-- name: record_applications
-- The set that QuickBooks accepted replaces the former one; a void leaves none.
with accepted as (
    select i.document_id, i.applications
    from jsonb_to_recordset(cast(:outcomes as jsonb)) as r (document_id bigint, outcome text)
    join sync.attempt_item i on i.document_id = r.document_id and i.attempt_id = :attempt_id and i.outcome = 'open'
    where r.outcome = 'accepted'
),
wanted as (
    select accepted.document_id, a.invoice_id, a.quickbooks_invoice_id, a.amount_cents
    from accepted
    cross join jsonb_to_recordset(accepted.applications)
               as a (invoice_id text, quickbooks_invoice_id text, amount_cents bigint)
),
gone as (
    delete from sync.application a
    using accepted
    where a.document_id = accepted.document_id
      and not exists (select from wanted w where w.document_id = a.document_id and w.invoice_id = a.invoice_id)
)
insert into sync.application (document_id, invoice_id, quickbooks_invoice_id, amount_cents)
select document_id, invoice_id, quickbooks_invoice_id, amount_cents from wanted
on conflict (document_id, invoice_id) do update
set quickbooks_invoice_id = excluded.quickbooks_invoice_id, amount_cents = excluded.amount_cents;

-- name: record_items
update sync.attempt_item i
set outcome = r.outcome, fault_code = r.fault_code
from jsonb_to_recordset(cast(:outcomes as jsonb)) as r (document_id bigint, outcome text, fault_code text)
where i.attempt_id = :attempt_id and i.document_id = r.document_id and i.outcome = 'open';

-- name: close_attempt
update sync.attempt a
set state = case
                when exists (select from sync.attempt_item i where i.attempt_id = a.attempt_id and i.outcome = 'open')
                then a.state
                when exists (select from sync.attempt_item i where i.attempt_id = a.attempt_id and i.outcome <> 'not_sent')
                then 'done'
                else 'not_sent'
            end,
    http_status = coalesce(cast(:http_status as integer), a.http_status),
    intuit_tid = case when :intuit_tid = '' then a.intuit_tid else :intuit_tid end
where a.attempt_id = :attempt_id;

-- name: open_attempts
select attempt_id, endpoint, operation, request_id, body, first_sent_at, last_sent_at, sends
from sync.attempt
where firm_id = :firm_id and state in ('sending', 'unknown')
order by first_sent_at, attempt_id;

-- name: open_items
select i.document_id, i.b_id, d.kind, i.operation, i.marker, i.fingerprint, i.source_hash, i.total_cents, i.former_state,
       d.number, coalesce(d.customer_id, '') as customer_id, coalesce(d.quickbooks_id, '') as quickbooks_id, i.applications
from sync.attempt_item i
join sync.document d using (document_id)
where i.attempt_id = :attempt_id and i.outcome = 'open'
order by i.position;

-- name: last_body
select distinct on (i.document_id) i.document_id, i.b_id, a.body
from sync.attempt_item i
join sync.attempt a using (attempt_id)
where i.document_id = any(:document_ids) and i.outcome = 'accepted'
order by i.document_id, a.last_sent_at desc;
