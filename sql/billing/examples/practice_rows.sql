-- A few rows for practice_tables.sql: two clients, a bill with a rebate, one with a bounced check, one being drawn up.

insert into practice.client values
    (7, 'P', 'Ana', 'Diaz', null, null, 'ana@example.com', '555-0100', '1 Elm St', 'Austin', 'TX', '78701',
     '2026-01-05 09:00'),
    (8, 'C', null, null, 'Acme Corp', 'Bo Lee', 'ap@acme.example', null, null, null, null, null, '2026-01-05 09:00');
insert into practice.service values ('CON', 'Consultation', 1, 30000, false, '2026-01-05 09:00'),
    ('GOV', 'Filing fee', 2, null, false, '2026-01-05 09:00');
insert into practice.bill values
    (1001, 'B/1001', 7, 'Green card', 1, '2026-03-02', '2026-04-01', 'Thank you', 65000, '2026-03-02 10:00',
     '2026-03-02 10:00'),
    (1002, 'B/1002', 8, null, 1, '2026-03-03', null, null, 30000, '2026-03-03 10:00', '2026-03-03 10:00'),
    (1003, 'B/1003', 8, null, 0, null, null, null, 30000, '2026-03-03 10:00', '2026-03-03 10:00');
insert into practice.bill_item values
    (1, 1001, 1, 'CON', 'W', '2026-03-01', 'Advice', 150, 75000, '2026-03-02 10:00'),
    (2, 1001, 2, 'CON', 'R', null, 'Rebate', null, 10000, '2026-03-02 10:00'),
    (3, 1001, 3, null, 'T', null, 'As agreed', null, 0, '2026-03-02 10:00'),
    (4, 1002, 1, 'CON', 'W', '2026-03-01', 'Advice', 60, 30000, '2026-03-03 10:00'),
    (5, 1003, 1, 'CON', 'W', '2026-03-01', 'Advice', 60, 30000, '2026-03-03 10:00');
insert into practice.receipt values
    (501, 7, 'CHQ', '1234', '2026-03-05', 65000, null, false, '2026-03-05 10:00', '2026-03-05 10:00'),
    (502, 8, 'ACH', 'A-9', '2026-03-05', 30000, '2026-03-08', false, '2026-03-05 10:00', '2026-03-08 10:00');
insert into practice.allocation values (501, 1001, 65000, '2026-03-05'), (502, 1002, 30000, '2026-03-05');
