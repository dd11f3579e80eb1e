-- Client by client: what does he owe, by billing and by QuickBooks?
-- Grain: one row per firm and customer; a payer without a customer has a row of its own. Money: dollars; owed is the sum of the
-- invoices less money that is kept unapplied, owed_in_quickbooks the customer's balance. As of reporting.as_of, where the session
-- sets it. owed_differences has the classes.
create view reporting.customer_owed as
select f.firm_id,                                   -- Id of the law firm in billing
       s.customer_id,                               -- Id of the customer in QuickBooks; empty for a payer that has none
       coalesce(max(customer.name), '') as customer_name, -- Name of the customer in QuickBooks as it was last seen; empty while it is not known, or where show_client_names is off
       string_agg(distinct nullif(payer_id, ''), ', ') as payer_id, -- Id of the payer in billing; several where they share a customer, null where an invoice stands under a stranger
       sum(invoices)::bigint as invoices,           -- Number of invoices
       sum(ours) * 0.01 as owed,                    -- Amount that the client owes by billing, in dollars
       sum(theirs) * 0.01 as owed_in_quickbooks,    -- Balance of the customer in QuickBooks, in dollars
       sum(ours - theirs) * 0.01 as difference,     -- Amount that billing has more than QuickBooks, in dollars; negative where it has less
       '' as note                                   -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from sync.firm f
cross join lateral (  -- firm by firm: each part of the question reads one firm's rows
    with invoice as materialized (
        select * from sync.owed_invoice i where i.firm_id = f.firm_id
    )
    select firm_id, client_id as customer_id, payer_id, count(*) as invoices,
           sum(billed_cents - paid_cents + taken_back_cents) as ours,
           sum(case when client_id = customer_id or quickbooks_id = '' then held_cents - settled_cents - otherwise_cents else 0 end) as theirs
    from invoice
    group by firm_id, client_id, payer_id
    union all
    select firm_id, customer_id, '', 0, 0, held_cents - settled_cents - otherwise_cents
    from invoice
    where client_id <> customer_id and quickbooks_id <> ''
    union all
    select p.firm_id, p.client_id, case p.client_id when '' then p.payer_id else '' end, 0, -p.unapplied_cents, -p.unapplied_there_cents
    from sync.owed_payment p
    where p.firm_id = f.firm_id and (p.unapplied_cents <> 0 or p.unapplied_there_cents <> 0)
    union all
    select o.firm_id, o.customer_id, '', 0, 0, o.open_cents
    from sync.owed_other o
    where o.firm_id = f.firm_id
) s
left join sync.shown_customer customer on customer.firm_id = f.firm_id and customer.customer_id = s.customer_id
group by f.firm_id, s.customer_id, case s.customer_id when '' then s.payer_id end
union all
select firm_id, null, null, null, null, null, null, null, note
from sync.before_records;
