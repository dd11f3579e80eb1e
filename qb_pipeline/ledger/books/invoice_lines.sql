-- name: one_at_a_time
-- A plan and a sync that store the same invoices do so one after the other, so that they never deadlock.
select pg_advisory_xact_lock(hashtextextended('invoice lines ' || :firm_id, 0));

-- name: forget
-- Lines of an invoice that are neither those of its last accepted content nor those that are planned now.
delete from sync.invoice_line l
using jsonb_to_recordset(cast(:invoices as jsonb)) as i (document_id bigint, fingerprint text, lines jsonb)
join sync.document d on d.document_id = i.document_id
where l.document_id = i.document_id
  and case when l.fingerprint = i.fingerprint
           then not exists (select from jsonb_to_recordset(i.lines) as x (line_number integer)
                            where x.line_number = l.line_number)
           else l.fingerprint is distinct from d.sent_fingerprint end;

-- name: store
insert into sync.invoice_line as l (document_id, fingerprint, line_number, kind, fee_item_id, item_id, matter, quantity,
                                    unit_price, amount_cents, tax_cents)
select i.document_id, i.fingerprint, x.line_number, x.kind, x.fee_item_id, x.item_id, x.matter, x.quantity, x.unit_price,
       x.amount_cents, x.tax_cents
from jsonb_to_recordset(cast(:invoices as jsonb)) as i (document_id bigint, fingerprint text, lines jsonb)
cross join jsonb_to_recordset(i.lines)
           as x (line_number integer, kind text, fee_item_id text, item_id text, matter text, quantity numeric,
                 unit_price numeric, amount_cents bigint, tax_cents bigint)
order by i.document_id, x.line_number
on conflict (document_id, fingerprint, line_number) do update
set kind = excluded.kind, fee_item_id = excluded.fee_item_id, item_id = excluded.item_id, matter = excluded.matter,
    quantity = excluded.quantity, unit_price = excluded.unit_price, amount_cents = excluded.amount_cents,
    tax_cents = excluded.tax_cents
where (l.kind, l.fee_item_id, l.item_id, l.matter, l.quantity, l.unit_price, l.amount_cents, l.tax_cents)
      is distinct from
      (excluded.kind, excluded.fee_item_id, excluded.item_id, excluded.matter, excluded.quantity, excluded.unit_price,
       excluded.amount_cents, excluded.tax_cents);
