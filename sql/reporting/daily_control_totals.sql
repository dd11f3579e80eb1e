-- Per day: does what QuickBooks accepted equal what we meant to send, to the cent?
-- Grain: one row per firm, kind and document date. Money: dollars. difference is 0.00 on a good day.
create view reporting.daily_control_totals as
select firm_id, kind, document_date,
       count(*) as documents,
       count(*) filter (where state = 'synced') as synced,
       count(*) filter (where state in ('held', 'refused')) as held,
       count(*) filter (where state in ('new', 'revised', 'void_pending', 'waiting', 'sending', 'unknown')) as pending,
       (coalesce(sum(amount_cents), 0) / 100.0)::numeric(15, 2) as billed,
       (coalesce(sum(forwarded_cents), 0) / 100.0)::numeric(15, 2) as forwarded,
       (coalesce(sum(sent_total_cents) filter (where quickbooks_id is not null and state <> 'voided'), 0) / 100.0)::numeric(15, 2) as meant,
       (coalesce(sum(quickbooks_total_cents) filter (where quickbooks_id is not null and state <> 'voided'), 0) / 100.0)::numeric(15, 2) as in_quickbooks,
       ((coalesce(sum(quickbooks_total_cents) filter (where quickbooks_id is not null and state <> 'voided'), 0)
         - coalesce(sum(sent_total_cents) filter (where quickbooks_id is not null and state <> 'voided'), 0)) / 100.0)::numeric(15, 2) as difference
from sync.document
where kind in ('invoice', 'payment')
group by firm_id, kind, document_date;
