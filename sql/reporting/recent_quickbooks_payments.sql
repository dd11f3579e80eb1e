-- Which invoices has QuickBooks received a payment on lately (Model 2)?
-- Grain: one row per payment, invoice and kind, dated within the firm's recent_payment_days (7). Money: dollars. Read
-- by: whoever is about to send a reminder.
create view reporting.recent_quickbooks_payments as
select p.firm_id,                              -- Id of the law firm in billing
       p.invoice_id,                           -- Id of the invoice in billing
       d.number as invoice_number,             -- Number of the invoice
       p.payer_id,                             -- Id of the payer in billing
       coalesce(customer.name, '') as customer_name, -- Name of the customer in QuickBooks as it was last seen; empty while it is not known, or where show_client_names is off
       p.payment_date,                         -- Date of the payment in QuickBooks
       newest.age_days + (newest.payment_date - p.payment_date) as age_days, -- Age of the payment in days, by the firm's own date
       p.amount_cents * 0.01 as amount,        -- Amount that it pays on this invoice, in dollars
       p.kind,                                 -- Kind of the payment: payment, money; credit_application, a credit memo or write-off, no money
       p.method,                               -- Method of payment: check, card, echeck, cash, wire, credit or other
       p.payment_id as quickbooks_payment_id,  -- Id of the payment in QuickBooks
       p.quickbooks_invoice_id,                -- Id of the invoice in QuickBooks
       p.external_id,                          -- External id under which billing holds the payment
       p.posted_at                             -- Moment since which billing holds the payment, in UTC; null: not yet
from sync.recent_payment newest
join sync.posting p using (document_id)
join sync.document d using (document_id)
join sync.firm f on f.firm_id = p.firm_id
left join sync.shown_customer customer on customer.firm_id = d.firm_id and customer.customer_id = d.customer_id
where p.kind <> 'reversal'
  and not exists (select from sync.posting r where r.reverses = p.posting_id)
  and newest.age_days + (newest.payment_date - p.payment_date) <= coalesce((f.settings ->> 'recent_payment_days')::integer, 7);
