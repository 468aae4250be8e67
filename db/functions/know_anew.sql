-- What kept a reminder from being queued is gone, and no clock tells: from now on it is known that it falls due.
create or replace function internal.know_anew(p_lead_id bigint, p_reminder_type text default null) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    update internal.lead_clocks as c
       set facts_entered_at = greatest(c.facts_entered_at, now()),
           reminder_known_at = case p_reminder_type
               when 'TERM' then coalesce(c.reminder_known_at, c.facts_entered_at)
           end,
           base_known_at = case p_reminder_type
               when 'INACTIVITY' then coalesce(c.base_known_at, c.facts_entered_at)
           end
     where c.lead_id = p_lead_id
$$;
comment on function internal.know_anew(bigint, text) is
    'Reminders of a locked lead, of one type or of both (null), are taken as known to fall due from now on, not before.';
revoke all on function internal.know_anew(bigint, text) from public;
