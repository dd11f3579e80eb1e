-- What must a person enter in QuickBooks by hand, because the sync does not send it?
-- Grain: one row per credit deposit, refund, rejected or reversed payment, and per day on which money from credit was applied.
-- Money: dollars. Read by: the bookkeeper.
create view reporting.enter_by_hand as
select d.firm_id,                                   -- Id of the law firm in billing
       case when j.state = 'synced' or r.is_wrong or e.document_id is not null then 'changed_' else '' end || d.payment_kind as what, -- Thing to enter: credit_deposit, refund, rejection, reversal, or credit_applied, the second half of a payment from credit; or to correct: changed_…, which is recorded or entered and was changed since in billing or in QuickBooks
       d.source_id as payment_id,                   -- Id of the payment in billing
       d.part,                                      -- Date on which credit was applied; empty for other payments
       d.number as reference,                       -- Check number or other reference
       d.document_date,                             -- Date of the payment
       d.payer_id,                                  -- Id of the payer in billing
       coalesce(payer.name, '') as customer_name, -- Name of the payer's customer in QuickBooks as it was last seen; empty while it is not known, or where show_client_names is off
       d.amount_cents * 0.01 as amount,             -- Amount in billing, in dollars
       d.reverses_payment_id,                       -- Id in billing of the payment that it takes back; empty when there is none
       coalesce(o.quickbooks_id, '') as reverses_quickbooks_id, -- Id of that payment in QuickBooks; empty when it is not there
       case when j.state = 'synced' then 'It is recorded in QuickBooks, and billing has changed it since.'
            when r.is_wrong then r.sentence
            when e.standing = 'gone' then 'It was entered as ' || e.name || ', which is not in QuickBooks any more.'
            when e.standing = 'differs' then 'It was entered as ' || e.name || ', which has another total by now.'
            when d.source_status = 'void' then 'It was entered as ' || e.name || ', and billing has taken it back since.'
            when e.document_id is not null then 'It was entered as ' || e.name || ', and billing has changed it since.'
            else coalesce(p.sentence, d.reason) end as sentence, -- Cause, in one sentence
       case when j.state = 'synced' then 'Correct or delete journal entry ' || j.quickbooks_id || ' in QuickBooks.'
            when r.is_wrong then 'Look at journal entry ' || j.quickbooks_id || ' in QuickBooks and put it right there'
                 || case when j.reason in ('COPIED', 'TOTAL_DIFFERS') then '; then: qb-pipeline census ' || d.firm_id else '.' end
            when e.standing = 'gone' then 'Enter it again in QuickBooks.'
            when d.source_status = 'void' and e.document_id is not null then 'Delete ' || e.name || ' in QuickBooks.'
            when e.document_id is not null then 'Correct ' || e.name || ' in QuickBooks.'
            else coalesce(p.remedy, '') end
       || case when c.candidates <> '' then ' Or say which of the candidates it is: qb-pipeline resolve ' || d.firm_id
                    || ' payment:' || d.source_id || case when d.part <> '' then '@' || d.part else '' end
                    || ' --entered TYPE:ID' else '' end as remedy, -- Action of the bookkeeper in QuickBooks
       coalesce(c.candidates, '') as candidates,    -- Transactions in QuickBooks that may be it, such as journalentry:145; empty when there are none
       coalesce(w.payments, '') as holds_back       -- Ids of later payments that are held until this rejection is entered; empty when there are none
from sync.document d
left join sync.shown_payer payer on payer.firm_id = d.firm_id and payer.payer_id = d.payer_id
left join sync.problem p on p.code = d.reason
left join sync.document o on o.firm_id = d.firm_id and o.kind = 'payment' and o.source_id = d.reverses_payment_id
     and o.part = '' and d.reverses_payment_id <> ''
left join sync.document j on j.firm_id = d.firm_id and j.kind = 'refund' and j.source_id = d.source_id
left join lateral (
    select j.state = 'held' and j.quickbooks_id is not null and j.reason <> 'REMOTE_DELETED' as is_wrong,
           (select sentence from sync.problem where code = j.reason) as sentence
) r on true
left join lateral (
    select *, entity || ' ' || quickbooks_id as name from sync.entered where document_id = d.document_id
) e on true
left join lateral (
    select string_agg(lower(entity) || ':' || quickbooks_id, ', ' order by entry_date, entity, quickbooks_id) as candidates
    from sync.entry_candidate where document_id = d.document_id
) c on true
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
-- The next sync records it: whoever enters it too has it twice. What a sync has left to a person, it has said.
left join lateral (
    select coalesce(j.state, 'new') = 'new'
           and o.state in ('new', 'waiting', 'sending', 'unknown', 'synced', 'revised')
           and d.source_created_at >= (select max(at) from sync.firm_event e
                                       where e.firm_id = d.firm_id and e.event = 'settings'
                                         and e.detail ->> 'record_refunds' = 'on')
           and not exists (select from sync.log l
                           where l.document_id = d.document_id and l.activity = 'notice' and l.reason = 'LEFT_TO_HAND')
               as is_next
    from sync.firm f
    where f.firm_id = d.firm_id and f.model = 1 and f.settings ->> 'record_refunds' = 'true'
      and d.reason in ('REFUND', 'REJECTION')
) n on true
where d.kind = 'payment' and d.state = 'closed'
  and case when j.state = 'synced' then d.source_status = 'void' or d.amount_cents <> j.sent_total_cents
           when j.state in ('sending', 'unknown') or n.is_next then false
           when d.source_status = 'void' then e.standing <> 'gone'
           when e.standing = 'there' and e.amount_cents = d.amount_cents then false
           else d.reason in ('CREDIT_DEPOSIT', 'REFUND', 'REJECTION', 'REVERSAL') end
union all
select d.firm_id, case when e.document_id is null then '' else 'changed_' end || 'credit_applied', d.source_id, d.part, d.number,
       d.document_date, d.payer_id, coalesce(payer.name, ''), d.quickbooks_total_cents * 0.01, '', '',
       case when e.standing = 'gone' then 'It was entered as ' || e.name || ', which is not in QuickBooks any more.'
            when e.standing = 'differs' then 'It was entered as ' || e.name || ', which has another total by now.'
            when d.state = 'voided' then 'It was entered as ' || e.name || ', and billing has taken it back since.'
            when e.document_id is not null then 'It was entered as ' || e.name || ', and billing has changed it since.'
            else 'Money from the client''s credit pays invoices, and the credit still stands as a liability.' end,
       case when e.standing = 'gone' or e.document_id is null then
                 'Enter a journal entry of this date in QuickBooks: debit the liability that holds the client''s credit, naming the client, and credit the account that payment '
                      || d.quickbooks_id || ' went to.'
            when d.state = 'voided' then 'Delete ' || e.name || ' in QuickBooks.'
            else 'Correct ' || e.name || ' in QuickBooks.' end
       || case when c.candidates <> '' then ' Or say which of the candidates it is: qb-pipeline resolve ' || d.firm_id
                    || ' payment:' || d.source_id || '@' || d.part || ' --entered TYPE:ID' else '' end,
       coalesce(c.candidates, ''), ''
from sync.document d
left join sync.shown_payer payer on payer.firm_id = d.firm_id and payer.payer_id = d.payer_id
left join lateral (
    select *, entity || ' ' || quickbooks_id as name from sync.entered where document_id = d.document_id
) e on true
left join lateral (
    select string_agg(lower(entity) || ':' || quickbooks_id, ', ' order by entry_date, entity, quickbooks_id) as candidates
    from sync.entry_candidate where document_id = d.document_id
) c on true
where d.kind = 'payment' and d.payment_kind = 'credit_application' and d.quickbooks_id is not null
  and (d.state <> 'voided' or e.standing <> 'gone') and d.reason not in ('REMOTE_DELETED', 'REMOTE_VOIDED')
  and not exists (select from sync.document c
                  where c.firm_id = d.firm_id and c.kind = 'credit' and c.source_id = d.source_id and c.part = d.part)
  and not exists (select from sync.adoption a where a.document_id = d.document_id)
  and not coalesce(d.state <> 'voided' and e.standing = 'there' and e.amount_cents = d.quickbooks_total_cents, false);
