-- name: of_customer
select kind, quickbooks_id
from sync.document
where firm_id = :firm_id and kind in ('invoice', 'payment') and customer_id = :customer_id
  and quickbooks_id is not null
order by synced_at desc nulls last, document_id desc
limit :limit;

-- name: customers
select source_id, document_id, coalesce(quickbooks_id, '') as quickbooks_id,
       coalesce(sent_fingerprint, '') as fingerprint
from sync.document
where firm_id = :firm_id and kind = 'customer' and source_id = any(:payer_ids) and state not in ('sending', 'unknown');

-- name: remember_customers
-- move linked: none, new, waiting, held, refused, revised, void_pending -> synced
-- A customer that belongs to another payer's document already is left out: a change for one payer would change it for
-- both.
insert into sync.document (firm_id, kind, source_id, state, state_since, source_hash, seen_at, quickbooks_id,
                           sent_fingerprint)
select :firm_id, 'customer', payer_id, 'synced', :now, '', :now, customer_id, fingerprint
from unnest(cast(:payer_ids as text[]), cast(:quickbooks_ids as text[]), cast(:fingerprints as text[]))
     as seen (payer_id, customer_id, fingerprint)
where not exists (select from sync.document o
                  where o.firm_id = :firm_id and o.kind = 'customer' and o.quickbooks_id = seen.customer_id
                    and o.source_id <> seen.payer_id)
order by payer_id
on conflict (firm_id, kind, source_id, part) do update
set quickbooks_id = excluded.quickbooks_id, sent_fingerprint = excluded.sent_fingerprint, state = excluded.state,
    reason = ''
where document.state not in ('sending', 'unknown');

-- name: payer_ids
select distinct payer_id
from sync.document
where firm_id = :firm_id and kind in ('invoice', 'payment') and payer_id <> ''
order by payer_id;

-- name: waiting_for_payer
select document_id
from sync.document
where firm_id = :firm_id and kind in ('invoice', 'payment') and payer_id = :payer_id
  and (state, reason) in (('held', 'LIKE_CUSTOMER'), ('waiting', 'INVOICE_NOT_SENT'))
order by document_id;

-- name: payers_held_in
select distinct d.payer_id
from sync.log l
join sync.document d using (document_id)
where l.firm_id = :firm_id and l.run_id = :run_id and l.reason = :reason and l.kind = any(:kinds);
