-- Set-up: when a firm's model was switched, its company's settings as last seen, documents that were adopted.

alter table sync.firm add column cut_over_at timestamptz;
comment on column sync.firm.cut_over_at is 'When the model of the active firm was last switched; null: never. Payments created before it follow Model 1.';
