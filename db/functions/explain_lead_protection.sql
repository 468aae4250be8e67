-- "Why?" For whoever argues about a date: every fact in time order, what it did, and both deadlines as
-- they stood then. The last row is the answer itself.
-- security definer: readers have no right on the facts.
create or replace function public.explain_lead_protection(lead_id bigint, at timestamptz default null)
returns setof public.lead_explanation
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_lead_id constant bigint := explain_lead_protection.lead_id;
    v_at constant timestamptz := internal.checked_moment(coalesce(explain_lead_protection.at, now()), 'at', true);
    v_fact record;
    v_step public.lead_explanation;
    v_clocks internal.lead_clocks;
    v_before public.lead_protection;
    v_row public.lead_protection;
begin
    if not exists (select from public.leads as l where l.id = v_lead_id) then
        perform internal.raise_error('LP001', format('No lead has id %s.', coalesce(v_lead_id::text, 'null')));
    end if;
    v_step.step := 0;
    for v_fact in
        select h.*,
               bool_and(h.kind in ('OTHER_ACTIVITY', 'REMINDER_TERM', 'EMPTY_HOLD')) over (partition by h.at)
                   as moves_nothing
          from (
              select * from internal.lead_history(v_lead_id, v_at)
               union all
              select v_at, null, 'ANSWER', null, null, null
          ) as h
         order by h.at, h.rank -- the answer last
    loop
        if v_fact.at is distinct from v_step.at then
            -- Clocks stay true until the next fact that moves one: just before it, those of the fact before still tell
            -- the row. There may be thousands of the others, and computing clocks walks through all facts.
            v_before := case
                when v_clocks.lead_id is not null
                    then internal.protection_row(v_clocks, v_fact.at - interval '1 microsecond')
            end;
            if not v_fact.moves_nothing then
                select c.* into v_clocks from internal.clocks_at(v_lead_id, v_fact.at) as c;
            end if;
            v_row := case when v_clocks.lead_id is not null then internal.protection_row(v_clocks, v_fact.at) end;
        end if;
        v_step.step := v_step.step + 1;
        v_step.at := v_fact.at;
        v_step.fact := internal.fact_name(v_fact.kind, v_fact.user_id, v_fact.label);
        v_step.effect := case
            when v_fact.kind <> 'ANSWER' then internal.fact_effect(
                v_fact.kind, v_fact.user_id, v_fact.label, v_fact.at, v_fact.counts_from, v_before, v_row
            )
            when v_row.lead_id is null then 'not registered yet'
            else format('%s, user %s', v_row.state, v_row.user_id)
                || coalesce(', ' || v_row.days_remaining || ' days remain', '')
        end;
        v_step.clock := case
            when v_row.state in ('EXPIRED', 'CONVERTED') or v_row.lead_id is null then 'ENDED'
            when v_row.clock_stopped_since is not null then 'STOPPED'
            else 'RUNNING'
        end;
        v_step.reminder_due_at := v_row.reminder_due_at;
        v_step.protection_expires_at := v_row.protection_expires_at;
        v_step.kind := case v_fact.kind when 'HOLD_AHEAD' then 'HOLD' else v_fact.kind end;
        v_step.user_id := case when v_fact.kind = 'ANSWER' then v_row.user_id else v_fact.user_id end;
        -- fact_effect is the one to judge; a fact that does not count is told in these words.
        v_step.counts := v_step.effect !~ '^(does not count|counts nothing|no protection|announces|not registered)';
        return next v_step;
        -- What one fact did, the next of its moment does not do again. A new period has no grace to end.
        if v_step.counts and v_step.effect !~ '^stops no clock yet' then
            case v_step.kind
                when 'START' then v_before.state := null;
                when 'ACTIVITY' then v_before.state := v_row.state;
                when 'REMINDER_INACTIVITY' then v_before.reminder_sent_at := v_row.reminder_sent_at;
                when 'HOLD' then v_before.clock_stopped_since := v_row.clock_stopped_since;
                else null;
            end case;
        end if;
    end loop;
end
$$;
comment on function public.explain_lead_protection(bigint, timestamptz) is
    'Every fact of a lead up to a moment (null: now) in time order: what it did, the clock (RUNNING, STOPPED, ENDED) and both deadlines as they stood then; the last row is the answer and agrees with the view. Errors: LP001 unknown lead, LP006.';
revoke all on function public.explain_lead_protection(bigint, timestamptz) from public;
grant execute on function public.explain_lead_protection(bigint, timestamptz)
to lead_operations, grafana_reader;
