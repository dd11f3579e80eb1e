-- How old is what each payer owes in QuickBooks?
-- Grain: one row per firm and payer that owes (or is owed) something. Money: dollars, by days past the due date. As of
-- reporting.as_of, where the session sets it, else of today.
create view reporting.receivables_ageing as
select firm_id,                                     -- Id of the law firm in billing
       payer_id,                                    -- Id of the payer in billing
       customer_id,                                 -- Id of the customer in QuickBooks
       coalesce(customer.name, '') as customer_name, -- Name of the customer in QuickBooks as it was last seen; empty while it is not known, or where show_client_names is off
       invoices,                                    -- Number of invoices with something left to pay
       not_due_cents * 0.01 as not_due,             -- Amount that is not due yet, in dollars
       to_30_cents * 0.01 as days_1_to_30,          -- Amount that is 1 to 30 days past due, in dollars
       to_60_cents * 0.01 as days_31_to_60,         -- Amount that is 31 to 60 days past due, in dollars
       to_90_cents * 0.01 as days_61_to_90,         -- Amount that is 61 to 90 days past due, in dollars
       over_90_cents * 0.01 as over_90_days,        -- Amount that is more than 90 days past due, in dollars
       open_cents * 0.01 as open,                   -- Amount left to pay in QuickBooks, in dollars: the sum of the five before
       oldest_due_date,                             -- Due date of the oldest of these invoices
       '' as note                                   -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from (
    select i.firm_id, i.payer_id, max(i.customer_id) as customer_id, count(*) as invoices,
           coalesce(sum(i.open_cents) filter (where f.today <= i.due_date), 0) as not_due_cents,
           coalesce(sum(i.open_cents) filter (where f.today - i.due_date between 1 and 30), 0) as to_30_cents,
           coalesce(sum(i.open_cents) filter (where f.today - i.due_date between 31 and 60), 0) as to_60_cents,
           coalesce(sum(i.open_cents) filter (where f.today - i.due_date between 61 and 90), 0) as to_90_cents,
           coalesce(sum(i.open_cents) filter (where f.today - i.due_date > 90), 0) as over_90_cents,
           sum(i.open_cents) as open_cents, min(i.due_date) as oldest_due_date
    from sync.receivable i
    join (select firm_id, sync.local_date(sync.as_of(), time_zone) as today from sync.firm) f on f.firm_id = i.firm_id
    where i.open_cents <> 0
    group by i.firm_id, i.payer_id
) aged
left join sync.shown_customer customer using (firm_id, customer_id)
union all
select firm_id, null, null, null, null, null, null, null, null, null, null, null, note
from sync.before_records;
