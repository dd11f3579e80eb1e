-- Views of the agreed names over the schema "practice" (practice_tables.sql): what a firm writes to bring its own
-- database. Explained line by line in docs/billing-database.md.

create schema billing;

create view billing.firms as
select 'practice' as firm_id, 'Practice & Partners' as name, 'America/Chicago' as time_zone, 'USD' as currency;

create view billing.payers as
select
    'practice' as firm_id,
    c.id::text as payer_id,
    case c.type when 'C' then 'corporation' else 'individual' end as kind,
    case when c.type = 'P' then c.given end as first_name,
    null::text as middle_name,
    case when c.type = 'P' then c.surname end as last_name,
    null::text as suffix,
    case when c.type = 'C' then c.company end as corporation_name,
    split_part(c.contact_name, ' ', 1) as billing_first_name,
    split_part(c.contact_name, ' ', 2) as billing_last_name,
    case when c.type = 'C' then c.mail end as billing_email,
    case when c.type = 'C' then c.phone end as billing_phone,
    c.mail as email,
    c.phone,
    null::text as mobile,
    c.street as address_line1,
    null::text as address_line2,
    c.town as city,
    c.region as state,
    c.zip as postal_code,
    'US' as country,
    c.changed at time zone 'America/Chicago' as updated_at
from practice.client as c;

create view billing.fee_items as
select
    'practice' as firm_id,
    s.code as fee_item_id,
    s.code,
    s.title as name,
    null::text as description,
    case s.class when 1 then 'legal_fee' when 2 then 'government_fee' else 'expense' end as kind,
    s.hourly_cents * 0.01 as unit_price,
    not s.retired as is_active,
    s.changed at time zone 'America/Chicago' as updated_at
from practice.service as s;

create view billing.invoices as
select
    'practice' as firm_id,
    b.id::text as invoice_id,
    b.bill_no as invoice_number,
    b.client_id::text as payer_id,
    b.matter_title as matter,
    case b.stage when 0 then 'draft' when 1 then 'issued' when 9 then 'void' end as status,
    coalesce(b.sent_on, b.created::date) as invoice_date,
    b.pay_by as due_date,
    null::text as terms,
    'USD' as currency,
    (b.gross_cents * 0.01)::numeric(15, 2) as total_amount,
    b.note_to_client as customer_message,
    null::text as internal_note,
    b.created at time zone 'America/Chicago' as created_at,
    greatest(
        b.changed, (select max(i.changed) from practice.bill_item as i where i.bill_id = b.id)
    ) at time zone 'America/Chicago' as updated_at
from practice.bill as b;

create view billing.invoice_lines as
select
    'practice' as firm_id,
    i.bill_id::text as invoice_id,
    i.pos as line_number,
    case i.what when 'W' then 'fee' when 'O' then 'expense' when 'R' then 'discount' when 'T' then 'note' end as kind,
    i.service_code as fee_item_id,
    i.done_on as service_date,
    i.words as description,
    case when i.what = 'W' then i.minutes / 60.0 end as quantity,
    case when i.what = 'W' and i.minutes > 0 then i.cents * 0.6 / i.minutes end as unit_price,
    ((case when i.what = 'R' then -i.cents else i.cents end) * 0.01)::numeric(15, 2) as amount,
    false as is_taxable,
    null::text as forwarded_invoice_id
from practice.bill_item as i;

create view billing.payments as
select
    'practice' as firm_id,
    r.id::text as payment_id,
    r.client_id::text as payer_id,
    'payment' as kind,
    case r.paid_by
        when 'CHQ' then 'check' when 'CC' then 'card' when 'ACH' then 'echeck' when 'CASH' then 'cash' else 'other'
    end as method,
    r.slip as reference,
    r.received_on as received_date,
    (r.cents * 0.01)::numeric(15, 2) as amount,
    'USD' as currency,
    null::text as memo,
    null::text as reverses_payment_id,
    case when r.cancelled then 'void' else 'completed' end as status,
    'billing' as origin,
    null::text as external_id,
    r.created at time zone 'America/Chicago' as created_at,
    r.changed at time zone 'America/Chicago' as updated_at
from practice.receipt as r
union all
-- A bounced receipt is two rows: the payment, which was received, and the rejection, which took it back.
select
    'practice', r.id || '-bounced', r.client_id::text, 'rejection', 'echeck', r.slip, r.bounced_on,
    (r.cents * 0.01)::numeric(15, 2), 'USD', null, r.id::text, 'completed', 'billing', null,
    r.changed at time zone 'America/Chicago', r.changed at time zone 'America/Chicago'
from practice.receipt as r
where r.bounced_on is not null and not r.cancelled;

create view billing.payment_applications as
select
    'practice' as firm_id,
    a.receipt_id::text as payment_id,
    a.bill_id::text as invoice_id,
    (a.cents * 0.01)::numeric(15, 2) as amount,
    a.allocated_on as applied_date
from practice.allocation as a;

-- The one table that is not a view: which firms take payments in QuickBooks only (Model 2).
create table billing.payment_guard (
    firm_id text primary key,
    active_since timestamptz not null
);
