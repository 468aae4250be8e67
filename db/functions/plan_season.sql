-- The calendar of a season's turn, from the templates. Planned again it follows templates and seasons: what nobody
-- has touched in all of it, what somebody has in its days alone.
-- security definer: operations plan by this, and by nothing else.
create or replace function public.plan_season(p_season text, p_year integer, at timestamptz default now())
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_season constant public.seasons := internal.season_profile(p_season);
    v_today constant date := internal.business_day(plan_season.at);
    v_starts_on date;
    v_changed integer;
begin
    if v_season.first_month is null then
        perform internal.raise_error('LP037', format('%s has no calendar.', coalesce(p_season, 'No season')));
    end if;
    if p_year is null or p_year not between 2000 and 2100 then
        perform internal.raise_error('LP006', format('The year is %s.', coalesce(p_year::text, 'not given')));
    end if;
    v_starts_on := make_date(p_year, v_season.first_month, 1);
    -- Of all that is there, also of what is in no template any more.
    update public.season_milestones as m
       set starts_on = v_starts_on
     where m.season = v_season.season and m.year = p_year and m.starts_on <> v_starts_on;
    with planned as (
        select t.milestone, t.task, t.owner,
               case
                   when t.offset_days > 0
                       then internal.season_end(v_season.first_month, v_season.last_month, p_year) - 1
                   else v_starts_on
               end + t.offset_days as due_on
          from public.season_milestone_templates as t
    ),

    withdrawn as (
        delete from public.season_milestones as m
         where m.season = v_season.season and m.year = p_year and m.entered_at is null
           and not exists (select from planned as p where p.milestone = m.milestone and p.task = m.task)
        returning m.id
    ),

    written as (
        insert into public.season_milestones as m
            (season, starts_on, milestone, task, due_on, owner, entered_at, planned_on)
        select v_season.season, v_starts_on, p.milestone, p.task, p.due_on, p.owner, null, v_today
          from planned as p
         order by p.due_on, p.task
        on conflict on constraint season_milestones_once_a_year do update
           set due_on = excluded.due_on,
               owner = case when m.entered_at is null then excluded.owner else m.owner end
         where m.due_on <> excluded.due_on
            or m.entered_at is null and m.owner <> excluded.owner
        returning m.id
    )

    select (select count(*) from withdrawn) + (select count(*) from written) into v_changed;
    return v_changed;
end
$$;
comment on function public.plan_season(text, integer, timestamptz) is
    'Makes the calendar of the season that begins in the year, as of a moment (null: now), or lets it follow templates and seasons; what a person has entered stays. Returns how many tasks were added, moved or withdrawn. Errors: LP006 year or moment out of range, LP037 unknown season.';
revoke all on function public.plan_season(text, integer, timestamptz) from public;
grant execute on function public.plan_season(text, integer, timestamptz) to lead_operations;
