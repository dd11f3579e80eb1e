-- name: remember
-- A fault that goes on keeps its beginning; another code begins anew.
insert into sync.company_fault as f (firm_id, code, sentence, remedy, since, seen_at, run_id, intuit_tid)
values (:firm_id, :code, :sentence, :remedy, :now, :now, :run_id, :intuit_tid)
on conflict (firm_id) do update
set since = case when f.code = excluded.code then f.since else excluded.since end, code = excluded.code,
    sentence = excluded.sentence, remedy = excluded.remedy, seen_at = excluded.seen_at, run_id = excluded.run_id,
    intuit_tid = excluded.intuit_tid;

-- name: standing
select code, sentence, remedy, since, seen_at, intuit_tid from sync.company_fault where firm_id = :firm_id;

-- name: forget
delete from sync.company_fault where firm_id = :firm_id;
