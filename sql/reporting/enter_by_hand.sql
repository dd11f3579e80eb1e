-- What must a person enter in QuickBooks by hand, because the sync does not send it?
-- Grain: one row per credit deposit, refund or rejected payment. Money: dollars. Read by: the bookkeeper.
create view reporting.enter_by_hand as
select d.firm_id,
       lower(d.reason) as what,
       d.source_id as payment_id,
       d.number as reference,
       d.document_date,
       d.payer_id,
       (d.amount_cents / 100.0)::numeric(15, 2) as amount,
       d.reverses_payment_id,
       coalesce(o.quickbooks_id, '') as reverses_quickbooks_id,
       p.sentence,
       p.remedy
from sync.document d
left join sync.problem p on p.code = d.reason
left join sync.document o on o.firm_id = d.firm_id and o.kind = 'payment' and o.source_id = d.reverses_payment_id
     and o.part = '' and d.reverses_payment_id <> ''
where d.kind = 'payment' and d.state = 'closed' and d.reason in ('CREDIT_DEPOSIT', 'REFUND', 'REJECTION');
