-- Per day: does what QuickBooks holds equal what we meant to send, to the cent?
-- Grain: one row per firm, kind and document date. Money: dollars; difference = in_quickbooks - meant, 0.00 on a good day.
-- As of reporting.as_of, where the session sets it.
create view reporting.daily_control_totals as
select firm_id,                                     -- Id of the law firm in billing
       kind,                                        -- Kind of the document: invoice or payment
       document_date,                               -- Date of the documents
       count(*) as documents,                       -- Number of all documents of the day: synced, held, pending, voided and closed
       count(*) filter (where state = 'synced') as synced, -- Number of documents that stand in QuickBooks as billing means them
       count(*) filter (where state in ('held', 'refused')) as held, -- Number of documents that need a person
       count(*) filter (where state in ('new', 'revised', 'void_pending', 'waiting', 'sending', 'unknown')) as pending, -- Number of documents to be sent, waiting or under way
       count(*) filter (where state = 'voided') as voided, -- Number of documents that are void in QuickBooks
       count(*) filter (where state = 'closed') as closed, -- Number of documents that are never sent: nothing to bill, entered by hand, void before
       coalesce(sum(billed_cents) filter (where state <> 'closed'), 0) * 0.01 as billed, -- Totals in billing, in dollars; void and closed documents are left out
       coalesce(sum(forwarded_cents) filter (where state <> 'closed'), 0) * 0.01 as forwarded, -- Balances of older invoices in these totals, in dollars; they are not sent
       sum(sent_cents) * 0.01 as meant,             -- Totals that were last sent and accepted, in dollars
       sum(held_cents) * 0.01 as in_quickbooks,     -- Totals in QuickBooks as they were last seen, in dollars
       sum(held_cents - sent_cents) * 0.01 as difference, -- Amount in QuickBooks beyond what was meant, in dollars; negative where it holds less
       '' as note -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from sync.comparison
group by firm_id, kind, document_date
union all
select firm_id, null, null, null, null, null, null, null, null, null, null, null, null, null, note
from sync.before_records;
