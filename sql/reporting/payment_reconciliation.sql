-- Payment by payment: what billing says and what QuickBooks holds.
-- Grain: one row per payment that a sync sends; a credit applied on several dates has one row per date. Money: dollars;
-- difference = received - in_quickbooks. Deposits, refunds and rejections stand in enter_by_hand.
create view reporting.payment_reconciliation as
select firm_id,                                     -- Law firm
       source_id as payment_id,                     -- Payment in billing
       part as applied_date,                        -- Date on which credit was applied; empty for other payments
       number as reference,                         -- Check number or other reference
       document_date,                               -- Date that QuickBooks shall show
       payer_id,                                    -- Payer in billing
       payment_kind,                                -- payment or credit_application
       state,                                       -- State of the document
       reason,                                      -- Reason code; empty when there is none
       received_cents * 0.01 as received,           -- Amount in billing; a void one is nothing
       sent_total_cents * 0.01 as sent,             -- Total that was last sent and accepted; null when none was
       quickbooks_total_cents * 0.01 as in_quickbooks, -- Total in QuickBooks, as it last answered; null when it never did
       (received_cents - coalesce(quickbooks_total_cents, 0)) * 0.01 as difference, -- What QuickBooks lacks (or, negative, has too much)
       coalesce(quickbooks_id, '') as quickbooks_id -- Id in QuickBooks; empty when it is not there
from (
    select *, case when source_status = 'void' then 0 else amount_cents end as received_cents
    from sync.document
    where kind = 'payment' and payment_kind not in ('credit_deposit', 'refund', 'rejection', 'reversal')
) d;
