-- What has a person changed in QuickBooks since we wrote it, who owns the field, and what happens next?
-- Grain: one row per document and field; field is empty where the whole document is concerned. Money: dollars. Values are the
-- client's. Read by: whoever answers for both sides. What is seen depends on the last reconcile, or the last sync of the document.
create view reporting.drift as
select d.firm_id,                                   -- Id of the law firm in billing
       d.kind,                                      -- Kind of the document: invoice or payment
       d.source_id,                                 -- Id of the document in billing
       d.part,                                      -- Date on which credit was applied; empty for other documents
       d.number,                                    -- Invoice number or payment reference
       d.document_date,                             -- Date of the document in billing
       d.quickbooks_id,                             -- Id of the document in QuickBooks
       d.billed_cents * 0.01 as amount,             -- Amount in billing, in dollars
       d.sent_cents * 0.01 as sent,                 -- Total that was last sent and accepted, in dollars
       d.held_cents * 0.01 as in_quickbooks,        -- Total in QuickBooks as it was last seen, in dollars
       coalesce(f.field, '') as field,              -- Field of QuickBooks, such as TxnDate or Line[1].Amount; empty for the whole document
       coalesce(f.owner, 'billing') as owner,       -- Owner of the field: billing, the change is drift; quickbooks, the bookkeeper may change it
       coalesce(f.ours, '') as ours,                -- Value that we wrote; empty for the whole document
       coalesce(f.theirs, case when d.quickbooks_status in ('void', 'deleted') then d.quickbooks_status else '' end) as theirs, -- Value that QuickBooks holds; void, deleted or empty for the whole document
       d.reason,                                    -- Reason code of the document; empty when there is none
       case
           when f.owner = 'quickbooks' then 'A field that QuickBooks owns was changed.'
           when p.code is not null then p.sentence
           when d.quickbooks_status = 'deleted' then 'A person deleted the document in QuickBooks.'
           when d.quickbooks_status = 'void' then 'A person voided the document in QuickBooks.'
           else 'A person changed in QuickBooks what billing owns.'
       end as sentence,                             -- Change that was seen, in one sentence
       case
           when f.owner = 'quickbooks' then 'Nothing: it stays as it is, and a revision of billing leaves it alone.'
           when p.code is not null then p.remedy
           when d.quickbooks_status in ('deleted', 'void') then 'Nothing: it stays out of QuickBooks, as a person decided.'
           else 'It stays until billing changes the document; then it is held as DRIFT, and a person decides.'
       end as remedy,                               -- Action that clears it, or what happens by itself
       coalesce(f.since, d.state_since) as since,   -- Moment since which the change is known, in UTC
       '' as note -- Says since when there are records, where reporting.as_of names a moment before the firm has any; else empty
from sync.comparison d
left join sync.drift f on f.document_id = d.document_id
left join sync.problem p on p.code = d.reason and d.state = 'held' and d.reason in ('DRIFT', 'REMOTE_DELETED', 'REMOTE_VOIDED', 'COPIED')
where d.quickbooks_id is not null and d.state not in ('voided', 'sending', 'unknown')
  and (f.document_id is not null or p.code is not null or (d.quickbooks_status in ('void', 'deleted') and d.state <> 'void_pending'))
union all
select firm_id, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, note
from sync.before_records;
