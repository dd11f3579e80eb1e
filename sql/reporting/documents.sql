-- Document by document, both sides: what does billing say, what was sent, what did QuickBooks answer, and what does it hold?
-- Grain: one row per invoice or payment; a credit applied on several dates has one row per date. Money: dollars; what is taken
-- back (refund, rejection, reversal) is negative. As of reporting.as_of, where the session sets it.
create view reporting.documents as
select firm_id,                                     -- Law firm
       kind,                                        -- invoice or payment
       source_id,                                   -- Document in billing
       part,                                        -- Date on which credit was applied; else empty
       number,                                      -- Invoice number or payment reference
       document_date,                               -- Date in billing
       payer_id,                                    -- Payer in billing
       payment_kind,                                -- payment, credit_application, credit_deposit, refund, rejection or reversal; empty for an invoice
       state,                                       -- State of the document
       reason,                                      -- Reason code; empty when there is none
       state_since as since,                        -- Since when it is in this state
       billed_cents * 0.01 as billed,               -- What billing says, forwarded balance included; a void one is nothing
       forwarded_cents * 0.01 as forwarded,         -- Balance of older invoices on it, which is not sent
       sent_cents * 0.01 as sent,                   -- Total that was last sent and accepted; of one that was adopted, what was there
       answered_cents * 0.01 as answered,           -- Total that QuickBooks answered then
       held_cents * 0.01 as in_quickbooks,          -- Total in QuickBooks, as it was last seen; nothing when it is not, or no more, there
       quickbooks_status,                           -- live, void or deleted; empty when it never was there
       is_adopted,                                  -- Whether it was there before us, and is linked
       coalesce(quickbooks_id, '') as quickbooks_id, -- Id in QuickBooks; empty when it is not there
       customer_id,                                 -- Customer in QuickBooks; empty while it is not there
       quickbooks_date,                             -- Date in QuickBooks; billing's while it is not there
       due_date,                                    -- Due date in QuickBooks, else the document's date
       otherwise_cents * 0.01 as settled_otherwise  -- Of an invoice: settled in QuickBooks by no payment that we know, such as a deposit
from sync.comparison;
