-- name: save
insert into sync.token (firm_id, realm_id, environment, key_id, ciphertext, access_expires_at, refresh_expires_at,
                        refresh_hard_expires_at, updated_at)
values (:firm_id, :realm_id, :environment, :key_id, :ciphertext, :access_expires_at, :refresh_expires_at,
        :refresh_hard_expires_at, :updated_at)
on conflict (firm_id) do update
set previous_ciphertext = token.ciphertext, previous_key_id = token.key_id, lost_at = null, realm_id = excluded.realm_id, environment = excluded.environment,
    key_id = excluded.key_id, ciphertext = excluded.ciphertext, access_expires_at = excluded.access_expires_at,
    refresh_expires_at = excluded.refresh_expires_at,
    refresh_hard_expires_at = coalesce(excluded.refresh_hard_expires_at, token.refresh_hard_expires_at),
    refresh_started_at = null, updated_at = excluded.updated_at;

-- name: tokens
-- Company and environment come from the firm, not from the token row: ciphertext that was copied from elsewhere cannot
-- be opened.
select firm_id, f.realm_id, f.environment, t.key_id, t.ciphertext, t.access_expires_at, t.refresh_expires_at,
       t.refresh_hard_expires_at, t.updated_at, t.previous_ciphertext, t.previous_key_id, t.lost_at
from sync.token t
join sync.firm f using (firm_id)
where firm_id = :firm_id;

-- name: tokens_for_update
select firm_id, f.realm_id, f.environment, t.key_id, t.ciphertext, t.access_expires_at, t.refresh_expires_at,
       t.refresh_hard_expires_at, t.updated_at, t.previous_ciphertext, t.previous_key_id, t.lost_at
from sync.token t
join sync.firm f using (firm_id)
where firm_id = :firm_id
for update of t;

-- name: refresh_started
update sync.token set refresh_started_at = :now where firm_id = :firm_id;

-- name: reseal
-- The same tokens under another key.
update sync.token set key_id = :key_id, ciphertext = :ciphertext where firm_id = :firm_id;

-- name: lost
update sync.token set lost_at = coalesce(lost_at, :now) where firm_id = :firm_id;
