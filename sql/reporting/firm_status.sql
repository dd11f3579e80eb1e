-- How far is each firm set up, what is its next step, and what waits to be sent?
-- Grain: one row per firm. Money: dollars. Read by: operators, every morning.
create view reporting.firm_status as
select f.firm_id,                                   -- Id of the law firm in billing
       f.name,                                      -- Name of the firm
       case
           when f.subscribed_at is null then 'not subscribed'
           when f.model is null then 'subscribed'
           when f.connected_at is null then 'model chosen'
           when f.activated_at is null and f.mapped_at is null then 'connected'
           when f.activated_at is null then 'mapped'
           when f.paused_at is not null then 'paused'
           else 'active'
       end as state,                                -- State of set-up: not subscribed, subscribed, model chosen, connected, mapped, active or paused
       case
           when f.subscribed_at is null then 'qb-pipeline firm subscribe ' || f.firm_id
           when f.model is null then 'qb-pipeline firm model ' || f.firm_id || ' 1|2'
           when f.connected_at is null then 'qb-pipeline connect ' || f.firm_id
           when f.activated_at is null and f.mapped_at is null
               then 'qb-pipeline firm activate ' || f.firm_id
                    || ' (or first: qb-pipeline mapping suggest ' || f.firm_id || ')'
           when f.activated_at is null then 'qb-pipeline firm activate ' || f.firm_id
           when f.paused_at is not null then 'qb-pipeline firm resume ' || f.firm_id
           else ''
       end as next_step,                            -- Command that takes set-up further; empty when the firm is active
       f.model,                                     -- Model of the firm: 1, payments go to QuickBooks; 2, they come from there
       f.environment,                               -- Environment of QuickBooks: production, sandbox or emulator
       f.realm_id,                                  -- Id of the QuickBooks company
       f.company_name,                              -- Name of the QuickBooks company
       f.subscribed_at,                             -- Moment at which a super user subscribed the firm, in UTC
       f.model_chosen_at,                           -- Moment at which the model was chosen, in UTC
       f.connected_at,                              -- Moment at which the company was last connected, in UTC; null while it is not
       f.activated_at,                              -- Moment at which syncing was switched on, in UTC
       f.eligible_since,                            -- Moment since which documents that billing creates are synced, in UTC; null: all are
       d.to_send,                                   -- Number of documents that the next sync would look at and send
       d.held,                                      -- Number of documents that need a person
       d.waiting,                                   -- Number of documents that wait for another document or a date
       u.in_flight,                                 -- Number of documents that were sent and have no known answer
       s.synced,                                    -- Number of documents that stand in QuickBooks as billing means them
       d.to_send_cents * 0.01 as to_send_amount,    -- Amount of the documents to send, in dollars
       d.held_cents * 0.01 as held_amount,          -- Amount of the documents that need a person, in dollars
       r.started_at as last_run_at,                 -- Moment at which the firm's last run began, in UTC
       r.outcome as last_run_outcome,               -- Outcome of that run: running, done or failed
       r.run_id as last_run_id,                     -- Id of that run in Dagster
       c.code as company_fault,                     -- Code of a fault of the whole company, such as 6190; null once a write has succeeded
       c.sentence as company_fault_sentence,        -- Meaning of the fault, in one sentence
       c.remedy as company_fault_remedy,            -- Action that ends the fault
       c.since as company_fault_since               -- Moment at which QuickBooks first gave the fault, in UTC
from sync.firm f
cross join lateral (
    select count(*) filter (where state in ('new', 'revised', 'void_pending')) as to_send,
           count(*) filter (where state in ('held', 'refused')) as held,
           count(*) filter (where state = 'waiting') as waiting,
           coalesce(sum(amount_cents) filter (where state in ('new', 'revised', 'void_pending')), 0) as to_send_cents,
           coalesce(sum(amount_cents) filter (where state in ('held', 'refused')), 0) as held_cents
    from sync.document
    where firm_id = f.firm_id and kind in ('invoice', 'payment')
      and state in ('new', 'waiting', 'held', 'revised', 'void_pending', 'refused')
) d
cross join lateral (
    select count(*) as in_flight from sync.document
    where firm_id = f.firm_id and kind in ('invoice', 'payment') and state in ('sending', 'unknown')
) u
cross join lateral (
    select count(*) as synced from sync.document
    where firm_id = f.firm_id and kind in ('invoice', 'payment') and state = 'synced'
) s
left join lateral (
    select started_at, outcome, run_id from sync.run where firm_id = f.firm_id order by started_at desc limit 1
) r on true
left join sync.company_fault c on c.firm_id = f.firm_id;
