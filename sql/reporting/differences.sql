-- Where do billing and QuickBooks differ, by how much, and which one class explains it?
-- Grain: one row per difference: a document, what is compared (measure), and class. Money: dollars, what billing has more than
-- QuickBooks. As of reporting.as_of, where the session sets it. An empty class is a difference that nothing explains.
create view reporting.differences as
select d.firm_id,                                   -- Id of the law firm in billing
       case d.kind when 'invoice' then 'billed' else 'received' end as measure, -- Measure that differs: billed, of invoices; received, of payments; open, left to pay of invoices
       d.kind,                                      -- Kind of the document: invoice or payment
       d.source_id,                                 -- Id of the document in billing
       d.part,                                      -- Date on which credit was applied; empty for other documents
       d.number,                                    -- Invoice number or payment reference
       d.document_date,                             -- Date of the document in billing
       d.payer_id,                                  -- Id of the payer in billing
       coalesce(case customer_id when '' then payer.name else customer.name end, '') as customer_name, -- Name of the customer in QuickBooks as it was last seen, or of the payer's customer where the document is not there; empty while it is not known, or where show_client_names is off
       coalesce(c.class, '') as class,              -- Class of the difference, exactly one (docs/reconciliation.md); empty when nothing explains it
       c.cents * 0.01 as amount,                    -- Amount that billing has more than QuickBooks, in dollars; negative where it has less
       d.state,                                     -- State of the document
       d.reason,                                    -- Reason code; empty when there is none
       d.state_since as since,                      -- Moment since which the document is in its state, in UTC
       coalesce(case c.class when 'recorded' then coalesce(e.quickbooks_id, h.quickbooks_id) else d.quickbooks_id end, '') as quickbooks_id, -- Id of the document in QuickBooks, of class recorded that of its journal entry or of what was entered by hand; empty when it is not there
       '' as note -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from sync.comparison d
left join sync.shown_customer customer using (firm_id, customer_id)
left join sync.shown_payer payer using (firm_id, payer_id)
left join lateral (
    select j.quickbooks_id, -j.sent_total_cents as cents
    from sync.document_then j
    where d.payment_kind in ('refund', 'rejection') and d.state = 'closed'
      and j.firm_id = d.firm_id and j.kind = 'refund' and j.source_id = d.source_id
      and j.quickbooks_id is not null and j.reason <> 'REMOTE_DELETED'
) e on true
left join sync.entered h on h.document_id = d.document_id and h.entered_at <= (select sync.as_of()) and h.standing = 'there'
     and h.amount_cents = abs(d.billed_cents)
cross join lateral (
    values ('forwarded_balance', d.forwarded_cents),
           -- money that went back and stands in QuickBooks as a journal entry; what differs from it is for a person
           ('recorded', coalesce(e.cents, 0)),
           -- what billing says and was not sent
           (case
                when d.is_adopted and d.state = 'synced' then 'adopted'
                when d.is_kept and d.state = 'synced' then 'kept'
                when d.reason = 'SOURCE_GONE' then 'source_gone'
                when d.reason = 'WITHDRAWN' then 'withdrawn'
                when d.state = 'held' then 'held'
                when d.state = 'refused' then 'refused'
                when d.state = 'waiting' then 'waiting'
                when d.state = 'new' then 'new'
                when d.state = 'sending' then 'sending'
                when d.state = 'unknown' then 'unknown'
                when d.state = 'revised' then 'revised'
                when d.state = 'void_pending' then 'void_pending'
                when d.state = 'closed' and d.reason = 'INELIGIBLE' then 'ineligible'
                when d.state = 'closed' and h.document_id is not null then 'recorded'
                when d.state = 'closed' and d.reason in ('CREDIT_DEPOSIT', 'REFUND', 'REJECTION', 'REVERSAL') then 'hand_entry'
                when d.state = 'closed' then 'closed'
            end, d.billed_cents - d.forwarded_cents - d.sent_cents - coalesce(e.cents, 0)),
           -- what QuickBooks made of it at once
           (case when d.is_kept then 'kept' when d.kind = 'invoice' then 'tax_variance' else 'total_differs' end,
            case when d.quickbooks_status = 'live' then d.sent_cents - d.answered_cents else 0 end),
           -- what a person did to it there since
           (case d.quickbooks_status
                when 'deleted' then 'remote_deleted'
                when 'void' then 'remote_voided'
                when 'live' then 'drift'
            end, case when d.quickbooks_status = 'live' then d.answered_cents else d.sent_cents end - d.held_cents)
) c (class, cents)
where c.cents <> 0
  -- most documents agree: they are left out before they are looked at closely
  and (d.billed_cents <> d.held_cents or d.forwarded_cents <> 0 or d.sent_cents <> d.held_cents or d.answered_cents <> d.held_cents)
union all
-- What settles our invoices in QuickBooks and is no payment of ours.
select d.firm_id, 'open', d.kind, d.source_id, d.part, d.number, d.document_date, d.payer_id,
       coalesce(customer.name, ''), s.class, s.cents * 0.01, d.state, d.reason, d.state_since, d.quickbooks_id, ''
from (
    select firm_id, quickbooks_invoice_id, class, sum(cents) as cents
    from (
        select s.firm_id, s.quickbooks_invoice_id, s.amount_cents as cents,
               case s.means
                   when 'payment' then 'received_in_quickbooks'
                   when 'credit_memo' then 'credit_memo'
                   when 'journal' then 'journal'
                   when 'other' then 'other_settlement'
                   else ''
               end as class
        from sync.settlement_then s
        where not exists (select from sync.document p
                          where p.firm_id = s.firm_id and p.kind = 'payment' and p.quickbooks_id = s.quickbooks_payment_id)
        union all
        select firm_id, quickbooks_id, otherwise_cents, 'other_settlement'
        from sync.mirror_then
        where kind = 'invoice' and otherwise_cents <> 0
    ) s
    group by firm_id, quickbooks_invoice_id, class
    having sum(cents) <> 0
) s
join sync.comparison d on d.firm_id = s.firm_id and d.kind = 'invoice' and d.quickbooks_id = s.quickbooks_invoice_id
left join sync.shown_customer customer on customer.firm_id = d.firm_id and customer.customer_id = d.customer_id
union all
select firm_id, null, null, null, null, null, null, null, null, null, null, null, null, null, null, note
from sync.before_records;
