-- name: close
-- A version ends when a newer answer differs from it. A deleted deposit never comes back.
with seen as (
    select *
    from jsonb_to_recordset(cast(:deposits as jsonb))
         as r (quickbooks_id text, sync_token bigint, status text, document_date text, account_id text,
               account_name text, total_cents bigint, lines jsonb)
)
update sync.bank_deposit b
set valid_to = greatest(b.valid_from, :now)
from seen
where b.firm_id = :firm_id and b.quickbooks_id = seen.quickbooks_id and b.valid_to = 'infinity' and b.status <> 'deleted'
  and (seen.status = 'deleted'
       or (seen.sync_token >= b.sync_token
           and (b.document_date, b.account_id, b.account_name, b.total_cents, b.lines) is distinct from
               (cast(nullif(seen.document_date, '') as date), seen.account_id, seen.account_name, seen.total_cents,
                seen.lines)));

-- name: add
-- Of a deleted deposit QuickBooks says only that it is deleted; date and account keep their last values.
insert into sync.bank_deposit (firm_id, quickbooks_id, valid_from, sync_token, status, document_date, account_id,
                               account_name, total_cents, lines)
select :firm_id, seen.quickbooks_id, greatest(former.valid_to, :now), greatest(seen.sync_token, former.sync_token), seen.status,
       coalesce(cast(nullif(seen.document_date, '') as date), former.document_date),
       case seen.status when 'deleted' then coalesce(former.account_id, '') else seen.account_id end,
       case seen.status when 'deleted' then coalesce(former.account_name, '') else seen.account_name end,
       seen.total_cents, seen.lines
from jsonb_to_recordset(cast(:deposits as jsonb))
     as seen (quickbooks_id text, sync_token bigint, status text, document_date text, account_id text, account_name text,
              total_cents bigint, lines jsonb)
left join lateral (
    select * from sync.bank_deposit b
    where b.firm_id = :firm_id and b.quickbooks_id = seen.quickbooks_id
    order by b.valid_to desc, b.valid_from desc
    limit 1
) former on true
where former.valid_to is distinct from 'infinity'
on conflict do nothing;

-- name: living
select quickbooks_id from sync.bank_deposit where firm_id = :firm_id and valid_to = 'infinity' and status <> 'deleted';
