-- Which QuickBooks object stands for which payer, fee item, method, account, terms or tax code of billing, and who decided it?
-- Grain: one row per firm, kind and value of billing that is mapped. The fields that sync are in docs/fields.md. Read by: whoever
-- keeps the mapping.
create view reporting.field_mapping as
select firm_id,                                     -- Law firm
       kind,                                        -- payer, fee_item, payment_method, deposit_account, terms or tax_code
       source_id,                                   -- Value in billing: an id, a method, a text of terms
       quickbooks_id,                               -- Id of the object in QuickBooks
       quickbooks_name,                             -- Its name when it was mapped; empty where we never read it
       origin,                                      -- person: mapped by somebody; matched: found by name; created: made by a sync
       changed_at,                                  -- Since when
       changed_by                                   -- By whom
from sync.mapping;
