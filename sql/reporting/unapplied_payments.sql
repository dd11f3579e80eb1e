-- Which payments in QuickBooks have money that pays no invoice yet, of which customer, ours and those of others?
-- Grain: one row per payment in QuickBooks with money left. Money: dollars. Read by: whoever applies payments. As of
-- reporting.as_of, where the session sets it.
create view reporting.unapplied_payments as
select m.firm_id,                                   -- Id of the law firm in billing
       m.quickbooks_id as quickbooks_payment_id,    -- Id of the payment in QuickBooks
       case when d.document_id is null then 'theirs' else 'ours' end as whose, -- Author of the payment: ours, a sync of ours wrote it or it is linked; theirs, somebody else did
       coalesce(d.source_id, '') as payment_id,     -- Id of the payment in billing; empty when it is not ours
       coalesce(d.part, '') as applied_date,        -- Date on which credit was applied; empty for other payments
       coalesce(d.number, '') as reference,         -- Check number or other reference in billing; empty when it is not ours
       m.customer_id,                               -- Id of the customer in QuickBooks
       coalesce(customer.name, '') as customer_name, -- Name of the customer in QuickBooks as it was last seen; empty while it is not known, or where show_client_names is off
       m.document_date as payment_date,             -- Date of the payment in QuickBooks
       m.total_cents * 0.01 as amount,              -- Total of the payment in QuickBooks, in dollars
       coalesce(a.cents, 0) * 0.01 as applied,      -- Part of its money that pays invoices, in dollars
       (m.total_cents - coalesce(a.cents, 0)) * 0.01 as unapplied, -- Part of its money that pays nothing yet, in dollars
       coalesce(t.method, '') as method,            -- Method of payment in QuickBooks; empty where it names none
       coalesce(t.account_id, '') as deposit_account_id, -- Id of the account that received it
       coalesce(t.account_name, '') as deposit_account, -- Name of that account when the payment was last seen
       '' as note                                   -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from sync.mirror_then m
left join (
    select firm_id, quickbooks_payment_id, sum(amount_cents) as cents
    from sync.application_then
    where source_id = '' and means = 'payment'
    group by firm_id, quickbooks_payment_id
) a on a.firm_id = m.firm_id and a.quickbooks_payment_id = m.quickbooks_id
left join sync.document d on d.firm_id = m.firm_id and d.kind = 'payment' and d.quickbooks_id = m.quickbooks_id
left join sync.payment_detail t on t.firm_id = m.firm_id and t.quickbooks_id = m.quickbooks_id
left join sync.shown_customer customer on customer.firm_id = m.firm_id and customer.customer_id = m.customer_id
where m.kind = 'payment' and m.status = 'live' and m.total_cents <> coalesce(a.cents, 0)
union all
select firm_id, null, null, null, null, null, null, null, null, null, null, null, null, null, null, note
from sync.before_records;
