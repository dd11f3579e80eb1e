-- How old is what each payer owes in QuickBooks?
-- Grain: one row per firm and payer that owes (or is owed) something. Money: dollars, by days past the due date. As of
-- reporting.as_of, where the session sets it, else of today.
create view reporting.receivables_ageing as
select i.firm_id,                                   -- Law firm
       i.payer_id,                                  -- Payer in billing
       max(i.customer_id) as customer_id,           -- Customer in QuickBooks
       count(*) as invoices,                        -- Invoices with something left to pay
       coalesce(sum(i.open_cents) filter (where f.today <= i.due_date), 0) * 0.01 as not_due, -- Not due yet
       coalesce(sum(i.open_cents) filter (where f.today - i.due_date between 1 and 30), 0) * 0.01 as days_1_to_30, -- 1 to 30 days past due
       coalesce(sum(i.open_cents) filter (where f.today - i.due_date between 31 and 60), 0) * 0.01 as days_31_to_60, -- 31 to 60 days past due
       coalesce(sum(i.open_cents) filter (where f.today - i.due_date between 61 and 90), 0) * 0.01 as days_61_to_90, -- 61 to 90 days past due
       coalesce(sum(i.open_cents) filter (where f.today - i.due_date > 90), 0) * 0.01 as over_90_days, -- More than 90 days past due
       sum(i.open_cents) * 0.01 as open,            -- All of it
       min(i.due_date) as oldest_due_date           -- Due date of the oldest of them
from sync.receivable i
join (select firm_id, sync.local_date(sync.as_of(), time_zone) as today from sync.firm) f on f.firm_id = i.firm_id
where i.open_cents <> 0
group by i.firm_id, i.payer_id;
