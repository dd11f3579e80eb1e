-- Verdicts: what the checks say of all firms is read here, at the end of every run.

create index census_newest on sync.census (firm_id, kind, at desc);
create index document_differs on sync.document (firm_id)
    where quickbooks_id is not null and (sent_total_cents <> quickbooks_total_cents or reason = 'TOTAL_DIFFERS');
create index received_payment_trouble on sync.received_payment (firm_id)
    where state <> 'superseded' and (state = 'refused' or failed_at is not null);

create table sync.reconciled (
    firm_id           text primary key references sync.firm,
    run_id            text not null,
    at                timestamptz not null,
    unexplained       integer not null,
    residual_cents    bigint not null,
    newest_day        date,
    newest_billed_day date
);
comment on table sync.reconciled is 'The newest reconciliation of each firm: how many differences have no class, and what they leave unexplained.';
comment on column sync.reconciled.newest_day is 'Newest invoice date that is in QuickBooks, beside the newest one that billing could have there.';

create table sync.billing_difference (
    firm_id     text not null references sync.firm,
    external_id text not null,
    payment_id  text not null,
    run_id      text not null,
    seen_at     timestamptz not null,
    primary key (firm_id, external_id)
);
comment on table sync.billing_difference is 'Model 2: postings that billing did not hold as they were made, when it was last asked for them. Gone once it holds them again.';
create index billing_difference_payment on sync.billing_difference (firm_id, payment_id);
