-- Which invoices are not in QuickBooks as billing means them, and what would a sync do?
-- Grain: one row per invoice. Money: dollars. Read by: whoever presses Sync.
create view reporting.unsynced_invoices as
select firm_id, source_id as invoice_id, number, document_date, payer_id,
       (amount_cents / 100.0)::numeric(15, 2) as amount,
       state, reason,
       case when quickbooks_id is null then 'sync_now' else 'sync_again' end as action,
       coalesce(quickbooks_id, '') as quickbooks_id,
       state_since as since
from sync.document
where kind = 'invoice' and state not in ('synced', 'voided', 'closed');
