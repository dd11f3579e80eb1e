-- Many plain documents at once, for benchmarks.

-- name: firm
insert into billing.firms (firm_id, name, time_zone, currency)
values (:firm_id, 'Benchmark ' || :firm_id, 'America/New_York', 'USD')
on conflict do nothing;

-- name: payers
insert into billing.payers (firm_id, payer_id, kind, first_name, last_name, email, address_line1, city, state, country)
select
    :firm_id, 'payer-' || n, 'individual', 'Given' || n, 'Family' || n, 'payer' || n || '@example.com',
    n || ' Main Street', 'Springfield', 'NY', 'US'
from generate_series(1, :payers) as n;

-- name: fee_items
insert into billing.fee_items (firm_id, fee_item_id, code, name, kind, unit_price)
select :firm_id, 'S' || n, 'S' || n, 'Service ' || n, 'legal_fee', 100 + n
from generate_series(1, :fee_items) as n;

-- name: invoices
-- Line l of an invoice is one unit of the service number l, which costs 100 + l: the total is known beforehand.
insert into billing.invoices
    (firm_id, invoice_id, invoice_number, payer_id, status, invoice_date, due_date, terms, currency, total_amount)
select
    :firm_id, 'inv-' || n, 'B-' || n, 'payer-' || (1 + mod(n, :payers)), 'issued', day, day + 30, 'Net 30', 'USD',
    100 * :lines + :lines * (:lines + 1) / 2
from (select n, cast(:first as date) + mod(n, :days) as day from generate_series(1, :invoices) as n) as numbered;

-- name: lines
insert into billing.invoice_lines
    (firm_id, invoice_id, line_number, kind, fee_item_id, service_date, description, quantity, unit_price, amount)
select
    :firm_id, 'inv-' || n, l, 'fee', 'S' || l, cast(:first as date) + mod(n, :days), 'Service ' || l || ' of invoice ' || n,
    1, 100 + l, 100 + l
from generate_series(1, :invoices) as n, generate_series(1, :lines) as l;

-- name: payments
insert into billing.payments
    (firm_id, payment_id, payer_id, kind, method, reference, received_date, amount, currency, status)
select
    :firm_id, 'pay-' || n, 'payer-' || (1 + mod(n, :payers)), 'payment', 'check', n,
    cast(:first as date) + mod(n, :days), 100 * :lines + :lines * (:lines + 1) / 2, 'USD', 'completed'
from generate_series(1, :payments) as n;

-- name: applications
insert into billing.payment_applications (firm_id, payment_id, invoice_id, amount, applied_date)
select :firm_id, payment_id, 'inv-' || reference, amount, received_date
from billing.payments
where firm_id = :firm_id;

-- name: analyse
analyze;
