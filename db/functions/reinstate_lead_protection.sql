-- After an expiry operations may start a new protection for the lead's user, with a reason. The expired
-- period stays what it was.
-- security definer: operations call procedures, they do not write tables.
create or replace procedure public.reinstate_lead_protection(
    lead_id bigint,
    user_id bigint,
    reason text,
    actor_id bigint default null
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_clocks internal.lead_clocks := internal.lock_own_lead(
        reinstate_lead_protection.lead_id, reinstate_lead_protection.user_id
    );
    -- Behind the facts that a transaction which began later has entered: recording the expiry forgets when.
    v_moment constant timestamptz := greatest(now(), v_clocks.facts_entered_at);
    v_row public.lead_protection;
begin
    if internal.is_blank(reinstate_lead_protection.reason) then
        perform internal.raise_error('LP004', format('The reason given is %L.', reinstate_lead_protection.reason));
    end if;
    if exists (
        select from public.leads as l
         where l.id = reinstate_lead_protection.lead_id and l.converted_at is not null
    ) then
        perform internal.raise_error('LP012', format('Lead %s is converted.', reinstate_lead_protection.lead_id));
    end if;
    v_clocks := internal.record_expiry(v_clocks, now());
    if v_clocks.ended_at is null then
        perform internal.raise_error('LP011', format(
            'Lead %s is protected for user %s.', reinstate_lead_protection.lead_id, v_clocks.user_id
        ));
    end if;
    select v.* into strict v_row
      from internal.start_period(
               reinstate_lead_protection.lead_id, reinstate_lead_protection.user_id,
               greatest(v_moment, v_clocks.ended_at), 'REINSTATED',
               reinstate_lead_protection.actor_id, reinstate_lead_protection.reason
           ) as c
     cross join lateral internal.protection_row(c, now()) as v;
    perform internal.write_event('lead.protection.reinstated', now(), v_row, null);
end
$$;
comment on procedure public.reinstate_lead_protection(bigint, bigint, text, bigint) is
    'Starts a new protection period now, after an expiry (recorded on the way if need be). Errors: LP001 unknown lead, LP002 another user''s lead, LP004 blank reason, LP011 still running, LP012 converted.';
revoke all on procedure public.reinstate_lead_protection(bigint, bigint, text, bigint) from public;
grant execute on procedure public.reinstate_lead_protection(bigint, bigint, text, bigint) to lead_operations;
