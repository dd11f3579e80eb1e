-- The second day of the demo firms. Every change is made as a firm's own program makes it: in the tables.

-- name: line_changed
update billing.invoice_lines set quantity = 5, amount = 1625.00
where firm_id = :firm_id and invoice_id = 'inv-revise-line';

-- name: total_changed
update billing.invoices set total_amount = 1625.00
where firm_id = :firm_id and invoice_id = 'inv-revise-line';

-- name: text_changed
update billing.invoices set customer_message = 'Please note our new bank account.'
where firm_id = :firm_id and invoice_id = 'inv-revise-text';

-- name: date_changed
update billing.invoices set invoice_date = invoice_date - 2
where firm_id = :firm_id and invoice_id = 'inv-revise-date';

-- name: revised_to_zero
with line as (
    update billing.invoice_lines set quantity = 0, amount = 0
    where firm_id = :firm_id and invoice_id = 'inv-revise-zero'
)
update billing.invoices set total_amount = 0
where firm_id = :firm_id and invoice_id = 'inv-revise-zero';

-- name: made_void
update billing.invoices set status = 'void'
where firm_id = :firm_id and invoice_id in ('inv-revise-void', 'inv-revise-void-paid');

-- name: gone
delete from billing.invoices where firm_id = :firm_id and invoice_id = 'inv-revise-gone';

-- name: revised_below_paid
with line as (
    update billing.invoice_lines set quantity = 3, amount = 975.00
    where firm_id = :firm_id and invoice_id = 'inv-revise-below'
)
update billing.invoices set total_amount = 975.00
where firm_id = :firm_id and invoice_id = 'inv-revise-below';

-- name: draft_issued
update billing.invoices set status = 'issued' where firm_id = :firm_id and invoice_id = 'inv-draft';

-- name: total_corrected
update billing.invoices set total_amount = 950.00 where firm_id = :firm_id and invoice_id = 'inv-mismatch';

-- name: last_name_filled_in
update billing.payers set last_name = 'Wijaya' where firm_id = :firm_id and payer_id = 'payer-no-last-name';

-- name: application_corrected
update billing.payment_applications set amount = 250.00
where firm_id = :firm_id and payment_id = 'pay-revise-amount';

-- name: payment_corrected
update billing.payments set amount = 250.00 where firm_id = :firm_id and payment_id = 'pay-revise-amount';

-- name: payment_void
update billing.payments set status = 'void' where firm_id = :firm_id and payment_id = 'pay-revise-void';

-- name: new_invoice
insert into billing.invoices
    (firm_id, invoice_id, invoice_number, payer_id, matter, status, invoice_date, due_date, terms, currency, total_amount)
select
    firm_id, 'inv-second-day', left(invoice_number, 2) || '9901', payer_id, matter, status, :today,
    cast(:today as date) + 30, terms, currency, total_amount
from billing.invoices
where firm_id = :firm_id and invoice_id = 'inv-revise-line';

-- name: new_lines
insert into billing.invoice_lines
    (firm_id, invoice_id, line_number, kind, fee_item_id, description, quantity, unit_price, amount)
select firm_id, 'inv-second-day', line_number, kind, fee_item_id, description, quantity, unit_price, amount
from billing.invoice_lines
where firm_id = :firm_id and invoice_id = 'inv-revise-line';

-- name: new_payment
-- Only for Rivera: the other firm, under Model 2, takes no payments in billing.
insert into billing.payments
    (firm_id, payment_id, payer_id, kind, method, reference, received_date, amount, currency, status)
select firm_id, 'pay-second-day', payer_id, 'payment', 'check', '4471', :today, total_amount, currency, 'completed'
from billing.invoices
where firm_id = :firm_id and invoice_id = 'inv-second-day' and firm_id = 'rivera-law';

-- name: new_application
insert into billing.payment_applications (firm_id, payment_id, invoice_id, amount, applied_date)
select firm_id, payment_id, 'inv-second-day', amount, received_date
from billing.payments
where firm_id = :firm_id and payment_id = 'pay-second-day';
