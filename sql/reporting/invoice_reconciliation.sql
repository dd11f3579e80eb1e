-- Invoice by invoice: what billing says, what was sent, what QuickBooks holds, and what our payments have paid of it.
-- Grain: one row per invoice. Money: dollars. Read by: analysts at month end.
create view reporting.invoice_reconciliation as
select d.firm_id, d.source_id as invoice_id, d.number, d.document_date, d.payer_id, d.state, d.reason,
       (d.amount_cents / 100.0)::numeric(15, 2) as billed,
       (d.forwarded_cents / 100.0)::numeric(15, 2) as forwarded,
       (d.sent_total_cents / 100.0)::numeric(15, 2) as sent,
       (d.quickbooks_total_cents / 100.0)::numeric(15, 2) as in_quickbooks,
       (coalesce(a.paid_cents, 0) / 100.0)::numeric(15, 2) as paid,
       ((coalesce(d.quickbooks_total_cents, 0) - coalesce(a.paid_cents, 0)) / 100.0)::numeric(15, 2) as open,
       ((d.amount_cents - d.forwarded_cents - case when d.state = 'voided' then 0 else coalesce(d.quickbooks_total_cents, 0) end) / 100.0)::numeric(15, 2) as difference,
       coalesce(d.quickbooks_id, '') as quickbooks_id
from sync.document d
left join (
    select p.firm_id, a.quickbooks_invoice_id, sum(a.amount_cents) as paid_cents
    from sync.application a
    join sync.document p on p.document_id = a.document_id and p.state <> 'voided'
    group by 1, 2
) a on a.firm_id = d.firm_id and a.quickbooks_invoice_id = d.quickbooks_id
where d.kind = 'invoice';
