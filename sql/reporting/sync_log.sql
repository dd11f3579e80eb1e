-- What happened to each document, in which run, by whom?
-- Grain: one row per activity. Money: dollars. Read by: anyone who asks "why".
create view reporting.sync_log as
select log_id,                                      -- Order in which it happened
       at,                                          -- When
       firm_id,                                     -- Law firm
       run_id,                                      -- Dagster run id
       trigger,                                     -- What started the run: schedule, cli, sync_again …
       actor,                                       -- For whom it ran
       kind,                                        -- invoice, payment, customer or item; empty when it was no document
       source_id,                                   -- Document in billing
       part,                                        -- Date on which credit was applied; else empty
       number,                                      -- Invoice number or payment reference
       activity,                                    -- seen, created, updated, voided, skipped, held, refused, unknown …
       reason,                                      -- Reason code; empty when there is none
       detail,                                      -- Fault code or notice; never a client's data
       amount_cents * 0.01 as amount,               -- Amount of the document
       quickbooks_id,                               -- Id in QuickBooks; empty when it is not there
       attempt_id,                                  -- Request in which it was sent
       intuit_tid                                   -- Intuit's id of the request, for its support
from sync.log;
