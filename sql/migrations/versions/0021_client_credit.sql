-- Payments from credit have a second half: the journal entry that takes them out of the client's credit (client_money=credit).

alter table sync.document drop constraint document_kind_check;
alter table sync.document add constraint document_kind_check
    check (kind in ('customer', 'item', 'invoice', 'payment', 'refund', 'credit'));
alter table sync.census drop constraint census_kind_check;
alter table sync.census add constraint census_kind_check check (kind in ('invoice', 'payment', 'refund', 'credit'));
drop index sync.document_accepted;
create index document_accepted on sync.document (firm_id, synced_at) where kind in ('invoice', 'payment', 'refund', 'credit');
