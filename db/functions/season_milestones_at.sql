-- Which task is overdue is a matter of the day in the business zone, whatever the session's is. One that was due before
-- it was planned never is: nobody knew of it.
-- security definer: who reads the view has no right on the table.
create or replace function public.season_milestones_at(at timestamptz default now())
returns table (
    id bigint,
    season text,
    year integer,
    starts_on date,
    milestone text,
    task text,
    due_on date,
    days_left integer,
    owner text,
    status text,
    urgency text,
    is_at_hand boolean,
    evidence text,
    done_at timestamptz,
    done_by text
)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with asked as materialized (
        select internal.business_day(season_milestones_at.at) as today
    ),

    -- A turn is over when its last task was due.
    turns as (
        select m.season, m.year, a.today, min(m.starts_on) as first_day, max(m.due_on) as last_day
          from public.season_milestones as m
         cross join asked as a
         group by m.season, m.year, a.today
    ),

    coming as (
        select min(t.first_day) as first_day from turns as t where t.first_day > t.today
    ),

    judged as (
        select m.*, t.today,
               t.first_day <= t.today and t.last_day >= t.today or t.first_day = c.first_day as is_of_now,
               case
                   when m.status in ('DONE', 'SKIPPED') or m.due_on < m.planned_on then null
                   when m.due_on < t.today then 'OVERDUE'
                   when m.due_on <= t.today + 7 then 'DUE_SOON'
                   else 'LATER'
               end as urgency
          from public.season_milestones as m
          join turns as t on t.season = m.season and t.year = m.year
         cross join coming as c
    )

    select j.id, j.season, j.year, j.starts_on, j.milestone, j.task, j.due_on, j.due_on - j.today, j.owner, j.status,
           j.urgency, coalesce(j.is_of_now, false) or coalesce(j.urgency = 'OVERDUE', false), j.evidence, j.done_at,
           j.done_by
      from judged as j
     order by j.starts_on, j.season, j.due_on, j.task
$$;
comment on function public.season_milestones_at(timestamptz) is
    'The tasks of all seasons as of a day in the business zone (null: today): days_left until due_on; urgency OVERDUE, DUE_SOON (seven days), LATER, or null when ended or due before it was planned; is_at_hand: of the season that runs, is reviewed or comes next, or overdue. Errors: LP006.';
revoke all on function public.season_milestones_at(timestamptz) from public;
grant execute on function public.season_milestones_at(timestamptz) to lead_operations, lead_exporter, grafana_reader;
