-- name: try_lock
select pg_try_advisory_lock(hashtextextended(:key, 0));

-- name: holder
select host, boot_id, pid, pid_started as started, run_id, released_at from sync.lease where realm_id = :realm_id;

-- name: take
insert into sync.lease (realm_id, firm_id, epoch, host, boot_id, pid, pid_started, run_id, taken_at)
values (:realm_id, :firm_id, 1, :host, :boot_id, :pid, :started, :run_id, :now)
on conflict (realm_id) do update
set firm_id = excluded.firm_id, epoch = lease.epoch + 1, host = excluded.host, boot_id = excluded.boot_id,
    pid = excluded.pid, pid_started = excluded.pid_started, run_id = excluded.run_id, taken_at = excluded.taken_at,
    released_at = null
returning epoch;

-- name: count_from_now
-- The former holder was killed just now: until then any of its open requests may have left.
update sync.attempt set last_sent_at = :now where realm_id = :realm_id and state in ('sending', 'unknown');

-- name: standing
select lease.epoch, firm.paused_at
from sync.lease
join sync.firm using (firm_id)
where lease.realm_id = :realm_id;

-- name: epoch_for_share
-- Shared, so that several threads of one holder record at once while a successor has to wait for them.
select epoch from sync.lease where realm_id = :realm_id for share;

-- name: release
update sync.lease set released_at = :now where realm_id = :realm_id and epoch = :epoch;
