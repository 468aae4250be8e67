-- What is asked of a protection must find it running at that moment: a late entry dated before the
-- deadline still counts, until the expiry is recorded. Judged by what is dated before the moment: a hold, itself or one
-- that begins with it, is no reason for itself. It moves R, and a reminder that no longer counts thereby may be the one
-- whose grace had ended the protection.
create or replace function internal.refuse_over(p_clocks internal.lead_clocks, p_at timestamptz) returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_at constant timestamptz := greatest(p_at, p_clocks.started_at);
    v_row public.lead_protection;
begin
    select v.* into strict v_row
      from public.lead_protection_periods as p
     cross join lateral internal.evaluate_period(p, greatest(v_at - interval '1 microsecond', p.started_at)) as e
     cross join lateral internal.protection_row(e, v_at) as v
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
comment on function internal.refuse_over(internal.lead_clocks, timestamptz) is
    'Refuses when the protection of a locked lead has ended, or was over at p_at. Errors: LP003.';
revoke all on function internal.refuse_over(internal.lead_clocks, timestamptz) from public;
