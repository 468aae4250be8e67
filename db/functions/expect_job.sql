-- A worker is switched off, or on again: a person says so, and its silence is no alarm, or is one from now on.
-- security definer: operations may read the list, and change it by this.
create or replace function public.expect_job(p_job text, p_is_expected boolean default true) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_is_expected is null then
        perform internal.raise_error('LP045', format('Whether %L is to run: null is neither true nor false.', p_job));
    end if;
    -- Said twice, the first time counts; one that never was to run is not switched off.
    update public.expected_jobs as j
       set expected_since = case when p_is_expected then coalesce(j.expected_since, clock_timestamp()) end,
           switched_off_at = case
               when p_is_expected then null
               when j.expected_since is null then j.switched_off_at
               else clock_timestamp()
           end
     where j.job = p_job;
    if not found then
        perform internal.raise_error('LP045', format('%L is not in the list.', p_job));
    end if;
end
$$;
comment on function public.expect_job(text, boolean) is
    'Says that a worker is to run (its silence is measured from now on, and told), or with false that it is switched off, which the readiness check tells. Errors: LP045 unknown job, or neither true nor false.';
revoke all on function public.expect_job(text, boolean) from public;
grant execute on function public.expect_job(text, boolean) to lead_operations;
