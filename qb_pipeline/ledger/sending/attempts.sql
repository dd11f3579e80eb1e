-- name: reserve
-- Write the request down before it leaves; bytes and ids of an attempt never change afterwards.
insert into sync.attempt (attempt_id, firm_id, realm_id, epoch, endpoint, operation, request_id, body, body_sha256, state,
                          first_sent_at, last_sent_at, run_id)
values (:attempt_id, :firm_id, :realm_id, :epoch, :endpoint, :operation, :request_id, :body, :body_sha256, 'sending',
        :now, :now, :run_id);

-- name: reserve_items
-- move reserved: new, waiting, held, refused, revised, void_pending, synced -> sending
-- A document that has moved since it was planned is not taken: the caller compares the counts.
with item as (
    select *
    from jsonb_to_recordset(cast(:items as jsonb))
         as r (document_id bigint, b_id text, operation text, marker text, fingerprint text, source_hash text,
               total_cents bigint, former_state text, applications jsonb, is_release boolean, position integer)
),
written as (
    insert into sync.attempt_item (attempt_id, position, b_id, document_id, operation, marker, fingerprint, source_hash,
                                   total_cents, applications, is_release, former_state, former_reason, former_since)
    select cast(:attempt_id as uuid), position, b_id, document_id, item.operation, marker, fingerprint, item.source_hash,
           total_cents, applications, is_release, former_state, d.reason, d.state_since
    from item
    join sync.document d using (document_id)
)
update sync.document d
set state = 'sending', reason = '', state_since = :now, sent_source_hash = item.source_hash
from item
where d.document_id = item.document_id and d.state = item.former_state and d.source_hash = item.source_hash;

-- name: sending_again
update sync.attempt
set state = 'sending', sends = sends + 1, last_sent_at = :now
where attempt_id = :attempt_id and state in ('sending', 'unknown');

-- name: leaving
-- The quarantine counts from here: a reservation may have waited minutes for its turn.
update sync.attempt set last_sent_at = :now where attempt_id = :attempt_id and state in ('sending', 'unknown');

-- name: count_for_witness
insert into sync.witness as w (realm_id, sequence, witness_id, noted_at)
values (:realm_id, 1, :witness_id, :now)
on conflict (realm_id) do update
set sequence = w.sequence + 1, witness_id = excluded.witness_id, noted_at = excluded.noted_at
returning sequence;

-- name: unknown
-- move unanswered: sending -> unknown
with attempt as (
    update sync.attempt set state = 'unknown', last_sent_at = :now
    where attempt_id = :attempt_id and state = 'sending'
    returning attempt_id
)
update sync.document d
set state = 'unknown', reason = 'OUTCOME_UNKNOWN', state_since = :now
from sync.attempt_item i
join attempt using (attempt_id)
where i.document_id = d.document_id and i.outcome = 'open'
returning d.document_id;

-- name: record_documents
-- move recorded: sending, unknown -> synced, voided, new, waiting, held, refused, revised, void_pending
-- Only items that are still open are recorded. An Id of QuickBooks has one document: a second claim to it is a conflict.
with outcome as (
    select r.*, i.fingerprint, i.source_hash, i.total_cents as meant_cents, i.former_state, i.former_reason,
           i.former_since,
           r.outcome = 'accepted' as accepted,
           r.quickbooks_id <> '' and (
               exists (select from sync.document o
                       where o.firm_id = d.firm_id and o.kind = d.kind and o.quickbooks_id = r.quickbooks_id
                         and o.document_id <> d.document_id)
               or row_number() over (partition by d.kind, r.quickbooks_id
                                     order by r.state <> 'synced', r.document_id) > 1
           ) as is_conflict
    from jsonb_to_recordset(cast(:outcomes as jsonb))
         as r (document_id bigint, outcome text, state text, reason text, quickbooks_id text, sync_token text,
               customer_id text, total_cents bigint, activity text)
    join sync.attempt_item i on i.document_id = r.document_id and i.attempt_id = :attempt_id and i.outcome = 'open'
    join sync.document d on d.document_id = r.document_id
),
conflict as (
    update sync.document d
    set state = 'held', reason = 'CONFLICT', state_since = :now
    from outcome o
    where d.document_id = o.document_id and o.is_conflict
    returning d.document_id, d.state, d.reason
),
recorded as (
    update sync.document d
    set state = case
                    -- billing changed it while the request was under way: the sent content is out of date
                    when o.accepted and d.source_hash <> o.source_hash and d.source_status <> 'void' then 'revised'
                    when o.accepted and d.source_hash <> o.source_hash and o.state <> 'voided' then 'void_pending'
                    else o.state
                end,
        -- the request had no effect: the document keeps its former reason
        reason = case when not o.accepted and o.reason = '' and o.state = o.former_state then o.former_reason
                      else o.reason end,
        -- QuickBooks refused its company, not this document: its former time stays
        state_since = case when o.activity = 'not sent' then coalesce(o.former_since, :now) else :now end,
        quickbooks_id = coalesce(nullif(o.quickbooks_id, ''), d.quickbooks_id),
        sync_token = coalesce(nullif(o.sync_token, ''), d.sync_token),
        customer_id = coalesce(nullif(o.customer_id, ''), d.customer_id),
        quickbooks_total_cents = coalesce(o.total_cents, d.quickbooks_total_cents),
        sent_fingerprint = case when o.accepted then o.fingerprint else d.sent_fingerprint end,
        sent_total_cents = case when o.accepted then o.meant_cents else d.sent_total_cents end,
        synced_at = case when o.accepted then :now else d.synced_at end
    from outcome o
    where d.document_id = o.document_id and not o.is_conflict
    returning d.document_id, d.state, d.reason
)
select document_id, state, reason from conflict
union all
select document_id, state, reason from recorded;

-- name: record_applications
-- The applications that QuickBooks accepted replace the former ones; after a void no application is left. A document in
-- conflict pays nothing of ours.
with accepted as (
    select i.document_id, i.applications
    from jsonb_to_recordset(cast(:outcomes as jsonb)) as r (document_id bigint, outcome text, quickbooks_id text)
    join sync.attempt_item i on i.document_id = r.document_id and i.attempt_id = :attempt_id and i.outcome = 'open'
    join sync.document d on d.document_id = r.document_id and r.quickbooks_id in ('', d.quickbooks_id)
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
),
divided_otherwise as (
    -- the sync divides by the open amounts in QuickBooks: the shares of reports follow what was accepted
    update sync.document d
    set divided_hash = null
    from wanted w
    where d.document_id = w.document_id
      and not exists (select from sync.share s
                      where s.document_id = w.document_id and s.invoice_id = w.invoice_id
                        and s.amount_cents = w.amount_cents and s.valid_to = 'infinity')
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
       d.number, coalesce(d.customer_id, '') as customer_id, coalesce(d.quickbooks_id, '') as quickbooks_id, i.applications,
       i.is_release
from sync.attempt_item i
join sync.document d using (document_id)
where i.attempt_id = :attempt_id and i.outcome = 'open'
order by i.position;
