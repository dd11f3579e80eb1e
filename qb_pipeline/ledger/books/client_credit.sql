-- name: decided
select p.document_id
from sync.document p
join sync.document c on c.firm_id = p.firm_id and c.kind = 'credit' and c.source_id = p.source_id and c.part = p.part
where p.document_id = any(:document_ids);

-- name: pair
-- move listed: none -> new
-- What was decided once is carried through: a payment of a later generation has a second half only if the first one had.
insert into sync.document (firm_id, kind, source_id, part, state, state_since, source_hash, seen_at)
select firm_id, 'credit', source_id, part, 'new', :now, '', :now
from sync.document
where document_id = any(:document_ids) and kind = 'payment' and payment_kind = 'credit_application'
  and quickbooks_id is null and generation = 1
order by document_id
on conflict (firm_id, kind, source_id, part) do nothing;

-- name: differing
-- A pair agrees when the entry has the payment's amount and customer, or is nowhere needed. An entry that a person took over
-- is closed.
select c.document_id as entry, p.document_id as payment, c.source_id, c.part, p.document_date as day, p.number as reference,
       coalesce(p.quickbooks_id, '') as payment_quickbooks_id, p.state as payment_state, m.cents,
       case when m.cents = 0 then '' else coalesce(p.customer_id, '') end as customer_id,
       coalesce(c.quickbooks_id, '') as entry_quickbooks_id, c.state as entry_state, c.reason as entry_reason,
       coalesce(c.sent_total_cents, 0) as entry_cents
from sync.document c
join sync.document p on p.firm_id = c.firm_id and p.kind = 'payment' and p.source_id = c.source_id and p.part = c.part
cross join lateral (
    select case when p.quickbooks_id is null or p.state = 'voided' or p.reason in ('REMOTE_DELETED', 'REMOTE_VOIDED') then 0
                else coalesce(p.quickbooks_total_cents, 0) end as cents,
           c.quickbooks_id is not null and c.reason <> 'REMOTE_DELETED' as is_there
) m
where c.firm_id = :firm_id and c.kind = 'credit' and c.state not in ('sending', 'unknown', 'closed')
  and p.state not in ('sending', 'unknown')
  and not case when m.is_there then c.state = 'synced' and c.sent_total_cents = m.cents
                                    and (m.cents = 0 or c.customer_id is not distinct from p.customer_id)
               else m.cents = 0 end
order by c.document_id;

-- name: note_same
-- move counted: held -> synced
-- move decided: refused, revised -> synced
update sync.document
set state = 'synced', reason = '', state_since = :now, sent_total_cents = :cents,
    customer_id = coalesce(nullif(:customer_id, ''), customer_id)
where document_id = :document_id and state in ('held', 'refused', 'revised', 'synced');

-- name: release
-- move counted: held -> synced
-- move decided: held -> voided
update sync.document p
set state = case when p.source_status = 'void' and p.quickbooks_total_cents = 0 then 'voided' else 'synced' end,
    reason = '', state_since = :now
from sync.document c
where p.firm_id = :firm_id and p.kind = 'payment' and p.state = 'held' and p.reason = 'CREDIT_HALF'
  and c.firm_id = :firm_id and c.kind = 'credit' and c.source_id = p.source_id and c.part = p.part
  and c.state not in ('sending', 'unknown') and not p.document_id = any(:differing)
returning p.document_id;

-- name: planned
select count(*) as payments, coalesce(sum(d.amount_cents), 0) * 0.01 as amount
from sync.plan_item i
join sync.document d using (document_id)
where i.run_id = :run_id and i.operation = 'create' and d.firm_id = :firm_id and d.kind = 'payment'
  and d.payment_kind = 'credit_application' and d.generation = 1;

-- name: remake
-- move recreated: held -> new
-- A person wants an entry anew that somebody deleted in QuickBooks. The next generation has another marker and another request.
update sync.document c
set state = 'new', reason = '', state_since = :now, generation = c.generation + 1, quickbooks_id = null, sync_token = null,
    customer_id = null, sent_fingerprint = null, sent_source_hash = null, sent_total_cents = null, synced_at = null
from sync.document p
where p.document_id = :document_id and c.firm_id = p.firm_id and c.kind = 'credit' and c.source_id = p.source_id
  and c.part = p.part and c.state = 'held' and c.reason = 'REMOTE_DELETED';

-- name: leave
-- move kept: held, refused -> closed
-- A person puts the other half right by hand.
update sync.document c
set state = 'closed', state_since = :now
from sync.document p
where p.document_id = :document_id and c.firm_id = p.firm_id and c.kind = 'credit' and c.source_id = p.source_id
  and c.part = p.part and c.state in ('held', 'refused');

-- name: entry_of
select c.document_id
from sync.document p
join sync.document c on c.firm_id = p.firm_id and c.kind = 'credit' and c.source_id = p.source_id and c.part = p.part
where p.document_id = :document_id;
