-- One period as of one moment. Triggers, as-of, explain, simulate and the self-check all come through here.
create or replace function internal.evaluate_period(
    p_period public.lead_protection_periods,
    p_at timestamptz,
    p_hypothetical internal.lead_facts default null
) returns internal.lead_clocks
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_policy public.protection_policies;
    v_at constant timestamptz := least(p_at, p_period.ended_at);
    v_clocks internal.lead_clocks;
    v_ends_at timestamptz;
    v_granted interval;
    v_facts internal.lead_facts := internal.gather_facts(p_period, v_at);
begin
    select * into strict v_policy
      from public.protection_policies as p
     where p.policy = p_period.policy and p.version = p_period.policy_version;
    if not p_hypothetical is null and p_period.recorded_at is null then
        v_facts := internal.add_facts(v_facts, p_hypothetical, p_period.started_at, v_at);
    end if;
    v_clocks := internal.run_clocks(p_period, v_policy, v_facts, v_at);
    -- An extension granted after the end changes none of its last values: the row is that of a recorded expiry. Without
    -- it the end may lie before another one was granted, and so on. One left out stays out: in the hour that spring
    -- skips, half an hour more makes the end earlier; without it the end would let it in again, for ever.
    while v_clocks.state = 'EXPIRED' and v_clocks.ended_at is null and v_facts.extension is not null loop
        v_ends_at := least(v_ends_at, (internal.protection_row(v_clocks, v_at)).protection_expires_at);
        v_granted := internal.granted_extension(p_period, v_ends_at);
        exit when v_granted is not distinct from v_facts.extension;
        v_facts.extension := v_granted;
        v_clocks := internal.run_clocks(p_period, v_policy, v_facts, v_at);
    end loop;
    return v_clocks;
end
$$;
comment on function internal.evaluate_period(public.lead_protection_periods, timestamptz, internal.lead_facts) is
    'Clocks of a period as of p_at from the stored facts, with p_hypothetical ones added; an ended period as of its end.';
revoke all on function internal.evaluate_period(
    public.lead_protection_periods, timestamptz, internal.lead_facts
) from public;
