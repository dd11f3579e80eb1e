-- What does each payer owe in QuickBooks, and what was billed but is not there yet?
-- Grain: one row per firm and payer with invoices. Money: dollars; Model 2: payments entered in QuickBooks do not count.
create view reporting.customer_receivables as
select firm_id,                                     -- Law firm
       payer_id,                                    -- Payer in billing
       coalesce(max(customer_id), '') as customer_id, -- Customer in QuickBooks; empty while no invoice is there
       count(*) as invoices,                        -- Invoices, void and closed ones left out
       sum(billed_cents) * 0.01 as billed,          -- New items of these invoices, forwarded balances left out
       sum(held_cents) * 0.01 as in_quickbooks,     -- Totals in QuickBooks
       sum(paid_cents) * 0.01 as paid,              -- Paid on them in QuickBooks by payments of ours
       sum(held_cents - paid_cents) * 0.01 as open, -- Left to pay in QuickBooks, as far as we know
       min(document_date) filter (where held_cents > paid_cents) as open_since, -- Date of the oldest invoice with something left to pay
       sum(billed_cents - held_cents) * 0.01 as not_in_quickbooks, -- Billed, and not in QuickBooks
       min(document_date) filter (where billed_cents <> held_cents) as not_in_quickbooks_since -- Date of the oldest such invoice
from (
    select d.firm_id, d.payer_id, d.customer_id, d.document_date,
           d.amount_cents - d.forwarded_cents as billed_cents,
           coalesce(d.quickbooks_total_cents, 0) as held_cents,
           coalesce((select sum(a.amount_cents)
                     from sync.application a
                     join sync.document p on p.document_id = a.document_id and p.firm_id = d.firm_id
                     where a.quickbooks_invoice_id = d.quickbooks_id), 0) as paid_cents
    from sync.document d
    where d.kind = 'invoice' and d.state not in ('voided', 'closed') and d.source_status <> 'void'
) i
group by firm_id, payer_id;
