-- How far is each firm set up, what is its next step, and what waits to be sent?
-- Grain: one row per firm. Money: dollars. Read by: operators, every morning.
create view reporting.firm_status as
select f.firm_id,
       f.name,
       case
           when f.subscribed_at is null then 'not subscribed'
           when f.model is null then 'subscribed'
           when f.connected_at is null then 'model chosen'
           when f.activated_at is null and f.mapped_at is null then 'connected'
           when f.activated_at is null then 'mapped'
           when f.paused_at is not null then 'paused'
           else 'active'
       end as state,
       case
           when f.subscribed_at is null then 'qb-pipeline firm subscribe ' || f.firm_id
           when f.model is null then 'qb-pipeline firm model ' || f.firm_id || ' 1|2'
           when f.connected_at is null then 'qb-pipeline connect ' || f.firm_id
           when f.activated_at is null then 'qb-pipeline firm activate ' || f.firm_id
           when f.paused_at is not null then 'qb-pipeline firm resume ' || f.firm_id
           else ''
       end as next_step,
       f.model,
       f.environment,
       f.realm_id,
       f.company_name,
       f.subscribed_at,
       f.model_chosen_at,
       f.connected_at,
       f.activated_at,
       f.eligible_since,
       coalesce(d.to_send, 0) as to_send,
       coalesce(d.held, 0) as held,
       coalesce(d.waiting, 0) as waiting,
       coalesce(d.in_flight, 0) as in_flight,
       coalesce(d.synced, 0) as synced,
       coalesce(d.to_send_amount, 0)::numeric(15, 2) as to_send_amount,
       coalesce(d.held_amount, 0)::numeric(15, 2) as held_amount,
       r.started_at as last_run_at,
       r.outcome as last_run_outcome,
       r.run_id as last_run_id
from sync.firm f
left join lateral (
    select count(*) filter (where state in ('new', 'revised', 'void_pending')) as to_send,
           count(*) filter (where state in ('held', 'refused')) as held,
           count(*) filter (where state = 'waiting') as waiting,
           count(*) filter (where state in ('sending', 'unknown')) as in_flight,
           count(*) filter (where state = 'synced') as synced,
           sum(amount_cents) filter (where state in ('new', 'revised', 'void_pending')) / 100.0 as to_send_amount,
           sum(amount_cents) filter (where state in ('held', 'refused')) / 100.0 as held_amount
    from sync.document
    where firm_id = f.firm_id and kind in ('invoice', 'payment')
) d on true
left join lateral (
    select started_at, outcome, run_id from sync.run where firm_id = f.firm_id order by started_at desc limit 1
) r on true;
