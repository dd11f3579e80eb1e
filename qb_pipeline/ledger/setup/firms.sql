-- name: firm
select firm_id, name, time_zone, currency, subscribed_at, model, environment, realm_id, company_name, connected_at,
       mapped_at, activated_at, eligible_since, paused_at, cut_over_at, settings
from sync.firm
where firm_id = :firm_id;

-- name: firms
select firm_id, name, time_zone, currency, subscribed_at, model, environment, realm_id, company_name, connected_at,
       mapped_at, activated_at, eligible_since, paused_at, cut_over_at, settings
from sync.firm
order by firm_id;

-- name: add_firm
insert into sync.firm (firm_id, name, time_zone, currency, created_at)
values (:firm_id, :name, :time_zone, :currency, :now)
on conflict (firm_id) do update set name = excluded.name, time_zone = excluded.time_zone, currency = excluded.currency;

-- name: add_super_user
insert into sync.firm_user (firm_id, user_name, role, added_at)
values (:firm_id, :user_name, 'super_user', :now)
on conflict do nothing;

-- name: super_users
select user_name from sync.firm_user where firm_id = :firm_id and role = 'super_user' order by user_name;

-- name: lock_firm
-- Steps of one firm run one after the other: each sees the result of the one before.
select from sync.firm where firm_id = :firm_id for update;

-- name: subscribe
update sync.firm set subscribed_at = coalesce(subscribed_at, :now) where firm_id = :firm_id;

-- name: choose_model
update sync.firm
set model = :model, model_chosen_at = case when model = :model then model_chosen_at else :now end,
    -- only an active firm has something to cut over
    cut_over_at = case when model <> :model and activated_at is not null then :now else cut_over_at end
where firm_id = :firm_id;

-- name: unposted_payments
-- Payments that QuickBooks received under Model 2 and billing does not hold yet.
select case when p.unposted then 'unposted' else r.state end as state, count(*) as payments,
       (array_agg(r.payment_id order by r.payment_date, r.payment_id))[1:5] as source_ids
from sync.received_payment r
cross join lateral (select exists (select from sync.posting p
                                   where p.firm_id = r.firm_id and p.payment_id = r.payment_id and p.posted_at is null)
                           as unposted) p
where r.firm_id = :firm_id and r.state <> 'superseded' and (r.state in ('open', 'waiting') or p.unposted)
group by 1
order by 1;

-- name: open_payments
-- Payments that neither model would finish after a switch. A payment from before the first date does not count: no
-- model ever sends it.
select state, count(*) as payments, (array_agg(source_id order by document_date, source_id, part))[1:5] as source_ids
from sync.document
where firm_id = :firm_id and kind = 'payment' and state not in ('synced', 'voided', 'closed')
  and reason <> 'DATE_OUT_OF_RANGE'
group by state
order by state;

-- name: owner
select firm_id from sync.firm where environment = :environment and realm_id = :realm_id;

-- name: connect
update sync.firm
set environment = :environment, realm_id = :realm_id, company_name = :company_name, connected_at = :now
where firm_id = :firm_id;

-- name: disconnect
-- The company stays known: it is the only one that the firm may connect to again.
with erased as (delete from sync.token where firm_id = :firm_id)
update sync.firm set connected_at = null where firm_id = :firm_id;

-- name: mapped
update sync.firm set mapped_at = :now where firm_id = :firm_id;

-- name: activate
-- Other documents become eligible: the cursors are deleted, so that the next scan reads everything once more.
with forgotten as (delete from sync.cursor where firm_id = :firm_id)
update sync.firm
set activated_at = coalesce(activated_at, :now), eligible_since = :eligible_since
where firm_id = :firm_id;

-- name: pause
update sync.firm set paused_at = coalesce(paused_at, :now) where firm_id = :firm_id;

-- name: resume
update sync.firm set paused_at = null where firm_id = :firm_id;

-- name: change_settings
-- Only the named settings are written: a concurrent change of other settings is kept.
update sync.firm set settings = settings || cast(:settings as jsonb) where firm_id = :firm_id;

-- name: change_eligibility
with forgotten as (delete from sync.cursor where firm_id = :firm_id)
update sync.firm set eligible_since = :eligible_since where firm_id = :firm_id;

-- name: history
select at, actor, event, detail from sync.firm_event where firm_id = :firm_id order by firm_event_id;

-- name: add_event
insert into sync.firm_event (firm_id, at, actor, event, detail)
values (:firm_id, :now, :actor, :event, cast(:detail as jsonb));
