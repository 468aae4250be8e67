-- What is asked of a protection must find it running at p_at, by the facts dated up to p_known_at.
create or replace function internal.refuse_ended(
    p_clocks internal.lead_clocks,
    p_known_at timestamptz,
    p_at timestamptz
) returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_row public.lead_protection;
begin
    select v.* into strict v_row
      from public.lead_protection_periods as p
     cross join lateral internal.evaluate_period(p, greatest(p_known_at, p.started_at)) as e
     cross join lateral internal.protection_row(e, greatest(p_at, p.started_at)) as v
     where p.id = p_clocks.period_id;
    if p_clocks.ended_at is not null or v_row.state = 'EXPIRED' then
        perform internal.raise_error('LP003', format(
            'The protection of lead %s for user %s ended at %s, the moment in question is %s.',
            p_clocks.lead_id, p_clocks.user_id,
            coalesce(p_clocks.ended_at, v_row.protection_expires_at), p_at
        ));
    end if;
end
$$;
comment on function internal.refuse_ended(internal.lead_clocks, timestamptz, timestamptz) is
    'Refuses when the protection of a locked lead has ended, or was over at p_at by what is dated up to p_known_at. Errors: LP003.';
revoke all on function internal.refuse_ended(internal.lead_clocks, timestamptz, timestamptz) from public;
