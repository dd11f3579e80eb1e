-- Documents: a refund or rejection that is recorded in QuickBooks is a document of its own, a journal entry.
alter table sync.document drop constraint document_kind_check;
alter table sync.document add constraint document_kind_check
    check (kind in ('customer', 'item', 'invoice', 'payment', 'refund'));
alter table sync.attempt drop constraint attempt_endpoint_check;
alter table sync.attempt add constraint attempt_endpoint_check
    check (endpoint in ('batch', 'customer', 'item', 'invoice', 'payment', 'refund'));
