-- name: keep
-- In the transaction that records the outcomes: a refusal with a digest is stored, the refusal of an accepted document
-- is deleted.
with outcome as (
    select *
    from jsonb_to_recordset(cast(:outcomes as jsonb))
         as r (document_id bigint, outcome text, operation text, fault_code text, reason text, named text,
               refused_sha256 text)
),
accepted as (
    delete from sync.refusal f using outcome o where f.document_id = o.document_id and o.outcome = 'accepted'
)
insert into sync.refusal as f (document_id, operation, fault_code, reason, named, body_sha256, refused_at)
select document_id, operation, fault_code, reason, named, refused_sha256, :now
from outcome
where outcome.outcome = 'refused' and refused_sha256 <> ''
order by document_id
on conflict (document_id) do update
set operation = excluded.operation, fault_code = excluded.fault_code, reason = excluded.reason, named = excluded.named,
    times = case when (f.operation, f.fault_code, f.body_sha256)
                      = (excluded.operation, excluded.fault_code, excluded.body_sha256) then f.times + 1 else 1 end,
    body_sha256 = excluded.body_sha256, evidence_sha256 = '', refused_at = excluded.refused_at;

-- name: note_evidence
-- Only for this refusal: a later one has its own evidence.
update sync.refusal f
set evidence_sha256 = e.sha256
from jsonb_to_recordset(cast(:evidence as jsonb)) as e (document_id bigint, sha256 text)
where f.document_id = e.document_id and f.refused_at = :refused_at;

-- name: standing
select document_id, operation, fault_code, reason, named, body_sha256, evidence_sha256, times, refused_at
from sync.refusal
where document_id = any(:document_ids);

-- name: standing_of
select d.source_id, f.document_id, f.operation, f.fault_code, f.reason, f.named, f.body_sha256, f.evidence_sha256, f.times,
       f.refused_at
from sync.refusal f
join sync.document d using (document_id)
where d.firm_id = :firm_id and d.kind = :kind and d.source_id = any(:source_ids);

-- name: forget
delete from sync.refusal where document_id = any(:document_ids);
