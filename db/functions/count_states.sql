-- How many leads stand in which state, in one pass over the narrow table; the five are fixed, so that none is missing
-- where no lead is in it.
create or replace function internal.count_states(
    p_at timestamptz,
    out protected bigint,
    out reminder_due bigint,
    out grace bigint,
    out expired bigint,
    out converted bigint,
    out qualified_activities bigint
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select count(*) filter (where s.state = 'PROTECTED'),
           count(*) filter (where s.state = 'REMINDER_DUE'),
           count(*) filter (where s.state = 'GRACE'),
           count(*) filter (where s.state = 'EXPIRED'),
           count(*) filter (where s.state = 'CONVERTED'),
           coalesce(sum(s.qualified_activities), 0)
      from (
           select internal.state_at(c, p_at) as state, c.qualified_activities
             from internal.lead_clocks as c
           offset 0 -- each state once, not once a filter
           ) as s
$$;
comment on function internal.count_states(timestamptz) is
    'Leads in each state at p_at, and the qualified activities that they have between them.';
revoke all on function internal.count_states(timestamptz) from public;
