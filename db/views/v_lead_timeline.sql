-- For Grafana, which has views only: one lead's explanation by its id. Without that filter every lead is explained.
create or replace view public.v_lead_timeline as
select
    c.lead_id,
    e.step,
    e.at,
    e.fact,
    e.effect,
    e.clock,
    e.reminder_due_at,
    e.protection_expires_at,
    e.kind,
    e.user_id,
    e.counts
from internal.lead_clocks as c
cross join lateral public.explain_lead_protection(c.lead_id, now()) as e;
comment on view public.v_lead_timeline is 'explain_lead_protection of every lead as of now(); filter by lead_id.';
grant select on public.v_lead_timeline to lead_operations, grafana_reader;
