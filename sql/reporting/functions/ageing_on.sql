-- What did each client owe in QuickBooks on a day, and how old was it, as QuickBooks' own A/R Ageing Summary by report date says?
-- Grain: one row per firm and customer with something open on the day. Money: dollars. A document counts from its date and an
-- application from the later of both dates, whenever it was entered; money that is not applied is negative and ages by its own date.
create function reporting.ageing_on(day date)
returns table (
    firm_id       text,     -- Id of the law firm in billing
    customer_id   text,     -- Id of the customer in QuickBooks
    customer_name text,     -- Name of the customer in QuickBooks as it was last seen; empty while it is not known, or where show_client_names is off
    not_due       numeric,  -- Amount that is not due on the day, in dollars
    days_1_to_30  numeric,  -- Amount that is 1 to 30 days past due, in dollars
    days_31_to_60 numeric,  -- Amount that is 31 to 60 days past due, in dollars
    days_61_to_90 numeric,  -- Amount that is 61 to 90 days past due, in dollars
    over_90_days  numeric,  -- Amount that is more than 90 days past due, in dollars
    total         numeric,  -- Amount that the customer owes on the day, in dollars: the sum of the five before
    of_ours       numeric,  -- Part of the total that documents of ours have, in dollars
    not_ours      numeric,  -- Part of the total that documents of others have, in dollars
    note          text      -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
)
language sql stable as $$
    select o.firm_id, o.customer_id, max(o.customer_name),
           coalesce(sum(o.open) filter (where day <= o.aged_from), 0.00),
           coalesce(sum(o.open) filter (where day - o.aged_from between 1 and 30), 0.00),
           coalesce(sum(o.open) filter (where day - o.aged_from between 31 and 60), 0.00),
           coalesce(sum(o.open) filter (where day - o.aged_from between 61 and 90), 0.00),
           coalesce(sum(o.open) filter (where day - o.aged_from > 90), 0.00),
           sum(o.open),
           coalesce(sum(o.open) filter (where o.is_ours), 0.00),
           coalesce(sum(o.open) filter (where not o.is_ours), 0.00),
           ''
    from (  -- the row of the document as a whole says whose it is; those of its applications only move its amount
        select m.firm_id, max(m.customer_id) as customer_id, max(m.customer_name) as customer_name,
               max(m.aged_from) as aged_from, bool_or(m.is_ours) as is_ours, sum(m.amount) as open
        from reporting.receivable_movements m
        where m.effective_date <= day and m.note = ''
        group by m.firm_id, m.kind, m.quickbooks_id, m.customer_key
        having sum(m.amount) <> 0
    ) o
    group by o.firm_id, o.customer_id
    having coalesce(sum(o.open) filter (where day <= o.aged_from), 0) <> 0
        or coalesce(sum(o.open) filter (where day - o.aged_from between 1 and 30), 0) <> 0
        or coalesce(sum(o.open) filter (where day - o.aged_from between 31 and 60), 0) <> 0
        or coalesce(sum(o.open) filter (where day - o.aged_from between 61 and 90), 0) <> 0
        or coalesce(sum(o.open) filter (where day - o.aged_from > 90), 0) <> 0
    union all
    select m.firm_id, null, null, null, null, null, null, null, null, null, null, m.note
    from reporting.receivable_movements m
    where m.note <> ''
$$;
