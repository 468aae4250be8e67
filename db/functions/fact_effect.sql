-- What a fact did to the clocks, told from the rows just before and at its moment: explaining repeats no rule.
create or replace function internal.fact_effect(
    p_kind text,
    p_user_id bigint,
    p_label text,
    p_at timestamptz,
    p_counts_from timestamptz,
    p_before public.lead_protection,
    p_row public.lead_protection
) returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_kind = 'START' then format('protection of user %s starts', p_user_id)
            || case when p_row.clock_stopped_since is not null then ', on hold' else '' end
        when p_kind = 'END' then case p_label
            when 'INACTIVITY' then 'protection ends: no qualified activity in the grace period'
            when 'BASE_TERM' then 'protection ends: the base term is over'
            when 'TRANSFERRED' then format('protection of user %s ends: the lead is handed over', p_user_id)
            else 'protection ends: the lead is converted'
        end
        when p_kind = 'EMPTY_HOLD' then 'counts nothing: no time of a protection of its user lies in it'
        when p_kind = 'OTHER_ACTIVITY' then 'does not count: not a qualified type'
        when p_kind = 'REMINDER_TERM' then 'announces the end of the base term, moves nothing'
        when p_counts_from > p_at and p_kind = 'HOLD_AHEAD'
            then 'stops no clock yet: entered after the expiry was recorded'
        when p_counts_from > p_at then 'does not count: entered after the expiry was recorded'
        when p_kind = 'HOLD_AHEAD' and p_row.lead_id is null then 'stops no clock yet: no protection had started'
        when p_row.lead_id is null then 'no protection had started'
        when p_kind = 'HOLD_AHEAD' and p_row.user_id is distinct from p_user_id
            then format('stops no clock yet: user %s holds the protection', p_row.user_id)
        when p_kind = 'HOLD_AHEAD' and p_row.state in ('EXPIRED', 'CONVERTED')
            then 'stops no clock yet: protection was over'
        when p_row.user_id is distinct from p_user_id
            then format('does not count: user %s holds the protection', p_row.user_id)
        when p_row.state in ('EXPIRED', 'CONVERTED') then 'does not count: protection was over'
        when p_kind = 'EXTENSION' then format('the base term grows by %s', p_label)
        when p_kind = 'ACTIVITY' then case p_before.state
            when 'GRACE' then 'ends the grace period and restarts the activity clock'
            when 'REMINDER_DUE' then 'answers the due reminder and restarts the activity clock'
            else 'restarts the activity clock'
        end
        when p_kind = 'REMINDER_INACTIVITY' and p_row.reminder_sent_at = p_at
            and p_before.reminder_sent_at is distinct from p_at
            then 'starts the grace period'
        when p_kind = 'REMINDER_INACTIVITY' and p_row.state = 'GRACE' then 'does not count: a grace period runs'
        when p_kind = 'REMINDER_INACTIVITY' then 'does not count: its window lies before the due date'
        when p_kind in ('HOLD', 'HOLD_AHEAD') and p_before.clock_stopped_since >= p_row.protection_started_at
            then 'the clocks are stopped already: overlapping time counts once'
        when p_kind in ('HOLD', 'HOLD_AHEAD') then 'stops the clocks'
        when p_kind = 'RELEASE' and p_row.clock_stopped_since is not null
            then 'another hold still stops the clocks'
        when p_kind = 'RELEASE' and p_before.clock_stopped_since is null then 'counts nothing: it stopped no clock'
        when p_kind = 'RELEASE' then format(
            'the clocks run again after %s days on hold', internal.days_between(p_before.clock_stopped_since, p_at)
        )
    end
$$;
comment on function internal.fact_effect(
    text, bigint, text, timestamptz, timestamptz, public.lead_protection, public.lead_protection
) is
    'One sentence on what a fact of lead_history did; p_before and p_row: the lead''s row just before and at its moment.';
revoke all on function internal.fact_effect(
    text, bigint, text, timestamptz, timestamptz, public.lead_protection, public.lead_protection
) from public;
