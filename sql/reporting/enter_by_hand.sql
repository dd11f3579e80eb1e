-- What must a person enter in QuickBooks by hand, because the sync does not send it?
-- Grain: one row per credit deposit, refund, rejected or reversed payment. Money: dollars. Read by: the bookkeeper.
create view reporting.enter_by_hand as
select d.firm_id,                                   -- Id of the law firm in billing
       case when j.state = 'synced' or r.is_wrong then 'changed_' else '' end || d.payment_kind as what, -- Thing to enter: credit_deposit, refund, rejection or reversal; or to correct: changed_refund, changed_rejection, which is recorded and was changed since in billing or in QuickBooks
       d.source_id as payment_id,                   -- Id of the payment in billing
       d.number as reference,                       -- Check number or other reference
       d.document_date,                             -- Date of the payment
       d.payer_id,                                  -- Id of the payer in billing
       d.amount_cents * 0.01 as amount,             -- Amount in billing, in dollars
       d.reverses_payment_id,                       -- Id in billing of the payment that it takes back; empty when there is none
       coalesce(o.quickbooks_id, '') as reverses_quickbooks_id, -- Id of that payment in QuickBooks; empty when it is not there
       case when j.state = 'synced' then 'It is recorded in QuickBooks, and billing has changed it since.'
            when r.is_wrong then r.sentence
            else coalesce(p.sentence, d.reason) end as sentence, -- Cause, in one sentence
       case when j.state = 'synced' then 'Correct or delete journal entry ' || j.quickbooks_id || ' in QuickBooks.'
            when r.is_wrong then 'Look at journal entry ' || j.quickbooks_id || ' in QuickBooks and put it right there'
                 || case when j.reason in ('COPIED', 'TOTAL_DIFFERS') then '; then: qb-pipeline census ' || d.firm_id else '.' end
            else coalesce(p.remedy, '') end as remedy, -- Action of the bookkeeper in QuickBooks
       coalesce(w.payments, '') as holds_back       -- Ids of later payments that are held until this rejection is entered; empty when there are none
from sync.document d
left join sync.problem p on p.code = d.reason
left join sync.document o on o.firm_id = d.firm_id and o.kind = 'payment' and o.source_id = d.reverses_payment_id
     and o.part = '' and d.reverses_payment_id <> ''
left join sync.document j on j.firm_id = d.firm_id and j.kind = 'refund' and j.source_id = d.source_id
left join lateral (
    select j.state = 'held' and j.quickbooks_id is not null and j.reason <> 'REMOTE_DELETED' as is_wrong,
           (select sentence from sync.problem where code = j.reason) as sentence
) r on true
left join lateral (
    select string_agg(h.source_id, ', ' order by h.source_id) as payments
    from sync.document h
    join lateral (
        select detail from sync.log
        where document_id = h.document_id and reason = 'REJECTION_OPEN'
        order by log_id desc limit 1
    ) l on l.detail = d.reverses_payment_id
    where d.reason = 'REJECTION' and h.firm_id = d.firm_id and h.kind = 'payment'
      and h.state = 'held' and h.reason = 'REJECTION_OPEN'
) w on true
where d.kind = 'payment' and d.state = 'closed'
  and case when j.state = 'synced' then d.source_status = 'void' or d.amount_cents <> j.sent_total_cents
           when j.state in ('sending', 'unknown') then false
           else d.reason in ('CREDIT_DEPOSIT', 'REFUND', 'REJECTION', 'REVERSAL') end;
