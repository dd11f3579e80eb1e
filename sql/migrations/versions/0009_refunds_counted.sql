-- The census counts journal entries of refunds and rejections too.
alter table sync.census drop constraint census_kind_check;
alter table sync.census add constraint census_kind_check check (kind in ('invoice', 'payment', 'refund'));
drop index sync.document_accepted;
create index document_accepted on sync.document (firm_id, synced_at) where kind in ('invoice', 'payment', 'refund');
