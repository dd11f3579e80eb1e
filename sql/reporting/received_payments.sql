-- Which payments did QuickBooks receive, what of them stands in billing, and what needs a person (Model 2)?
-- Grain: one row per payment in QuickBooks that was read. Money: dollars. Read by: the bookkeeper.
create view reporting.received_payments as
select r.firm_id,                                             -- Law firm
       r.payment_id as quickbooks_payment_id,                 -- Id of the payment in QuickBooks
       r.payment_date,                                        -- Date in QuickBooks
       r.status,                                              -- live, voided or deleted, in QuickBooks
       case when r.failed_at is null then r.state else 'failed' end as state, -- done, open, waiting, unapplied, not_ours, older, echo, refused or failed
       r.total_cents * 0.01 as amount,                        -- Total in QuickBooks, in the payment's currency
       applied.cents * 0.01 as applied,                       -- What it pays on invoices, foreign ones and credit included
       posted.cents * 0.01 as in_billing,                     -- What stands in billing
       greatest(r.total_cents + r.credit_cents - applied.cents, 0) * 0.01 as unapplied, -- What pays nothing yet
       case when r.failed_at is not null then 'Billing refused it.'
            when r.state = 'done' then 'Billing holds what it pays on our invoices.'
            when r.state = 'open' then 'It was read and is about to be posted.'
            when r.state = 'waiting' then 'It may pay an invoice of ours whose answer was lost.'
            when r.state = 'unapplied' then 'It pays no invoice yet.'
            when r.state = 'not_ours' then 'It pays other invoices than ours.'
            when r.state = 'older' then 'QuickBooks received it before the firm came to Model 2.'
            when r.state = 'echo' then 'A pipeline sent it; billing had it first.'
            else 'It cannot be taken over.' end as sentence,  -- What the state means
       case when r.failed_at is not null then 'Clear what billing says; the next pull tries again.'
            when r.state = 'unapplied' then 'Apply it in QuickBooks.'
            when r.state = 'older' then 'Enter it in billing by hand if it is missing there.'
            when r.state = 'refused' then 'Correct it in QuickBooks, or enter it in billing by hand.'
            else 'Nothing.' end as remedy,                    -- The one action that clears it
       r.error,                                               -- What billing said, or why it cannot be taken over
       coalesce(r.failed_at, r.state_since) as since,         -- Since when it is so
       r.read_at                                              -- When this version of it was read
from sync.received_payment r
cross join lateral (
    select coalesce(sum(link.cents), 0) as cents from jsonb_to_recordset(r.links) as link (invoice text, cents bigint)
) applied
cross join lateral (
    select coalesce(sum(case when p.kind = 'reversal' then -p.amount_cents else p.amount_cents end), 0) as cents
    from sync.posting p
    where p.firm_id = r.firm_id and p.payment_id = r.payment_id and p.posted_at is not null
) posted
where r.state <> 'superseded';
