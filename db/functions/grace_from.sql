-- The grace that a reminder sent at p_from would open, where it is not stored: for a lead whose reminder
-- is due (it moves with the clock) or whose due date moves under an open hold.
create or replace function internal.grace_from(
    p_clocks internal.lead_clocks,
    p_from timestamptz,
    p_held_until timestamptz
) returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select internal.deadline(
                   p_from, p.grace_period, p.time_zone,
                   case when p_held_until > p_from then tstzmultirange(tstzrange(p_from, p_held_until)) end
               )
          from public.protection_policies as p
         where p.policy = p_clocks.policy and p.version = p_clocks.policy_version
    );
end
$$;
comment on function internal.grace_from(internal.lead_clocks, timestamptz, timestamptz) is
    'deadline(p_from, grace_period) under the clocks'' policy; p_held_until: known end of the hold running at p_from, or null.';
revoke all on function internal.grace_from(internal.lead_clocks, timestamptz, timestamptz) from public;
