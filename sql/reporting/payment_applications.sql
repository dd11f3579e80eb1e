-- Which payment pays which invoice, how much of it on each side, and how did the money come?
-- Grain: one row per payment, invoice and means (credit by credit); of invoices or payments of ours. Money: dollars; what was taken
-- back since (refund, rejection) is not deducted from in_billing. As of reporting.as_of, where the session sets it.
create view reporting.payment_applications as
select applied.firm_id,                             -- Id of the law firm in billing
       invoice_id,                                  -- Id of the invoice in billing; empty for an invoice of others
       number,                                      -- Invoice number in billing; empty for an invoice of others
       payment_id,                                  -- Id of the payment in billing; empty for a payment of others
       applied_date,                                -- Date on which credit was applied; empty for other payments
       reference,                                   -- Check number or other reference in billing; empty for a payment of others
       case payment_id when '' then 'theirs' else 'ours' end as whose, -- Author of the payment: ours, billing has it; theirs, somebody entered it in QuickBooks
       means,                                       -- Means that pays: payment, money; credit_memo, journal or other, credit that QuickBooks has
       credit_id,                                   -- Id of the credit memo or journal entry in QuickBooks that pays; empty for money
       customer_id,                                 -- Id of the payment's customer in QuickBooks; empty while the payment is not there
       coalesce(case customer_id when '' then payer.name else customer.name end, '') as customer_name, -- Name of the payment's customer in QuickBooks as it was last seen, or of the payer's customer while the payment is not there; empty while it is not known, or where show_client_names is off
       payment_date,                                -- Date of the payment in QuickBooks; billing's while it is not there
       billed_cents * 0.01 as in_billing,           -- Amount that billing applies, in dollars; 0.00 where it applies nothing
       held_cents * 0.01 as in_quickbooks,          -- Amount that is applied in QuickBooks, in dollars; 0.00 where nothing is
       (billed_cents - held_cents) * 0.01 as difference, -- Amount that billing applies more than QuickBooks, in dollars; negative where it applies less
       coalesce(t.method, '') as method,            -- Method of payment in QuickBooks; empty where it names none, or while the payment is not there
       coalesce(t.account_id, '') as deposit_account_id, -- Id of the account that received the payment
       coalesce(t.account_name, '') as deposit_account, -- Name of that account when the payment was last seen
       quickbooks_invoice_id,                       -- Id of the invoice in QuickBooks; empty when it is not there
       quickbooks_payment_id,                       -- Id of the payment in QuickBooks; empty when it is not there
       '' as note                                   -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from (
    select s.firm_id, coalesce(i.source_id, '') as invoice_id, coalesce(i.number, '') as number, coalesce(p.source_id, '') as payment_id,
           coalesce(p.part, '') as applied_date, coalesce(p.number, '') as reference, coalesce(p.payer_id, '') as payer_id, s.means,
           s.source_id as credit_id, coalesce(m.customer_id, p.customer_id, '') as customer_id, s.document_date as payment_date,
           coalesce(h.amount_cents, 0) as billed_cents, s.amount_cents as held_cents, s.quickbooks_invoice_id, s.quickbooks_payment_id
    from sync.settlement_then s
    left join sync.document i on i.firm_id = s.firm_id and i.kind = 'invoice' and i.quickbooks_id = s.quickbooks_invoice_id
    left join sync.document p on p.firm_id = s.firm_id and p.kind = 'payment' and p.quickbooks_id = s.quickbooks_payment_id
    left join sync.mirror_then m on m.firm_id = s.firm_id and m.kind = 'payment' and m.quickbooks_id = s.quickbooks_payment_id
    left join sync.billed_share_then h on h.document_id = p.document_id and h.invoice_id = i.source_id and s.means = 'payment'
    where i.document_id is not null or p.document_id is not null
    union all
    -- what billing applies and QuickBooks does not
    select p.firm_id, h.invoice_id, coalesce(i.number, ''), p.source_id, p.part, p.number, p.payer_id, 'payment', '',
           coalesce(p.customer_id, ''), p.document_date, h.amount_cents, 0, coalesce(i.quickbooks_id, ''),
           coalesce(p.quickbooks_id, '')
    from sync.document p
    join sync.billed_share_then h on h.document_id = p.document_id
    left join sync.document i on i.firm_id = p.firm_id and i.kind = 'invoice' and i.source_id = h.invoice_id and i.part = ''
    where p.kind = 'payment' and p.payment_kind in ('payment', 'credit_application')
      and not exists (select from sync.settlement_then s
                      where s.firm_id = p.firm_id and s.quickbooks_payment_id = p.quickbooks_id
                        and s.quickbooks_invoice_id = i.quickbooks_id and s.means = 'payment')
) applied
left join sync.shown_customer customer using (firm_id, customer_id)
left join sync.shown_payer payer using (firm_id, payer_id)
left join sync.payment_detail t on t.firm_id = applied.firm_id and t.quickbooks_id = applied.quickbooks_payment_id
union all
select firm_id, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, note
from sync.before_records;
