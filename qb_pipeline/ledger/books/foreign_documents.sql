-- name: note
insert into sync.foreign_document (firm_id, kind, quickbooks_id, number, customer_id, document_date, total_cents, pays)
select :firm_id, r.kind, r.quickbooks_id, r.number, r.customer_id, r.document_date, r.total_cents, r.pays
from jsonb_to_recordset(cast(:documents as jsonb))
     as r (kind text, quickbooks_id text, number text, customer_id text, document_date date, total_cents bigint,
           pays text[])
on conflict (firm_id, kind, quickbooks_id) do update
set number = excluded.number, customer_id = excluded.customer_id, document_date = excluded.document_date,
    total_cents = excluded.total_cents, pays = excluded.pays;

-- name: remove
delete from sync.foreign_document
where firm_id = :firm_id
  and (kind, quickbooks_id) in (select * from unnest(cast(:kinds as text[]), cast(:quickbooks_ids as text[])));

-- name: find
-- By number, or by customer and amount: each has an index of its own.
with alike as (
    select quickbooks_id from sync.foreign_document
    where firm_id = :firm_id and kind = :kind and number <> '' and number = any(:numbers)
    union
    select f.quickbooks_id
    from unnest(cast(:customer_ids as text[]), cast(:totals as bigint[])) as a (customer_id, total_cents)
    join sync.foreign_document f
      on f.firm_id = :firm_id and f.kind = :kind and f.customer_id = a.customer_id and f.total_cents = a.total_cents
)
select f.quickbooks_id, f.number, f.customer_id, f.document_date, f.total_cents, f.pays
from sync.foreign_document f
join alike using (quickbooks_id)
where f.firm_id = :firm_id and f.kind = :kind
  and not exists (select from sync.document d
                  where d.firm_id = f.firm_id and d.kind = f.kind and d.quickbooks_id = f.quickbooks_id)
  and not exists (select from sync.set_aside s
                  where s.firm_id = f.firm_id and s.kind = f.kind and s.quickbooks_id = f.quickbooks_id)
order by length(f.quickbooks_id), f.quickbooks_id;

-- name: answers
select a.source_id, a.part, a.quickbooks_id, a.answer
from sync.duplicate_answer a
join unnest(cast(:source_ids as text[]), cast(:parts as text[])) as n (source_id, part) using (source_id, part)
where a.firm_id = :firm_id and a.kind = :kind;

-- name: ask
insert into sync.duplicate_answer (firm_id, kind, source_id, part, quickbooks_id)
select distinct :firm_id, r.kind, r.source_id, r.part, r.quickbooks_id
from jsonb_to_recordset(cast(:pairs as jsonb)) as r (kind text, source_id text, part text, quickbooks_id text)
on conflict do nothing;

-- name: answer
insert into sync.duplicate_answer (firm_id, kind, source_id, part, quickbooks_id, answer, answered_at, answered_by)
select distinct :firm_id, r.kind, r.source_id, r.part, r.quickbooks_id, :answer, cast(:now as timestamptz), :actor
from jsonb_to_recordset(cast(:pairs as jsonb)) as r (kind text, source_id text, part text, quickbooks_id text)
on conflict (firm_id, kind, source_id, part, quickbooks_id) do update
set answer = excluded.answer, answered_at = excluded.answered_at, answered_by = excluded.answered_by;
