-- name: firm
select firm_id, name, time_zone, currency, subscribed_at, model, environment, realm_id, company_name, connected_at,
       mapped_at, activated_at, eligible_since, paused_at, settings
from sync.firm
where firm_id = :firm_id;

-- name: firms
select firm_id, name, time_zone, currency, subscribed_at, model, environment, realm_id, company_name, connected_at,
       mapped_at, activated_at, eligible_since, paused_at, settings
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

-- name: add_event
insert into sync.firm_event (firm_id, at, actor, event, detail)
values (:firm_id, :now, :actor, :event, cast(:detail as jsonb));

-- name: erase_token
delete from sync.token where firm_id = :firm_id;

-- name: forget_cursors
-- Eligibility moved: the next scan reads everything once more.
delete from sync.cursor where firm_id = :firm_id;
