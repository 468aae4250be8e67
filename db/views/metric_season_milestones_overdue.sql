-- Read live: a task becomes overdue by the passing of a day, and is no more when somebody says so.
create or replace view public.metric_season_milestones_overdue as
select count(*) filter (where m.urgency = 'OVERDUE')::double precision as value
from public.v_season_milestones as m;
comment on view public.metric_season_milestones_overdue is
    'Tasks around the seasons that are overdue as of today in the business zone.';
grant select on public.metric_season_milestones_overdue to lead_exporter, lead_operations;
