-- Operations stop the clock of a lead. Two operators at once make one hold, the second gets a notice.
-- security definer: operations call procedures, they do not write tables.
create or replace procedure public.create_lead_hold(
    lead_id bigint,
    user_id bigint,
    reason text,
    actor_id bigint default null,
    start_at timestamptz default null,
    end_at timestamptz default null
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_start_at constant timestamptz := internal.checked_moment(
        coalesce(create_lead_hold.start_at, now()), 'start_at', false
    );
    v_end_at constant timestamptz := internal.checked_moment(create_lead_hold.end_at, 'end_at', true);
    v_clocks internal.lead_clocks;
    v_running public.lead_holds;
begin
    -- Two statements: the second must see what was committed while the first waited for the lead.
    v_clocks := internal.lock_own_lead(create_lead_hold.lead_id, create_lead_hold.user_id);
    perform internal.refuse_over(v_clocks, v_start_at);
    select h.* into v_running
      from public.lead_holds as h
     where h.lead_id = create_lead_hold.lead_id and h.user_id = create_lead_hold.user_id
       -- One that another operator began after this transaction did is running all the same.
       and (h.start_at <= v_start_at or create_lead_hold.start_at is null)
       and (h.end_at is null or h.end_at > v_start_at and h.end_at >= v_end_at)
       and not internal.is_blank(create_lead_hold.reason)
       and coalesce(v_end_at >= v_start_at, true)
     order by h.end_at desc nulls first
     limit 1;
    if found then
        raise notice 'lead % is already on hold since % until %', v_running.lead_id, v_running.start_at,
            coalesce(v_running.end_at::text, 'its release');
        return;
    end if;
    insert into public.lead_holds (lead_id, user_id, reason, start_at, end_at, created_by)
    values (
        create_lead_hold.lead_id, create_lead_hold.user_id, create_lead_hold.reason,
        v_start_at, v_end_at, create_lead_hold.actor_id
    );
end
$$;
comment on procedure public.create_lead_hold(bigint, bigint, text, bigint, timestamptz, timestamptz) is
    'Stops the clock of a lead from start_at (now) until end_at (open); a notice if a hold covers that already. Errors: LP001 unknown lead, LP002 user does not hold the protection, LP003 protection over at start_at, LP004 blank reason, LP005 end before start, LP006 and LP007 moments.';
revoke all on procedure public.create_lead_hold(bigint, bigint, text, bigint, timestamptz, timestamptz) from public;
grant execute on procedure public.create_lead_hold(bigint, bigint, text, bigint, timestamptz, timestamptz)
to lead_operations;
