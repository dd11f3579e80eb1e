-- The Model 2 guard: while a firm takes its payments in QuickBooks, billing must not take any.
--
-- Part of the reference schema, and to be installed by a firm in a billing database of its own:
--     psql "$QB_PIPELINE_BILLING_URL" -f sql/billing/guard.sql
-- Where billing.payments is a view, put the trigger on the table behind it (with the columns of that table in the
-- function): a trigger that fires before a row is written cannot stand on a view.
--
-- Refused: a payment, a deposit into credit or an application of credit of origin 'billing' that is created at or after
-- active_since, or dated after that day in the firm's time zone. Allowed: what QuickBooks sent (origin 'quickbooks'),
-- refunds, rejections and reversals, older payments, and voiding a stray one.

create table if not exists billing.payment_guard (
    firm_id text primary key,
    active_since timestamptz not null
);
comment on table billing.payment_guard is 'Firms that take payments in QuickBooks only; written by: qb-pipeline firm model';
comment on column billing.payment_guard.firm_id is 'Id of the law firm';
comment on column billing.payment_guard.active_since is
    'Moment since which billing refuses the firm''s payments, with its zone or in UTC';

-- Security definer: who enters payments need not be able to read the guard.
create or replace function billing.refuse_guarded_payment() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    guarded_since timestamptz;
    guarded_day date;
begin
    if new.origin <> 'billing' or new.kind not in ('payment', 'credit_deposit', 'credit_application') then
        return new;
    end if;
    if tg_op = 'UPDATE' and new.status = 'void' then
        return new;
    end if;
    select g.active_since, (g.active_since at time zone f.time_zone)::date into guarded_since, guarded_day
    from billing.payment_guard as g join billing.firms as f on f.firm_id = g.firm_id
    where g.firm_id = new.firm_id;
    if new.created_at >= guarded_since or new.received_date > guarded_day then
        raise exception 'payment % of firm % is refused: since % this firm takes payments in QuickBooks only',
            new.payment_id, new.firm_id, guarded_since
            using errcode = 'check_violation',
            hint = 'Receive the payment in QuickBooks on the same invoice; the pipeline posts it back here.';
    end if;
    return new;
end
$$;

create or replace trigger refuse_guarded_payment before insert or update on billing.payments
for each row execute function billing.refuse_guarded_payment();
