-- Each statement answers for many firms at once.

-- name: held
select firm_id, kind, reason, count(*) as documents, coalesce(sum(amount_cents), 0)::bigint as cents,
       min(state_since) as since
from sync.document
where firm_id = any(:firm_ids) and kind in ('invoice', 'payment') and state in ('held', 'refused')
group by firm_id, kind, reason
order by count(*) desc, firm_id, kind, reason;

-- name: differing
-- Documents whose total in QuickBooks differs from the total that was sent, except those that a person voided, deleted
-- or accepted there.
select firm_id, kind, count(*) as documents, sum(sent_total_cents)::bigint as meant_cents,
       sum(quickbooks_total_cents)::bigint as in_quickbooks_cents
from sync.document
where firm_id = any(:firm_ids) and kind in ('invoice', 'payment') and quickbooks_id is not null
  and (sent_total_cents <> quickbooks_total_cents or reason = 'TOTAL_DIFFERS')
  and state <> 'voided' and not is_kept and reason <> 'REMOTE_DELETED' and reason <> 'REMOTE_VOIDED'
group by firm_id, kind
order by firm_id, kind;

-- name: compared
-- When QuickBooks last answered with a document of a firm that it holds: every answer is compared with what was sent.
select f.firm_id, (select max(synced_at) from sync.document d
                   where d.firm_id = f.firm_id and d.kind in ('invoice', 'payment', 'refund', 'credit')) as at
from unnest(cast(:firm_ids as text[])) as f (firm_id);

-- name: counted
select f.firm_id, k.kind, c.at, c.documents, c.living, c.duplicates, c.copies, c.missing, c.differing, c.foreigners,
       c.strays, c.changed
from unnest(cast(:firm_ids as text[])) as f (firm_id)
cross join (values ('invoice'), ('payment'), ('refund'), ('credit')) as k (kind)
cross join lateral (
    select * from sync.census where firm_id = f.firm_id and kind = k.kind order by at desc limit 1
) c
order by f.firm_id, k.kind;

-- name: connections
select firm_id, refresh_expires_at, refresh_hard_expires_at, lost_at
from sync.token
where firm_id = any(:firm_ids)
order by firm_id;

-- name: reconciled
select firm_id, at, unexplained, residual_cents, newest_day, newest_billed_day
from sync.reconciled
where firm_id = any(:firm_ids)
order by firm_id;

-- name: received
-- Model 2: payments that billing refuses, payments that cannot be taken over, and postings that billing no longer holds
-- as they were posted.
select f.firm_id, coalesce(r.failed, 0) as failed, coalesce(r.refused, 0) as refused, coalesce(d.differing, 0) as differing,
       c.value as at
from unnest(cast(:firm_ids as text[])) as f (firm_id)
left join (
    select firm_id, count(*) filter (where failed_at is not null) as failed,
           count(*) filter (where failed_at is null) as refused
    from sync.received_payment
    where firm_id = any(:firm_ids) and state <> 'superseded' and (state = 'refused' or failed_at is not null)
    group by firm_id
) r using (firm_id)
left join (
    select firm_id, count(*) as differing from sync.billing_difference where firm_id = any(:firm_ids) group by firm_id
) d using (firm_id)
left join sync.cursor c on c.firm_id = f.firm_id and c.name = :compared
order by f.firm_id;
