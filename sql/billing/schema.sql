-- The reference billing schema: what the pipeline reads from a law firm's billing database.
--
-- A firm whose own database looks different offers views of these names and columns instead. Everything is keyed by
-- firm_id and an id of text. Amounts are dollars with two decimals; times carry their zone. Plain PostgreSQL 14 or newer.
-- The table `payment_guard` and its trigger stand in guard.sql, so that a firm can add them to a database of its own.

create schema billing;
comment on schema billing is 'Billing of law firms, as qb_pipeline reads it';

create table billing.firms (
    firm_id text primary key check (firm_id ~ '^[a-z0-9-]{1,30}$'),
    name text not null,
    time_zone text not null,
    currency text not null check (currency ~ '^[A-Z]{3}$')
);
comment on table billing.firms is 'One row per law firm';
comment on column billing.firms.time_zone is 'IANA name, for example America/New_York: decides when a day begins';

create table billing.payers (
    firm_id text not null references billing.firms,
    payer_id text not null,
    kind text not null check (kind in ('individual', 'corporation')),
    first_name text,
    middle_name text,
    last_name text,
    suffix text,
    corporation_name text,
    billing_first_name text,
    billing_last_name text,
    billing_email text,
    billing_phone text,
    email text,
    phone text,
    mobile text,
    address_line1 text,
    address_line2 text,
    city text,
    state text,
    postal_code text,
    country text,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (firm_id, payer_id)
);
comment on table billing.payers is 'One row per person or corporation that is billed';
comment on column billing.payers.billing_first_name is 'Of a corporation: the person who receives its bills';

create table billing.fee_items (
    firm_id text not null references billing.firms,
    fee_item_id text not null,
    code text,
    name text not null,
    description text,
    kind text not null check (kind in ('legal_fee', 'government_fee', 'expense', 'interest')),
    unit_price numeric(19, 6),
    is_active boolean not null default true,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (firm_id, fee_item_id)
);
comment on table billing.fee_items is 'One row per thing that a firm charges for';

create table billing.invoices (
    firm_id text not null references billing.firms,
    invoice_id text not null,
    invoice_number text,
    payer_id text not null,
    matter text,
    status text not null check (status in ('draft', 'issued', 'void')),
    invoice_date date not null,
    due_date date,
    terms text,
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    total_amount numeric(15, 2) not null,
    customer_message text,
    internal_note text,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (firm_id, invoice_id),
    foreign key (firm_id, payer_id) references billing.payers
);
comment on table billing.invoices is 'One row per invoice; updated_at moves with the invoice and with its lines';
comment on column billing.invoices.total_amount is 'Dollars: the sum of all lines, a forwarded balance included';
create index on billing.invoices (firm_id, updated_at);
create index on billing.invoices (firm_id, invoice_date);
create index on billing.invoices (firm_id, payer_id);

create table billing.invoice_lines (
    firm_id text not null,
    invoice_id text not null,
    line_number integer not null,
    kind text not null check (kind in ('fee', 'expense', 'interest', 'discount', 'tax', 'balance_forward', 'note')),
    fee_item_id text,
    service_date date,
    description text,
    quantity numeric(19, 6),
    unit_price numeric(19, 6),
    amount numeric(15, 2) not null,
    is_taxable boolean not null default false,
    forwarded_invoice_id text,
    primary key (firm_id, invoice_id, line_number),
    foreign key (firm_id, invoice_id) references billing.invoices on delete cascade,
    foreign key (firm_id, fee_item_id) references billing.fee_items,
    foreign key (firm_id, forwarded_invoice_id) references billing.invoices (firm_id, invoice_id),
    check (kind <> 'discount' or amount <= 0),
    check (kind <> 'note' or amount = 0),
    check (kind = 'balance_forward' or forwarded_invoice_id is null)
);
comment on table billing.invoice_lines is 'One row per line of an invoice';
comment on column billing.invoice_lines.amount is 'Dollars; negative on a discount, 0 on a note';
comment on column billing.invoice_lines.forwarded_invoice_id is
    'On balance_forward, when known: the older invoice whose open balance is shown again';
create index on billing.invoice_lines (firm_id, forwarded_invoice_id) where forwarded_invoice_id is not null;
create index on billing.invoice_lines (firm_id, fee_item_id);

create table billing.payments (
    firm_id text not null references billing.firms,
    payment_id text not null,
    payer_id text not null,
    kind text not null check (
        kind in ('payment', 'credit_deposit', 'credit_application', 'refund', 'rejection', 'reversal')
    ),
    method text not null check (method in ('check', 'card', 'echeck', 'cash', 'wire', 'credit', 'other')),
    reference text,
    received_date date not null,
    amount numeric(15, 2) not null check (amount >= 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    memo text,
    reverses_payment_id text,
    status text not null check (status in ('completed', 'void')),
    origin text not null default 'billing' check (origin in ('billing', 'quickbooks')),
    external_id text,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (firm_id, payment_id),
    unique (firm_id, external_id),
    foreign key (firm_id, payer_id) references billing.payers,
    foreign key (firm_id, reverses_payment_id) references billing.payments (firm_id, payment_id),
    check (kind not in ('refund', 'rejection', 'reversal') or reverses_payment_id is not null),
    check (origin <> 'quickbooks' or external_id is not null)
);
comment on table billing.payments is 'One row per movement of money; updated_at moves with it and with its applications';
comment on column billing.payments.amount is 'Dollars, never negative: the kind says which way the money went';
comment on column billing.payments.reverses_payment_id is 'The payment that a refund, rejection or reversal takes back';
comment on column billing.payments.external_id is 'qbo:<realm>:<payment>:<invoice>:r<revision>, when QuickBooks sent it';
create index on billing.payments (firm_id, updated_at);
create index on billing.payments (firm_id, received_date);
create index on billing.payments (firm_id, payer_id);
create index on billing.payments (firm_id, reverses_payment_id) where reverses_payment_id is not null;

create table billing.payment_applications (
    firm_id text not null,
    payment_id text not null,
    invoice_id text not null,
    amount numeric(15, 2) not null,
    applied_date date not null,
    primary key (firm_id, payment_id, invoice_id, applied_date),
    foreign key (firm_id, payment_id) references billing.payments on delete cascade,
    foreign key (firm_id, invoice_id) references billing.invoices
);
comment on table billing.payment_applications is 'Which part of a payment pays which invoice, and since when';
create index on billing.payment_applications (firm_id, invoice_id);
create index on billing.payment_applications (firm_id, applied_date);

-- `updated_at` moves with every change, also when the change is made by hand. It is the clock's time and not the
-- transaction's start: the shorter the way from the stamp to the commit, the less a reader has to look back.

create function billing.stamp_update() returns trigger language plpgsql as $$
begin
    new.updated_at := clock_timestamp();
    return new;
end
$$;

create trigger stamp_update before update on billing.payers for each row execute function billing.stamp_update();
create trigger stamp_update before update on billing.fee_items for each row execute function billing.stamp_update();
create trigger stamp_update before update on billing.invoices for each row execute function billing.stamp_update();
create trigger stamp_update before update on billing.payments for each row execute function billing.stamp_update();

-- A change of a line is a change of its invoice, and a change of an application one of its payment. Once per statement:
-- a bulk load touches each invoice once. The update writes nothing new; stamp_update above moves the time.

create function billing.stamp_invoice() returns trigger language plpgsql as $$
begin
    if tg_op in ('INSERT', 'UPDATE') then
        update billing.invoices set updated_at = updated_at
        where (firm_id, invoice_id) in (select firm_id, invoice_id from lines_after);
    end if;
    if tg_op in ('UPDATE', 'DELETE') then
        update billing.invoices set updated_at = updated_at
        where (firm_id, invoice_id) in (select firm_id, invoice_id from lines_before);
    end if;
    return null;
end
$$;

create trigger stamp_invoice_insert after insert on billing.invoice_lines
referencing new table as lines_after for each statement execute function billing.stamp_invoice();
create trigger stamp_invoice_update after update on billing.invoice_lines
referencing old table as lines_before new table as lines_after for each statement execute function billing.stamp_invoice();
create trigger stamp_invoice_delete after delete on billing.invoice_lines
referencing old table as lines_before for each statement execute function billing.stamp_invoice();

create function billing.stamp_payment() returns trigger language plpgsql as $$
begin
    if tg_op in ('INSERT', 'UPDATE') then
        update billing.payments set updated_at = updated_at
        where (firm_id, payment_id) in (select firm_id, payment_id from applications_after);
    end if;
    if tg_op in ('UPDATE', 'DELETE') then
        update billing.payments set updated_at = updated_at
        where (firm_id, payment_id) in (select firm_id, payment_id from applications_before);
    end if;
    return null;
end
$$;

create trigger stamp_payment_insert after insert on billing.payment_applications
referencing new table as applications_after for each statement execute function billing.stamp_payment();
create trigger stamp_payment_update after update on billing.payment_applications
referencing old table as applications_before new table as applications_after
for each statement execute function billing.stamp_payment();
create trigger stamp_payment_delete after delete on billing.payment_applications
referencing old table as applications_before for each statement execute function billing.stamp_payment();
