alter table sync.duplicate_answer drop constraint duplicate_answer_kind_check;
alter table sync.duplicate_answer
    add constraint duplicate_answer_kind_check check (kind in ('invoice', 'payment', 'customer'));
comment on table sync.duplicate_answer is 'Whether a document of billing and one of QuickBooks are the same, or a payer (kind customer, its id) and a customer, as a person said; kept for ever.';
