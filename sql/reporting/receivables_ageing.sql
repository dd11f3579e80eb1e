-- How old is what each payer owes in QuickBooks?
-- Grain: one row per firm and payer that owes (or is owed) something. Money: dollars, by days past the due date. As of
-- reporting.as_of, where the session sets it, else of today.
create view reporting.receivables_ageing as
select i.firm_id,                                   -- Id of the law firm in billing
       i.payer_id,                                  -- Id of the payer in billing
       max(i.customer_id) as customer_id,           -- Id of the customer in QuickBooks
       count(*) as invoices,                        -- Number of invoices with something left to pay
       coalesce(sum(i.open_cents) filter (where f.today <= i.due_date), 0) * 0.01 as not_due, -- Amount that is not due yet, in dollars
       coalesce(sum(i.open_cents) filter (where f.today - i.due_date between 1 and 30), 0) * 0.01 as days_1_to_30, -- Amount that is 1 to 30 days past due, in dollars
       coalesce(sum(i.open_cents) filter (where f.today - i.due_date between 31 and 60), 0) * 0.01 as days_31_to_60, -- Amount that is 31 to 60 days past due, in dollars
       coalesce(sum(i.open_cents) filter (where f.today - i.due_date between 61 and 90), 0) * 0.01 as days_61_to_90, -- Amount that is 61 to 90 days past due, in dollars
       coalesce(sum(i.open_cents) filter (where f.today - i.due_date > 90), 0) * 0.01 as over_90_days, -- Amount that is more than 90 days past due, in dollars
       sum(i.open_cents) * 0.01 as open,            -- Amount left to pay in QuickBooks, in dollars: the sum of the five before
       min(i.due_date) as oldest_due_date           -- Due date of the oldest of these invoices
from sync.receivable i
join (select firm_id, sync.local_date(sync.as_of(), time_zone) as today from sync.firm) f on f.firm_id = i.firm_id
where i.open_cents <> 0
group by i.firm_id, i.payer_id;
