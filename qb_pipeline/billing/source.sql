-- Reads of the billing database. Standard SQL only: a firm's own database need not be PostgreSQL (the few queries that
-- only PostgreSQL understands stand at the end and say so). Amounts leave as they are stored: dollars.

-- name: firms
select firm_id, name, time_zone, currency
from billing.firms
order by firm_id;

-- name: firm
select firm_id, name, time_zone, currency
from billing.firms
where firm_id = :firm_id;

-- name: invoice_headers
-- Drafts alone, or all others; void invoices too, because they may have been sent before.
select
    'invoice' as kind, i.invoice_id as source_id, null as part, i.invoice_number as number,
    i.invoice_date as document_date, i.payer_id, i.total_amount as amount, i.currency, i.status,
    null as payment_kind, null as reverses_payment_id, 'billing' as origin, i.created_at, i.updated_at,
    case when i.created_at < :eligible_since then 'ineligible' else 'eligible' end as eligibility
from billing.invoices i
where i.firm_id = :firm_id
    and case when i.status = 'draft' then 1 else 0 end = :drafts
    and (:updated_since is null or i.updated_at >= :updated_since)
    and (:first is null or i.invoice_date >= :first)
    and (:last is null or i.invoice_date <= :last)
    and (1 = :every or i.invoice_id in :ids)
order by i.invoice_id;

-- name: payment_headers
-- The age of the invoices that a payment pays decides about eligibility; a payment without invoices has only its own.
select
    'payment' as kind, p.payment_id as source_id, null as part, p.reference as number,
    p.received_date as document_date, p.payer_id, p.amount, p.currency, p.status,
    p.kind as payment_kind, p.reverses_payment_id, p.origin, p.created_at, p.updated_at,
    case
        when count(a.invoice_id) = 0 then case when p.created_at < :eligible_since then 'ineligible' else 'eligible' end
        when sum(case when i.created_at < :eligible_since then 1 else 0 end) = 0 then 'eligible'
        when sum(case when i.created_at < :eligible_since then 1 else 0 end) = count(a.invoice_id) then 'ineligible'
        else 'mixed'
    end as eligibility
from billing.payments p
left join billing.payment_applications a on a.firm_id = p.firm_id and a.payment_id = p.payment_id
left join billing.invoices i on i.firm_id = a.firm_id and i.invoice_id = a.invoice_id
where p.firm_id = :firm_id
    and p.kind <> 'credit_application'
    and (:updated_since is null or p.updated_at >= :updated_since)
    and (:first is null or p.received_date >= :first)
    and (:last is null or p.received_date <= :last)
    and (1 = :every or p.payment_id in :ids)
group by
    p.payment_id, p.reference, p.received_date, p.payer_id, p.amount, p.currency, p.status, p.kind,
    p.reverses_payment_id, p.origin, p.created_at, p.updated_at
order by p.payment_id;

-- name: credit_headers
-- Credit counts on the day it is applied: one document per day, worth what was applied on that day. Credit that is not
-- applied at all is still shown, on the day and with the amount of the payment itself.
select
    'payment' as kind, p.payment_id as source_id, a.applied_date as part, p.reference as number,
    coalesce(a.applied_date, p.received_date) as document_date, p.payer_id,
    case when a.applied_date is null then p.amount else sum(a.amount) end as amount, p.currency, p.status,
    p.kind as payment_kind, p.reverses_payment_id, p.origin, p.created_at, p.updated_at,
    case
        when count(a.invoice_id) = 0 then case when p.created_at < :eligible_since then 'ineligible' else 'eligible' end
        when sum(case when i.created_at < :eligible_since then 1 else 0 end) = 0 then 'eligible'
        when sum(case when i.created_at < :eligible_since then 1 else 0 end) = count(a.invoice_id) then 'ineligible'
        else 'mixed'
    end as eligibility
from billing.payments p
left join billing.payment_applications a on a.firm_id = p.firm_id and a.payment_id = p.payment_id
left join billing.invoices i on i.firm_id = a.firm_id and i.invoice_id = a.invoice_id
where p.firm_id = :firm_id
    and p.kind = 'credit_application'
    and (:updated_since is null or p.updated_at >= :updated_since)
    and (:first is null or coalesce(a.applied_date, p.received_date) >= :first)
    and (:last is null or coalesce(a.applied_date, p.received_date) <= :last)
    and (1 = :every or p.payment_id in :ids)
group by
    p.payment_id, a.applied_date, p.reference, p.received_date, p.payer_id, p.amount, p.currency, p.status, p.kind,
    p.reverses_payment_id, p.origin, p.created_at, p.updated_at
order by p.payment_id, a.applied_date;

-- name: named_invoice
-- Drafts too: a person who names one is told that it is a draft.
select invoice_id as source_id, invoice_number as number, invoice_date as document_date, status
from billing.invoices
where firm_id = :firm_id and (invoice_id in :ids or invoice_number in :ids)
order by invoice_id;

-- name: named_payment
select payment_id as source_id, reference as number, received_date as document_date, status
from billing.payments
where firm_id = :firm_id and (payment_id in :ids or reference in :ids)
order by payment_id;

-- name: invoices
select
    invoice_id, invoice_number, payer_id, matter, status, invoice_date, due_date, terms, currency, total_amount,
    customer_message, internal_note, created_at
from billing.invoices
where firm_id = :firm_id and invoice_id in :ids
order by invoice_id;

-- name: invoice_lines
select
    invoice_id, line_number, kind, fee_item_id, service_date, description, quantity, unit_price, amount, is_taxable,
    forwarded_invoice_id
from billing.invoice_lines
where firm_id = :firm_id and invoice_id in :ids
order by invoice_id, line_number;

-- name: forwarded_from
-- Balances of older invoices on these invoices.
select invoice_id, line_number, forwarded_invoice_id, amount
from billing.invoice_lines
where firm_id = :firm_id and kind = 'balance_forward' and invoice_id in :ids
order by invoice_id, line_number;

-- name: forwarded_onto
-- Balances of these invoices on newer ones.
select invoice_id, line_number, forwarded_invoice_id, amount
from billing.invoice_lines
where firm_id = :firm_id and kind = 'balance_forward' and forwarded_invoice_id in :ids
order by invoice_id, line_number;

-- name: payments
select
    payment_id, payer_id, kind, method, reference, received_date, amount, currency, memo, reverses_payment_id, status,
    origin, external_id, created_at
from billing.payments
where firm_id = :firm_id and payment_id in :ids
order by payment_id;

-- name: applications
select payment_id, invoice_id, amount, applied_date
from billing.payment_applications
where firm_id = :firm_id and payment_id in :ids
order by payment_id, applied_date, invoice_id;

-- name: payers
select
    payer_id, kind, first_name, middle_name, last_name, suffix, corporation_name, billing_first_name,
    billing_last_name, billing_email, billing_phone, email, phone, mobile, address_line1, address_line2, city, state,
    postal_code, country
from billing.payers
where firm_id = :firm_id and payer_id in :ids
order by payer_id;

-- name: payer_names
select payer_id, kind, first_name, last_name, corporation_name
from billing.payers
where firm_id = :firm_id;

-- name: fee_items
select fee_item_id, code, name, description, kind, unit_price, is_active
from billing.fee_items
where firm_id = :firm_id and fee_item_id in :ids
order by fee_item_id;

-- name: payments_on_invoices
-- The payments that are applied to these invoices.
select distinct payment_id
from billing.payment_applications
where firm_id = :firm_id and invoice_id in :ids;

-- name: takings_back
-- The refunds, rejections and reversals of these payments.
select payment_id
from billing.payments
where firm_id = :firm_id and reverses_payment_id in :ids;

-- name: present_customer
select payer_id from billing.payers where firm_id = :firm_id and payer_id in :ids;

-- name: present_item
select fee_item_id from billing.fee_items where firm_id = :firm_id and fee_item_id in :ids;

-- name: present_invoice
select invoice_id from billing.invoices where firm_id = :firm_id and invoice_id in :ids;

-- name: present_payment
select payment_id from billing.payments where firm_id = :firm_id and payment_id in :ids;

-- name: begin_snapshot
-- PostgreSQL only. For this transaction: the session's name, and how long to wait for a lock and for one statement.
select set_config('application_name', :name, true), set_config('lock_timeout', :lock_timeout, true),
    set_config('statement_timeout', :statement_timeout, true);

-- name: server_state
-- PostgreSQL only. The replay time is null on a server that is no standby.
select pg_is_in_recovery() as is_standby, clock_timestamp() as now, pg_last_xact_replay_timestamp() as replayed_at;

-- name: open_transactions
-- PostgreSQL only. Every open transaction of this database except ours. Each transaction holds a lock on itself, even
-- before it has written anything, and pg_locks shows this lock to every role. The start is null for a role that may not
-- see other roles' sessions (it lacks pg_read_all_stats). In a session that it may see (the state is known) the start is
-- null only for a moment, at the end and at the begin of a transaction. A prepared transaction has no session at all.
-- Our own snapshots are left out by their session's name, which any role sees: they are read only and stamp no rows.
select l.virtualtransaction as id,
    coalesce(a.xact_start, case when a.state <> 'disabled' then clock_timestamp() end) as started_at
from pg_locks l
left join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'virtualxid' and l.granted and l.mode = 'ExclusiveLock' and l.pid <> pg_backend_pid()
    and (a.datname is null or a.datname = current_database())
    and (a.backend_type is null or a.backend_type <> 'autovacuum worker')
    and (a.application_name is null or a.application_name <> :snapshot)
union all
select 'prepared ' || x.gid, null
from pg_prepared_xacts x
where x.database = current_database();

-- name: fee_item_names
select fee_item_id, coalesce(name, '') as name
from billing.fee_items
where firm_id = :firm_id
order by fee_item_id;

-- name: matters
select distinct matter
from billing.invoices
where firm_id = :firm_id and matter <> ''
order by matter;

-- name: terms
select distinct terms
from billing.invoices
where firm_id = :firm_id and terms <> ''
order by terms;

-- name: identity
-- PostgreSQL only. Any role may ask; a copy in another server, or beside the original, has another answer.
select (select system_identifier from pg_control_system()) as server,
       (select oid from pg_database where datname = current_database()) as database;
