-- What was billed and is not in QuickBooks, for how long, and what clears it?
-- Grain: one row per invoice and class of what is missing. Money: dollars. Read by: whoever answers for revenue. As of
-- reporting.as_of, where the session sets it, else of today.
create view reporting.revenue_leakage as
select d.firm_id,                                   -- Id of the law firm in billing
       d.source_id as invoice_id,                   -- Id of the invoice in billing
       d.number,                                    -- Invoice number
       d.document_date,                             -- Date of the invoice
       d.payer_id,                                  -- Id of the payer in billing
       d.customer_name, -- Name of the customer in QuickBooks as it was last seen, or of the payer's customer where the document is not there; empty while it is not known, or where show_client_names is off
       d.class,                                     -- Class of the difference (docs/reconciliation.md); empty when nothing explains it
       d.amount as missing,                         -- Amount billed that is not in QuickBooks, in dollars
       f.today - d.document_date as age_days,       -- Age of the invoice in days, from its date
       d.state,                                     -- State of the invoice
       d.reason,                                    -- Reason code; empty when there is none
       coalesce(p.sentence, '') as sentence,        -- Meaning of the reason, in one sentence
       coalesce(p.remedy, '') as remedy,            -- Action that clears the reason
       d.since,                                     -- Moment since which the invoice is in its state, in UTC
       '' as note -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from reporting.differences d
join (select firm_id, sync.local_date(sync.as_of(), time_zone) as today from sync.firm) f on f.firm_id = d.firm_id
left join sync.problem p on p.code = d.reason
where d.measure = 'billed' and d.amount > 0 and d.class <> 'forwarded_balance'
union all
select firm_id, null, null, null, null, null, null, null, null, null, null, null, null, null, note
from sync.before_records;
