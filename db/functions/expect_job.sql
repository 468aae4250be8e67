-- A worker is switched off, or on again: a person says so, and its silence is no alarm, or is one from now on.
-- security definer: operations may read the list, and change it by this.
create or replace function public.expect_job(p_job text, p_is_expected boolean default true) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Said twice, the first time counts.
    update public.expected_jobs as j
       set expected_since = case when p_is_expected then coalesce(j.expected_since, clock_timestamp()) end
     where j.job = p_job;
    if not found then
        perform internal.raise_error('LP045', format('%L is not in the list.', p_job));
    end if;
end
$$;
comment on function public.expect_job(text, boolean) is
    'Says that a worker is to run (its silence is measured from now on, and told), or with false that it is switched off. Errors: LP045 unknown job.';
revoke all on function public.expect_job(text, boolean) from public;
grant execute on function public.expect_job(text, boolean) to lead_operations;
