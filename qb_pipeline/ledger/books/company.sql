-- name: remember
insert into sync.company_settings (firm_id, seen_at, settings)
values (:firm_id, :now, cast(:settings as jsonb))
on conflict (firm_id) do update set seen_at = excluded.seen_at, settings = excluded.settings;

-- name: seen
-- A refusal since then may come from a setting that has changed: the stored settings are doubtful.
select s.seen_at, s.settings,
       exists (select from sync.log l
               where l.firm_id = s.firm_id and l.at > s.seen_at
                 and (l.activity = 'refused' or l.reason = 'TOTAL_DIFFERS')) as is_doubtful
from sync.company_settings s
where s.firm_id = :firm_id;

-- name: has_refused_a_number
select exists (select from sync.attempt_item i
               join sync.attempt a using (attempt_id)
               where i.fault_code = '6140' and a.firm_id = :firm_id);
