-- name: listed
-- The work list of these dates as it stands now.
select document_date, count(*) as documents, coalesce(sum(amount_cents), 0)::bigint as cents
from sync.document
where firm_id = :firm_id and kind in ('invoice', 'payment') and document_date = any(:dates)
group by document_date;

-- name: changed
-- Documents that the run's scan listed or moved. The scan gives a document's seen_at and its row in the log the same
-- time.
select d.document_date, count(distinct d.document_id) as documents
from sync.log l
join sync.document d on d.document_id = l.document_id and d.seen_at = l.at
where l.run_id = :run_id and l.firm_id = :firm_id and d.kind in ('invoice', 'payment')
group by d.document_date;

-- name: planned
select d.document_date, d.kind, p.operation, count(*) as documents, sum(p.amount_cents)::bigint as cents
from sync.plan_item p
join sync.document d using (document_id)
where p.run_id = :run_id and d.firm_id = :firm_id and d.kind in ('invoice', 'payment')
group by d.document_date, d.kind, p.operation
order by d.document_date, d.kind, p.operation;

-- name: done
-- The activities of the run, without those of the scan and of holding: other queries give these.
select d.document_date, d.kind, l.activity, count(distinct l.document_id) as documents,
       coalesce(sum(l.amount_cents), 0)::bigint as cents
from sync.log l
join sync.document d using (document_id)
where l.run_id = :run_id and l.firm_id = :firm_id and d.kind in ('invoice', 'payment')
  and l.activity not in ('seen', 'notice', 'held')
group by d.document_date, d.kind, l.activity
order by d.document_date, d.kind, l.activity;

-- name: references
-- Customers and items that the run created, found or changed; a customer on the date of the first invoice that needs it.
with touched as (
    select distinct d.document_id, d.kind, d.source_id, l.activity
    from sync.log l
    join sync.document d using (document_id)
    where l.run_id = :run_id and l.firm_id = :firm_id and d.kind in ('customer', 'item')
      and l.activity in ('created', 'adopted', 'updated', 'refused')
),
needed as (
    select d.payer_id, min(d.document_date) as document_date
    from sync.plan_item p
    join sync.document d using (document_id)
    where p.run_id = :run_id and d.firm_id = :firm_id and d.kind = 'invoice' and p.operation in ('create', 'update')
    group by d.payer_id
)
select n.document_date, t.kind, t.activity, count(*) as documents
from touched t
left join needed n on t.kind = 'customer' and n.payer_id = t.source_id
group by n.document_date, t.kind, t.activity
order by n.document_date, t.kind, t.activity;

-- name: held
-- Documents of these dates that need a person now, whichever run held them.
select document_date, kind, reason, count(*) as documents, sum(amount_cents)::bigint as cents
from sync.document
where firm_id = :firm_id and kind in ('invoice', 'payment') and state in ('held', 'refused')
  and document_date = any(:dates)
group by document_date, kind, reason
order by document_date, kind, reason;

-- name: received
-- Model 2: the postings that billing got in the run, by the date that each payment has in QuickBooks now.
select coalesce(r.payment_date, (l.at at time zone 'UTC')::date) as document_date, l.detail as kind, count(*) as documents,
       sum(l.amount_cents)::bigint as cents
from sync.log l
left join sync.received_payment r
       on r.firm_id = l.firm_id and r.payment_id = l.quickbooks_id and r.state <> 'superseded'
where l.run_id = :run_id and l.firm_id = :firm_id and l.activity in ('received', 'reversed')
group by 1, 2
order by 1, 2;

-- name: inbox
-- Model 2: the payments of these dates by state, and their money that is not applied to an invoice yet.
select payment_date as document_date, state, count(*) as documents,
       coalesce(sum(greatest(total_cents + credit_cents
                             - (select coalesce(sum(link.cents), 0)
                                from jsonb_to_recordset(links) as link (invoice text, cents bigint)), 0)), 0)::bigint
           as cents
from sync.received_payment
where firm_id = :firm_id and state <> 'superseded'
  and (cast(:first as date) is null or payment_date >= :first)
  and (cast(:last as date) is null or payment_date <= :last)
group by payment_date, state
order by payment_date, state;
