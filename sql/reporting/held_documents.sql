-- What did not reach QuickBooks, why, and what clears it?
-- Grain: one row per held or refused document. Money: dollars. Read by: finance, every morning.
create view reporting.held_documents as
select d.firm_id, d.kind, d.source_id, d.part, d.number, d.document_date,
       (d.amount_cents / 100.0)::numeric(15, 2) as amount,
       d.reason,
       coalesce(p.sentence, d.reason) as sentence,
       coalesce(p.remedy, '') as remedy,
       d.state_since as since,
       d.state
from sync.document d
left join sync.problem p on p.code = d.reason
where d.state in ('held', 'refused') and d.kind in ('invoice', 'payment');
