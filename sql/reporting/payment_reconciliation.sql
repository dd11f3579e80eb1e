-- Payment by payment: what billing says and what QuickBooks holds.
-- Grain: one row per payment; a credit applied on several dates has one row per date. Money: dollars.
create view reporting.payment_reconciliation as
select firm_id, source_id as payment_id, part as applied_date, number as reference, document_date, payer_id, payment_kind,
       state, reason,
       (amount_cents / 100.0)::numeric(15, 2) as received,
       (sent_total_cents / 100.0)::numeric(15, 2) as sent,
       (quickbooks_total_cents / 100.0)::numeric(15, 2) as in_quickbooks,
       ((amount_cents - case when state = 'voided' then 0 else coalesce(quickbooks_total_cents, 0) end) / 100.0)::numeric(15, 2) as difference,
       coalesce(quickbooks_id, '') as quickbooks_id
from sync.document
where kind = 'payment';
