-- What does each payer owe in QuickBooks, and what was billed but is not there?
-- Grain: one row per firm and payer with invoices. Money: dollars. As of reporting.as_of, where the session sets it.
create view reporting.customer_receivables as
select firm_id,                                     -- Law firm
       payer_id,                                    -- Payer in billing
       coalesce(max(nullif(customer_id, '')), '') as customer_id, -- Customer in QuickBooks; empty while no invoice is there
       count(*) as invoices,                        -- Invoices, those that are void or closed on both sides left out
       sum(billed_cents - forwarded_cents) * 0.01 as billed, -- New items of these invoices, forwarded balances left out
       sum(sent_cents) * 0.01 as sent,              -- Totals as they were last sent and accepted
       sum(held_cents) * 0.01 as in_quickbooks,     -- Totals in QuickBooks
       sum(paid_cents + otherwise_cents) * 0.01 as paid, -- Settled there by anything: our payments, others, credit memos, journals
       sum(open_cents) * 0.01 as open,              -- Left to pay in QuickBooks
       min(document_date) filter (where open_cents > 0) as open_since, -- Date of the oldest invoice with something left to pay
       sum(billed_cents - forwarded_cents - held_cents) * 0.01 as not_in_quickbooks, -- Billed, and not in QuickBooks
       min(document_date) filter (where billed_cents - forwarded_cents <> held_cents) as not_in_quickbooks_since -- Date of the oldest such invoice
from sync.receivable
where state <> 'closed' and (billed_cents <> 0 or held_cents <> 0)
group by firm_id, payer_id;
