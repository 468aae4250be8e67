-- The first period starts when its lead was registered, also where that was corrected; not once anything final was
-- built on it, nor to after a conversion that stands.
create or replace function internal.correct_start(p_period_id bigint, p_created_at timestamptz) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Under the version in force then, as if it had been entered so at once.
    update public.lead_protection_periods as p
       set started_at = p_created_at,
           policy_version = (select x.version from internal.policy_in_force(p.policy, p_created_at) as x)
     where p.id = p_period_id
       and p.start_reason = 'REGISTERED' and p.started_at <> p_created_at
       and (p.ended_at is null or p.end_reason = 'CONVERTED' and p_created_at <= p.ended_at);
    return found;
end
$$;
comment on function internal.correct_start(bigint, timestamptz) is
    'Moves the start of a first period that runs, or ended by a conversion that may be taken back; whether it moved.';
revoke all on function internal.correct_start(bigint, timestamptz) from public;
