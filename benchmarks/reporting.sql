-- name: fill
-- :firms law firms of three years, a hundredth of their documents in some trouble; half of the invoices were revised once.
set local session_replication_role = replica;

insert into sync.firm (firm_id, name, time_zone, currency, created_at, subscribed_at, model, environment, realm_id,
                       company_name, connected_at, activated_at)
select 'firm-' || f, 'Firm ' || f, 'America/New_York', 'USD', :start, :start, 1, 'emulator', '91300000' || f, 'Books ' || f,
       :start, :start
from generate_series(1, :firms) f;

insert into sync.document (firm_id, kind, source_id, state, reason, state_since, number, document_date, payer_id, amount_cents,
                           source_status, source_hash, seen_at, changed_at, sent_source_hash, sent_fingerprint, sent_total_cents,
                           customer_id, quickbooks_id, sync_token, quickbooks_total_cents, synced_at)
select 'firm-' || f, 'invoice', 'inv-' || i, s.state, s.reason, at, 'N-' || i, at::date, 'payer-' || i % :payers, cents, 'issued',
       'hash', at, at, 'hash', 'print', case when s.is_there then cents end, case when s.is_there then 'c-' || i % :payers end,
       case when s.is_there then 'i' || i end, '0', case when s.is_there then cents end, case when s.is_there then at end
from generate_series(1, :firms) f
cross join generate_series(1, :invoices / :firms) i
cross join lateral (select :start + (i * 1.0 / (:invoices / :firms)) * interval '1000 days' as at, 10000 + (i * 7919) % 500000 as cents) t
cross join lateral (
    select case when i % 400 = 1 then 'held' when i % 400 = 2 then 'new' when i % 1000 = 3 then 'revised' else 'synced' end as state,
           case when i % 400 = 1 then 'UNMAPPED_FEE_ITEM' else '' end as reason,
           i % 400 not in (1, 2) as is_there
) s;

insert into sync.document (firm_id, kind, source_id, state, reason, state_since, number, document_date, payer_id, amount_cents,
                           payment_kind, source_status, source_hash, seen_at, changed_at, sent_source_hash, sent_fingerprint,
                           sent_total_cents, customer_id, quickbooks_id, sync_token, quickbooks_total_cents, synced_at)
select d.firm_id, 'payment', 'pay-' || p, s.state, s.reason, at, 'check ' || p, at::date, d.payer_id, cents, 'payment', 'completed',
       'hash', at, at, 'hash', 'print', case when s.is_there then cents end, d.customer_id, case when s.is_there then 'p' || p end,
       '0', case when s.is_there then cents end, case when s.is_there then at end
from generate_series(1, :payments / :firms) p
join sync.document d on d.kind = 'invoice' and d.source_id = 'inv-' || (p % (:invoices / :firms) + 1)
cross join lateral (select d.changed_at + interval '30 days' as at,
                           case when p > (:invoices / :firms) then 1000 else d.amount_cents - 1000 end as cents) t
cross join lateral (select case when d.quickbooks_id is null then 'waiting' when p % 300 = 7 then 'held' else 'synced' end as state,
                           case when d.quickbooks_id is null then 'INVOICE_NOT_SENT' when p % 300 = 7 then 'EXCEEDS_BALANCE' else '' end as reason,
                           d.quickbooks_id is not null and p % 300 <> 7 as is_there) s;

insert into sync.mirror (firm_id, kind, quickbooks_id, valid_from, valid_to, seen_by, sync_token, status, number, document_date,
                         due_date, customer_id, total_cents, balance_cents, content)
select firm_id, kind, quickbooks_id, changed_at, 'infinity', 'push', '0', 'live', number, document_date, document_date + 30,
       customer_id, quickbooks_total_cents - case when document_id % 5000 = 0 then 100 else 0 end, 0, 'content'
from sync.document where quickbooks_id is not null
union all
select firm_id, kind, quickbooks_id, changed_at - interval '1 hour', changed_at, 'push', '0', 'live', number, document_date,
       document_date + 30, customer_id, quickbooks_total_cents, 0, 'former'
from sync.document where quickbooks_id is not null and document_id % 2 = 0;

insert into sync.settlement (firm_id, quickbooks_invoice_id, quickbooks_payment_id, means, amount_cents, document_date, valid_from)
select firm_id, 'i' || (substr(quickbooks_id, 2)::bigint % (:invoices / :firms) + 1), quickbooks_id,
       case when document_id % 9000 = 0 then 'credit_memo' else 'payment' end, quickbooks_total_cents, document_date, changed_at
from sync.document where kind = 'payment' and quickbooks_id is not null;

insert into sync.payment_detail (firm_id, quickbooks_id, method, account_id, account_name)
select firm_id, quickbooks_id, 'Check', '4', 'Undeposited Funds'
from sync.document where kind = 'payment' and quickbooks_id is not null;

insert into sync.share (firm_id, document_id, position, invoice_id, amount_cents, applied_date, valid_from)
select firm_id, document_id, 0, 'inv-' || (substr(source_id, 5)::bigint % (:invoices / :firms) + 1), amount_cents, document_date, changed_at
from sync.document where kind = 'payment';

insert into sync.invoice_line (document_id, fingerprint, line_number, kind, fee_item_id, item_id, matter, quantity, unit_price,
                               amount_cents, tax_cents)
select document_id, 'print', n, 'fee', 'F' || n, 'I' || n, 'Matter ' || document_id % 500, 1, amount_cents * 0.005, amount_cents / 2, 0
from sync.document cross join generate_series(1, 2) n
where kind = 'invoice' and quickbooks_id is not null;

insert into sync.bank_deposit (firm_id, quickbooks_id, valid_from, sync_token, status, document_date, account_id, account_name,
                               total_cents, lines)
select firm_id, 'd' || document_date, document_date, 0, 'live', document_date, '35', 'Checking', sum(amount_cents),
       jsonb_agg(jsonb_build_object('payment_id', quickbooks_id, 'amount_cents', amount_cents))
from sync.document where kind = 'payment' and quickbooks_id is not null
group by firm_id, document_date;

insert into sync.customer_name (firm_id, customer_id, name, seen_at)
select distinct firm_id, customer_id, 'Client ' || customer_id, :start from sync.document where customer_id is not null;

insert into sync.mapping (firm_id, kind, source_id, quickbooks_id, origin, changed_at, changed_by)
select distinct firm_id, 'payer', payer_id, customer_id, 'person', :start, 'person' from sync.document where customer_id is not null;

update sync.firm set records_since = :start;

insert into sync.document_history (document_id, valid_from, valid_to, firm_id, kind, source_id, part, state, reason, state_since,
                                   number, document_date, payer_id, amount_cents, forwarded_cents, payment_kind,
                                   reverses_payment_id, source_status)
select document_id, changed_at - interval '2 minutes' + n * interval '1 minute', changed_at - interval '1 minute' + n * interval '1 minute',
       firm_id, kind, source_id, part, case n when 0 then 'new' else 'sending' end, '', changed_at - interval '2 minutes', number,
       document_date, payer_id, amount_cents, 0, payment_kind, '', source_status
from sync.document cross join generate_series(0, 1) n
where quickbooks_id is not null;

insert into sync.run (run_id, firm_id, trigger, actor, started_at, finished_at, outcome)
select 'run-' || n, 'firm-' || f, 'schedule', 'dagster', :start + n * interval '1 day', :start + n * interval '1 day', 'done'
from generate_series(1, :firms) f cross join generate_series(1, 1000) n;

insert into sync.log (at, firm_id, run_id, trigger, actor, document_id, kind, source_id, part, number, activity, reason,
                      amount_cents, quickbooks_id)
select changed_at, firm_id, 'run-' || extract(day from changed_at - :start)::int, 'schedule', 'dagster', document_id, kind, source_id,
       part, number, a.activity, reason, amount_cents, coalesce(quickbooks_id, '')
from sync.document
cross join (values ('seen'), ('created')) a (activity)
order by changed_at;

-- name: counts
select (select count(*) from sync.document where kind = 'invoice') as invoices,
       (select count(*) from sync.document where kind = 'payment') as payments,
       (select count(*) from sync.mirror) + (select count(*) from sync.document_history) as versions,
       (select count(*) from sync.log) as log;

-- name: as_of
select set_config('reporting.as_of', :as_of, true);

-- name: server_process
select pg_backend_pid();
