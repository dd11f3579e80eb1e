-- Which QuickBooks object stands for which payer, fee item, method, account, terms, tax code or matter of billing, and who decided it?
-- Grain: one row per firm, kind and value of billing that is mapped. The fields that sync are in docs/fields.md. Read by: whoever
-- keeps the mapping.
create view reporting.field_mapping as
select firm_id,                                     -- Id of the law firm in billing
       kind,                                        -- Kind of the value: payer, fee_item, payment_method, deposit_account, terms, tax_code or matter
       source_id,                                   -- Value in billing: an id, a method, a text of terms or of a matter
       quickbooks_id,                               -- Id of the object in QuickBooks
       quickbooks_name,                             -- Name of the object when it was mapped; empty where we never read it
       origin,                                      -- Origin of the mapping: person, somebody mapped it; matched, its name was found; created, a sync made it
       changed_at,                                  -- Moment of the last change, in UTC
       changed_by                                   -- Author of the last change: a person, a schedule or a sensor
from sync.mapping;
