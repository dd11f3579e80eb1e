-- What was billed and is not in QuickBooks, for how long, and what clears it?
-- Grain: one row per invoice and class of what is missing. Money: dollars. Read by: whoever answers for revenue. As of
-- reporting.as_of, where the session sets it, else of today.
create view reporting.revenue_leakage as
select d.firm_id,                                   -- Law firm
       d.source_id as invoice_id,                   -- Invoice in billing
       d.number,                                    -- Invoice number
       d.document_date,                             -- Date of the invoice
       d.payer_id,                                  -- Payer in billing
       d.class,                                     -- Why it is not there: see docs/reconciliation.md
       d.amount as missing,                         -- Billed, and not in QuickBooks
       f.today - d.document_date as age_days,       -- Days since the invoice's date
       d.state,                                     -- State of the document
       d.reason,                                    -- Reason code; empty when there is none
       coalesce(p.sentence, '') as sentence,        -- What the reason means
       coalesce(p.remedy, '') as remedy,            -- The one action that clears it
       d.since                                      -- Since when it is in this state
from reporting.differences d
join (select firm_id, sync.local_date(sync.as_of(), time_zone) as today from sync.firm) f on f.firm_id = d.firm_id
left join sync.problem p on p.code = d.reason
where d.measure = 'billed' and d.amount > 0 and d.class <> 'forwarded_balance';
