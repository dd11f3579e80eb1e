-- Invoice by invoice: what does the client still owe, by billing and by QuickBooks?
-- Grain: one row per invoice. Money: dollars; owed = billed - paid + taken_back, difference = owed - owed_in_quickbooks. Read by:
-- the bookkeeper at month end. As of reporting.as_of, where the session sets it. owed_differences has the classes.
create view reporting.invoice_owed as
select i.firm_id,                                   -- Id of the law firm in billing
       source_id as invoice_id,                     -- Id of the invoice in billing
       number,                                      -- Invoice number
       document_date,                               -- Date of the invoice
       payer_id,                                    -- Id of the payer in billing
       client_id as customer_id,                    -- Id of the payer's customer in QuickBooks; empty while it has none
       coalesce(customer.name, '') as customer_name, -- Name of the customer in QuickBooks as it was last seen; empty while it is not known, or where show_client_names is off
       state,                                       -- State of the document
       reason,                                      -- Reason code; empty when there is none
       billed_cents * 0.01 as billed,               -- New items in billing, in dollars; 0.00 when the invoice is void, withdrawn, gone or not eligible
       paid_cents * 0.01 as paid,                   -- Part of living payments that pays it by the division of the sync, in dollars
       taken_back_cents * 0.01 as taken_back,       -- Part of these payments that refunds and rejections took back, in dollars
       (billed_cents - paid_cents + taken_back_cents) * 0.01 as owed, -- Amount that the client owes by billing, in dollars
       (held_cents - settled_cents - otherwise_cents) * 0.01 as owed_in_quickbooks, -- Amount left to pay in QuickBooks (Balance), in dollars
       (billed_cents - paid_cents + taken_back_cents - held_cents + settled_cents + otherwise_cents) * 0.01 as difference, -- Amount that billing has more than QuickBooks, in dollars; negative where it has less
       quickbooks_id,                               -- Id of the invoice in QuickBooks; empty when it is not there
       '' as note                                   -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from sync.owed_invoice i
left join sync.shown_customer customer on customer.firm_id = i.firm_id and customer.customer_id = i.client_id
union all
select firm_id, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, note
from sync.before_records;
