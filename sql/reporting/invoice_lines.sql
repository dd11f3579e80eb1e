-- What did each invoice in QuickBooks sell: which item, on which matter, for how much, and how much of it is tax?
-- Grain: one row per invoice and line, of invoices that we sent and that stand in QuickBooks. Money: dollars; amount and tax of an
-- invoice add up to what was last sent. Texts of lines stay in billing. As it is now, whatever reporting.as_of says.
create view reporting.invoice_lines as
select d.firm_id,                                   -- Id of the law firm in billing
       d.source_id as invoice_id,                   -- Id of the invoice in billing
       d.number,                                    -- Invoice number
       d.document_date,                             -- Date of the invoice
       d.payer_id,                                  -- Id of the payer in billing
       coalesce(customer.name, '') as customer_name, -- Name of the customer in QuickBooks as it was last seen; empty while it is not known, or where show_client_names is off
       l.matter,                                    -- Matter that the invoice bills; empty where it names none
       l.line_number,                               -- Position on the invoice in billing
       l.kind,                                      -- Kind of the line: fee, expense, interest, discount or tax
       l.fee_item_id,                               -- Id of the fee item in billing; empty for a discount and for tax
       l.item_id,                                   -- Id of the item in QuickBooks; empty for a discount and for tax
       coalesce(m.quickbooks_name, '') as item_name, -- Name of the item in QuickBooks when it was mapped; empty where we never read it
       l.quantity,                                  -- Number of units in billing, such as hours; null where it gives none
       l.unit_price,                                -- Price of one unit in billing, in dollars, to more than two decimals where billing has them; null where it gives none
       l.amount_cents * 0.01 as amount,             -- Amount of the line without tax, in dollars; negative for a discount, 0.00 for tax
       l.tax_cents * 0.01 as tax,                   -- Amount of a tax line, in dollars; 0.00 for other lines
       d.quickbooks_id                              -- Id of the invoice in QuickBooks
from sync.document d
join sync.invoice_line l on l.document_id = d.document_id and l.fingerprint = d.sent_fingerprint
left join sync.mapping m on m.firm_id = d.firm_id and m.kind = 'fee_item' and m.source_id = l.fee_item_id
left join sync.mirror r on r.firm_id = d.firm_id and r.kind = 'invoice' and r.quickbooks_id = d.quickbooks_id
     and r.valid_to = 'infinity'
left join sync.shown_customer customer on customer.firm_id = d.firm_id and customer.customer_id = d.customer_id
where d.kind = 'invoice' and d.quickbooks_id is not null and d.state <> 'voided'
  and d.reason not in ('REMOTE_DELETED', 'REMOTE_VOIDED') and coalesce(r.status, 'live') = 'live';
