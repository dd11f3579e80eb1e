-- What happened to each document, in which run, by whom?
-- Grain: one row per activity. Money: dollars. Read by: anyone who asks "why".
create view reporting.sync_log as
select log_id, at, firm_id, run_id, trigger, actor, kind, source_id, part, number, activity, reason, detail,
       (amount_cents / 100.0)::numeric(15, 2) as amount,
       quickbooks_id, attempt_id, intuit_tid
from sync.log;
