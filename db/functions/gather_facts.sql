-- Everything that decides one period as of one moment: facts dated later do not exist yet, facts entered
-- after an expiry was recorded (counts_from) do not count for the final period.
create or replace function internal.gather_facts(p_period public.lead_protection_periods, p_at timestamptz)
returns internal.lead_facts
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_facts internal.lead_facts;
begin
    v_facts.extension := internal.granted_extension(p_period, p_at);

    select range_agg(tstzrange(greatest(h.start_at, h.counts_from), h.end_at, '[)')), max(h.end_at)
      into v_facts.holds, v_facts.last_release_at
      from public.lead_holds as h
     where h.lead_id = p_period.lead_id and h.user_id = p_period.user_id
       -- One that begins at the very end of a recorded period is none of its facts.
       and case
               when p_period.recorded_at is null or p_at < p_period.ended_at
                   then greatest(h.start_at, h.counts_from) <= p_at
               else greatest(h.start_at, h.counts_from) < p_at
           end
       and h.end_at is distinct from h.start_at
       and (h.end_at is null or h.end_at > greatest(h.start_at, h.counts_from, p_period.started_at));

    select array_agg(
               row(f.at, f.is_activity, f.window_start)::internal.clock_fact
               order by f.at, f.is_activity desc, f.window_start
           ) into v_facts.clock_facts
      from (
          select a.occurred_at as at, true as is_activity, null::date as window_start
            from public.lead_activities as a
            join public.activity_types as t on t.activity_type = a.activity_type and t.is_qualified
           where a.lead_id = p_period.lead_id and a.user_id = p_period.user_id
             and a.occurred_at >= p_period.started_at and a.occurred_at <= p_at
             and coalesce(a.occurred_at >= a.counts_from, true)
          union all
          select r.sent_at, false, r.window_start
            from public.lead_reminders as r
           where r.lead_id = p_period.lead_id and r.user_id = p_period.user_id
             and r.reminder_type = 'INACTIVITY'
             and r.sent_at >= p_period.started_at and r.sent_at <= p_at
             and coalesce(r.sent_at >= r.counts_from, true)
      ) as f;
    return v_facts;
end
$$;
comment on function internal.gather_facts(public.lead_protection_periods, timestamptz) is
    'The facts of a period dated up to p_at: summed extensions, merged holds, activities and sent reminders in order.';
revoke all on function internal.gather_facts(public.lead_protection_periods, timestamptz) from public;
