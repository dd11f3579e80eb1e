-- A small firm's book in a SQLite file, with views of the agreed names in the same file. Run it with: sqlite3 book.db
-- The worked example for other engines in docs/billing-database.md. Times are kept in UTC, as text: date() and datetime()
-- make dates and times of it.

create table clients (no integer primary key, first text, last text, mail text, touched text not null);
create table bills (
    no integer primary key, client integer not null, day text not null, cents integer not null, open integer not null,
    made text not null, touched text not null
);
create table bill_rows (bill integer not null, row integer not null, words text, cents integer not null);
create table money_in (
    no integer primary key, client integer not null, bill integer not null, day text not null, cents integer not null,
    touched text not null
);

create view firms as
select 'book' as firm_id, 'Book & Daughter' as name, 'America/Denver' as time_zone, 'USD' as currency;

create view payers as
select
    'book' as firm_id, cast(no as text) as payer_id, 'individual' as kind, first as first_name, null as middle_name,
    last as last_name, null as suffix, null as corporation_name, null as billing_first_name, null as billing_last_name,
    null as billing_email, null as billing_phone, mail as email, null as phone, null as mobile, null as address_line1,
    null as address_line2, null as city, null as state, null as postal_code, 'US' as country, datetime(touched) as updated_at
from clients;

create view fee_items as
select
    'book' as firm_id, 'ADVICE' as fee_item_id, 'ADVICE' as code, 'Consultation' as name, null as description,
    'legal_fee' as kind, null as unit_price, 1 as is_active, '2024-01-01 00:00:00' as updated_at;

create view invoices as
select
    'book' as firm_id, cast(no as text) as invoice_id, 'B-' || no as invoice_number, cast(client as text) as payer_id,
    null as matter, case open when 1 then 'issued' else 'void' end as status, date(day) as invoice_date, null as due_date,
    null as terms, 'USD' as currency, cents / 100.0 as total_amount, null as customer_message, null as internal_note,
    datetime(made) as created_at, datetime(touched) as updated_at
from bills;

create view invoice_lines as
select
    'book' as firm_id, cast(bill as text) as invoice_id, row as line_number, 'fee' as kind, 'ADVICE' as fee_item_id,
    null as service_date, words as description, 1 as quantity, cents / 100.0 as unit_price, cents / 100.0 as amount,
    0 as is_taxable, null as forwarded_invoice_id
from bill_rows;

create view payments as
select
    'book' as firm_id, cast(no as text) as payment_id, cast(client as text) as payer_id, 'payment' as kind,
    'check' as method, null as reference, date(day) as received_date, cents / 100.0 as amount, 'USD' as currency, null as memo,
    null as reverses_payment_id, 'completed' as status, 'billing' as origin, null as external_id, datetime(touched) as created_at,
    datetime(touched) as updated_at
from money_in;

create view payment_applications as
select
    'book' as firm_id, cast(no as text) as payment_id, cast(bill as text) as invoice_id, cents / 100.0 as amount,
    date(day) as applied_date
from money_in;

create table payment_guard (firm_id text not null primary key, active_since timestamp not null);
