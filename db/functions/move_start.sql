-- Correcting leads.created_at moves the start of the first period while nothing final was built on it.
create or replace function internal.move_start(p_lead_id bigint, p_created_at timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks constant internal.lead_clocks := internal.lock_lead(p_lead_id);
begin
    -- Under the version in force then, as if it had been entered so at once.
    update public.lead_protection_periods as p
       set started_at = p_created_at,
           policy_version = (select x.version from internal.policy_in_force(p.policy, p_created_at) as x)
     where p.id = v_clocks.period_id
       and p.start_reason = 'REGISTERED'
       and (p.ended_at is null or p.end_reason = 'CONVERTED' and p_created_at <= p.ended_at);
    if found then
        perform internal.refresh_lead(p_lead_id);
    end if;
end
$$;
comment on function internal.move_start(bigint, timestamptz) is
    'Moves the start of a first period that runs, or ended by a conversion that may be taken back; else nothing.';
revoke all on function internal.move_start(bigint, timestamptz) from public;
