-- name: mappings
select source_id, quickbooks_id, quickbooks_name, origin
from sync.mapping
where firm_id = :firm_id and kind = :kind
order by source_id;

-- name: remember
insert into sync.mapping as m (firm_id, kind, source_id, quickbooks_id, quickbooks_name, origin, changed_at, changed_by)
values (:firm_id, :kind, :source_id, :quickbooks_id, :quickbooks_name, :origin, :now, :actor)
on conflict (firm_id, kind, source_id) do update
set quickbooks_id = excluded.quickbooks_id, quickbooks_name = excluded.quickbooks_name, origin = excluded.origin,
    changed_at = excluded.changed_at, changed_by = excluded.changed_by
where m.origin <> 'person' or excluded.origin = 'person';

-- name: follow_mappings
update sync.mapping
set quickbooks_id = :survivor_id, origin = 'person', changed_at = :now, changed_by = :actor
where firm_id = :firm_id and kind = 'payer' and quickbooks_id = :gone_id;

-- name: follow_documents
update sync.document
set customer_id = :survivor_id
where firm_id = :firm_id and kind in ('invoice', 'payment') and customer_id = :gone_id;
