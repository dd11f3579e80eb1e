-- name: read
select value from sync.cursor where firm_id = :firm_id and name = :name;

-- name: save
insert into sync.cursor (firm_id, name, value)
values (:firm_id, :name, :value)
on conflict (firm_id, name) do update set value = greatest(cursor.value, excluded.value);
