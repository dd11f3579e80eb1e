-- name: far
-- How many documents of a selection are still to be sent, how many requests have left since, and which run keeps the
-- company busy.
select (select count(*)
        from sync.document
        where firm_id = :firm_id and kind in ('invoice', 'payment')
          and state in ('new', 'revised', 'void_pending', 'sending', 'unknown')
          and (cast(:first as date) is null or document_date >= :first)
          and (cast(:last as date) is null or document_date <= :last)
          and (:any_id or (kind = 'invoice' and source_id = any(:invoice_ids))
                       or (kind = 'payment' and source_id = any(:payment_ids)))) as documents_left,
       (select coalesce(sum(sends), 0)
        from sync.attempt
        where firm_id = :firm_id and first_sent_at >= :since) as requests,
       coalesce((select run_id
                 from sync.lease
                 where firm_id = :firm_id and released_at is null and taken_at < :since), '') as busy_run;
