-- Which payments did QuickBooks receive, what of them stands in billing, and what needs a person (Model 2)?
-- Grain: one row per payment in QuickBooks that was read. Money: dollars. Read by: the bookkeeper.
create view reporting.received_payments as
select r.firm_id,                                             -- Id of the law firm in billing
       r.payment_id as quickbooks_payment_id,                 -- Id of the payment in QuickBooks
       r.payment_date,                                        -- Date of the payment in QuickBooks
       r.status,                                              -- Status in QuickBooks: live, voided or deleted
       case when r.failed_at is null then r.state else 'failed' end as state, -- State of the payment here: done, open, waiting, unapplied, not_ours, older, echo, refused or failed
       r.total_cents * 0.01 as amount,                        -- Total in QuickBooks, in dollars; a payment in another currency is in that currency
       applied.cents * 0.01 as applied,                       -- Amount that it pays on invoices, in dollars; those of others and credit are included
       posted.cents * 0.01 as in_billing,                     -- Amount that stands in billing, in dollars
       greatest(r.total_cents + r.credit_cents - applied.cents, 0) * 0.01 as unapplied, -- Amount that pays nothing yet, in dollars
       case when r.failed_at is not null then 'Billing refused it.'
            when r.state = 'done' then 'Billing holds what it pays on our invoices.'
            when r.state = 'open' then 'It was read and is about to be posted.'
            when r.state = 'waiting' then 'It may pay an invoice of ours whose answer was lost.'
            when r.state = 'unapplied' then 'It pays no invoice yet.'
            when r.state = 'not_ours' then 'It pays other invoices than ours.'
            when r.state = 'older' then 'QuickBooks received it before the firm came to Model 2.'
            when r.state = 'echo' then 'A pipeline sent it; billing had it first.'
            else 'It cannot be taken over.' end as sentence,  -- Meaning of the state, in one sentence
       case when r.failed_at is not null then 'Clear what billing says; the next pull tries again.'
            when r.state = 'unapplied' then 'Apply it in QuickBooks.'
            when r.state = 'older' then 'Enter it in billing by hand if it is missing there.'
            when r.state = 'refused' then 'Correct it in QuickBooks, or enter it in billing by hand.'
            else 'Nothing.' end as remedy,                    -- The one action that clears it
       r.error,                                               -- Answer of billing, or why the payment cannot be taken over; empty when all is well
       coalesce(r.failed_at, r.state_since) as since,         -- Moment since which the payment is in its state, in UTC
       r.read_at                                              -- Moment at which this version of it was read, in UTC
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
