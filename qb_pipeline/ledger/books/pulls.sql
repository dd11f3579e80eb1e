-- name: add_reads
insert into sync.metered_reads (firm_id, month, reads)
values (:firm_id, :month, :reads)
on conflict (firm_id, month) do update set reads = metered_reads.reads + excluded.reads;

-- name: reads_since
select (select coalesce(sum(reads), 0) from sync.metered_reads where month = :month)
     + (select coalesce(sum(reads), 0) from sync.run where started_at >= :month_begins) as reads;

-- name: hint
insert into sync.cursor (firm_id, name, value)
select firm_id, :name, :now
from sync.firm
where environment = :environment and realm_id = any(:realm_ids) and model = 2 and activated_at is not null
on conflict (firm_id, name) do update set value = greatest(cursor.value, excluded.value)
returning firm_id;
