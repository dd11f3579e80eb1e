-- name: keep_basis
insert into sync.plan_basis (run_id, firm_id, planned_at, epoch, rules_sha256, mapped_sha256, payer_ids, fee_item_ids)
values (:run_id, :firm_id, :planned_at, :epoch, :rules_sha256, :mapped_sha256, :payer_ids, :fee_item_ids);

-- name: need
update sync.plan_basis
set payer_ids = cast(:payer_ids as text[]), fee_item_ids = cast(:fee_item_ids as text[])
where run_id = :run_id and firm_id = :firm_id;

-- name: move_epoch
update sync.plan_basis set epoch = :epoch where run_id = :run_id and firm_id = :firm_id;

-- name: basis
select planned_at, epoch, rules_sha256, mapped_sha256, payer_ids, fee_item_ids
from sync.plan_basis
where run_id = :run_id and firm_id = :firm_id;

-- name: keep
insert into sync.planned_document (run_id, document_id, operation, source_hash, state, reason, ready)
select :run_id, d.document_id, p.operation, p.source_hash, d.state, d.reason, p.ready
from unnest(cast(:document_ids as bigint[]), cast(:operations as text[]), cast(:hashes as text[]),
            cast(:ready as text[])) as p (document_id, operation, source_hash, ready)
join sync.document d using (document_id)
where d.source_hash = p.source_hash
on conflict (run_id, document_id) do update
set operation = excluded.operation, source_hash = excluded.source_hash, state = excluded.state,
    reason = excluded.reason, ready = excluded.ready;

-- name: unmoved
select p.document_id, p.operation, p.source_hash, p.ready
from sync.planned_document p
join sync.document d using (document_id)
where p.run_id = :run_id and p.document_id = any(:document_ids)
  and (p.source_hash, p.state, p.reason) = (d.source_hash, d.state, d.reason);

-- name: mapped
-- What a run found or made by itself is its own: another run that did so has raised the epoch.
select md5(coalesce(string_agg(kind || ' ' || source_id || ' ' || quickbooks_id, ',' order by kind, source_id), ''))
from sync.mapping
where firm_id = :firm_id and origin = 'person';

-- name: epoch
-- 0: nobody has ever written to this company.
select case
           when not exists (select from sync.lease where realm_id = :realm_id) then 0
           else (select epoch from sync.lease where realm_id = :realm_id and released_at is not null)
       end;
