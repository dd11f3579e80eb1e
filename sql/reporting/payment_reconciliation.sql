-- Payment by payment: what billing says, what was sent, and what QuickBooks holds.
-- Grain: one row per payment that a sync sends; a credit applied on several dates has one row per date. Money: dollars;
-- difference = received - in_quickbooks. Deposits, refunds and rejections stand in enter_by_hand. As of reporting.as_of, where the
-- session sets it.
create view reporting.payment_reconciliation as
select d.firm_id,                                   -- Id of the law firm in billing
       d.source_id as payment_id,                   -- Id of the payment in billing
       d.part as applied_date,                      -- Date on which credit was applied; empty for other payments
       d.number as reference,                       -- Check number or other reference
       d.document_date,                             -- Date that QuickBooks shall show
       d.payer_id,                                  -- Id of the payer in billing
       coalesce(case customer_id when '' then payer.name else customer.name end, '') as customer_name, -- Name of the customer in QuickBooks as it was last seen, or of the payer's customer where the document is not there; empty while it is not known, or where show_client_names is off
       d.payment_kind,                              -- Kind of the payment: payment or credit_application
       d.state,                                     -- State of the document
       d.reason,                                    -- Reason code; empty when there is none
       d.billed_cents * 0.01 as received,           -- Amount in billing, in dollars; a void payment is 0.00
       case when d.quickbooks_id is not null then d.sent_cents end * 0.01 as sent, -- Total that was last sent and accepted, in dollars; null when the payment never was in QuickBooks
       case when d.quickbooks_id is not null then d.held_cents end * 0.01 as in_quickbooks, -- Total in QuickBooks as it was last seen, in dollars; null when the payment never was there
       coalesce(s.applied_cents, 0) * 0.01 as applied, -- Amount that pays our invoices in QuickBooks, in dollars
       (d.billed_cents - d.held_cents) * 0.01 as difference, -- Amount that QuickBooks lacks, in dollars; negative where it has too much
       d.quickbooks_status,                         -- Status in QuickBooks: live, void or deleted; empty when the payment never was there
       coalesce(d.quickbooks_id, '') as quickbooks_id, -- Id of the payment in QuickBooks; empty when it is not there
       '' as note -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from sync.comparison d
left join sync.shown_customer customer using (firm_id, customer_id)
left join sync.shown_payer payer using (firm_id, payer_id)
left join lateral (
    select sum(s.amount_cents) as applied_cents
    from sync.settlement_then s
    where s.firm_id = d.firm_id and s.quickbooks_payment_id = d.quickbooks_id
) s on d.quickbooks_id is not null
where d.kind = 'payment' and d.payment_kind not in ('credit_deposit', 'refund', 'rejection', 'reversal')
union all
select firm_id, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, note
from sync.before_records;
