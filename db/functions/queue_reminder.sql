-- One reminder per lead, user, type and window, however often this runs: row and event together.
create or replace function internal.queue_reminder(
    p_clocks internal.lead_clocks,
    p_reminder_type text,
    p_due_at timestamptz,
    p_window_start date,
    p_at timestamptz
) returns public.lead_reminders
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_row public.lead_protection;
    v_days integer;
    v_metadata jsonb;
    v_reminder public.lead_reminders;
begin
    if exists (
        select from public.lead_reminders as r
         where r.lead_id = p_clocks.lead_id and r.user_id = p_clocks.user_id
           and r.reminder_type = p_reminder_type and r.window_start = p_window_start
    ) then
        return null;
    end if;
    select * into strict v_row from internal.protection_row(p_clocks, p_at);
    if p_reminder_type = 'TERM' then
        v_row.protection_expires_at := v_row.base_expires_at;
    end if;
    -- Whole calendar days as a person counts them, so that a DST night does not make nine of ten.
    select timezone(p.time_zone, v_row.protection_expires_at)::date - timezone(p.time_zone, p_at)::date
      into strict v_days
      from public.protection_policies as p
     where p.policy = p_clocks.policy and p.version = p_clocks.policy_version;
    v_metadata := jsonb_build_object(
        'reminderType', case p_reminder_type when 'TERM' then 'term' else 'expiry' end,
        'daysRemaining', v_days,
        'windowStart', p_window_start,
        'dueAt', internal.format_rfc3339(p_due_at)
    );
    insert into public.lead_reminders (
        lead_id, user_id, reminder_type, window_start, due_at, channel, payload, known_at, event_id
    )
    values (
        p_clocks.lead_id, p_clocks.user_id, p_reminder_type, p_window_start, p_due_at,
        case when internal.mail_address(p_clocks.user_id) is null then 'EVENT' else 'EMAIL' end, v_metadata,
        internal.could_be_sent_since(p_clocks, p_reminder_type, p_at),
        internal.write_event(
            'lead.protection.reminder', p_at, v_row,
            case p_reminder_type
                when 'TERM' then 'base_term_expiry_reminder'
                else '10_day_expiry_reminder'
            end,
            v_metadata
        )
    )
    returning * into v_reminder;
    update internal.lead_clocks as c set has_queued_reminder = true where c.lead_id = p_clocks.lead_id;
    return v_reminder;
end
$$;
comment on function internal.queue_reminder(internal.lead_clocks, text, timestamptz, date, timestamptz) is
    'Writes a due reminder of a locked lead and its event; a row of nulls when its window has one already.';
revoke all on function internal.queue_reminder(
    internal.lead_clocks, text, timestamptz, date, timestamptz
) from public;
