create table sync.run_stage (
    run_id      text not null,
    firm_id     text not null,
    stage       text not null,
    outcome     text not null default 'running' check (outcome in ('running', 'done', 'failed')),
    started_at  timestamptz not null,
    finished_at timestamptz,
    error       text not null default '',
    reads       integer not null default 0,
    writes      integer not null default 0,
    primary key (run_id, firm_id, stage),
    foreign key (run_id, firm_id) references sync.run (run_id, firm_id) on delete cascade
);
comment on table sync.run_stage is 'How far a run came with a firm: one row per stage that began.';
comment on column sync.run_stage.stage is 'The name of the stage, which is that of its asset in Dagster.';
comment on column sync.run_stage.reads is 'Metered requests that this stage made; a repeated stage adds its own.';
comment on column sync.run_stage.writes is 'Requests of this stage that write.';

create table sync.plan_basis (
    run_id         text not null,
    firm_id        text not null,
    planned_at     timestamptz not null,
    epoch          bigint not null,
    rules_sha256   text not null,
    mapped_sha256  text not null,
    payer_ids      text[] not null,
    fee_item_ids   text[] not null,
    primary key (run_id, firm_id),
    foreign key (run_id, firm_id) references sync.run (run_id, firm_id) on delete cascade
);
comment on table sync.plan_basis is 'What the plan of a run rests on as a whole. It is emptied when the run ends.';
comment on column sync.plan_basis.epoch is 'The fencing token of the company when the plan was made, or when a stage of this run sent last. Another run that sent since has raised it.';
comment on column sync.plan_basis.rules_sha256 is 'SHA-256 of the settings of the firm and of its company.';
comment on column sync.plan_basis.mapped_sha256 is 'SHA-256 of the mappings that people made.';
comment on column sync.plan_basis.payer_ids is 'The payers whose customers the plan needs.';
comment on column sync.plan_basis.fee_item_ids is 'The fee items whose items the plan needs.';

create table sync.planned_document (
    run_id      text not null,
    document_id bigint not null references sync.document,
    operation   text not null,
    source_hash text not null,
    state       text not null,
    reason      text not null,
    ready       text not null default '',
    primary key (run_id, document_id)
);
comment on table sync.planned_document is 'What a run has decided for good about documents, for the stages that send. It is emptied when the run ends.';
comment on column sync.planned_document.ready is 'What is sent, complete, as JSON; empty when nothing is sent.';
comment on column sync.planned_document.state is 'State and reason of the document when this was decided: it counts while both, and the hash of billing''s content, stand.';

create function sync.header_hash(
    number text, document_date date, payer_id text, amount_cents bigint, status text, updated_at timestamptz
) returns text language sql immutable
return md5(jsonb_build_array(number, document_date, payer_id, amount_cents, status, updated_at at time zone 'UTC')::text);
comment on function sync.header_hash is 'The hash of what billing''s header says of a document. Times enter it in UTC, whatever the session''s zone.';
