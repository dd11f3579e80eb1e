-- Per day: does what QuickBooks holds equal what we meant to send, to the cent?
-- Grain: one row per firm, kind and document date. Money: dollars; difference = in_quickbooks - meant, 0.00 on a good day.
-- As of reporting.as_of, where the session sets it.
create view reporting.daily_control_totals as
select firm_id,                                     -- Law firm
       kind,                                        -- invoice or payment
       document_date,                               -- Date of the documents
       count(*) as documents,                       -- All documents of the day: synced, held, pending, voided and closed
       count(*) filter (where state = 'synced') as synced, -- In QuickBooks as billing means them
       count(*) filter (where state in ('held', 'refused')) as held, -- Need a person
       count(*) filter (where state in ('new', 'revised', 'void_pending', 'waiting', 'sending', 'unknown')) as pending, -- To be sent, waiting or under way
       count(*) filter (where state = 'voided') as voided, -- Void in QuickBooks
       count(*) filter (where state = 'closed') as closed, -- Never sent: nothing to bill, entered by hand, void before
       coalesce(sum(billed_cents) filter (where state <> 'closed'), 0) * 0.01 as billed, -- What billing says, without void and closed documents
       coalesce(sum(forwarded_cents) filter (where state <> 'closed'), 0) * 0.01 as forwarded, -- Balances of older invoices in it, which are not sent
       sum(sent_cents) * 0.01 as meant,             -- Totals as they were last sent and accepted
       sum(held_cents) * 0.01 as in_quickbooks,     -- Totals in QuickBooks, as they were last seen
       sum(held_cents - sent_cents) * 0.01 as difference -- What QuickBooks has more than was meant
from sync.comparison
group by firm_id, kind, document_date;
