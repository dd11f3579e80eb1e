-- name: invoices_known
with wanted as (
    select document_id, source_id, state, reason, quickbooks_id, customer_id, quickbooks_total_cents, document_date
    from sync.document
    where firm_id = :firm_id and kind = 'invoice' and source_id = any(:invoice_ids)
),
paid as (
    select a.quickbooks_invoice_id, sum(a.amount_cents) as cents
    from sync.application a
    join sync.document p using (document_id)
    where p.firm_id = :firm_id and p.state <> 'voided'
      and a.quickbooks_invoice_id in (select quickbooks_id from wanted)
    group by 1
),
in_flight as (
    -- a payment that is being changed counts with the increase of its amount
    select a.quickbooks_invoice_id, sum(greatest(a.amount_cents - coalesce(former.amount_cents, 0), 0)) as cents
    from sync.document p
    join sync.attempt_item i on i.document_id = p.document_id and i.outcome = 'open'
    cross join jsonb_to_recordset(i.applications)
               as a (invoice_id text, quickbooks_invoice_id text, amount_cents bigint)
    left join sync.application former on former.document_id = p.document_id and former.invoice_id = a.invoice_id
    where p.firm_id = :firm_id and p.kind = 'payment' and p.state in ('sending', 'unknown')
    group by 1
)
select w.source_id, w.state, w.reason, coalesce(w.quickbooks_id, ''), coalesce(w.customer_id, ''),
       coalesce(w.quickbooks_total_cents, 0) - coalesce(paid.cents, 0) - coalesce(in_flight.cents, 0) as open_cents,
       w.document_date
from wanted w
left join paid on paid.quickbooks_invoice_id = w.quickbooks_id
left join in_flight on in_flight.quickbooks_invoice_id = w.quickbooks_id
order by w.source_id;

-- name: applied
select d.source_id, d.part, a.invoice_id, a.amount_cents
from sync.application a
join sync.document d using (document_id)
where d.document_id = any(:document_ids) and d.state <> 'voided';

-- name: applied_to
-- What our payments pay of these invoices, or may pay: one that is on its way counts with the larger of both amounts.
-- Voids that this run has planned are taken for done. What stands in QuickBooks is closed by a person alone (keep).
with told as (
    select a.document_id, a.invoice_id, a.quickbooks_invoice_id, a.amount_cents
    from sync.application a
    where a.quickbooks_invoice_id = any(:quickbooks_ids)
    union all
    select i.document_id, a.invoice_id, a.quickbooks_invoice_id, a.amount_cents
    from sync.document p
    join sync.attempt_item i on i.document_id = p.document_id and i.outcome = 'open'
    cross join jsonb_to_recordset(i.applications)
               as a (invoice_id text, quickbooks_invoice_id text, amount_cents bigint)
    where p.firm_id = :firm_id and p.kind = 'payment' and p.state in ('sending', 'unknown')
      and a.quickbooks_invoice_id = any(:quickbooks_ids)
)
select d.source_id, d.part, t.invoice_id, t.quickbooks_invoice_id, max(t.amount_cents) as cents,
       coalesce(d.quickbooks_id, '') as quickbooks_id, (d.is_kept or d.state = 'closed') as is_kept, d.document_id
from told t
join sync.document d using (document_id)
where d.firm_id = :firm_id and d.kind = 'payment' and d.state <> 'voided'
  and d.reason not in ('REMOTE_DELETED', 'REMOTE_VOIDED')
  and not exists (
      select from sync.plan_item p
      where p.run_id = :voided_by and p.document_id = d.document_id and p.operation = 'void'
  )
group by d.document_id, t.invoice_id, t.quickbooks_invoice_id
order by d.source_id, d.part, t.invoice_id;

-- name: standing_parts
-- A part that may be in QuickBooks (its outcome is unknown, or a person has to look) counts with the amount that was
-- sent.
select source_id, part,
       greatest(coalesce(quickbooks_total_cents, 0), coalesce(sent_total_cents, 0),
                case when quickbooks_id is null then amount_cents else 0 end) as cents
from sync.document
where firm_id = :firm_id and kind = 'payment' and source_id = any(:payment_ids)
  and (state in ('sending', 'unknown')
       or (quickbooks_id is not null and state <> 'voided' and reason not in ('REMOTE_DELETED', 'REMOTE_VOIDED'))
       or (quickbooks_id is null and state = 'held' and reason = 'CONFLICT' and sent_source_hash is not null));

-- name: planned_creates
select d.source_id, d.payer_id, d.amount_cents - d.forwarded_cents as cents
from sync.plan_item p
join sync.document d using (document_id)
where p.run_id = :run_id and p.operation = 'create'
  and d.firm_id = :firm_id and d.kind = 'invoice' and d.source_id = any(:invoice_ids);

-- name: planned_payers
select d.source_id, d.payer_id
from sync.plan_item p
join sync.document d using (document_id)
where p.run_id = :run_id and p.operation = 'update'
  and d.firm_id = :firm_id and d.kind = 'invoice' and d.source_id = any(:invoice_ids);

-- name: planned_changes
-- By how much a dry run's changes of invoices and voids of payments would change the open balance of these invoices.
select invoice_id, sum(cents)::bigint as cents
from (
    select d.source_id as invoice_id, d.amount_cents - d.forwarded_cents - coalesce(d.quickbooks_total_cents, 0) as cents
    from sync.plan_item p
    join sync.document d using (document_id)
    where p.run_id = :run_id and p.operation = 'update' and d.firm_id = :firm_id and d.kind = 'invoice'
    union all
    select a.invoice_id, a.amount_cents
    from sync.plan_item p
    join sync.document d using (document_id)
    join sync.application a using (document_id)
    where p.run_id = :run_id and p.operation = 'void' and d.firm_id = :firm_id and d.kind = 'payment'
) as change
where invoice_id = any(:invoice_ids)
group by 1;

-- name: planned_voids
select a.invoice_id, sum(a.amount_cents)::bigint as cents
from sync.plan_item p
join sync.document d using (document_id)
join sync.application a using (document_id)
where p.run_id = :run_id and p.operation = 'void' and d.firm_id = :firm_id and d.kind = 'payment'
  and a.invoice_id = any(:invoice_ids)
group by 1;

-- name: open_rejections
select a.invoice_id, min(p.source_id) as payment_id
from sync.application a
join sync.document p on p.document_id = a.document_id and p.state <> 'voided'
join sync.document r on r.firm_id = p.firm_id and r.kind = 'payment' and r.payment_kind = 'rejection'
     and r.reverses_payment_id = p.source_id and r.state = 'closed' and r.reason = 'REJECTION'
where p.firm_id = :firm_id and p.kind = 'payment' and a.invoice_id = any(:invoice_ids)
group by a.invoice_id;

-- name: refunds_since
select max(at)
from sync.firm_event
where firm_id = :firm_id and event = 'settings' and detail ->> 'record_refunds' = 'on';

-- name: refunds_to_record
with recorded as (
    select r.reverses_payment_id as payment_id, sum(r.amount_cents) as cents
    from sync.document j
    join sync.document r on r.firm_id = j.firm_id and r.kind = 'payment' and r.source_id = j.source_id
    where j.firm_id = :firm_id and j.kind = 'refund' and (j.quickbooks_id is not null or j.state in ('sending', 'unknown'))
    group by 1
)
select r.document_id, r.source_id, r.payment_kind, r.amount_cents, p.source_id as payment_id,
       coalesce(p.customer_id, '') as customer_id,
       coalesce(p.quickbooks_total_cents, 0) - coalesce(recorded.cents, 0) as left_cents
from sync.document r
join sync.document p on p.firm_id = r.firm_id and p.kind = 'payment' and p.source_id = r.reverses_payment_id
     and p.part = '' and p.quickbooks_id is not null and p.state = 'synced'
left join sync.document j on j.firm_id = r.firm_id and j.kind = 'refund' and j.source_id = r.source_id
left join recorded on recorded.payment_id = p.source_id
where r.firm_id = :firm_id and r.kind = 'payment' and r.state = 'closed' and r.reason in ('REFUND', 'REJECTION')
  and r.source_created_at >= :since
  and (j.document_id is null
       or (j.quickbooks_id is null and (j.state in ('new', 'refused') or (j.state = 'held' and j.reason <> 'CONFLICT'))))
  and not exists (select from sync.entered e where e.document_id = r.document_id and e.standing <> 'gone')  -- by a person
  and (cast(:first as date) is null or r.document_date >= :first)
  and (cast(:last as date) is null or r.document_date <= :last)
  and (:any_id or r.source_id = any(:payment_ids))
order by r.document_date, r.source_id;

-- name: taken_back
-- A held journal entry counts: it is in QuickBooks all the same, unless a person deleted it.
select r.reverses_payment_id as payment_id, j.quickbooks_id as entry_id, coalesce(j.sent_total_cents, 0) as cents
from sync.document j
join sync.document r on r.firm_id = j.firm_id and r.kind = 'payment' and r.source_id = j.source_id
where j.firm_id = :firm_id and j.kind = 'refund' and r.reverses_payment_id = any(:payment_ids)
  and (j.state = 'synced' or (j.state = 'held' and j.quickbooks_id is not null and j.reason <> 'REMOTE_DELETED'))
  and r.source_status <> 'void'
order by j.document_id;

-- name: plan_payments_again
-- move refunded: synced -> revised
update sync.document p
set state = 'revised', reason = '', state_since = :now
from sync.document r
join sync.document j on j.firm_id = r.firm_id and j.kind = 'refund' and j.source_id = r.source_id and j.state = 'synced'
where p.firm_id = :firm_id and p.kind = 'payment' and p.part = '' and p.state = 'synced'
  and r.firm_id = :firm_id and r.kind = 'payment' and r.reverses_payment_id = p.source_id
  and (j.synced_at > p.state_since or (r.source_status = 'void' and r.state_since > p.state_since));
