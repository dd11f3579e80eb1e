-- Standard SQL only, as in source.sql.

-- name: guarded
select active_since from billing.payment_guard where firm_id = :firm_id;

-- name: guard
insert into billing.payment_guard (firm_id, active_since) values (:firm_id, :active_since);

-- name: unguard
delete from billing.payment_guard where firm_id = :firm_id;
