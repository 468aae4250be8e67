-- The windows of cost_per_lead slide; a team over its budget is told of once in each of them: the next window that
-- is recorded begins after the last one has ended. One pass at a time; a second one has nothing to add.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.record_budget_breaches(at timestamptz default null)
returns setof public.cost_budget_breaches
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_at constant timestamptz := internal.checked_past(record_budget_breaches.at);
    v_kept_from constant timestamptz := internal.breaches_kept_from();
    v_breach public.cost_budget_breaches;
begin
    if not pg_try_advisory_xact_lock(19536, 5) then
        return;
    end if;
    for v_breach in
        insert into public.cost_budget_breaches (
            team, time_window, window_started_at, window_ended_at, cost_eur, new_leads, cost_per_lead_eur, budget_eur
        )
        select c.team, c.time_window, c.window_started_at, v_at, c.cost_eur, c.new_leads, c.cost_per_lead_eur,
               c.budget_eur
          from public.cost_per_lead(v_at) as c
         where c.cost_per_lead_eur > c.budget_eur
           -- One that was told of a window before may be gone.
           and c.window_started_at >= v_kept_from
           and not exists (
               select from public.cost_budget_breaches as b
                -- No team is named '': what can be hashed stays fast, however much is on record.
                where coalesce(b.team, '') = coalesce(c.team, '') and b.time_window = c.time_window
                  and b.window_started_at < v_at and b.window_ended_at > c.window_started_at)
        returning *
    loop
        perform internal.write_module_event(
            'cost.per_lead.budget_exceeded', v_at, null, null, null,
            jsonb_build_object(
                'team', v_breach.team,
                'time_window', v_breach.time_window,
                'window_started_at', internal.format_rfc3339(v_breach.window_started_at),
                'cost_per_lead_eur', v_breach.cost_per_lead_eur,
                'budget_eur', v_breach.budget_eur
            )
        );
        return next v_breach;
    end loop;
end
$$;
comment on function public.record_budget_breaches(timestamptz) is
    'Records the teams (null: the company) and windows of cost_per_lead over budget at a past moment (null: now), with cost.per_lead.budget_exceeded; returns them. None while a recorded window of the same team and length still reaches into it, for a window that begins before what purge_budget_breaches leaves on record, or while another pass is at work. Errors: LP006, LP007 at in the future.';
revoke all on function public.record_budget_breaches(timestamptz) from public;
grant execute on function public.record_budget_breaches(timestamptz) to lead_worker;
