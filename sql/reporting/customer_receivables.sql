-- What does each payer owe in QuickBooks, and what was billed but is not there?
-- Grain: one row per firm and payer with invoices. Money: dollars. As of reporting.as_of, where the session sets it.
create view reporting.customer_receivables as
select firm_id,                                     -- Id of the law firm in billing
       payer_id,                                    -- Id of the payer in billing
       customer_id,                                 -- Id of the customer in QuickBooks; empty while no invoice is there
       coalesce(case customer_id when '' then payer.name else customer.name end, '') as customer_name, -- Name of the customer in QuickBooks as it was last seen, or of the payer's customer while no invoice is there; empty while it is not known, or where show_client_names is off
       invoices,                                    -- Number of invoices; those that are closed, or 0.00 on both sides, do not count
       billed_cents * 0.01 as billed,               -- New items of these invoices, in dollars; forwarded balances are left out
       sent_cents * 0.01 as sent,                   -- Totals that were last sent and accepted, in dollars
       held_cents * 0.01 as in_quickbooks,          -- Totals in QuickBooks as they were last seen, in dollars
       paid_cents * 0.01 as paid,                   -- Amount settled in QuickBooks by our payments, others, credit memos and journals, in dollars
       open_cents * 0.01 as open,                   -- Amount left to pay in QuickBooks, in dollars
       open_since,                                  -- Date of the oldest invoice with something left to pay; null when there is none
       (billed_cents - held_cents) * 0.01 as not_in_quickbooks, -- Amount billed that QuickBooks lacks, in dollars; negative where it has too much
       not_in_quickbooks_since,                     -- Date of the oldest invoice whose total in QuickBooks is another; null when there is none
       '' as note                                   -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from (
    select firm_id, payer_id, coalesce(max(nullif(customer_id, '')), '') as customer_id, count(*) as invoices,
           sum(billed_cents - forwarded_cents) as billed_cents, sum(sent_cents) as sent_cents, sum(held_cents) as held_cents,
           sum(paid_cents + otherwise_cents) as paid_cents, sum(open_cents) as open_cents,
           min(document_date) filter (where open_cents > 0) as open_since,
           min(document_date) filter (where billed_cents - forwarded_cents <> held_cents) as not_in_quickbooks_since
    from sync.receivable
    where state <> 'closed' and (billed_cents <> 0 or held_cents <> 0)
    group by firm_id, payer_id
) owed
left join sync.shown_customer customer using (firm_id, customer_id)
left join sync.shown_payer payer using (firm_id, payer_id)
union all
select firm_id, null, null, null, null, null, null, null, null, null, null, null, null, note
from sync.before_records;
