-- name: one_at_a_time
-- The answers to two requests are stored one after the other, so that they never deadlock.
select pg_advisory_xact_lock(hashtextextended('mirror ' || :firm_id, 0));

-- name: close
-- A version ends when a newer answer differs from it. A deleted document never comes back. A payment's balance is part
-- of its content. An invoice's balance is compared with the known settlements instead, since our own payments change it
-- without a new reading of the invoice.
with seen as (
    select r.*, md5((to_jsonb(r) - array['customer_key', 'is_write_off'])::text) as content
    from jsonb_to_recordset(cast(:versions as jsonb))
         as r (kind text, quickbooks_id text, sync_token bigint, status text, number text, document_date text,
               due_date text, customer_id text, total_cents bigint, balance_cents bigint, settlements jsonb,
               customer_key text, is_write_off boolean)
)
update sync.mirror m
set valid_to = greatest(m.valid_from, :now)
from seen
where m.firm_id = :firm_id and m.kind = seen.kind and m.quickbooks_id = seen.quickbooks_id
  and m.customer_key = seen.customer_key and m.valid_to = 'infinity' and m.status <> 'deleted'
  and (seen.status = 'deleted'
       or (seen.sync_token >= cast(m.sync_token as bigint)
           and (m.content <> seen.content
                or (m.kind = 'invoice' and seen.status = 'live'
                    and m.otherwise_cents <> m.total_cents - seen.balance_cents
                        - (select coalesce(sum(s.amount_cents), 0) from sync.settlement s
                           where s.firm_id = m.firm_id and s.quickbooks_invoice_id = m.quickbooks_id
                             and s.target_kind = 'invoice' and s.valid_to = 'infinity')))));

-- name: add
-- A document without a current version gets one. Of a deleted document QuickBooks says only that it is deleted; the
-- other columns keep their last values.
with seen as (
    select r.*, md5((to_jsonb(r) - array['customer_key', 'is_write_off'])::text) as content
    from jsonb_to_recordset(cast(:versions as jsonb))
         as r (kind text, quickbooks_id text, sync_token bigint, status text, number text, document_date text,
               due_date text, customer_id text, total_cents bigint, balance_cents bigint, settlements jsonb,
               customer_key text, is_write_off boolean)
)
insert into sync.mirror (firm_id, kind, quickbooks_id, valid_from, seen_by, sync_token, status, number, document_date,
                         due_date, customer_id, total_cents, balance_cents, otherwise_cents, content, customer_key,
                         is_write_off)
select :firm_id, seen.kind, seen.quickbooks_id, greatest(former.valid_to, :now), :seen_by,
       greatest(seen.sync_token, cast(former.sync_token as bigint)), seen.status,
       case seen.status when 'deleted' then coalesce(former.number, '') else seen.number end,
       coalesce(cast(nullif(seen.document_date, '') as date), former.document_date),
       coalesce(cast(nullif(seen.due_date, '') as date), former.due_date),
       case seen.status when 'deleted' then coalesce(former.customer_id, '') else seen.customer_id end,
       seen.total_cents, seen.balance_cents,
       case when seen.kind = 'invoice' and seen.status = 'live'
            then seen.total_cents - seen.balance_cents
                 - (select coalesce(sum(s.amount_cents), 0) from sync.settlement s
                    where s.firm_id = :firm_id and s.quickbooks_invoice_id = seen.quickbooks_id
                      and s.target_kind = 'invoice' and s.valid_to = 'infinity')
            else 0
       end,
       seen.content, seen.customer_key, seen.is_write_off
from seen
left join lateral (
    select * from sync.mirror m
    where m.firm_id = :firm_id and m.kind = seen.kind and m.quickbooks_id = seen.quickbooks_id
      and m.customer_key = seen.customer_key
    order by m.valid_to desc, m.mirror_id desc
    limit 1
) former on true
where former.valid_to is distinct from 'infinity'
on conflict do nothing;

-- name: settle
-- The given settlements of a payment replace its former ones, if the given version is the current one.
with seen as (
    select r.*, md5((to_jsonb(r) - array['customer_key', 'is_write_off'])::text) as content
    from jsonb_to_recordset(cast(:versions as jsonb))
         as r (kind text, quickbooks_id text, sync_token bigint, status text, number text, document_date text,
               due_date text, customer_id text, total_cents bigint, balance_cents bigint, settlements jsonb,
               customer_key text, is_write_off boolean)
),
paid as (
    select m.quickbooks_id, m.document_date, x.quickbooks_invoice_id, x.means, x.amount_cents, x.source_id,
           x.target_kind
    from seen
    join sync.mirror m on m.firm_id = :firm_id and m.kind = 'payment' and m.quickbooks_id = seen.quickbooks_id
         and m.valid_to = 'infinity' and m.content = seen.content
    cross join jsonb_to_recordset(seen.settlements)
               as x (quickbooks_invoice_id text, means text, amount_cents bigint, source_id text, target_kind text)
),
closed as (
    update sync.settlement s
    set valid_to = greatest(s.valid_from, :now)
    from seen
    join sync.mirror m on m.firm_id = :firm_id and m.kind = 'payment' and m.quickbooks_id = seen.quickbooks_id
         and m.valid_to = 'infinity' and m.content = seen.content
    where s.firm_id = :firm_id and s.quickbooks_payment_id = seen.quickbooks_id and s.valid_to = 'infinity'
      and not exists (select from paid p
                      where p.quickbooks_id = s.quickbooks_payment_id
                        and p.quickbooks_invoice_id = s.quickbooks_invoice_id
                        and (p.means, p.amount_cents, p.document_date, p.source_id, p.target_kind)
                            is not distinct from (s.means, s.amount_cents, s.document_date, s.source_id, s.target_kind))
)
insert into sync.settlement (firm_id, quickbooks_invoice_id, quickbooks_payment_id, means, amount_cents, document_date,
                             valid_from, source_id, target_kind)
select :firm_id, p.quickbooks_invoice_id, p.quickbooks_id, p.means, p.amount_cents, p.document_date, :now, p.source_id,
       p.target_kind
from paid p
where not exists (select from sync.settlement s
                  where s.firm_id = :firm_id and s.quickbooks_payment_id = p.quickbooks_id
                    and s.quickbooks_invoice_id = p.quickbooks_invoice_id and s.valid_to = 'infinity'
                    and (s.means, s.amount_cents, s.document_date, s.source_id, s.target_kind)
                        is not distinct from (p.means, p.amount_cents, p.document_date, p.source_id, p.target_kind));

-- name: detail
-- How payments came and where they went. An older answer says nothing new, a name that was not given neither.
insert into sync.payment_detail as p (firm_id, quickbooks_id, method, account_id, account_name)
select distinct on (r.quickbooks_id) :firm_id, r.quickbooks_id, x.method, x.account_id, x.account_name
from jsonb_to_recordset(cast(:versions as jsonb)) as r (quickbooks_id text, sync_token bigint, status text, detail jsonb)
cross join jsonb_to_record(r.detail) as x (method text, account_id text, account_name text)
join sync.mirror m on m.firm_id = :firm_id and m.kind = 'payment' and m.quickbooks_id = r.quickbooks_id
     and m.valid_to = 'infinity' and r.sync_token >= cast(m.sync_token as bigint)
where r.status = 'live' and r.detail is not null
order by r.quickbooks_id
on conflict (firm_id, quickbooks_id) do update
set method = excluded.method, account_id = excluded.account_id,
    account_name = case when excluded.account_name = '' and excluded.account_id = p.account_id then p.account_name
                        else excluded.account_name end
where (p.method, p.account_id, p.account_name) is distinct from (excluded.method, excluded.account_id, excluded.account_name);

-- name: living
select distinct quickbooks_id
from sync.mirror
where firm_id = :firm_id and kind = :kind and valid_to = 'infinity' and status <> 'deleted';

-- name: unseen
select d.quickbooks_id
from sync.document d
where d.firm_id = :firm_id and d.kind = :kind and d.quickbooks_id is not null
  and not exists (select from sync.mirror m
                  where m.firm_id = d.firm_id and m.kind = d.kind and m.quickbooks_id = d.quickbooks_id);

-- name: entries
-- Of these journal entries the customers whose receivables they moved when they were last seen.
select quickbooks_id, customer_key
from sync.mirror
where firm_id = :firm_id and kind = 'journal_entry' and quickbooks_id = any(:quickbooks_ids) and valid_to = 'infinity'
  and status <> 'deleted';

-- name: seen
-- Those of these Ids that were looked at in this very version.
select m.quickbooks_id
from unnest(cast(:quickbooks_ids as text[]), cast(:sync_tokens as bigint[])) as r (quickbooks_id, sync_token)
join sync.mirror m on m.firm_id = :firm_id and m.kind = :kind and m.quickbooks_id = r.quickbooks_id
     and m.valid_to = 'infinity'
group by m.quickbooks_id, r.sync_token
having min(cast(m.sync_token as bigint)) >= r.sync_token;

-- name: documents
select document_id, kind, source_id, part, state, reason, source_hash, amount_cents, coalesce(sync_token, '') as sync_token,
       coalesce(customer_id, '') as customer_id, reviewed_token, quickbooks_id
from sync.document
where firm_id = :firm_id and kind = :kind and quickbooks_id = any(:quickbooks_ids)
order by document_id;

-- name: drop_drift
delete from sync.drift
where document_id = any(:document_ids)
  and not exists (select from jsonb_to_recordset(cast(:differences as jsonb)) as r (document_id bigint, field text)
                  where r.document_id = drift.document_id and r.field = drift.field);

-- name: add_drift
insert into sync.drift as d (document_id, field, owner, ours, theirs, since)
select document_id, field, owner, ours, theirs, :now
from jsonb_to_recordset(cast(:differences as jsonb)) as r (document_id bigint, field text, owner text, ours text, theirs text)
on conflict (document_id, field) do update
set owner = excluded.owner, ours = excluded.ours, theirs = excluded.theirs,
    since = case when d.theirs = excluded.theirs then d.since else excluded.since end;
