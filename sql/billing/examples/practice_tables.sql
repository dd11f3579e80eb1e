-- A law firm's own database, as an imaginary practice-management system keeps it: nothing of it is named, typed or coded as
-- the pipeline wants it. The worked example of docs/billing-database.md; practice_views.sql maps it.

create schema practice;

create table practice.client (
    id integer primary key,
    type char(1) not null,              -- P person, C company
    given text,
    surname text,
    company text,
    contact_name text,                  -- of a company: "Given Surname"
    mail text,
    phone text,
    street text,
    town text,
    region text,
    zip text,
    changed timestamp not null          -- local time of the office
);

create table practice.service (
    code text primary key,
    title text not null,
    class integer not null,             -- 1 own work, 2 government fee, 3 outlay
    hourly_cents integer,
    retired boolean not null default false,
    changed timestamp not null
);

create table practice.bill (
    id bigint primary key,
    bill_no text not null,
    client_id integer not null references practice.client,
    matter_title text,
    stage integer not null,             -- 0 being drawn up, 1 sent, 9 cancelled
    sent_on date,
    pay_by date,
    note_to_client text,
    gross_cents bigint not null,
    created timestamp not null,
    changed timestamp not null
);

create table practice.bill_item (
    id bigint primary key,
    bill_id bigint not null references practice.bill,
    pos integer not null,
    service_code text references practice.service,
    what char(1) not null,              -- W work, O outlay, R rebate (positive!), T text
    done_on date,
    words text,
    minutes integer,
    cents bigint not null,
    changed timestamp not null
);

create table practice.receipt (
    id bigint primary key,
    client_id integer not null references practice.client,
    paid_by text not null,              -- CHQ, CC, ACH, CASH
    slip text,
    received_on date not null,
    cents bigint not null,
    bounced_on date,
    cancelled boolean not null default false,
    created timestamp not null,
    changed timestamp not null
);

create table practice.allocation (
    receipt_id bigint not null references practice.receipt,
    bill_id bigint not null references practice.bill,
    cents bigint not null,
    allocated_on date not null,
    primary key (receipt_id, bill_id)
);
