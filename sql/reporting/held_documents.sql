-- What did not reach QuickBooks as it should, why, and what clears it?
-- Grain: one row per held or refused document. Money: dollars. Read by: finance, every morning.
create view reporting.held_documents as
select d.firm_id,                                   -- Id of the law firm in billing
       d.kind,                                      -- Kind of the document: invoice or payment
       d.source_id,                                 -- Id of the document in billing
       d.part,                                      -- Date on which credit was applied; empty for other documents
       d.number,                                    -- Invoice number or payment reference
       d.document_date,                             -- Date of the document
       d.amount_cents * 0.01 as amount,             -- Amount in billing, in dollars
       d.reason,                                    -- Reason code
       coalesce(p.sentence, d.reason) as sentence,  -- Meaning of the reason, in one sentence
       coalesce(p.remedy, '') as remedy,            -- The one action that clears it
       d.state_since as since,                      -- Moment since which the document is held or refused, in UTC
       d.state,                                     -- State of the document: held, we do not send it; refused, QuickBooks does not take it
       coalesce(l.detail, '') as detail,            -- Particulars of this document: both totals, the fault, the payment that blocks it
       f.refused_at                                 -- Moment at which QuickBooks last refused the document, in UTC; null where the hold is ours
from sync.document d
left join sync.problem p on p.code = d.reason
left join sync.refusal f on f.document_id = d.document_id and f.reason = d.reason
left join lateral (
    select detail from sync.log
    where document_id = d.document_id and log.reason = d.reason and activity in ('held', 'refused')
    order by log_id desc limit 1
) l on true
where d.state in ('held', 'refused') and d.kind in ('invoice', 'payment');
