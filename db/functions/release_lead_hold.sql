-- Operations let the clock run again: every hold of the lead ends now, planned releases too.
-- security definer: operations call procedures, they do not write tables.
create or replace procedure public.release_lead_hold(lead_id bigint, user_id bigint, actor_id bigint default null)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_clocks constant internal.lead_clocks := internal.lock_own_lead(
        release_lead_hold.lead_id, release_lead_hold.user_id
    );
    -- Behind what a transaction that began later has entered: perhaps this very release.
    v_moment constant timestamptz := greatest(now(), v_clocks.facts_entered_at);
begin
    if internal.end_running_holds(release_lead_hold.lead_id, v_moment, release_lead_hold.actor_id) = 0 then
        raise notice 'lead % is not on hold', release_lead_hold.lead_id;
    end if;
end
$$;
comment on procedure public.release_lead_hold(bigint, bigint, bigint) is
    'Ends every running hold of a lead now; a notice if there is none. Errors: LP001 unknown lead, LP002 user does not hold the protection.';
revoke all on procedure public.release_lead_hold(bigint, bigint, bigint) from public;
grant execute on procedure public.release_lead_hold(bigint, bigint, bigint) to lead_operations;
