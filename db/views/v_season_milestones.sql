-- The calendars of the seasons as of today.
create or replace view public.v_season_milestones as
select
    m.id,
    m.season,
    m.year,
    m.starts_on,
    m.milestone,
    m.task,
    m.due_on,
    m.days_left,
    m.owner,
    m.status,
    m.urgency,
    m.is_at_hand,
    m.evidence,
    m.done_at,
    m.done_by
from public.season_milestones_at(now()) as m;
comment on view public.v_season_milestones is
    'The tasks around each season, as of today in the business zone: when due, whose, how they stand, which are OVERDUE or DUE_SOON.';
grant select on public.v_season_milestones to lead_operations, grafana_reader;
