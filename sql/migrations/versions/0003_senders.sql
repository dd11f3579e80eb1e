-- Senders: what binds an installation to its companies, its cluster and its billing database.
select 1;
