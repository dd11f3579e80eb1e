-- name: detail
-- Add to a dry run's decisions the content that they would send.
update sync.plan_item p
set source_hash = r.source_hash, sync_token = r.sync_token, body_sha256 = r.body_sha256,
    content_sha256 = r.content_sha256, before_cents = r.before_cents, after_cents = r.after_cents, changes = r.changes
from jsonb_to_recordset(cast(:items as jsonb))
     as r (document_id bigint, source_hash text, sync_token text, body_sha256 text, content_sha256 text,
           before_cents bigint, after_cents bigint, changes jsonb)
where p.run_id = :run_id and p.document_id = r.document_id;

-- name: documents
select p.document_id, d.kind, d.source_id, d.part, d.number, d.document_date, p.operation, p.reason, p.amount_cents,
       p.before_cents, p.after_cents, p.changes, p.source_hash, p.sync_token, p.body_sha256, p.content_sha256,
       coalesce(problem.remedy, '') as remedy
from sync.plan_item p
join sync.document d using (document_id)
left join sync.problem on problem.code = p.reason
where p.run_id = :run_id and d.firm_id = :firm_id
order by d.document_date, d.kind, d.source_id, d.part;

-- name: decided
select d.kind, d.source_id, d.part
from sync.plan_item p
join sync.document d using (document_id)
where p.run_id = :run_id and d.firm_id = :firm_id;

-- name: counted
select d.kind, p.operation, count(*) as documents, sum(p.amount_cents)::bigint as cents
from sync.plan_item p
join sync.document d using (document_id)
where p.run_id = :run_id and d.firm_id = :firm_id
group by d.kind, p.operation
order by d.kind, p.operation;

-- name: is_dry
-- The decisions of a sync are not a plan: they have no digests.
select not exists (
    select from sync.plan_item p
    join sync.document d using (document_id)
    where p.run_id = r.run_id and d.firm_id = r.firm_id and p.operation in ('create', 'update', 'void')
      and p.body_sha256 = ''
) and r.outcome = 'done'
from sync.run r
where r.run_id = :run_id and r.firm_id = :firm_id;

-- name: newest
-- Dry runs that decided something; see is_dry. A run that applied a plan has the plan's digests too, but it has also
-- sent requests.
select r.run_id
from sync.run r
where r.firm_id = :firm_id and r.outcome = 'done'
  and exists (select from sync.plan_item p join sync.document d using (document_id)
              where p.run_id = r.run_id and d.firm_id = r.firm_id)
  and not exists (select from sync.plan_item p join sync.document d using (document_id)
                  where p.run_id = r.run_id and d.firm_id = r.firm_id
                    and p.operation in ('create', 'update', 'void') and p.body_sha256 = '')
  and not exists (select from sync.attempt a where a.run_id = r.run_id and a.firm_id = r.firm_id)
order by r.started_at desc, r.run_id
limit :limit;
