-- What does each payer owe in QuickBooks, and what was billed but is not there?
-- Grain: one row per firm and payer with invoices. Money: dollars. As of reporting.as_of, where the session sets it.
create view reporting.customer_receivables as
select firm_id,                                     -- Id of the law firm in billing
       payer_id,                                    -- Id of the payer in billing
       coalesce(max(nullif(customer_id, '')), '') as customer_id, -- Id of the customer in QuickBooks; empty while no invoice is there
       count(*) as invoices,                        -- Number of invoices; those that are closed, or 0.00 on both sides, do not count
       sum(billed_cents - forwarded_cents) * 0.01 as billed, -- New items of these invoices, in dollars; forwarded balances are left out
       sum(sent_cents) * 0.01 as sent,              -- Totals that were last sent and accepted, in dollars
       sum(held_cents) * 0.01 as in_quickbooks,     -- Totals in QuickBooks as they were last seen, in dollars
       sum(paid_cents + otherwise_cents) * 0.01 as paid, -- Amount settled in QuickBooks by our payments, others, credit memos and journals, in dollars
       sum(open_cents) * 0.01 as open,              -- Amount left to pay in QuickBooks, in dollars
       min(document_date) filter (where open_cents > 0) as open_since, -- Date of the oldest invoice with something left to pay; null when there is none
       sum(billed_cents - forwarded_cents - held_cents) * 0.01 as not_in_quickbooks, -- Amount billed that QuickBooks lacks, in dollars; negative where it has too much
       min(document_date) filter (where billed_cents - forwarded_cents <> held_cents) as not_in_quickbooks_since -- Date of the oldest invoice whose total in QuickBooks is another; null when there is none
from sync.receivable
where state <> 'closed' and (billed_cents <> 0 or held_cents <> 0)
group by firm_id, payer_id;
