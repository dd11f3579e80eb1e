-- name: days
-- The known days of these firms and local dates. changed: a person changed the firm's set-up since. answered: a run of
-- the firm has ended well since, and QuickBooks answered it.
select d.firm_id, d.local_date, d.outcome, d.cause, d.run_id, d.since,
       exists (select from sync.firm_event e where e.firm_id = d.firm_id and e.at > d.since) as changed,
       exists (select from sync.run r
               where r.firm_id = d.firm_id and r.outcome = 'done' and r.finished_at > d.since and r.reads + r.writes > 0
       ) as answered
from sync.firm_day d
join unnest(cast(:firm_ids as text[]), cast(:local_dates as date[])) as wanted (firm_id, local_date)
    using (firm_id, local_date)
where d.job = :job;

-- name: note
-- The finding of a tick; a day that is done, or that a run works on, is left as it is.
insert into sync.firm_day (job, firm_id, local_date, outcome, cause, since)
values (:job, :firm_id, :local_date, :outcome, :cause, :now)
on conflict (job, firm_id, local_date) do update
set outcome = excluded.outcome, cause = excluded.cause, since = excluded.since, run_id = ''
where firm_day.outcome in ('open', 'failed') or (firm_day.outcome = 'running' and firm_day.run_id = :died);

-- name: claim
-- A run claims its day: no run has it, this run has it already, or the run that had it is over.
insert into sync.firm_day (job, firm_id, local_date, outcome, run_id, since)
values (:job, :firm_id, :local_date, 'running', :run_id, :now)
on conflict (job, firm_id, local_date) do update
set outcome = 'running', run_id = excluded.run_id, since = excluded.since
where firm_day.outcome in ('open', 'failed') or (firm_day.outcome = 'running' and firm_day.run_id in (:run_id, :over))
returning cause;

-- name: holder
select outcome, run_id from sync.firm_day where job = :job and firm_id = :firm_id and local_date = :local_date;

-- name: end
update sync.firm_day
set outcome = :outcome, cause = :cause, since = :now
where job = :job and firm_id = :firm_id and local_date = :local_date and outcome = 'running' and run_id = :run_id;
