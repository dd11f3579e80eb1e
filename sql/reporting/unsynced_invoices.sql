-- Which invoices are not in QuickBooks as billing means them, and what would a sync do?
-- Grain: one row per invoice. Money: dollars. Read by: whoever presses Sync.
create view reporting.unsynced_invoices as
select firm_id,                                     -- Law firm
       source_id as invoice_id,                     -- Invoice in billing
       number,                                      -- Invoice number
       document_date,                               -- Date of the invoice
       payer_id,                                    -- Payer in billing
       amount_cents * 0.01 as amount,               -- Total in billing, forwarded balance included
       state,                                       -- new, waiting, held, sending, unknown, revised, void_pending or refused
       reason,                                      -- Reason code; empty when there is none
       case when quickbooks_id is null then 'sync_now' else 'sync_again' end as action, -- sync_now: QuickBooks never had it; sync_again: it changed since
       coalesce(quickbooks_id, '') as quickbooks_id, -- Id in QuickBooks; empty when it is not there
       state_since as since                         -- Since when it is in this state
from sync.document
where kind = 'invoice' and state not in ('synced', 'voided', 'closed');
