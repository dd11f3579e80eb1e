-- A change of payer takes the payments off the invoice, moves it, and applies them again.

alter table sync.attempt_item add column is_release boolean not null default false;
comment on column sync.attempt_item.is_release is
    'The request only takes a payment off its invoices, which go to another customer: accepted, it is still to be applied again.';
