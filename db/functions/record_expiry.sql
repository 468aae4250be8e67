-- Expiry is final once it is recorded, with the exact deadline and not the time of recording.
create or replace function internal.record_expiry(p_clocks internal.lead_clocks, p_at timestamptz)
returns internal.lead_clocks
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_row public.lead_protection;
begin
    if p_clocks.ended_at is null then
        select * into strict v_row from internal.protection_row(p_clocks, p_at);
        if v_row.state = 'EXPIRED' then
            return internal.end_period(p_clocks, v_row.protection_expires_at, v_row.end_reason);
        end if;
    end if;
    return p_clocks;
end
$$;
comment on function internal.record_expiry(internal.lead_clocks, timestamptz) is
    'Records the expiry of a locked lead if its protection has run out by p_at; returns the clocks afterwards.';
revoke all on function internal.record_expiry(internal.lead_clocks, timestamptz) from public;
