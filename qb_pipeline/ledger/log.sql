-- name: write
insert into sync.log (at, firm_id, run_id, trigger, actor, document_id, kind, source_id, part, number, activity, reason,
                      detail, amount_cents, quickbooks_id, attempt_id, intuit_tid)
select :now, :firm_id, :run_id, :trigger, :actor, entry.document_id, coalesce(d.kind, ''), coalesce(d.source_id, ''),
       coalesce(d.part, ''), coalesce(d.number, ''), entry.activity, entry.reason, entry.detail, entry.amount_cents,
       entry.quickbooks_id, entry.attempt_id, entry.intuit_tid
from rows from (
         jsonb_to_recordset(cast(:entries as jsonb))
         as (activity text, document_id bigint, reason text, detail text, amount_cents bigint, quickbooks_id text,
             attempt_id uuid, intuit_tid text)
     ) with ordinality
     as entry (activity, document_id, reason, detail, amount_cents, quickbooks_id, attempt_id, intuit_tid, position)
left join sync.document d using (document_id)
order by entry.position;

-- name: said
select detail
from sync.log
where firm_id = :firm_id and run_id = :run_id and activity = :activity and document_id is null;

-- name: begin_run
insert into sync.run (run_id, firm_id, trigger, actor, started_at, host, boot_id, pid, pid_started)
values (:run_id, :firm_id, :trigger, :actor, :now, :host, :boot_id, :pid, :started)
on conflict (run_id, firm_id) do update
set outcome = 'running', finished_at = null, error = '', host = excluded.host, boot_id = excluded.boot_id,
    pid = excluded.pid, pid_started = excluded.pid_started;

-- name: running
-- Between two stages a run may have no process: the next stage begins in one of its own within minutes.
select run_id, trigger, actor, host, boot_id, pid, pid_started as started
from sync.run r
where firm_id = :firm_id and outcome = 'running' and run_id <> :run_id
  and not exists (select from sync.run_stage s
                  where s.run_id = r.run_id and s.firm_id = r.firm_id
                  having count(*) > 0 and bool_and(s.outcome <> 'running')
                         and max(s.finished_at) > cast(:now as timestamptz) - interval '10 minutes')
for update skip locked;

-- name: end_run
update sync.run
set outcome = :outcome, error = :error, reads = reads + :reads, writes = writes + :writes, finished_at = :now
where run_id = :run_id and firm_id = :firm_id;

-- name: count_requests
update sync.run set reads = reads + :reads, writes = writes + :writes where run_id = :run_id and firm_id = :firm_id;

-- name: forget_plan
-- What a run has decided for its stages is of no use to another one.
with documents as (
    delete from sync.planned_document p
    using sync.document d
    where p.run_id = :run_id and d.document_id = p.document_id and d.firm_id = :firm_id
)
delete from sync.plan_basis where run_id = :run_id and firm_id = :firm_id;

-- name: begin_stage
insert into sync.run_stage (run_id, firm_id, stage, started_at)
values (:run_id, :firm_id, :stage, :now)
on conflict (run_id, firm_id, stage) do update
set outcome = 'running', started_at = excluded.started_at, finished_at = null, error = '';

-- name: end_stage
update sync.run_stage
set outcome = :outcome, error = :error, reads = reads + :reads, writes = writes + :writes, finished_at = :now
where run_id = :run_id and firm_id = :firm_id and stage = :stage;

-- name: end_stages
-- Of a run whose process died.
update sync.run_stage
set outcome = 'failed', error = :error, finished_at = :now
where run_id = :run_id and firm_id = :firm_id and outcome = 'running';

-- name: stages
select stage, outcome, started_at, finished_at, error, reads, writes
from sync.run_stage
where firm_id = :firm_id and run_id = :run_id
order by started_at, stage;

-- name: find_runs
-- Ids of runs that begin with a word. The log is searched too: some acts, such as a scan, have no row in sync.run.
select run_id
from (select run_id from sync.run where firm_id = :firm_id and starts_with(run_id, :word)
      union
      select run_id from sync.log where firm_id = :firm_id and starts_with(run_id, :word)) found
order by run_id;

-- name: newest_runs
select run_id, trigger, started_at
from sync.run
where firm_id = :firm_id
order by started_at desc, run_id
limit :limit;

-- name: rows
select at, run_id, trigger, actor, kind, source_id, part, number, activity, reason, detail, amount_cents, quickbooks_id,
       intuit_tid
from sync.log
where firm_id = :firm_id
  and (cast(:document_id as bigint) is null or document_id = :document_id)
  and (:run_id = '' or run_id = :run_id)
  and (not :errors or activity in ('held', 'refused', 'unknown', 'failed'))
order by log_id desc
limit :limit;

-- name: noticed
-- Documents with a notice of this reason since a moment: each once, in the order of their ids.
select distinct d.kind, d.source_id, d.part
from sync.log l
join sync.document d using (document_id)
where l.firm_id = :firm_id and l.activity = 'notice' and l.reason = :reason and l.at >= :since
order by d.kind, d.source_id, d.part;

-- name: summary
select kind, activity, reason, count(distinct document_id) as documents, coalesce(sum(amount_cents), 0)::bigint as cents
from sync.log
where firm_id = :firm_id and run_id = :run_id and document_id is not null and kind in ('invoice', 'payment', 'refund', 'credit', 'customer', 'item')
group by kind, activity, reason
order by kind, activity, reason;

-- name: control_totals
-- Each document counts with the last request that this run wrote down for it: the total it was to have, and its
-- outcome. differing counts documents one by one: in a sum, one that is too high would hide one that is too low.
-- by_date: one row per kind and document date; otherwise document_date is null.
with last as (
    select distinct on (i.document_id) i.document_id, i.outcome, i.total_cents
    from sync.attempt a
    join sync.attempt_item i using (attempt_id)
    where a.firm_id = :firm_id and a.run_id = :run_id
    order by i.document_id, a.first_sent_at desc, a.attempt_id
)
select case when :by_date then d.document_date end as document_date, d.kind,
       count(*) as documents,
       count(*) filter (where i.outcome = 'accepted' and i.total_cents <> d.quickbooks_total_cents) as differing,
       sum(i.total_cents)::bigint as meant_cents,
       coalesce(sum(i.total_cents) filter (where i.outcome = 'accepted'), 0)::bigint as accepted_cents,
       coalesce(sum(d.quickbooks_total_cents) filter (where i.outcome = 'accepted'), 0)::bigint as in_quickbooks_cents,
       coalesce(sum(i.total_cents) filter (where i.outcome = 'refused'), 0)::bigint as refused_cents,
       coalesce(sum(i.total_cents) filter (where i.outcome in ('open', 'missing')), 0)::bigint as unknown_cents,
       coalesce(sum(i.total_cents) filter (where i.outcome = 'not_sent'), 0)::bigint as not_sent_cents
from last i
join sync.document d using (document_id)
where d.kind in ('invoice', 'payment')
group by 1, d.kind
order by 1, d.kind;

-- name: run
select outcome, error, reads, writes from sync.run where firm_id = :firm_id and run_id = :run_id;

-- name: prune_log
delete from sync.log
where log_id = any(array(select log_id from sync.log where firm_id = :firm_id and at < :before order by at limit :chunk));

-- name: prune_plans
delete from sync.plan_item p
where ctid = any(array(select i.ctid
                       from sync.run r
                       join sync.plan_item i on i.run_id = r.run_id
                       join sync.document d on d.document_id = i.document_id and d.firm_id = r.firm_id
                       where r.firm_id = :firm_id and r.started_at < :before
                       limit :chunk));

-- name: prune_runs
delete from sync.run
where ctid = any(array(select ctid from sync.run
                       where firm_id = :firm_id and started_at < :before and outcome <> 'running' limit :chunk));

-- name: prune_days
delete from sync.firm_day
where ctid = any(array(select ctid from sync.firm_day
                       where firm_id = :firm_id and local_date < cast(:before as date) limit :chunk));
