-- name: ledger
-- database: identifier of the server and oid of the database; they never change for one database. history: timeline of
-- the server and oid of a table; a restored table has another oid, and a server after a point-in-time recovery or a
-- failover has another timeline.
select concat_ws('/', (select system_identifier from pg_control_system()),
                 (select oid from pg_database where datname = current_database())) as database,
       concat_ws('/', substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), cast('sync.attempt' as regclass)::oid) as history;

-- name: binding
select company, company_checked_at, billing, ledger, ledger_history, reconcile_first
from sync.binding
where firm_id = :firm_id;

-- name: bind
insert into sync.binding (firm_id, company, company_checked_at, billing, ledger, ledger_history, reconcile_first, bound_at)
values (:firm_id, :company, :now, :billing, :ledger, :history, :reconcile_first, :now)
on conflict (firm_id) do update
set company = excluded.company, company_checked_at = excluded.company_checked_at, billing = excluded.billing,
    ledger = excluded.ledger, ledger_history = excluded.ledger_history, reconcile_first = excluded.reconcile_first,
    bound_at = excluded.bound_at;

-- name: company_checked
update sync.binding set company = :company, company_checked_at = :now where firm_id = :firm_id;

-- name: history_checked
update sync.binding set ledger_history = :history where firm_id = :firm_id;

-- name: stop
update sync.binding set reconcile_first = :reason where firm_id = :firm_id;

-- name: witness
select sequence, witness_id from sync.witness where realm_id = :realm_id;

-- name: last_sent_at
select max(last_sent_at) from sync.attempt where realm_id = :realm_id;

-- name: forgotten
-- Of documents that carry our marker: those that we do not know to be in QuickBooks, nor to be on their way there.
select count(*)
from jsonb_to_recordset(cast(:marked as jsonb))
     as r (kind text, source_id text, part text, generation integer, quickbooks_id text)
left join sync.document d
     on d.firm_id = :firm_id and d.kind = r.kind and d.source_id = r.source_id and d.part = r.part
where d.document_id is null
   or (d.quickbooks_id is null and d.state not in ('sending', 'unknown'))
   or (d.quickbooks_id <> r.quickbooks_id and d.generation < r.generation);

-- name: former
select installation_id from sync.former_installation;

-- name: declare_former
insert into sync.former_installation (installation_id, declared_at)
select unnest(cast(:installations as text[])), :now
on conflict do nothing;

-- name: sent_invoices
select source_id
from sync.document
where firm_id = :firm_id and kind = 'invoice' and quickbooks_id is not null and source_hash <> ''
order by synced_at desc nulls last, document_id desc
limit 50;

-- name: take_over
-- This home's witness is the one that counts from now on.
insert into sync.witness (realm_id, sequence, witness_id, noted_at)
values (:realm_id, :sequence, :witness_id, :now)
on conflict (realm_id) do update
set sequence = greatest(witness.sequence, excluded.sequence) + 1, witness_id = excluded.witness_id,
    noted_at = excluded.noted_at
returning sequence;

-- name: link
-- move linked: none, new, waiting, held, refused, revised, void_pending -> synced, held, voided, void_pending, revised
-- move linked: synced, voided, closed -> synced, held, voided, void_pending, revised
-- Link documents of ours that QuickBooks holds and the ledger has forgotten. A document that agrees with billing in
-- number, date and total is not sent; the next sync looks at the others. A document that billing does not have either
-- waits for a person.
with marked as (
    select r.*
    from jsonb_to_recordset(cast(:marked as jsonb))
         as r (kind text, source_id text, part text, generation integer, quickbooks_id text, sync_token text,
               customer_id text, total_cents bigint, number text, document_date date, is_void boolean)
    where not exists (select from sync.document o
                      where o.firm_id = :firm_id and o.kind = r.kind and o.quickbooks_id = r.quickbooks_id)
),
found as (
    select marked.*, d.document_id,
           case
               when marked.kind in ('customer', 'refund', 'credit') then 'synced'
               when d.document_id is null or d.source_hash = '' then 'held'
               when is_void and d.source_status = 'void' then 'voided'
               when is_void then 'held'
               when d.source_status = 'void' then 'void_pending'
               when d.source_status = 'draft' then 'revised'
               when d.amount_cents = marked.total_cents and d.document_date = marked.document_date
                    and (marked.kind = 'payment' or d.number = marked.number) then 'synced'
               else 'revised'
           end as state
    from marked
    left join sync.document d
         on d.firm_id = :firm_id and d.kind = marked.kind and d.source_id = marked.source_id and d.part = marked.part
    where d.document_id is null
       or (d.state not in ('sending', 'unknown') and (d.quickbooks_id is null or d.generation < marked.generation))
)
insert into sync.document as d (firm_id, kind, source_id, part, state, reason, state_since, generation, number,
                                document_date, amount_cents, source_hash, seen_at, quickbooks_id, sync_token, customer_id,
                                quickbooks_total_cents, sent_total_cents, synced_at)
select :firm_id, kind, source_id, part, state,
       case when state <> 'held' then '' when is_void then 'REMOTE_VOIDED' else 'SOURCE_GONE' end, :now, generation, number,
       document_date, coalesce(total_cents, 0), '', :now, quickbooks_id, sync_token, customer_id, total_cents, total_cents,
       :now
from found
on conflict (firm_id, kind, source_id, part) do update
set state = excluded.state, reason = excluded.reason, state_since = excluded.state_since,
    generation = excluded.generation, quickbooks_id = excluded.quickbooks_id, sync_token = excluded.sync_token,
    customer_id = excluded.customer_id, quickbooks_total_cents = excluded.quickbooks_total_cents,
    sent_total_cents = excluded.sent_total_cents, sent_fingerprint = null, sent_source_hash = d.source_hash,
    synced_at = excluded.synced_at
returning document_id, kind, source_id, part, state, reason, amount_cents, quickbooks_id;

-- name: link_applications
-- The amounts that linked payments pay of invoices that we know.
insert into sync.application (document_id, invoice_id, quickbooks_invoice_id, amount_cents)
select p.document_id, i.source_id, r.quickbooks_invoice_id, sum(r.amount_cents)
from jsonb_to_recordset(cast(:applications as jsonb))
     as r (payment_id text, quickbooks_invoice_id text, amount_cents bigint)
join sync.document p on p.firm_id = :firm_id and p.kind = 'payment' and p.quickbooks_id = r.payment_id
join sync.document i on i.firm_id = :firm_id and i.kind = 'invoice' and i.quickbooks_id = r.quickbooks_invoice_id
where p.document_id = any(:document_ids)
group by 1, 2, 3
on conflict (document_id, invoice_id) do update
set quickbooks_invoice_id = excluded.quickbooks_invoice_id, amount_cents = excluded.amount_cents;
