-- What of the by-hand list was entered in QuickBooks, as which transaction, and what shows it?
-- Grain: one row per payment of billing that a person entered in QuickBooks. Money: dollars. Read by: the bookkeeper. A
-- row whose transaction is gone or has another total stands in enter_by_hand again, as changed_….
create view reporting.entered_by_hand as
select d.firm_id,                                   -- Id of the law firm in billing
       d.payment_kind as what,                      -- Thing that was entered: credit_deposit, refund, rejection, reversal; credit_application: the second half of one
       d.source_id as payment_id,                   -- Id of the payment in billing
       d.part as applied_date,                      -- Date on which credit was applied; empty for other payments
       d.document_date,                             -- Date in billing
       d.payer_id,                                  -- Id of the payer in billing
       coalesce(payer.name, '') as customer_name,   -- Name of the payer's customer in QuickBooks as it was last seen; empty while it is not known, or where show_client_names is off
       e.amount_cents * 0.01 as amount,             -- Amount in billing when it was entered, in dollars
       e.entity as quickbooks_type,                 -- Type of the transaction in QuickBooks, such as JournalEntry
       e.quickbooks_id,                             -- Id of the transaction in QuickBooks
       e.entry_date,                                -- Date of the transaction; empty where the payment itself was voided
       e.evidence,                                  -- Evidence: Ids, dates and sums
       e.entered_at,                                -- Moment at which it was recognised or named, in UTC
       e.entered_by,                                -- Person who named the transaction; empty where it was recognised
       e.standing                                   -- Standing in QuickBooks as last seen: there, gone, or differs (another total)
from sync.entered e
join sync.document d using (document_id)
left join sync.shown_payer payer on payer.firm_id = d.firm_id and payer.payer_id = d.payer_id;
