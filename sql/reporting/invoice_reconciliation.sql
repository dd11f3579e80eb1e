-- Invoice by invoice: what billing says, what was sent, what QuickBooks holds, and what our payments have paid of it.
-- Grain: one row per invoice. Money: dollars; difference = billed - forwarded - in_quickbooks. Read by: analysts at month end.
create view reporting.invoice_reconciliation as
select d.firm_id,                                   -- Law firm
       d.source_id as invoice_id,                   -- Invoice in billing
       d.number,                                    -- Invoice number
       d.document_date,                             -- Date of the invoice
       d.payer_id,                                  -- Payer in billing
       d.state,                                     -- State of the document
       d.reason,                                    -- Reason code; empty when there is none
       d.billed_cents * 0.01 as billed,             -- Total in billing, forwarded balance included; a void one bills nothing
       d.carried_cents * 0.01 as forwarded,         -- Balance of older invoices on it, which is not sent
       d.sent_total_cents * 0.01 as sent,           -- Total that was last sent and accepted; null when none was
       d.quickbooks_total_cents * 0.01 as in_quickbooks, -- Total in QuickBooks, as it last answered; null when it never did
       coalesce(a.paid_cents, 0) * 0.01 as paid,    -- Paid on it in QuickBooks by payments of ours
       (coalesce(d.quickbooks_total_cents, 0) - coalesce(a.paid_cents, 0)) * 0.01 as open, -- Left to pay in QuickBooks, as far as we know
       (d.billed_cents - d.carried_cents - coalesce(d.quickbooks_total_cents, 0)) * 0.01 as difference, -- What QuickBooks lacks (or, negative, has too much)
       coalesce(d.quickbooks_id, '') as quickbooks_id -- Id in QuickBooks; empty when it is not there
from (
    select *,
           case when source_status = 'void' then 0 else amount_cents end as billed_cents,
           case when source_status = 'void' then 0 else forwarded_cents end as carried_cents
    from sync.document
    where kind = 'invoice'
) d
left join (
    select p.firm_id, a.quickbooks_invoice_id, sum(a.amount_cents) as paid_cents
    from sync.application a
    join sync.document p on p.document_id = a.document_id
    group by 1, 2
) a on a.firm_id = d.firm_id and a.quickbooks_invoice_id = d.quickbooks_id;
