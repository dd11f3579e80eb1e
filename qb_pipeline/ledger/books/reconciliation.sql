-- name: as_of
select set_config('reporting.as_of', :moment, true);

-- name: note
select note from reporting.reconciliation where firm_id = :firm_id and note <> '';

-- name: measures
select measure, ours, theirs, difference, explained, residual, differences, unexplained
from reporting.reconciliation
where firm_id = :firm_id and note = ''
order by measure <> 'owed', measure;

-- name: classes
select measure, class, count(*) as documents, sum(amount) as amount, min(document_date) as oldest
from (
    select measure, class, amount, document_date from reporting.differences where firm_id = :firm_id and note = ''
    union all
    select 'owed', class, amount, document_date from reporting.owed_differences where firm_id = :firm_id
) d
group by measure, class
order by measure <> 'owed', measure, abs(sum(amount)) desc, class;

-- name: unexplained
select measure, kind, source_id, part, amount
from (
    select measure, kind, source_id, part, amount, class from reporting.differences where firm_id = :firm_id and note = ''
    union all
    select 'owed', cause, cause_id, '', amount, class from reporting.owed_differences where firm_id = :firm_id
) d
where class = ''
order by measure <> 'owed', measure, kind, source_id, part;

-- name: standing
-- The month is the calendar's in UTC: Intuit meters the reads of an app, of all its companies together.
select (select min(state_since) from sync.document
        where firm_id = f.firm_id and kind in ('invoice', 'payment') and state in ('held', 'refused')) as held_since,
       (select max(document_date) from sync.document
        where firm_id = f.firm_id and kind = 'invoice' and state = 'synced') as newest_day,
       (select max(document_date) from sync.document
        where firm_id = f.firm_id and kind = 'invoice' and state not in ('closed', 'voided') and reason <> 'DATED_AHEAD'
          and document_date <= cast(:now as timestamptz) at time zone f.time_zone) as newest_billed_day,
       (select coalesce(sum(reads), 0) from sync.run
        where started_at >= date_trunc('month', cast(:now as timestamptz), 'UTC'))
       + (select coalesce(sum(reads), 0) from sync.metered_reads
          where month = date_trunc('month', cast(:now as timestamptz) at time zone 'UTC')::date) as reads
from sync.firm f
where f.firm_id = :firm_id;

-- name: record
insert into sync.reconciled (firm_id, run_id, at, unexplained, residual_cents, newest_day, newest_billed_day)
values (:firm_id, :run_id, :now, :unexplained, :residual_cents, :newest_day, :newest_billed_day)
on conflict (firm_id) do update
set run_id = excluded.run_id, at = excluded.at, unexplained = excluded.unexplained,
    residual_cents = excluded.residual_cents, newest_day = excluded.newest_day,
    newest_billed_day = excluded.newest_billed_day;
