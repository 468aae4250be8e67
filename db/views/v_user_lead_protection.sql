-- The one question: whose lead is this, until when. A steady row shows as it is stored; only one whose
-- next moment has come, or that an open hold or a due reminder moves, is computed (m has a row then).
create or replace view public.v_user_lead_protection as
select
    c.lead_id as id,
    c.lead_id,
    c.user_id,
    case when m.is_moving then (m.shown).state else c.state end as state,
    case
        when m.is_moving then (m.shown).protection_expires_at else c.protection_expires_at
    end as protection_expires_at,
    case
        when m.is_moving then (m.shown).days_remaining
        when c.ended_at is null then internal.days_between(now(), c.protection_expires_at)
    end as days_remaining,
    c.started_at as protection_started_at,
    c.last_qualified_activity_at,
    case when m.is_moving then (m.shown).base_expires_at else c.base_expires_at end as base_expires_at,
    case when m.is_moving then (m.shown).reminder_due_at else c.reminder_due_at end as reminder_due_at,
    case when m.is_moving then (m.shown).reminder_sent_at else c.reminder_sent_at end as reminder_sent_at,
    case when m.is_moving then (m.shown).grace_ends_at else c.grace_ends_at end as grace_ends_at,
    case when m.is_moving then (m.shown).clock_stopped_since else c.held_since end as clock_stopped_since,
    case when m.is_moving then (m.shown).hold_until else c.held_until end as hold_until,
    case when m.is_moving then (m.shown).end_reason else c.end_reason end as end_reason,
    c.policy
from internal.lead_clocks as c
left join lateral (
    select true as is_moving, internal.protection_row(c, now()) as shown
    where now() >= c.steady_until
    offset 0
) as m on true;
comment on view public.v_user_lead_protection is
    'One row per lead: its latest protection as of now(). States: PROTECTED, REMINDER_DUE, GRACE, EXPIRED, CONVERTED.';
grant select on public.v_user_lead_protection to module02_writer, lead_operations, grafana_reader;
