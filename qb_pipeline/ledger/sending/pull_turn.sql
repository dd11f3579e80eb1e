-- name: paused_at
select paused_at from sync.firm where firm_id = :firm_id;
