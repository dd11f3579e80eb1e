-- What happened to each document, in which run, by whom, and at what cost?
-- Grain: one row per activity. Money: dollars. Kept apart from Dagster's own storage, as long as the firm's setting keep_log_days
-- says. Read by: anyone who asks "why".
create view reporting.sync_log as
select l.log_id,                                    -- Order in which it happened
       l.at,                                        -- When
       l.firm_id,                                   -- Law firm
       l.run_id,                                    -- Dagster run id
       case when l.run_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then '/runs/' || l.run_id else '' end as run_page, -- Page of the run, behind the address of the Dagster UI; empty when it was no Dagster run
       l.trigger,                                   -- What started the run: schedule, cli, sync_again …
       l.actor,                                     -- For whom it ran
       l.kind,                                      -- invoice, payment, customer or item; empty when it was no document
       l.source_id,                                 -- Document in billing
       l.part,                                      -- Date on which credit was applied; else empty
       l.number,                                    -- Invoice number or payment reference
       l.activity,                                  -- seen, created, updated, voided, skipped, held, refused, unknown, reconciled …; failed: the run as a whole, when there is no document
       l.reason,                                    -- Reason code; empty when there is none
       l.detail,                                    -- Fault code, notice, or why the run failed; never a client's data
       l.amount_cents * 0.01 as amount,             -- Amount of the document
       l.quickbooks_id,                             -- Id in QuickBooks; empty when it is not there
       l.attempt_id,                                -- Request in which it was sent
       l.intuit_tid,                                -- Intuit's id of the request, for its support
       r.reads as run_reads,                        -- Metered reads of the whole run for this firm
       r.writes as run_writes                       -- Requests of the whole run for this firm that wrote
from sync.log l
left join sync.run r on r.run_id = l.run_id and r.firm_id = l.firm_id;
