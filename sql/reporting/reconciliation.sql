-- Per firm: how far are billing and QuickBooks apart, and is all of it explained, to the cent?
-- Grain: one row per firm and measure. Money: dollars; residual = difference - explained, 0.00 on a good day. As of
-- reporting.as_of, where the session sets it.
create view reporting.reconciliation as
select t.firm_id,                                   -- Id of the law firm in billing
       t.measure,                                   -- Measure that is compared: owed, by clients; billed, of invoices; received, of payments; open, left to pay of invoices in QuickBooks
       t.ours * 0.01 as ours,                       -- Sum in billing, in dollars; of open: totals in QuickBooks less our payments there
       t.theirs * 0.01 as theirs,                   -- Sum in QuickBooks, in dollars
       (t.ours - t.theirs) * 0.01 as difference,    -- Amount that billing has more than QuickBooks, in dollars; negative where it has less
       coalesce(x.explained, 0.00) as explained,    -- Part of the difference that the classes explain, in dollars
       (t.ours - t.theirs) * 0.01 - coalesce(x.explained, 0.00) as residual, -- Part of the difference that nothing explains, in dollars
       coalesce(x.differences, 0) as differences,   -- Number of differences
       coalesce(x.unexplained, 0) as unexplained,   -- Number of differences without a class
       '' as note -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from (
    select firm_id, case kind when 'invoice' then 'billed' else 'received' end as measure, sum(billed_cents) as ours,
           sum(held_cents) as theirs
    from sync.comparison
    group by 1, 2
    union all
    select firm_id, 'open', sum(held_cents - paid_by_us_cents), sum(open_cents)
    from sync.receivable
    group by 1
    union all
    select firm_id, 'owed', (sum(owed) * 100)::bigint, (sum(owed_in_quickbooks) * 100)::bigint
    from reporting.customer_owed
    where note = ''
    group by 1
) t
left join (
    select firm_id, measure, sum(amount) filter (where class <> '') as explained, count(*) as differences,
           count(*) filter (where class = '') as unexplained
    from (
        select firm_id, measure, class, amount from reporting.differences
        union all
        select firm_id, 'owed', class, amount from reporting.owed_differences
    ) d
    group by 1, 2
) x on x.firm_id = t.firm_id and x.measure = t.measure
union all
select firm_id, null, null, null, null, null, null, null, null, note
from sync.before_records;
