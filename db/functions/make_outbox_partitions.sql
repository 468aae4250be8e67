-- Partitions of the archive are made ahead, a month each, so that retention is a cheap drop.
-- security definer: the worker may not create tables.
create or replace function public.make_outbox_partitions(p_months_ahead integer default 3) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_month timestamp;
    v_name text;
    v_made integer := 0;
begin
    -- Two makers at once: the second waits, then finds the partitions made.
    lock table public.outbox_archive in share update exclusive mode;
    for v_month in
        select m
          from generate_series(
                   date_trunc('month', timezone('UTC', now())),
                   date_trunc('month', timezone('UTC', now())) + make_interval(months => p_months_ahead),
                   interval '1 month'
               ) as m
    loop
        v_name := 'outbox_archive_' || to_char(v_month, 'YYYYMM');
        if to_regclass(format('internal.%I', v_name)) is null then
            execute format(
                'create table internal.%I partition of public.outbox_archive for values from (%L) to (%L)',
                v_name, timezone('UTC', v_month), timezone('UTC', v_month + interval '1 month')
            );
            v_made := v_made + 1;
        end if;
    end loop;
    return v_made;
end
$$;
comment on function public.make_outbox_partitions(integer) is
    'Makes the archive''s partitions of this month and p_months_ahead more (UTC); returns how many were missing.';
revoke all on function public.make_outbox_partitions(integer) from public;
grant execute on function public.make_outbox_partitions(integer) to lead_worker;
