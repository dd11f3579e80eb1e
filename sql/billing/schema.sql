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
comment on column billing.firms.firm_id is 'Id of the law firm: up to 30 lower-case letters, digits and hyphens';
comment on column billing.firms.name is 'Name of the firm';
comment on column billing.firms.time_zone is 'IANA name, for example America/New_York: decides when a day begins';
comment on column billing.firms.currency is 'Currency of the firm''s books, as an ISO 4217 code';

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
comment on column billing.payers.firm_id is 'Id of the law firm';
comment on column billing.payers.payer_id is 'Id of the payer; it is never given to another';
comment on column billing.payers.kind is 'Kind of the payer';
comment on column billing.payers.first_name is 'First name of an individual';
comment on column billing.payers.middle_name is 'Middle name of an individual';
comment on column billing.payers.last_name is 'Last name of an individual';
comment on column billing.payers.suffix is 'Suffix of an individual''s name';
comment on column billing.payers.corporation_name is 'Name of a corporation';
comment on column billing.payers.billing_first_name is 'First name of the person who receives a corporation''s bills';
comment on column billing.payers.billing_last_name is 'Last name of the person who receives a corporation''s bills';
comment on column billing.payers.billing_email is 'E-mail address for bills; a corporation''s first choice';
comment on column billing.payers.billing_phone is 'Telephone for questions about bills; a corporation''s first choice';
comment on column billing.payers.email is 'E-mail address; an individual''s first choice';
comment on column billing.payers.phone is 'Telephone; an individual''s first choice';
comment on column billing.payers.mobile is 'Mobile telephone';
comment on column billing.payers.address_line1 is 'First line of the address';
comment on column billing.payers.address_line2 is 'Second line of the address';
comment on column billing.payers.city is 'City';
comment on column billing.payers.state is 'State or province';
comment on column billing.payers.postal_code is 'Postal code';
comment on column billing.payers.country is 'Country';
comment on column billing.payers.updated_at is 'Moment of the last change, with its zone or in UTC';

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
comment on column billing.fee_items.firm_id is 'Id of the law firm';
comment on column billing.fee_items.fee_item_id is 'Id of the fee item; it is never given to another';
comment on column billing.fee_items.code is 'Short code of the fee item';
comment on column billing.fee_items.name is 'Name of the fee item';
comment on column billing.fee_items.description is 'Description for the client';
comment on column billing.fee_items.kind is 'Kind of the fee item';
comment on column billing.fee_items.unit_price is 'Usual price of one unit, in dollars';
comment on column billing.fee_items.is_active is 'True while billing still uses the fee item';
comment on column billing.fee_items.updated_at is 'Moment of the last change, with its zone or in UTC';

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
comment on column billing.invoices.firm_id is 'Id of the law firm';
comment on column billing.invoices.invoice_id is 'Id of the invoice; it is never given to another';
comment on column billing.invoices.invoice_number is 'Number that the client sees';
comment on column billing.invoices.payer_id is 'Id of the payer who is billed';
comment on column billing.invoices.matter is 'Matter that the invoice bills';
comment on column billing.invoices.status is 'Status of the invoice; a draft is not sent';
comment on column billing.invoices.invoice_date is 'Date of the invoice';
comment on column billing.invoices.due_date is 'Date on which the invoice is due';
comment on column billing.invoices.terms is 'Terms of payment, as billing words them';
comment on column billing.invoices.currency is 'Currency of the invoice, as an ISO 4217 code';
comment on column billing.invoices.total_amount is 'Sum of all lines, in dollars; a forwarded balance is included';
comment on column billing.invoices.customer_message is 'Text for the client';
comment on column billing.invoices.internal_note is 'Text for the firm';
comment on column billing.invoices.created_at is 'Moment at which billing created the row, with its zone or in UTC';
comment on column billing.invoices.updated_at is
    'Moment of the last change of the invoice or of its lines, with its zone or in UTC';
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
comment on column billing.invoice_lines.firm_id is 'Id of the law firm';
comment on column billing.invoice_lines.invoice_id is 'Id of the invoice that the line belongs to';
comment on column billing.invoice_lines.line_number is 'Position on the invoice';
comment on column billing.invoice_lines.kind is 'Kind of the line';
comment on column billing.invoice_lines.fee_item_id is 'Id of the fee item of a fee, expense or interest line';
comment on column billing.invoice_lines.service_date is 'Date of the work';
comment on column billing.invoice_lines.description is 'Text for the client';
comment on column billing.invoice_lines.quantity is 'Number of units, for example hours';
comment on column billing.invoice_lines.unit_price is 'Price of one unit, in dollars';
comment on column billing.invoice_lines.amount is 'Amount of the line, in dollars; negative on a discount, 0 on a note';
comment on column billing.invoice_lines.is_taxable is 'True where the line is taxed';
comment on column billing.invoice_lines.forwarded_invoice_id is
    'Id of the older invoice whose open balance a balance_forward line shows again, when known';
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
comment on column billing.payments.firm_id is 'Id of the law firm';
comment on column billing.payments.payment_id is 'Id of the payment; it is never given to another';
comment on column billing.payments.payer_id is 'Id of the payer who paid';
comment on column billing.payments.kind is 'Kind of the movement; it says which way the money went';
comment on column billing.payments.method is 'Method of payment';
comment on column billing.payments.reference is 'Check number or transaction reference';
comment on column billing.payments.received_date is 'Date of receipt; of a refund the date on which the money went back';
comment on column billing.payments.amount is 'Amount, in dollars; never negative';
comment on column billing.payments.currency is 'Currency of the payment, as an ISO 4217 code';
comment on column billing.payments.memo is 'Text for the firm';
comment on column billing.payments.reverses_payment_id is 'Id of the payment that a refund, rejection or reversal takes back';
comment on column billing.payments.status is 'Status of the payment';
comment on column billing.payments.origin is 'Side on which the payment was entered';
comment on column billing.payments.external_id is
    'Identity of a payment that QuickBooks received: qbo:<realm>:<payment>:<invoice>:r<revision>';
comment on column billing.payments.created_at is 'Moment at which billing created the row, with its zone or in UTC';
comment on column billing.payments.updated_at is
    'Moment of the last change of the payment or of its applications, with its zone or in UTC';
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
comment on column billing.payment_applications.firm_id is 'Id of the law firm';
comment on column billing.payment_applications.payment_id is 'Id of the payment that is applied';
comment on column billing.payment_applications.invoice_id is 'Id of the invoice that it is applied to';
comment on column billing.payment_applications.amount is 'Part of the payment that pays the invoice, in dollars';
comment on column billing.payment_applications.applied_date is 'Date on which the part was applied';
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
