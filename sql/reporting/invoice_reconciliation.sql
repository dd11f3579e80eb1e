-- Invoice by invoice: what billing says, what was sent, what QuickBooks holds, and what has been paid of it there.
-- Grain: one row per invoice. Money: dollars; difference = billed - forwarded - in_quickbooks. Read by: analysts at month end.
-- As of reporting.as_of, where the session sets it.
create view reporting.invoice_reconciliation as
select d.firm_id,                                   -- Id of the law firm in billing
       d.source_id as invoice_id,                   -- Id of the invoice in billing
       d.number,                                    -- Invoice number
       d.document_date,                             -- Date of the invoice
       d.payer_id,                                  -- Id of the payer in billing
       coalesce(case customer_id when '' then payer.name else customer.name end, '') as customer_name, -- Name of the customer in QuickBooks as it was last seen, or of the payer's customer where the document is not there; empty while it is not known, or where show_client_names is off
       d.state,                                     -- State of the document
       d.reason,                                    -- Reason code; empty when there is none
       d.billed_cents * 0.01 as billed,             -- Total in billing, in dollars; a forwarded balance is included, a void invoice is 0.00
       d.forwarded_cents * 0.01 as forwarded,       -- Balance of older invoices on it, in dollars; it is not sent
       case when d.quickbooks_id is not null then d.sent_cents end * 0.01 as sent, -- Total that was last sent and accepted, in dollars; null when the invoice never was in QuickBooks
       case when d.quickbooks_id is not null then d.held_cents end * 0.01 as in_quickbooks, -- Total in QuickBooks as it was last seen, in dollars; null when the invoice never was there
       coalesce(s.paid_by_us_cents, 0) * 0.01 as paid_by_us, -- Amount that our payments pay on it in QuickBooks, in dollars
       (coalesce(s.paid_cents, 0) + d.otherwise_cents) * 0.01 as paid, -- Amount settled in QuickBooks by our payments, others, credit memos and journals, in dollars
       (d.held_cents - coalesce(s.paid_cents, 0) - d.otherwise_cents) * 0.01 as open, -- Amount left to pay in QuickBooks, in dollars
       (d.billed_cents - d.forwarded_cents - d.held_cents) * 0.01 as difference, -- Amount that QuickBooks lacks, in dollars; negative where it has too much
       d.customer_id,                               -- Id of the customer in QuickBooks; empty while the invoice is not there
       d.due_date,                                  -- Due date in QuickBooks; the invoice's date where there is none
       d.quickbooks_status,                         -- Status in QuickBooks: live, void or deleted; empty when the invoice never was there
       coalesce(d.quickbooks_id, '') as quickbooks_id, -- Id of the invoice in QuickBooks; empty when it is not there
       recent.payment_date as recent_payment_date,  -- Date of the last payment that QuickBooks received on it lately (Model 2); null when there is none
       recent.age_days as recent_payment_age_days,  -- Age of that payment in days, today
       '' as note -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from sync.comparison d
left join sync.shown_customer customer using (firm_id, customer_id)
left join sync.shown_payer payer using (firm_id, payer_id)
left join lateral (  -- one by one: a month of invoices is a fraction of all; sums over all of them use sync.receivable
    select sum(s.amount_cents) as paid_cents, sum(s.amount_cents) filter (where p.document_id is not null) as paid_by_us_cents
    from sync.settlement_then s
    left join sync.document p on p.firm_id = s.firm_id and p.kind = 'payment' and p.quickbooks_id = s.quickbooks_payment_id
    where s.firm_id = d.firm_id and s.quickbooks_invoice_id = d.quickbooks_id
) s on d.quickbooks_id is not null
left join sync.recent_payment recent on recent.document_id = d.document_id
where d.kind = 'invoice'
union all
select firm_id, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, note
from sync.before_records;
