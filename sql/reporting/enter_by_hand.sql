-- What must a person enter in QuickBooks by hand, because the sync does not send it?
-- Grain: one row per credit deposit, refund, rejected or reversed payment. Money: dollars. Read by: the bookkeeper.
create view reporting.enter_by_hand as
select d.firm_id,                                   -- Law firm
       lower(d.reason) as what,                     -- credit_deposit, refund, rejection or reversal
       d.source_id as payment_id,                   -- Payment in billing
       d.number as reference,                       -- Check number or other reference
       d.document_date,                             -- Date of the payment
       d.payer_id,                                  -- Payer in billing
       d.amount_cents * 0.01 as amount,             -- Amount in billing
       d.reverses_payment_id,                       -- Payment that it takes back; empty when there is none
       coalesce(o.quickbooks_id, '') as reverses_quickbooks_id, -- Id of that payment in QuickBooks; empty when it is not there
       coalesce(p.sentence, d.reason) as sentence,  -- What it is
       coalesce(p.remedy, '') as remedy             -- What to do
from sync.document d
left join sync.problem p on p.code = d.reason
left join sync.document o on o.firm_id = d.firm_id and o.kind = 'payment' and o.source_id = d.reverses_payment_id
     and o.part = '' and d.reverses_payment_id <> ''
where d.kind = 'payment' and d.state = 'closed'
  and d.reason in ('CREDIT_DEPOSIT', 'REFUND', 'REJECTION', 'REVERSAL');
