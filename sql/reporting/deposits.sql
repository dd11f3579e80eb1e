-- Which bank deposits brought our payments to the bank, with what else, so that they tie out with the bank's statement?
-- Grain: one row per bank deposit in QuickBooks with a payment of ours. Money: dollars; total = our_payments + other_payments +
-- other_lines. Read by: whoever reconciles the bank. As of reporting.as_of, where the session sets it.
create view reporting.deposits as
select b.firm_id,                                   -- Id of the law firm in billing
       b.quickbooks_id as deposit_id,               -- Id of the deposit in QuickBooks
       b.document_date,                             -- Date of the deposit
       b.account_id,                                -- Id of the bank account
       b.account_name as account,                   -- Name of the bank account when the deposit was last seen
       b.total_cents * 0.01 as total,               -- Total of the deposit, in dollars
       l.payments,                                  -- Number of our payments in it
       l.ours_cents * 0.01 as our_payments,         -- Amount of our payments, in dollars
       l.theirs_cents * 0.01 as other_payments,     -- Amount of payments that others entered, in dollars
       (b.total_cents - l.ours_cents - l.theirs_cents) * 0.01 as other_lines, -- Amount of everything else in it, such as fees (negative), in dollars
       l.payment_ids,                               -- Ids of our payments in billing
       l.quickbooks_payment_ids,                    -- Ids of our payments in QuickBooks, in the same order
       '' as note                                   -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from sync.bank_deposit_then b
cross join lateral (
    select count(d.document_id) as payments,
           coalesce(sum(x.amount_cents) filter (where d.document_id is not null), 0) as ours_cents,
           coalesce(sum(x.amount_cents) filter (where d.document_id is null and x.payment_id <> ''), 0) as theirs_cents,
           string_agg(d.source_id, ', ' order by d.document_id) as payment_ids,
           string_agg(d.quickbooks_id, ', ' order by d.document_id) as quickbooks_payment_ids
    from jsonb_to_recordset(b.lines) as x (payment_id text, amount_cents bigint)
    left join sync.document d on d.firm_id = b.firm_id and d.kind = 'payment' and d.quickbooks_id = nullif(x.payment_id, '')
) l
where b.status = 'live' and l.payments > 0
union all
select firm_id, null, null, null, null, null, null, null, null, null, null, null, note
from sync.before_records;
