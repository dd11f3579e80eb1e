-- What did not reach QuickBooks as it should, why, and what clears it?
-- Grain: one row per held or refused document. Money: dollars. Read by: finance, every morning.
create view reporting.held_documents as
select d.firm_id,                                   -- Law firm
       d.kind,                                      -- invoice or payment
       d.source_id,                                 -- Document in billing
       d.part,                                      -- Date on which credit was applied; else empty
       d.number,                                    -- Invoice number or payment reference
       d.document_date,                             -- Date of the document
       d.amount_cents * 0.01 as amount,             -- Amount in billing
       d.reason,                                    -- Reason code
       coalesce(p.sentence, d.reason) as sentence,  -- What the reason means
       coalesce(p.remedy, '') as remedy,            -- The one action that clears it
       d.state_since as since,                      -- Since when it is held
       d.state,                                     -- held: our refusal; refused: QuickBooks' own
       coalesce(l.detail, '') as detail             -- What is particular to this document: both totals, the fault, the payment that blocks it
from sync.document d
left join sync.problem p on p.code = d.reason
left join lateral (
    select detail from sync.log
    where document_id = d.document_id and log.reason = d.reason and activity in ('held', 'refused')
    order by log_id desc limit 1
) l on true
where d.state in ('held', 'refused') and d.kind in ('invoice', 'payment');
