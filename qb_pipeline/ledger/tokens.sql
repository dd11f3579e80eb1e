-- name: save
insert into sync.token (firm_id, realm_id, environment, key_id, ciphertext, access_expires_at, refresh_expires_at,
                        refresh_hard_expires_at, updated_at)
values (:firm_id, :realm_id, :environment, :key_id, :ciphertext, :access_expires_at, :refresh_expires_at,
        :refresh_hard_expires_at, :now)
on conflict (firm_id) do update
set previous_ciphertext = token.ciphertext, realm_id = excluded.realm_id, environment = excluded.environment,
    key_id = excluded.key_id, ciphertext = excluded.ciphertext, access_expires_at = excluded.access_expires_at,
    refresh_expires_at = excluded.refresh_expires_at,
    refresh_hard_expires_at = coalesce(excluded.refresh_hard_expires_at, token.refresh_hard_expires_at),
    refresh_started_at = null, updated_at = excluded.updated_at;

-- name: tokens
select firm_id, realm_id, environment, key_id, ciphertext, access_expires_at, refresh_expires_at, refresh_hard_expires_at
from sync.token
where firm_id = :firm_id;

-- name: tokens_for_update
select firm_id, realm_id, environment, key_id, ciphertext, access_expires_at, refresh_expires_at, refresh_hard_expires_at
from sync.token
where firm_id = :firm_id
for update;

-- name: refresh_started
update sync.token set refresh_started_at = :now where firm_id = :firm_id;
