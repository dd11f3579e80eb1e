-- Writes of Model 2: payments that QuickBooks received. Besides these we write only the guard row (guard.sql).
-- Standard SQL only, as in source.sql.

-- name: find
select payment_id, kind, amount
from billing.payments
where firm_id = :firm_id and external_id = :external_id;

-- name: find_all
select external_id, kind, amount
from billing.payments
where firm_id = :firm_id and external_id in :ids;

-- name: add_payment
insert into billing.payments (
    firm_id, payment_id, payer_id, kind, method, reference, received_date, amount, currency, memo, reverses_payment_id,
    status, origin, external_id, created_at, updated_at
)
values (
    :firm_id, :payment_id, :payer_id, :kind, :method, :reference, :payment_date, :amount, :currency, :memo,
    :reverses_payment_id, 'completed', 'quickbooks', :external_id, :now, :now
);

-- name: add_application
insert into billing.payment_applications (firm_id, payment_id, invoice_id, amount, applied_date)
values (:firm_id, :payment_id, :invoice_id, :amount, :payment_date);

-- name: count_all
select count(*)
from billing.payments
where firm_id = :firm_id and origin = 'quickbooks';

-- name: all
select p.external_id, p.payer_id, p.kind, p.method, p.reference, p.memo, p.received_date, p.amount, a.invoice_id,
    r.external_id as reverses_external_id
from billing.payments p
left join billing.payment_applications a on a.firm_id = p.firm_id and a.payment_id = p.payment_id
left join billing.payments r on r.firm_id = p.firm_id and r.payment_id = p.reverses_payment_id
where p.firm_id = :firm_id and p.origin = 'quickbooks';
