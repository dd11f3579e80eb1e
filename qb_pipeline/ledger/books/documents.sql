-- name: see
-- move listed: none -> new, waiting, held, closed
-- move changed: new, waiting, held, refused, closed -> new, waiting, held, closed
-- move changed: waiting, held, refused, synced, revised, void_pending, voided, closed -> revised, void_pending
-- move changed: voided -> new
-- One statement per chunk. An unchanged header is not touched at all, not even locked. A document that is being sent
-- keeps its state: the recording of its outcome compares source_hash. A draft is not listed; one that is on the list was
-- issued once, and is withdrawn. Issued again after it was voided for that, it is made anew: the next generation.
with header as (
    select r.*,
           sync.header_hash(r.number, r.document_date, r.payer_id, r.amount_cents, r.status, r.updated_at)
               as source_hash
    from jsonb_to_recordset(cast(:headers as jsonb))
         as r (kind text, source_id text, part text, number text, document_date date, payer_id text,
               amount_cents bigint, status text, payment_kind text, reverses_payment_id text, origin text,
               created_at timestamptz, updated_at timestamptz, eligibility text)
    where r.origin = 'billing'
),
judged as (
    select header.*,
           case
               when status = 'void' then 'VOID_BEFORE_SENT'
               when eligibility = 'ineligible' then 'INELIGIBLE'
               when payment_kind = 'credit_deposit' then 'CREDIT_DEPOSIT'
               when payment_kind = 'refund' then 'REFUND'
               when payment_kind = 'rejection' then 'REJECTION'
               when payment_kind = 'reversal' then 'REVERSAL'
               when document_date < :first_date then 'DATE_OUT_OF_RANGE'
               when document_date > :last_date then 'DATED_AHEAD'
               else ''
           end as unsent_reason
    from header
),
changed as (
    select j.*, k.document_id, k.quickbooks_id, anew.is_anew,
           coalesce(k.generation, 1) + case when anew.is_anew then 1 else 0 end as generation
    from judged j
    left join sync.document k
           on k.firm_id = :firm_id and k.kind = j.kind and k.source_id = j.source_id and k.part = j.part
    cross join lateral (select k.state = 'voided' and k.is_withdrawn and j.status = 'issued' as is_anew) anew
    where case
              when k.document_id is null then j.eligibility <> 'ineligible' and j.status <> 'draft'
              else k.source_hash <> j.source_hash or k.reason = 'SOURCE_GONE'
                   or (k.quickbooks_id is null and k.eligibility <> j.eligibility)
          end
    order by k.document_id nulls last, j.kind, j.source_id, j.part  -- every other writer locks in this order too
),
dead as (
    insert into sync.set_aside (firm_id, kind, quickbooks_id, document_id, set_aside_at, set_aside_by)
    select :firm_id, kind, quickbooks_id, document_id, :now, '' from changed where is_anew
    on conflict do nothing
)
insert into sync.document as d (firm_id, kind, source_id, part, state, reason, state_since, number, document_date,
                                payer_id, amount_cents, payment_kind, reverses_payment_id, source_status, eligibility,
                                source_hash, source_created_at, seen_at, is_withdrawn, generation)
select :firm_id, kind, source_id, part,
       case unsent_reason
           when '' then 'new'
           when 'DATE_OUT_OF_RANGE' then 'held'
           when 'DATED_AHEAD' then 'waiting'
           else 'closed'
       end,
       unsent_reason, :now, number, document_date, payer_id, amount_cents, payment_kind,
       coalesce(reverses_payment_id, ''), status, eligibility, source_hash, created_at, :now, status = 'draft',
       generation
from changed
on conflict (firm_id, kind, source_id, part) do update
set state = case
                when d.state in ('sending', 'unknown') then d.state
                -- the effect of its request is unknown: whatever billing says since, only a person can have it sent
                -- again
                when d.quickbooks_id is null and d.state = 'held' and d.reason = 'CONFLICT'
                     and d.sent_source_hash is not null then d.state
                when d.quickbooks_id is null then excluded.state
                when d.state = 'voided' and excluded.source_status in ('void', 'draft') then 'voided'
                when excluded.generation > d.generation then excluded.state
                when excluded.source_status = 'void' then 'void_pending'
                else 'revised'
            end,
    reason = case
                 when d.state in ('sending', 'unknown') then d.reason
                 when d.quickbooks_id is null and d.state = 'held' and d.reason = 'CONFLICT'
                      and d.sent_source_hash is not null then d.reason
                 when d.quickbooks_id is null or excluded.generation > d.generation then excluded.reason
                 -- a reason on QuickBooks' side is kept: if the revision turns out to change nothing, it holds the
                 -- document again
                 when d.reason = any(:remote) then d.reason
                 else ''
             end,
    state_since = case when d.state in ('sending', 'unknown') then d.state_since else excluded.state_since end,
    -- a document that is void or deleted in QuickBooks is not as it was sent, even if billing's content is
    sent_fingerprint = case when d.state = 'voided' or d.reason in ('REMOTE_DELETED', 'REMOTE_VOIDED') then null
                            else d.sent_fingerprint end,
    number = excluded.number, document_date = excluded.document_date, payer_id = excluded.payer_id,
    amount_cents = excluded.amount_cents, payment_kind = excluded.payment_kind,
    reverses_payment_id = excluded.reverses_payment_id, source_status = excluded.source_status,
    eligibility = excluded.eligibility, source_hash = excluded.source_hash,
    source_created_at = excluded.source_created_at, seen_at = excluded.seen_at, is_withdrawn = excluded.is_withdrawn,
    generation = excluded.generation,
    -- of what is made anew nothing is known in QuickBooks: no row, all of these null
    (quickbooks_id, sync_token, customer_id, sent_source_hash, sent_total_cents, quickbooks_total_cents, synced_at) =
        (select d.quickbooks_id, d.sync_token, d.customer_id, d.sent_source_hash, d.sent_total_cents,
                d.quickbooks_total_cents, d.synced_at
         where excluded.generation = d.generation),
    reviewed_token = case when excluded.generation > d.generation then '' else d.reviewed_token end
returning document_id, state, reason, amount_cents;

-- name: void_withdrawn
-- move changed: waiting, held, refused, revised -> void_pending
-- The firm has withdrawn invoices voided: the ledger treats them as void in billing.
update sync.document
set state = 'void_pending', reason = '', state_since = :now, source_status = 'void'
where firm_id = :firm_id and kind = 'invoice' and state in ('waiting', 'held', 'refused', 'revised')
  and is_withdrawn and source_status = 'draft' and quickbooks_id is not null
returning document_id, state, reason, amount_cents;

-- name: begin_records
-- Reports speak of no moment before the first look at billing.
update sync.firm set records_since = :now where firm_id = :firm_id and records_since is null;

-- name: moved
select k.document_id
from jsonb_to_recordset(cast(:headers as jsonb))
     as r (kind text, source_id text, part text, number text, document_date date, payer_id text,
           amount_cents bigint, status text, updated_at timestamptz)
join sync.document k on k.firm_id = :firm_id and k.kind = r.kind and k.source_id = r.source_id and k.part = r.part
where k.source_hash
      <> sync.header_hash(r.number, r.document_date, r.payer_id, r.amount_cents, r.status, r.updated_at);

-- name: analyze
-- New statistics after many rows. Statistics from before the first chunk's commit say that the table is empty: any
-- index then looks as good as the key, and each header is looked for among all documents of its firm.
analyze sync.document;

-- name: release_dated
-- move date_came: waiting, held -> new, revised
-- Documents whose date was too early or too far ahead, and no longer is: a day has passed, or the first date was moved.
update sync.document
set state = case when quickbooks_id is null then 'new' else 'revised' end, reason = '', state_since = :now
where firm_id = :firm_id and state in ('waiting', 'held')
  and (reason = 'DATED_AHEAD' or reason = 'DATE_OUT_OF_RANGE')
  and document_date between :first_date and :last_date
returning document_id, state, reason, amount_cents;

-- name: lock
-- Every statement that changes several documents locks them in this order, so that two of them never deadlock.
select document_id from sync.document where document_id = any(:document_ids) order by document_id for update;

-- name: choose
-- A payment that was taken off its invoices, or is about to be, goes with every run: it is not to stay so.
select document_id
from sync.document
where firm_id = :firm_id and kind = :kind
  and state in ('new', 'waiting', 'held', 'revised', 'void_pending', 'refused')
  and not (state in ('held', 'refused') and reason = any(:sticky))
  and reason not in ('DATED_AHEAD', 'DATE_OUT_OF_RANGE')
  and ((cast(:first as date) is null or document_date >= :first)
       and (cast(:last as date) is null or document_date <= :last)
       and (:any_id or (source_id, part) in (select * from unnest(cast(:source_ids as text[]), cast(:parts as text[]))))
       or (state, reason) = ('revised', 'PAYER_CHANGED'))
order by document_date, source_id, part;

-- name: chosen
select d.document_id, d.kind, d.source_id, d.part, d.document_date, d.state, d.reason
from sync.document d
join unnest(cast(:kinds as text[]), cast(:source_ids as text[]), cast(:parts as text[])) as c (kind, source_id, part)
    using (kind, source_id, part)
where d.firm_id = :firm_id
order by d.document_date, d.kind, d.source_id, d.part;

-- name: read
select document_id, kind, source_id, part, state, reason, generation, number, document_date, payer_id, amount_cents,
       forwarded_cents, payment_kind, source_status, eligibility, source_hash, sent_fingerprint, customer_id,
       quickbooks_id, sync_token, reviewed_token
from sync.document
where document_id = any(:document_ids)
order by document_date, source_id, part;

-- name: dates_with_work
select distinct document_date
from sync.document
where firm_id = :firm_id and kind = any(:kinds)
  and state in ('new', 'waiting', 'held', 'revised', 'void_pending', 'refused', 'sending', 'unknown')
  and not (state in ('held', 'refused') and reason = any(:sticky))
  and reason not in ('DATED_AHEAD', 'DATE_OUT_OF_RANGE')
order by document_date;

-- name: record_decisions
-- move decided: new, waiting, held, refused, revised, void_pending -> held, refused, waiting, synced, closed, voided
-- move decided: synced, voided -> held
-- A decision about content that billing has replaced since does not move the document: the newer content is planned next.
with decision as (
    select *
    from jsonb_to_recordset(cast(:decisions as jsonb))
         as r (document_id bigint, operation text, reason text, amount_cents bigint, forwarded_cents bigint,
               source_hash text)
),
outcome as (
    select r.document_id, r.operation, r.amount_cents, r.forwarded_cents,
           case r.operation
               -- a refusal by QuickBooks itself stays a refusal
               when 'hold' then case when r.reason = 'REFUSED'
                                          and exists (select from sync.refusal f where f.document_id = r.document_id)
                                     then 'refused' else 'held' end
               when 'wait' then 'waiting'
               -- without a reason: it is void in QuickBooks already
               when 'close' then case when d.state = 'void_pending' or r.reason = '' then 'voided' else 'closed' end
               -- the content is as it was sent; a reason on QuickBooks' side still holds
               when 'skip' then case when d.reason = any(:remote) then 'held' else 'synced' end
               else d.state
           end as state,
           case
               when r.operation in ('hold', 'wait', 'close') then r.reason
               when r.operation = 'skip' and not d.reason = any(:remote) then ''
               else d.reason
           end as reason
    from decision r
    join sync.document d using (document_id)
    where d.state not in ('sending', 'unknown') and r.source_hash in ('', d.source_hash)
),
kept as (
    insert into sync.plan_item (run_id, document_id, operation, reason, amount_cents)
    select :run_id, document_id, operation, reason, amount_cents from decision
    on conflict (run_id, document_id) do update
    set operation = excluded.operation, reason = excluded.reason, amount_cents = excluded.amount_cents
),
unpaid as (
    delete from sync.application a
    using outcome o
    where a.document_id = o.document_id and (o.state = 'voided' or o.reason in ('REMOTE_DELETED', 'REMOTE_VOIDED'))
),
moved as (
    update sync.document d
    set state = o.state,
        reason = o.reason,
        state_since = case when (d.state, d.reason) = (o.state, o.reason) then d.state_since else :now end,
        planned_at = :now,
        forwarded_cents = coalesce(o.forwarded_cents, d.forwarded_cents),
        -- a person voided or deleted it in QuickBooks: its total there is 0, it pays nothing, and it is not as it was
        -- sent
        sent_fingerprint = case when o.state = 'voided' or o.reason in ('REMOTE_DELETED', 'REMOTE_VOIDED')
                                     or d.reason in ('REMOTE_DELETED', 'REMOTE_VOIDED') then null
                                else d.sent_fingerprint end,
        sent_total_cents = case when o.state = 'voided' then 0 else d.sent_total_cents end,
        quickbooks_total_cents = case when o.state = 'voided' or o.reason in ('REMOTE_DELETED', 'REMOTE_VOIDED') then 0
                                      else d.quickbooks_total_cents end
    from outcome o
    where d.document_id = o.document_id
)
select document_id, operation, state, reason, amount_cents from outcome order by document_id;

-- name: note_decisions
-- What a plan decided as things stand; a later stage of the run decides for good.
insert into sync.plan_item (run_id, document_id, operation, reason, amount_cents)
select :run_id, r.document_id, r.operation, r.reason, r.amount_cents
from jsonb_to_recordset(cast(:decisions as jsonb))
     as r (document_id bigint, operation text, reason text, amount_cents bigint)
on conflict (run_id, document_id) do update
set operation = excluded.operation, reason = excluded.reason, amount_cents = excluded.amount_cents;

-- name: not_created
-- Customers and items whose creation QuickBooks has refused in this run.
select distinct d.kind, d.source_id, d.reason, coalesce(r.fault_code, '') as fault_code
from sync.attempt a
join sync.attempt_item i using (attempt_id)
join sync.document d using (document_id)
left join sync.refusal r using (document_id)
where a.firm_id = :firm_id and a.run_id = :run_id and i.operation = 'create' and i.outcome = 'refused'
  and d.kind in ('customer', 'item') and d.quickbooks_id is null and d.state in ('held', 'refused');

-- name: numbers_taken
select number, min(source_id) as source_id
from sync.document
where firm_id = :firm_id and kind = 'invoice' and number = any(:numbers)
  and (quickbooks_id is not null or state in ('sending', 'unknown')) and state <> 'voided'
group by number;

-- name: former_holders
select number, source_id, quickbooks_id, reason
from sync.document
where firm_id = :firm_id and kind = 'invoice' and number = any(:numbers) and quickbooks_id is not null
  and (state = 'voided' or reason in ('SOURCE_GONE', 'REMOTE_DELETED', 'REMOTE_VOIDED'))
union all
-- one that is made anew has its number from its own former one
select d.number, d.source_id, s.quickbooks_id, ''
from sync.set_aside s
join sync.document d using (document_id)
where s.firm_id = :firm_id and s.kind = 'invoice' and d.number = any(:numbers) and d.quickbooks_id is null
order by number, source_id;

-- name: ensure
-- move listed: none -> new
with wanted as (select unnest(cast(:source_ids as text[])) as source_id),
added as (
    insert into sync.document (firm_id, kind, source_id, state, state_since, source_hash, seen_at)
    select :firm_id, :kind, source_id, 'new', :now, '', :now from wanted
    on conflict (firm_id, kind, source_id, part) do nothing
    returning source_id, document_id
)
select source_id, document_id from added
union
select source_id, document_id
from sync.document join wanted using (source_id)
where firm_id = :firm_id and kind = :kind;

-- name: expected
-- Documents that a complete read of billing for these dates or ids must show; voided documents and customers do not
-- count.
select document_id, kind, source_id, part
from sync.document
where firm_id = :firm_id and kind in ('invoice', 'payment') and state <> 'voided' and source_hash <> ''
  and (cast(:first as date) is null or document_date >= :first)
  and (cast(:last as date) is null or document_date <= :last)
  and (:any_id or (kind = 'invoice' and source_id = any(:invoice_ids)) or (kind = 'payment' and source_id = any(:payment_ids)));

-- name: gone
-- move gone: new, waiting, held, refused, revised, void_pending, synced, closed -> held, closed
-- The source_hash is cleared, so that a document that comes back is seen as changed and planned again.
update sync.document
set state = case when quickbooks_id is null and not (state = 'held' and reason = 'CONFLICT'
                                                     and sent_source_hash is not null) then 'closed'
                 else 'held' end,
    reason = case when quickbooks_id is not null then 'SOURCE_GONE'
                  -- a person must find out what its request created
                  when state = 'held' and reason = 'CONFLICT' and sent_source_hash is not null then 'CONFLICT'
                  else 'VOID_BEFORE_SENT' end,
    sent_fingerprint = case when reason in ('REMOTE_DELETED', 'REMOTE_VOIDED') then null else sent_fingerprint end,
    state_since = :now, source_hash = ''
where document_id = any(:document_ids) and state not in ('sending', 'unknown', 'voided')
returning document_id, state, reason, amount_cents;

-- name: made
select source_id, quickbooks_id
from sync.document
where firm_id = :firm_id and kind = :kind and source_id = any(:source_ids) and quickbooks_id is not null;

-- name: held_for
select document_id, kind, source_id, payer_id
from sync.document
where firm_id = :firm_id and kind in ('invoice', 'payment') and state in ('held', 'refused') and reason = any(:reasons)
order by document_id;

-- name: look_again
-- move mapped: held -> new, revised, void_pending
update sync.document
set state = case when quickbooks_id is null then 'new' when source_status = 'void' then 'void_pending' else 'revised' end,
    reason = '', state_since = :now
where document_id = any(:document_ids) and state = 'held' and reason = any(:reasons)
returning document_id, state;

-- name: take_along
-- move unapplied: synced, held, refused, waiting -> revised
-- Payments on invoices that go to another customer. The reason stays until each is applied again.
update sync.document
set state = 'revised', reason = 'PAYER_CHANGED', state_since = :now
where document_id = any(:document_ids) and state in ('synced', 'held', 'refused', 'waiting', 'revised')
  and (state, reason) <> ('revised', 'PAYER_CHANGED');

-- name: release
-- move counted: held -> synced
update sync.document
set state = 'synced', reason = '', state_since = :now
where document_id = any(:document_ids) and state = 'held'
returning document_id;
