-- Payment by payment: what billing says, what was sent, and what QuickBooks holds.
-- Grain: one row per payment that a sync sends; a credit applied on several dates has one row per date. Money: dollars;
-- difference = received - in_quickbooks. Deposits, refunds and rejections stand in enter_by_hand. As of reporting.as_of, where the
-- session sets it.
create view reporting.payment_reconciliation as
select d.firm_id,                                   -- Law firm
       d.source_id as payment_id,                   -- Payment in billing
       d.part as applied_date,                      -- Date on which credit was applied; empty for other payments
       d.number as reference,                       -- Check number or other reference
       d.document_date,                             -- Date that QuickBooks shall show
       d.payer_id,                                  -- Payer in billing
       d.payment_kind,                              -- payment or credit_application
       d.state,                                     -- State of the document
       d.reason,                                    -- Reason code; empty when there is none
       d.billed_cents * 0.01 as received,           -- Amount in billing; a void one is nothing
       case when d.quickbooks_id is not null then d.sent_cents end * 0.01 as sent, -- Total that was last sent and accepted; null when none was
       case when d.quickbooks_id is not null then d.held_cents end * 0.01 as in_quickbooks, -- Total in QuickBooks, as it was last seen; null when it was never there
       coalesce(s.applied_cents, 0) * 0.01 as applied, -- What of it pays invoices of ours in QuickBooks
       (d.billed_cents - d.held_cents) * 0.01 as difference, -- What QuickBooks lacks (or, negative, has too much)
       d.quickbooks_status,                         -- live, void or deleted; empty when it never was there
       coalesce(d.quickbooks_id, '') as quickbooks_id -- Id in QuickBooks; empty when it is not there
from sync.comparison d
left join lateral (
    select sum(s.amount_cents) as applied_cents
    from sync.settlement_then s
    where s.firm_id = d.firm_id and s.quickbooks_payment_id = d.quickbooks_id
) s on d.quickbooks_id is not null
where d.kind = 'payment' and d.payment_kind not in ('credit_deposit', 'refund', 'rejection', 'reversal');
