-- Published events leave by the month: a drop leaves no dead rows behind. It needs the archive for itself for a
-- moment, and publishers would wait behind it: so it gives way to whoever reads, and the next run does it.
-- security definer: the worker may not drop tables.
create or replace function public.drop_outbox_partitions() returns table (partition_name text, is_dropped boolean)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms'
as $$
declare
    v_start constant timestamptz := internal.retention_start('outbox_retention');
begin
    for partition_name in
        select c.relname
          from pg_inherits as i
          join pg_class as c on c.oid = i.inhrelid
         where i.inhparent = 'public.outbox_archive'::regclass and c.relname ~ '^outbox_archive_[0-9]{6}$'
           and timezone('UTC', to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month') <= v_start
         order by c.relname
    loop
        begin
            execute format('drop table if exists internal.%I', partition_name);
            is_dropped := true;
        exception
            when lock_not_available then is_dropped := false;
        end;
        return next;
    end loop;
    -- What was published when its partition was missing; to be had without waiting, or by the next run.
    begin
        delete from internal.outbox_archive_default as d where d.published_at < v_start;
    exception
        when lock_not_available then null;
    end;
end
$$;
comment on function public.drop_outbox_partitions() is
    'Drops the archive''s months that ended before the setting outbox_retention reaches back; is_dropped is false where somebody reads it: the next run does it.';
revoke all on function public.drop_outbox_partitions() from public;
grant execute on function public.drop_outbox_partitions() to lead_worker;
