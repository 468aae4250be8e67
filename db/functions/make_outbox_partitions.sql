-- Partitions of the archive are made ahead, a month each, so that retention is a cheap drop. Whoever reads the
-- archive for long (a backup) would have publishers wait behind this: it gives way, and the next run does it.
-- security definer: the worker may not create tables.
create or replace function public.make_outbox_partitions(p_months_ahead integer default 3) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms'
as $$
declare
    v_month timestamp;
    v_name text;
    v_made integer := 0;
begin
    for v_month in
        select m
          from generate_series(
                   date_trunc('month', timezone('UTC', now())),
                   date_trunc('month', timezone('UTC', now())) + make_interval(months => p_months_ahead),
                   interval '1 month'
               ) as m
    loop
        v_name := 'outbox_archive_' || to_char(v_month, 'YYYYMM');
        continue when to_regclass(format('internal.%I', v_name)) is not null;
        begin
            -- Two makers at once: the second waits, then finds the partition made.
            lock table public.outbox_archive in share row exclusive mode;
            if to_regclass(format('internal.%I', v_name)) is null then
                execute format('create table internal.%I (like public.outbox_archive including all)', v_name);
                -- What was archived before there was a partition for it moves in.
                execute format(
                    'with moved as (
                         delete from internal.outbox_archive_default as d
                          where d.published_at >= %2$L and d.published_at < %3$L
                         returning d.*
                     )
                     insert into internal.%1$I select * from moved',
                    v_name, timezone('UTC', v_month), timezone('UTC', v_month + interval '1 month')
                );
                execute format(
                    'alter table public.outbox_archive attach partition internal.%I for values from (%L) to (%L)',
                    v_name, timezone('UTC', v_month), timezone('UTC', v_month + interval '1 month')
                );
                v_made := v_made + 1;
            end if;
        exception
            when lock_not_available then exit;
        end;
    end loop;
    return v_made;
end
$$;
comment on function public.make_outbox_partitions(integer) is
    'Makes the archive''s partitions of this month and p_months_ahead more (UTC); returns how many it made (fewer than are missing while somebody reads the archive).';
revoke all on function public.make_outbox_partitions(integer) from public;
grant execute on function public.make_outbox_partitions(integer) to lead_worker;
