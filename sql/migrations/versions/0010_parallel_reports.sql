-- Both read a setting or the clock, which PostgreSQL hands to its workers; unmarked, they keep every report on one core.
alter function sync.as_of() parallel safe;
alter function sync.local_date(timestamptz, text) parallel safe;
