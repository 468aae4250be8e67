-- How a period may begin and end. A function, because PostgreSQL reads the text of a check anew for each statement, and
-- this call is shorter than the conditions: a new lead is one statement. Used by a check, hence here.
create or replace function internal.is_whole_period(
    p_start_reason text,
    p_started_at timestamptz,
    p_ended_at timestamptz,
    p_end_reason text,
    p_recorded_at timestamptz
) returns boolean
language plpgsql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_start_reason not in ('REGISTERED', 'TRANSFERRED', 'REINSTATED') then
        return false;
    elsif p_ended_at is null then
        return num_nonnulls(p_end_reason, p_recorded_at) = 0;
    end if;
    return (
        p_ended_at >= p_started_at
        and case
            when p_recorded_at is null then p_end_reason in ('TRANSFERRED', 'CONVERTED')
            else p_end_reason in ('INACTIVITY', 'BASE_TERM')
        end
    ) is true;
end
$$;
comment on function internal.is_whole_period(text, timestamptz, timestamptz, text, timestamptz) is
    'Whether a period began for a known reason and runs (all three last null), or ended for one, an expiry with the moment of its recording, any other end without.';
revoke all on function internal.is_whole_period(text, timestamptz, timestamptz, text, timestamptz) from public;
