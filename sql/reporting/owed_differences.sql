-- Where do both sides differ in what is owed, by how much, which one class explains it, and which document causes it?
-- Grain: one row per difference: an invoice, or a client where no invoice is concerned, the document that causes it, and class.
-- Money: dollars, what billing has more than QuickBooks. The rows of an invoice, of a client and of a firm add up to its difference
-- in invoice_owed, customer_owed and reconciliation. As of reporting.as_of, where the session sets it.
create view reporting.owed_differences as
select f.firm_id,                                   -- Id of the law firm in billing
       x.customer_id,                               -- Id of the client's customer in QuickBooks; empty while it has none
       coalesce(customer.name, '') as customer_name, -- Name of the customer in QuickBooks as it was last seen; empty while it is not known, or where show_client_names is off
       x.payer_id,                                  -- Id of the payer in billing; empty where only QuickBooks knows the document
       x.invoice_id,                                -- Id of the invoice in billing; empty where no invoice of ours is concerned
       x.number,                                    -- Number of that invoice, or reference of the payment
       x.document_date,                             -- Date of that invoice, or of the document that causes the difference
       x.class,                                     -- Class of the difference, exactly one (docs/reconciliation.md); empty when nothing explains it
       x.amount,                                    -- Amount that billing has more than QuickBooks, in dollars; negative where it has less
       x.cause,                                     -- Kind of the document that causes it, where billing has it: invoice or payment; else what QuickBooks calls it
       x.cause_id,                                  -- Id of that document in billing; empty where only QuickBooks knows it
       x.cause_part,                                -- Date on which credit was applied, where that document is a part of a payment; else empty
       x.cause_quickbooks_id,                       -- Id of that document in QuickBooks; empty when it is not there
       x.state,                                     -- State of that document
       x.reason,                                    -- Reason code of that document; empty when there is none
       x.since,                                     -- Moment since which it is in its state, in UTC; null where only QuickBooks knows it
       '' as note                                   -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from sync.firm f
cross join lateral (  -- firm by firm: each part of the question reads one firm's rows
    with invoice as materialized (
        select * from sync.owed_invoice i where i.firm_id = f.firm_id
    ),
    payment as materialized (
        select p.*,
               case
                   when p.is_kept and p.state = 'synced' then 'kept'
                   when p.reason = 'SOURCE_GONE' then 'source_gone'
                   when p.quickbooks_status = 'deleted' and p.state <> 'void_pending' then 'remote_deleted'
                   when p.quickbooks_status = 'void' and p.state not in ('void_pending', 'voided') then 'remote_voided'
                   when p.state = 'synced' or (p.state = 'held' and p.reason = 'DRIFT') then
                       case when p.billed_cents = p.held_cents then '' else 'drift' end
                   when p.state = 'held' then 'held'
                   when p.state = 'refused' then 'refused'
                   when p.state = 'waiting' then 'waiting'
                   when p.state = 'new' then 'new'
                   when p.state = 'sending' then 'sending'
                   when p.state = 'unknown' then 'unknown'
                   when p.state = 'revised' then 'revised'
                   when p.state = 'void_pending' then 'void_pending'
                   when p.state = 'closed' and p.reason = 'INELIGIBLE' then 'ineligible'
                   when p.state = 'closed' then 'closed'
                   else 'drift'
               end as class
        from sync.owed_payment p
        where p.firm_id = f.firm_id
    ),
    -- The newest of what takes a payment back, and whether QuickBooks has it.
    back as materialized (
        select b.firm_id, b.payment_id, b.document_id, r.source_id, coalesce(j.quickbooks_id, '') as quickbooks_id,
               case when coalesce(j.state, '') = 'synced' then 'recorded' else 'hand_entry' end as class
        from sync.taken_back_then b
        join sync.document_then r on r.document_id = b.document_id
        left join sync.document_then j on j.firm_id = r.firm_id and j.kind = 'refund' and j.source_id = r.source_id
        where b.firm_id = f.firm_id
    ),
    -- What one of our payments pays of one of our invoices, on both sides, where they differ.
    pair as materialized (
        select b.firm_id, b.document_id as payment_document_id, i.document_id as invoice_document_id, b.there,
               case when i.is_off then 0 else b.ours end as ours, case when i.is_off then 0 else b.back end as back
        from (
            select firm_id, document_id, invoice_id, sum(there) as there, sum(ours) as ours, sum(back) as back
            from (
                select firm_id, document_id, invoice_id, 0 as there, owed_cents as ours, shared_cents - owed_cents as back
                from sync.share_then t
                where t.firm_id = f.firm_id
                union all
                select s.firm_id, p.document_id, i.source_id, s.amount_cents, 0, 0
                from sync.settlement_then s
                join payment p on p.quickbooks_id = s.quickbooks_payment_id
                join invoice i on i.quickbooks_id = s.quickbooks_invoice_id
                where s.firm_id = f.firm_id and s.means = 'payment'
            ) sides
            group by firm_id, document_id, invoice_id
        ) b
        join invoice i on i.firm_id = b.firm_id and i.source_id = b.invoice_id
        where b.there <> case when i.is_off then 0 else b.ours end
    ),
    apart as materialized (
        select d.*, d.there - d.ours - d.still_there as more,
               d.unapplied_more - sum(greatest(0, d.ours + d.still_there - d.there)) over earlier as unapplied_left
        from (
            select d.*, least(d.back, greatest(0, d.there - d.ours)) as still_there, p.source_id as payment_id, p.class,
                   greatest(0, p.unapplied_there_cents - p.unapplied_cents) as unapplied_more
            from pair d
            join payment p on p.firm_id = d.firm_id and p.document_id = d.payment_document_id
        ) d
        window earlier as (partition by d.firm_id, d.payment_document_id order by d.invoice_document_id rows unbounded preceding)
    ),
    -- What settles our invoices in QuickBooks and is no money of ours; what of it billing holds (Model 2).
    received as materialized (
        select i.firm_id, i.document_id, s.quickbooks_payment_id, s.source_id,
               case s.means
                   when 'payment' then 'received_in_quickbooks'
                   when 'credit_memo' then case when bool_or(m.is_write_off) then 'write_off' else 'credit_memo' end
                   when 'journal' then case when bool_or(m.is_write_off) then 'write_off' else 'journal' end
                   when 'other' then 'other_settlement'
                   else ''
               end as class,
               sum(s.amount_cents) as cents
        from sync.settlement_then s
        join invoice i on i.quickbooks_id = s.quickbooks_invoice_id
        left join payment p on p.quickbooks_id = s.quickbooks_payment_id and s.means = 'payment'
        left join (
            select firm_id, kind, quickbooks_id, bool_or(is_write_off) as is_write_off
            from sync.mirror_then m
            where m.firm_id = f.firm_id and is_write_off
            group by firm_id, kind, quickbooks_id
        ) m on m.firm_id = s.firm_id and m.quickbooks_id = s.source_id
            and m.kind = case s.means when 'credit_memo' then 'credit_memo' else 'journal_entry' end
        where s.firm_id = f.firm_id and p.document_id is null
        group by i.firm_id, i.document_id, s.quickbooks_payment_id, s.source_id, s.means
        union all
        select i.firm_id, i.document_id, r.quickbooks_payment_id, '', 'received_in_quickbooks', -r.cents
        from sync.posted_then r
        join invoice i on i.firm_id = r.firm_id and i.source_id = r.invoice_id and not i.is_off
        where r.firm_id = f.firm_id
    ),
    difference as materialized (
        -- the invoice itself
        select i.firm_id, i.document_id as invoice_document_id, i.document_id as cause_document_id, '' as cause_quickbooks_id,
               case when i.reason = 'WITHDRAWN' then 'withdrawn' else d.class end as class, d.cents
        from (
            select firm_id, source_id, class, (amount * 100)::bigint as cents
            from reporting.differences b
            where b.firm_id = f.firm_id and measure = 'billed' and class not in ('forwarded_balance', 'ineligible')
            union all
            select firm_id, source_id, 'withdrawn', forwarded_cents - billed_cents
            from sync.comparison c
            where c.firm_id = f.firm_id and kind = 'invoice' and reason = 'WITHDRAWN' and billed_cents <> forwarded_cents
        ) d
        join invoice i on i.firm_id = d.firm_id and i.source_id = d.source_id
        union all
        -- our payments on it
        select a.firm_id, a.invoice_document_id, c.document_id, c.quickbooks_id, c.class, c.cents
        from apart a
        join invoice i on i.firm_id = a.firm_id and i.document_id = a.invoice_document_id
        left join back b on b.firm_id = a.firm_id and b.payment_id = a.payment_id
        cross join lateral (
            select case
                       when i.reason = 'REMOTE_DELETED' then 'remote_deleted'
                       when i.reason = 'REMOTE_VOIDED' then 'remote_voided'
                       when i.reason = 'WITHDRAWN' then 'withdrawn'
                       when i.reason = 'SOURCE_GONE' then 'source_gone'
                       when i.is_off and i.state = 'void_pending' then 'void_pending'
                       when i.is_off and i.state = 'held' then 'held'
                       else a.class
                   end as class,
                   least(greatest(0, -a.more), greatest(0, a.unapplied_left + greatest(0, -a.more))) as unapplied
        ) s
        cross join lateral (
            values (s.class, case s.class when '' then 0 else a.more end, a.payment_document_id, ''),
                   ('unapplied_there', case s.class when '' then -s.unapplied else 0 end, a.payment_document_id, ''),
                   ('applied_elsewhere', case s.class when '' then a.more + s.unapplied else 0 end, a.payment_document_id, ''),
                   (b.class, a.still_there, b.document_id, b.quickbooks_id)
        ) c (class, cents, document_id, quickbooks_id)
        union all
        -- what others did
        select firm_id, document_id, null, case source_id when '' then quickbooks_payment_id else source_id end, class, sum(cents)
        from received
        group by 1, 2, 4, 5
        union all
        select firm_id, document_id, document_id, '', 'other_settlement', otherwise_cents from invoice where otherwise_cents <> 0
    )
    select i.firm_id,
           i.client_id as customer_id,
           i.payer_id,
           i.source_id as invoice_id,
           i.number,
           i.document_date,
           d.class,
           d.cents * 0.01 as amount,
           coalesce(c.kind, '') as cause,
           coalesce(c.source_id, '') as cause_id,
           coalesce(c.part, '') as cause_part,
           coalesce(nullif(d.cause_quickbooks_id, ''), c.quickbooks_id, '') as cause_quickbooks_id,
           coalesce(c.state, '') as state,
           coalesce(c.reason, '') as reason,
           c.state_since as since
    from difference d
    join invoice i on i.firm_id = d.firm_id and i.document_id = d.invoice_document_id
    left join lateral (
        select * from sync.document_then c where c.document_id = d.cause_document_id
    ) c on true
    where d.cents <> 0
    union all
    -- money that is kept unapplied
    select p.firm_id, p.client_id, p.payer_id, '', p.number, p.document_date, c.class, c.cents * 0.01, 'payment',
           case when c.is_back then b.source_id else p.source_id end,
           case when c.is_back then '' else p.part end,
           case when c.is_back then b.quickbooks_id else p.quickbooks_id end, p.state, p.reason, p.state_since
    from payment p
    left join back b on b.firm_id = p.firm_id and b.payment_id = p.source_id
    cross join lateral (
        select least(p.unapplied_back_cents, greatest(0, p.unapplied_there_cents - p.unapplied_cents)) as cents
    ) k
    cross join lateral (
        values (case p.class when '' then 'unapplied_payment' else p.class end, p.unapplied_there_cents - p.unapplied_cents - k.cents, false),
               (b.class, k.cents, true)
    ) c (class, cents, is_back)
    where p.unapplied_there_cents <> p.unapplied_cents and c.cents <> 0
    union all
    -- what else the client owes there, or has as credit
    select o.firm_id, o.customer_id, '', '', '', o.document_date,
           case when o.refund_id <> '' then 'recorded'
                when o.is_write_off then 'write_off'
                when o.kind = 'payment' then 'unapplied_payment'
                else 'foreign_document' end,
           -o.open_cents * 0.01, o.kind, o.refund_id, '', o.quickbooks_id, '', '', null
    from sync.owed_other o
    where o.firm_id = f.firm_id
    union all
    -- an invoice that stands under another customer there
    select i.firm_id, c.customer_id, i.payer_id, '', i.number, i.document_date,
           case when i.state = 'synced' and not i.is_kept then 'drift' when i.is_kept then 'kept' else i.state end,
           c.cents * 0.01, 'invoice', i.source_id, '', i.quickbooks_id, i.state, i.reason, i.state_since
    from invoice i
    cross join lateral (
        values (i.client_id, i.held_cents - i.settled_cents - i.otherwise_cents),
               (i.customer_id, i.settled_cents + i.otherwise_cents - i.held_cents)
    ) c (customer_id, cents)
    where i.client_id <> i.customer_id and i.quickbooks_id <> '' and c.cents <> 0
) x
left join sync.shown_customer customer on customer.firm_id = f.firm_id and customer.customer_id = x.customer_id
union all
select firm_id, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, note
from sync.before_records;
