-- What happened to each document, in which run, by whom, and at what cost?
-- Grain: one row per activity. Money: dollars. Kept apart from Dagster's own storage, as long as the firm's setting keep_log_days
-- says. Read by: anyone who asks "why".
create view reporting.sync_log as
select l.log_id,                                    -- Number of the row, in the order in which things happened
       l.at,                                        -- Moment of the activity, in UTC
       l.firm_id,                                   -- Id of the law firm in billing
       l.run_id,                                    -- Id of the run in Dagster
       case when l.run_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then '/runs/' || l.run_id else '' end as run_page, -- Page of the run, behind the address of the Dagster UI; empty when it was no Dagster run
       l.trigger,                                   -- Cause of the run: schedule, cli, sync_again …
       l.actor,                                     -- Person, schedule or sensor that the run was for
       l.kind,                                      -- Kind of the document: invoice, payment, customer or item; empty when there is no document
       l.source_id,                                 -- Id of the document in billing
       l.part,                                      -- Date on which credit was applied; empty for other documents
       l.number,                                    -- Invoice number or payment reference
       l.activity,                                  -- Activity: seen, created, updated, released, voided, skipped, held, refused, unknown, reconciled …; failed: the run as a whole, when there is no document
       l.reason,                                    -- Reason code; empty when there is none
       l.detail,                                    -- Fault code, notice, or why the run failed; never a client's data
       l.amount_cents * 0.01 as amount,             -- Amount of the document, in dollars
       l.quickbooks_id,                             -- Id of the document in QuickBooks; empty when it is not there
       l.attempt_id,                                -- Id of the request in which it was sent
       l.intuit_tid,                                -- Intuit's id of the request, for its support
       r.reads as run_reads,                        -- Number of metered reads of the whole run for this firm
       r.writes as run_writes                       -- Number of requests of the whole run for this firm that wrote
from sync.log l
left join sync.run r on r.run_id = l.run_id and r.firm_id = l.firm_id;
