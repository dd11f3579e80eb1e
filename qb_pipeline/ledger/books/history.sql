-- name: named
-- Documents that a person may mean by words: invoice numbers, payments' references, or ids in billing.
select document_id, kind, source_id, part, number, document_date, state, reason,
       coalesce(quickbooks_id, '') as quickbooks_id,
       quickbooks_id is not null or state in ('sending', 'unknown') or sent_source_hash is not null as may_be_there
from sync.document
where firm_id = :firm_id and kind = any(:kinds) and (source_id = any(:words) or number = any(:words))
order by document_date, kind, source_id, part;

-- name: names
select kind, source_id, part, number
from sync.document
where firm_id = :firm_id and kind = any(:kinds);

-- name: document
select firm_id, document_id, kind, source_id, part, number, document_date, payer_id, amount_cents, forwarded_cents, source_status,
       state, reason, state_since, generation, source_hash, sent_total_cents, quickbooks_total_cents,
       coalesce(customer_id, '') as customer_id, coalesce(quickbooks_id, '') as quickbooks_id,
       coalesce(sync_token, '') as sync_token, synced_at,
       coalesce(problem.sentence, '') as sentence, coalesce(problem.remedy, '') as remedy
from sync.document
left join sync.problem on problem.code = document.reason
where document_id = :document_id;

-- name: log
select at, trigger, actor, activity, reason, detail, amount_cents, quickbooks_id, intuit_tid, run_id
from sync.log
where document_id = :document_id
order by log_id;

-- name: attempts
select i.operation, a.request_id, a.state, i.outcome, i.fault_code, a.sends, a.first_sent_at, a.last_sent_at,
       a.http_status, a.intuit_tid, a.run_id, i.total_cents
from sync.attempt_item i
join sync.attempt a using (attempt_id)
where i.document_id = :document_id
order by a.first_sent_at, a.attempt_id;

-- name: runs
select run_id, trigger, actor, started_at, finished_at, outcome
from sync.run
where firm_id = :firm_id and run_id = any(:run_ids)
order by started_at, run_id;

-- name: last_body
-- An adopted document that was never sent has the content that was found equal on both sides.
select distinct on (document_id) document_id, b_id, body
from (
    select i.document_id, i.b_id, a.body, a.last_sent_at as at
    from sync.attempt_item i
    join sync.attempt a using (attempt_id)
    where i.document_id = any(:document_ids) and (i.outcome = 'accepted' or not :accepted)
    union all
    select document_id, '', body, adopted_at from sync.adoption where document_id = any(:document_ids)
) written
order by document_id, at desc;

-- name: taken_like
-- Requests that QuickBooks took anything of, and in which a pattern is found; with the documents that it took.
-- All documents of a request are of one kind.
select a.body, min(d.kind) as kind, array_agg(i.document_id) as document_ids, array_agg(i.b_id) as b_ids
from sync.attempt a
join sync.attempt_item i using (attempt_id)
join sync.document d using (document_id)
where a.firm_id = :firm_id and i.outcome = 'accepted' and convert_from(a.body, 'UTF8') ~* :pattern
group by a.attempt_id, a.body;

-- name: taken_bodies
select i.document_id, i.b_id, a.body, d.kind, d.source_id, d.part
from sync.attempt_item i
join sync.attempt a using (attempt_id)
join sync.document d using (document_id)
where i.document_id = any(:document_ids) and i.outcome = 'accepted'
  and d.quickbooks_id is not null and d.reason <> 'REMOTE_DELETED'
order by i.document_id, a.last_sent_at, a.attempt_id;

-- name: owns
select quickbooks_id
from sync.document
where firm_id = :firm_id and kind = :kind and quickbooks_id = any(:quickbooks_ids)
union
select quickbooks_id
from sync.set_aside
where firm_id = :firm_id and kind = :kind and quickbooks_id = any(:quickbooks_ids);
