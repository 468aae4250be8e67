-- What happened, in a few words; what it did is fact_effect's.
create or replace function internal.fact_name(p_kind text, p_user_id bigint, p_label text) returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select case p_kind
        when 'START' then format(
            case p_label
                when 'REGISTERED' then 'lead registered by user %s'
                when 'TRANSFERRED' then 'lead handed over to user %s'
                else 'protection reinstated for user %s'
            end,
            p_user_id
        )
        when 'END' then case p_label
            when 'TRANSFERRED' then 'lead handed over'
            when 'CONVERTED' then 'lead converted'
            else 'protection expired'
        end
        when 'EXTENSION' then format('extension of %s', p_label)
        when 'ACTIVITY' then format('%s by user %s', p_label, p_user_id)
        when 'OTHER_ACTIVITY' then format('%s by user %s', p_label, p_user_id)
        when 'REMINDER_INACTIVITY' then format('reminder sent (window %s)', p_label)
        when 'REMINDER_TERM' then format('term reminder sent (window %s)', p_label)
        when 'RELEASE' then format('hold released: %s', p_label)
        when 'ANSWER' then 'as of this moment'
        else format('hold: %s', p_label)
    end
$$;
comment on function internal.fact_name(text, bigint, text) is 'A fact of lead_history by its kind, user and label.';
revoke all on function internal.fact_name(text, bigint, text) from public;
