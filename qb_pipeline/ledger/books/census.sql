-- name: written
-- Documents that QuickBooks has accepted, or was found to hold, since the last census of their kind; whole: all that it
-- holds of ours. A journal entry has no total of its own: the total that we sent stands for it.
select document_id, kind, source_id, part, quickbooks_id,
       coalesce(case when kind in ('refund', 'credit') then sent_total_cents else quickbooks_total_cents end, 0) as total_cents,
       coalesce(sync_token, '') as sync_token, state, reason, source_hash, amount_cents
from sync.document
where firm_id = :firm_id and kind in ('invoice', 'payment', 'refund', 'credit') and quickbooks_id is not null
  and kind = any(:kinds)
  and (:whole or synced_at > coalesce((select max(c.at) from sync.census c
                                       where c.firm_id = :firm_id and c.kind = document.kind), '-infinity'))
order by document_id;

-- name: named
select document_id, kind, source_id, part, coalesce(quickbooks_id, '') as quickbooks_id,
       coalesce(case when kind in ('refund', 'credit') then sent_total_cents else quickbooks_total_cents end, 0) as total_cents,
       coalesce(sync_token, '') as sync_token, state, reason,
       source_hash, amount_cents
from sync.document
where firm_id = :firm_id and kind = :kind and source_id = any(:source_ids)
order by document_id;

-- name: windows
-- The times between which a request that creates these documents could take effect.
select i.document_id, a.first_sent_at, a.last_sent_at
from sync.attempt_item i
join sync.attempt a using (attempt_id)
where i.document_id = any(:document_ids) and i.operation = 'create' and i.outcome not in ('refused', 'not_sent');

-- name: first_sent
-- The earliest first send among the last accepted requests of these documents.
select min(first_sent_at)
from (
    select distinct on (i.document_id) a.first_sent_at
    from sync.attempt_item i
    join sync.attempt a using (attempt_id)
    where i.document_id = any(:document_ids) and i.outcome = 'accepted'
    order by i.document_id, a.last_sent_at desc
) last;

-- name: set_aside
select quickbooks_id from sync.set_aside where firm_id = :firm_id and kind = :kind;

-- name: record
insert into sync.census (firm_id, run_id, at, kind, is_whole, documents, living, duplicates, copies, missing, differing,
                         foreigners, strays, changed, reads)
values (:firm_id, :run_id, :at, :kind, :is_whole, :documents, :living, :duplicates, :copies, :missing, :differing,
        :foreigners, :strays, :changed, :reads);

-- name: of_run
select kind, is_whole, documents, living, duplicates, copies, missing, differing, foreigners, strays, changed, reads
from sync.census
where firm_id = :firm_id and run_id = :run_id
order by at, kind;
