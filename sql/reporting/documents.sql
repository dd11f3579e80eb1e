-- Document by document, both sides: what does billing say, what was sent, what did QuickBooks answer, and what does it hold?
-- Grain: one row per invoice or payment; a credit applied on several dates has one row per date. Money: dollars; what is taken
-- back (refund, rejection, reversal) is negative. As of reporting.as_of, where the session sets it.
create view reporting.documents as
select firm_id,                                     -- Id of the law firm in billing
       kind,                                        -- Kind of the document: invoice or payment
       source_id,                                   -- Id of the document in billing
       part,                                        -- Date on which credit was applied; empty for other documents
       number,                                      -- Invoice number or payment reference
       document_date,                               -- Date of the document in billing
       payer_id,                                    -- Id of the payer in billing
       coalesce(case customer_id when '' then payer.name else customer.name end, '') as customer_name, -- Name of the customer in QuickBooks as it was last seen, or of the payer's customer where the document is not there; empty while it is not known, or where show_client_names is off
       payment_kind,                                -- Kind of a payment: payment, credit_application, credit_deposit, refund, rejection or reversal; empty for an invoice
       state,                                       -- State of the document
       reason,                                      -- Reason code; empty when there is none
       state_since as since,                        -- Moment since which the document is in its state, in UTC
       billed_cents * 0.01 as billed,               -- Total in billing, in dollars; a forwarded balance is included, a void document is 0.00
       forwarded_cents * 0.01 as forwarded,         -- Balance of older invoices on it, in dollars; it is not sent
       sent_cents * 0.01 as sent,                   -- Total that was last sent and accepted, in dollars; of an adopted document the total that was there
       answered_cents * 0.01 as answered,           -- Total that QuickBooks answered to that, in dollars
       held_cents * 0.01 as in_quickbooks,          -- Total in QuickBooks as it was last seen, in dollars; 0.00 when the document is not, or no more, there
       quickbooks_status,                           -- Status in QuickBooks: live, void or deleted; empty when the document never was there
       is_adopted,                                  -- True where the document was there before us and is linked
       coalesce(quickbooks_id, '') as quickbooks_id, -- Id of the document in QuickBooks; empty when it is not there
       customer_id,                                 -- Id of the customer in QuickBooks; empty while the document is not there
       quickbooks_date,                             -- Date in QuickBooks; billing's while the document is not there
       due_date,                                    -- Due date in QuickBooks; the document's date where there is none
       otherwise_cents * 0.01 as settled_otherwise, -- Amount of an invoice that no known payment settled in QuickBooks, in dollars; a deposit does that
       '' as note -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from sync.comparison
left join sync.shown_customer customer using (firm_id, customer_id)
left join sync.shown_payer payer using (firm_id, payer_id)
union all
select firm_id, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, note
from sync.before_records;
