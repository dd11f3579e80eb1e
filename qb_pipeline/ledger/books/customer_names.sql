-- name: store
insert into sync.customer_name as n (firm_id, customer_id, name, seen_at)
values (:firm_id, :customer_id, :name, :now)
on conflict (firm_id, customer_id) do update
set name = excluded.name, seen_at = excluded.seen_at
where n.name <> excluded.name and n.seen_at <= excluded.seen_at;

-- name: rename
-- Only customers that reports know already: nobody else's name is kept.
update sync.customer_name
set name = :name, seen_at = :now
where firm_id = :firm_id and customer_id = :customer_id and name <> :name;
