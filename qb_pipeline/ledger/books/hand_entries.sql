-- name: rows
-- The rows of the by-hand list that are to be entered, each with its client's customer and the payment that it takes
-- back. That one stands as long as nobody has seen QuickBooks hold it otherwise than we sent it.
select d.document_id, replace(v.what, 'changed_', '') as what,
       coalesce(o.customer_id, m.quickbooks_id, c.quickbooks_id, '') as customer_id, d.amount_cents, d.document_date,
       d.reverses_payment_id as original, coalesce(o.quickbooks_id, '') as original_id, coalesce(o.sent_total_cents, 0) as original_cents,
       paid.cents as applied_cents,
       o.document_id is not null
       and (seen.mirror_id is null
            or (seen.status = 'live' and seen.total_cents = o.sent_total_cents
                and seen.balance_cents = o.sent_total_cents - paid.cents and settled.cents = paid.cents)) as original_stands,
       coalesce(seen.status = 'void', false) as original_is_void
from reporting.enter_by_hand v
join sync.document d on d.firm_id = v.firm_id and d.kind = 'payment' and d.source_id = v.payment_id
     and d.part = v.part
left join sync.entered e using (document_id)
left join sync.document o on o.firm_id = d.firm_id and o.kind = 'payment' and o.source_id = d.reverses_payment_id
     and o.part = '' and d.reverses_payment_id <> '' and o.quickbooks_id is not null
left join sync.mapping m on m.firm_id = d.firm_id and m.kind = 'payer' and m.source_id = d.payer_id
left join sync.document c on c.firm_id = d.firm_id and c.kind = 'customer' and c.source_id = d.payer_id
left join sync.mirror seen on seen.firm_id = o.firm_id and seen.kind = 'payment' and seen.quickbooks_id = o.quickbooks_id
     and seen.valid_to = 'infinity'
left join lateral (
    select coalesce(sum(amount_cents), 0)::bigint as cents from sync.application a where a.document_id = o.document_id
) paid on true
left join lateral (
    select coalesce(sum(amount_cents), 0)::bigint as cents
    from sync.settlement s
    where s.firm_id = o.firm_id and s.quickbooks_payment_id = o.quickbooks_id and s.valid_to = 'infinity'
) settled on true
where v.firm_id = :firm_id and d.source_status <> 'void'
  and case when e.document_id is null then v.what not like 'changed%' else e.standing = 'gone' or d.document_id = :document_id end
  and (cast(:document_id as bigint) is null or d.document_id = :document_id)
order by d.document_id;

-- name: held_back
-- Payments that are held until a payment is taken back in QuickBooks.
select h.document_id
from sync.document h
join lateral (
    select detail from sync.log
    where document_id = h.document_id and reason = 'REJECTION_OPEN'
    order by log_id desc limit 1
) l on l.detail = :payment_id
where h.firm_id = :firm_id and h.kind = 'payment' and h.state = 'held' and h.reason = 'REJECTION_OPEN'
order by h.document_id;

-- name: known
select quickbooks_id from sync.entered where firm_id = :firm_id and entity = :entity and standing <> 'gone'
union
select quickbooks_id from sync.entry_candidate where firm_id = :firm_id and entity = :entity;

-- name: entered
select e.document_id, e.entity, e.quickbooks_id, e.amount_cents, e.total_cents, d.amount_cents as billed_cents, e.standing
from sync.entered e
join sync.document d using (document_id)
where e.firm_id = :firm_id
order by e.document_id;

-- name: forget
-- What is read again, or gone, is noted anew, if at all.
delete from sync.possible_entry p
using unnest(cast(:entities as text[]), cast(:quickbooks_ids as text[])) as r (entity, quickbooks_id)
where p.firm_id = :firm_id and p.entity = r.entity and p.quickbooks_id = r.quickbooks_id;

-- name: note
insert into sync.possible_entry (firm_id, entity, quickbooks_id, customer_id, side, amount_cents, entry_date)
select :firm_id, entity, quickbooks_id, customer_id, side, amount_cents, entry_date
from jsonb_to_recordset(cast(:entries as jsonb))
     as r (entity text, quickbooks_id text, customer_id text, side text, amount_cents bigint, entry_date date);

-- name: prune
delete from sync.possible_entry where firm_id = :firm_id and entry_date < :before;

-- name: possible
-- Of these customers and amounts; what is ours, or is entered as another row already, is nobody's.
select p.entity, p.quickbooks_id, p.customer_id, p.side, p.amount_cents, p.entry_date
from sync.possible_entry p
where p.firm_id = :firm_id
  and (p.customer_id, p.amount_cents) in
      (select * from unnest(cast(:customer_ids as text[]), cast(:amounts as bigint[])))
  and not exists (select from sync.entered e
                  where e.firm_id = p.firm_id and e.entity = p.entity and e.quickbooks_id = p.quickbooks_id)
  and not exists (select from sync.document o
                  where o.firm_id = p.firm_id and o.quickbooks_id = p.quickbooks_id
                    and case p.entity
                            when 'Payment' then o.kind = 'payment'
                            when 'JournalEntry' then o.kind not in ('customer', 'item', 'invoice', 'payment')
                            else false
                        end)
order by p.entry_date, p.entity, p.quickbooks_id;

-- name: enter
-- A row whose transaction is gone may be entered anew; one that stands keeps its own.
insert into sync.entered (document_id, firm_id, entity, quickbooks_id, amount_cents, total_cents, entry_date, evidence,
                          entered_at, entered_by)
select r.document_id, d.firm_id, r.entity, r.quickbooks_id, d.amount_cents, r.total_cents, r.entry_date, r.evidence, :now,
       :entered_by
from jsonb_to_recordset(cast(:entered as jsonb))
     as r (document_id bigint, entity text, quickbooks_id text, total_cents bigint, entry_date date, evidence text)
join sync.document d using (document_id)
on conflict (document_id) do update
set entity = excluded.entity, quickbooks_id = excluded.quickbooks_id, amount_cents = excluded.amount_cents,
    total_cents = excluded.total_cents, entry_date = excluded.entry_date, evidence = excluded.evidence,
    entered_at = excluded.entered_at, entered_by = excluded.entered_by, standing = 'there'
returning document_id, amount_cents, evidence;

-- name: drop_candidates
delete from sync.entry_candidate where firm_id = :firm_id;

-- name: add_candidates
insert into sync.entry_candidate (document_id, firm_id, entity, quickbooks_id, entry_date)
select document_id, :firm_id, entity, quickbooks_id, entry_date
from jsonb_to_recordset(cast(:candidates as jsonb))
     as r (document_id bigint, entity text, quickbooks_id text, entry_date date)
on conflict do nothing;

-- name: stand
-- How what was entered stands in QuickBooks now. An amount that is billing's of today is right again.
update sync.entered e
set standing = r.standing,
    amount_cents = case when r.is_billed then d.amount_cents else e.amount_cents end,
    total_cents = case when r.is_billed then d.amount_cents else e.total_cents end
from jsonb_to_recordset(cast(:standings as jsonb)) as r (document_id bigint, standing text, is_billed boolean)
join sync.document d using (document_id)
where e.document_id = r.document_id and (e.standing <> r.standing or (r.is_billed and e.amount_cents <> d.amount_cents))
returning e.document_id, e.entity, e.quickbooks_id, e.standing, d.amount_cents;

-- name: holder
-- The other row of the by-hand list that a transaction is entered for.
select d.source_id
from sync.entered e
join sync.document d using (document_id)
where e.firm_id = :firm_id and e.entity = :entity and e.quickbooks_id = :quickbooks_id and e.document_id <> :document_id;
