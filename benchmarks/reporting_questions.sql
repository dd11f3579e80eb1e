-- A month's question to each view, of one firm; a view without dates is asked for all of the firm.

-- name: firm_status
select * from reporting.firm_status where firm_id = :firm_id;

-- name: reconciliation
select * from reporting.reconciliation where firm_id = :firm_id;

-- name: differences
select class, count(*), sum(amount) from reporting.differences where firm_id = :firm_id and document_date between :first and :last group by 1;

-- name: documents
select state, count(*), sum(billed) from reporting.documents where firm_id = :firm_id and document_date between :first and :last group by 1;

-- name: invoice_reconciliation
select * from reporting.invoice_reconciliation where firm_id = :firm_id and document_date between :first and :last;

-- name: payment_reconciliation
select * from reporting.payment_reconciliation where firm_id = :firm_id and document_date between :first and :last;

-- name: customer_receivables
select * from reporting.customer_receivables where firm_id = :firm_id;

-- name: customer_owed
select * from reporting.customer_owed where firm_id = :firm_id;

-- name: invoice_owed
select * from reporting.invoice_owed where firm_id = :firm_id and document_date between :first and :last;

-- name: owed_differences
select class, count(*), sum(amount) from reporting.owed_differences where firm_id = :firm_id group by 1;

-- name: receivables_ageing
select * from reporting.receivables_ageing where firm_id = :firm_id;

-- name: revenue_leakage
select class, count(*), sum(missing) from reporting.revenue_leakage where firm_id = :firm_id group by 1;

-- name: daily_control_totals
select * from reporting.daily_control_totals where firm_id = :firm_id and document_date between :first and :last;

-- name: held_documents
select reason, count(*), sum(amount) from reporting.held_documents where firm_id = :firm_id group by 1;

-- name: unsynced_invoices
select * from reporting.unsynced_invoices where firm_id = :firm_id and document_date between :first and :last;

-- name: unsynced_payments
select * from reporting.unsynced_payments where firm_id = :firm_id and document_date between :first and :last;

-- name: enter_by_hand
select * from reporting.enter_by_hand where firm_id = :firm_id and document_date between :first and :last;

-- name: drift
select * from reporting.drift where firm_id = :firm_id and document_date between :first and :last;

-- name: sync_log
select activity, count(*) from reporting.sync_log where firm_id = :firm_id and at >= :first and at < :last group by 1;

-- name: recent_quickbooks_payments
select * from reporting.recent_quickbooks_payments where firm_id = :firm_id;

-- name: received_payments
select * from reporting.received_payments where firm_id = :firm_id;

-- name: field_mapping
select * from reporting.field_mapping where firm_id = :firm_id;

-- name: customer_owed
select * from reporting.customer_owed where firm_id = :firm_id;

-- name: invoice_owed
select * from reporting.invoice_owed where firm_id = :firm_id and document_date between :first and :last;

-- name: owed_differences
select class, count(*), sum(amount) from reporting.owed_differences where firm_id = :firm_id group by 1;

-- name: invoice_lines
select item_name, matter, sum(amount) from reporting.invoice_lines where firm_id = :firm_id and document_date between :first and :last group by 1, 2;

-- name: payment_applications
select * from reporting.payment_applications where firm_id = :firm_id and payment_date between :first and :last;

-- name: unapplied_payments
select * from reporting.unapplied_payments where firm_id = :firm_id;

-- name: deposits
select * from reporting.deposits where firm_id = :firm_id and document_date between :first and :last;

-- name: receivable_movements
select kind, count(*), sum(amount) from reporting.receivable_movements where firm_id = :firm_id and effective_date between :first and :last group by 1;

-- name: ageing_on
select * from reporting.ageing_on(:last) where firm_id = :firm_id;
