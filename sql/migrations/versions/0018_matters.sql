-- Matters are mapped to classes.

alter table sync.mapping drop constraint mapping_kind_check;
alter table sync.mapping add constraint mapping_kind_check
    check (kind in ('payer', 'fee_item', 'payment_method', 'deposit_account', 'terms', 'tax_code', 'matter'));
