-- name: listing
select kind, source_id, part, number, document_date, amount_cents, state, reason,
       case when quickbooks_id is null then 'sync_now' else 'sync_again' end as action,
       problem.sentence, problem.remedy,
       (select payment_date from sync.recent_payment r where r.document_id = document.document_id) as recent_payment,
       (select refused_at from sync.refusal f
        where f.document_id = document.document_id and f.reason = document.reason) as refused_at
from sync.document
left join sync.problem on problem.code = document.reason
where firm_id = :firm_id
  and kind in ('invoice', 'payment')
  and (cast(:kind as text) is null or kind = :kind)
  and (cast(:first as date) is null or document_date >= :first)
  and (cast(:last as date) is null or document_date <= :last)
  and case when cast(:state as text) is null
           then state not in ('synced', 'voided', 'closed')
           else state = :state end
order by document_date, kind, source_id, part;

-- name: held_by_reason
select d.kind, d.reason, count(*) as documents, sum(d.amount_cents) * 0.01 as amount,
       coalesce(p.sentence, d.reason) as sentence, coalesce(p.remedy, '') as remedy
from sync.document d
left join sync.problem p on p.code = d.reason
where d.firm_id = :firm_id and d.kind in ('invoice', 'payment') and d.state in ('held', 'refused')
group by d.kind, d.reason, p.sentence, p.remedy
order by sum(d.amount_cents) desc, d.kind, d.reason;

-- name: in_quickbooks_totals
select kind, count(*) as documents, sum(quickbooks_total_cents) * 0.01 as amount
from sync.document
where firm_id = :firm_id and kind in ('invoice', 'payment') and quickbooks_id is not null and state <> 'voided'
  and reason not in ('REMOTE_DELETED', 'REMOTE_VOIDED')
group by kind;

-- name: pending
select kind, source_id, document_date, state, reason, state_since as since, part
from sync.document
where firm_id = :firm_id and kind = any(:kinds)
  and state in ('new', 'waiting', 'revised', 'void_pending')
  and reason not in ('DATED_AHEAD', 'DATE_OUT_OF_RANGE')
order by document_date, source_id, part;

-- name: last_invoice_at
select max(synced_at) from sync.document where firm_id = :firm_id and kind = 'invoice' and quickbooks_id is not null;
