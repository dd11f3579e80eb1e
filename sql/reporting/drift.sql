-- What has a person changed in QuickBooks that billing owns, as far as a sync has noticed?
-- Grain: one row per document. Money: dollars. Read by: whoever answers for both sides.
create view reporting.drift as
select d.firm_id,                                   -- Law firm
       d.kind,                                      -- invoice or payment
       d.source_id,                                 -- Document in billing
       d.part,                                      -- Date on which credit was applied; else empty
       d.number,                                    -- Invoice number or payment reference
       d.document_date,                             -- Date in billing
       coalesce(d.quickbooks_id, '') as quickbooks_id, -- Id in QuickBooks
       d.amount_cents * 0.01 as amount,             -- Amount in billing
       d.sent_total_cents * 0.01 as sent,           -- Total that was last sent and accepted
       d.quickbooks_total_cents * 0.01 as in_quickbooks, -- Total in QuickBooks, as it last answered
       d.reason,                                    -- DRIFT, REMOTE_DELETED, REMOTE_VOIDED or COPIED
       coalesce(p.sentence, d.reason) as sentence,  -- What the reason means
       coalesce(p.remedy, '') as remedy,            -- The one action that clears it
       d.state_since as since                       -- Since when it is known
from sync.document d
left join sync.problem p on p.code = d.reason
where d.kind in ('invoice', 'payment') and d.reason in ('DRIFT', 'REMOTE_DELETED', 'REMOTE_VOIDED', 'COPIED');
