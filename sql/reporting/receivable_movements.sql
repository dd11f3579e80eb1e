-- What moved receivables in QuickBooks: each document by its date, and each application by the later of both dates?
-- Grain: one row per movement: a document as a whole, or an application on each side of it. Money: dollars; what is owed is positive.
-- reporting.ageing_on adds these up. As of reporting.as_of, where the session sets it.
create view reporting.receivable_movements as
select m.firm_id,                                   -- Id of the law firm in billing
       m.kind,                                      -- Kind of the document whose open amount moves: invoice, payment, credit_memo or journal_entry
       m.quickbooks_id,                             -- Id of that document in QuickBooks
       m.customer_key,                              -- Id of the customer, of a journal entry, which may concern several; empty for other kinds
       m.customer_id,                               -- Id of the customer in QuickBooks; null for an application
       coalesce(customer.name, '') as customer_name, -- Name of the customer in QuickBooks as it was last seen; empty while it is not known, or where show_client_names is off; null for an application
       d.document_id is not null as is_ours,        -- True where a sync of ours wrote the document, or where it is linked; null for an application
       coalesce(m.due_date, m.document_date) as aged_from, -- Date from which the document ages: an invoice's due date, any other's own date; null for an application
       '' as other_kind,                            -- Kind of the document on the other side of an application; empty for the document as a whole
       '' as other_id,                              -- Id of that document in QuickBooks; empty for the document as a whole
       '' as credit_id,                             -- Id of the credit memo or journal entry in QuickBooks whose credit an application uses; empty for money
       m.document_date as effective_date,           -- Date from which the movement counts
       case when m.kind in ('payment', 'credit_memo') then -m.total_cents else m.total_cents - m.otherwise_cents end * 0.01 as amount, -- Amount that the movement adds to what the customer owes, in dollars
       '' as note                                   -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from sync.mirror_then m
left join sync.document d on d.firm_id = m.firm_id and d.quickbooks_id = m.quickbooks_id
     and d.kind = case m.kind when 'journal_entry' then 'refund' else m.kind end
left join sync.shown_customer customer on customer.firm_id = m.firm_id and customer.customer_id = m.customer_id
where m.status <> 'deleted'
union all
select firm_id, kind, quickbooks_id, customer_key, null, null, null, null, other_kind, other_id, credit_id, effective_date,
       cents * 0.01, ''
from sync.receivable_application_then
union all
select firm_id, null, null, null, null, null, null, null, null, null, null, null, null, note
from sync.before_records;
