-- Which payments are not in QuickBooks as billing means them, and what would a sync do?
-- Grain: one row per payment; a credit applied on several dates has one row per date. Money: dollars.
create view reporting.unsynced_payments as
select firm_id,                                     -- Id of the law firm in billing
       source_id as payment_id,                     -- Id of the payment in billing
       part as applied_date,                        -- Date on which credit was applied; empty for other payments
       number as reference,                         -- Check number or other reference
       document_date,                               -- Date that QuickBooks shall show
       payer_id,                                    -- Id of the payer in billing
       coalesce(case when customer_id is null then payer.name else customer.name end, '') as customer_name, -- Name of the customer in QuickBooks as it was last seen, or of the payer's customer where the document is not there; empty while it is not known, or where show_client_names is off
       amount_cents * 0.01 as amount,               -- Amount in billing, in dollars
       state,                                       -- State of the document: new, waiting, held, sending, unknown, revised, void_pending or refused
       reason,                                      -- Reason code; empty when there is none
       case when quickbooks_id is null then 'sync_now' else 'sync_again' end as action, -- Next action: sync_now, QuickBooks never had it; sync_again, it changed since
       coalesce(quickbooks_id, '') as quickbooks_id, -- Id of the document in QuickBooks; empty when it is not there
       state_since as since                         -- Moment since which the document is in its state, in UTC
from sync.document
left join sync.shown_customer customer using (firm_id, customer_id)
left join sync.shown_payer payer using (firm_id, payer_id)
where kind = 'payment' and state not in ('synced', 'voided', 'closed');
