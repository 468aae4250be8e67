-- From a row of clocks and a moment to the row that people see: the state table of docs/rules.md. An open hold
-- is counted here as ending at p_at (or at a later release planned for a hold beside it).
-- security definer: readers of the view have no right on the machinery.
create or replace function internal.protection_row(p_clocks internal.lead_clocks, p_at timestamptz)
returns public.lead_protection
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_row public.lead_protection;
    v_anchor constant timestamptz := coalesce(p_clocks.last_qualified_activity_at, p_clocks.started_at);
    v_open_since constant timestamptz := case when p_clocks.held_until = 'infinity' then p_clocks.held_since end;
    v_held_until constant timestamptz := greatest(p_at, p_clocks.planned_until);
    v_grace_ends_at timestamptz := case when p_clocks.reminder_sent_at is not null then p_clocks.grace_ends_at end;
    v_over_at timestamptz;
begin
    if p_at >= p_clocks.stale_at then
        return internal.protection_row(internal.evaluate_period(p, p_at), p_at)
          from public.lead_protection_periods as p
         where p.id = p_clocks.period_id;
    end if;
    v_row.id := p_clocks.lead_id;
    v_row.lead_id := p_clocks.lead_id;
    v_row.user_id := p_clocks.user_id;
    v_row.policy := p_clocks.policy;
    v_row.protection_started_at := p_clocks.started_at;
    v_row.last_qualified_activity_at := p_clocks.last_qualified_activity_at;
    v_row.base_expires_at := p_clocks.base_expires_at;
    v_row.reminder_due_at := p_clocks.reminder_due_at;
    if v_open_since is not null then
        v_row.base_expires_at := internal.deadline_on_hold(
            p_clocks.base_expires_at, p_clocks.started_at, v_open_since, v_held_until
        );
        v_row.reminder_due_at := internal.deadline_on_hold(
            p_clocks.reminder_due_at, v_anchor, v_open_since, v_held_until
        );
        v_grace_ends_at := internal.deadline_on_hold(
            v_grace_ends_at, p_clocks.reminder_sent_at, v_open_since, v_held_until
        );
    end if;

    v_over_at := coalesce(p_clocks.ended_at, least(v_row.base_expires_at, v_grace_ends_at));
    if p_at >= v_over_at then
        v_row.state := case when p_clocks.end_reason = 'CONVERTED' then 'CONVERTED' else 'EXPIRED' end;
        v_row.protection_expires_at := case when v_row.state = 'EXPIRED' then v_over_at end;
        v_row.end_reason := coalesce(
            p_clocks.end_reason, case when v_row.base_expires_at <= v_over_at then 'BASE_TERM' else 'INACTIVITY' end
        );
        return v_row;
    end if;

    if p_clocks.held_until > p_at then
        v_row.clock_stopped_since := p_clocks.held_since;
        v_row.hold_until := nullif(p_clocks.held_until, 'infinity');
    end if;
    if p_clocks.reminder_sent_at is not null then
        v_row.state := 'GRACE';
        v_row.reminder_sent_at := p_clocks.reminder_sent_at;
        v_row.grace_ends_at := v_grace_ends_at;
    elsif p_at >= v_row.reminder_due_at then
        v_row.state := 'REMINDER_DUE';
        v_row.grace_ends_at := internal.grace_from(
            p_clocks, p_at, coalesce(v_row.hold_until, p_clocks.planned_until)
        );
    else
        v_row.state := 'PROTECTED';
        v_row.grace_ends_at := case
            when v_open_since is null then p_clocks.grace_ends_at
            else internal.grace_from(p_clocks, v_row.reminder_due_at, null)
        end;
    end if;
    v_row.protection_expires_at := least(v_row.base_expires_at, v_row.grace_ends_at);
    v_row.days_remaining := internal.days_between(p_at, v_row.protection_expires_at);
    return v_row;
end
$$;
comment on function internal.protection_row(internal.lead_clocks, timestamptz) is
    'The row of v_user_lead_protection that a row of clocks comes to at a moment (docs/rules.md, Evaluation, step 4).';
revoke all on function internal.protection_row(internal.lead_clocks, timestamptz) from public;
grant execute on function internal.protection_row(internal.lead_clocks, timestamptz)
to module02_writer, lead_operations, grafana_reader;
