-- Extensions are summed and added to the base term once, not one after another.
create or replace function internal.granted_extension(p_period public.lead_protection_periods, p_at timestamptz)
returns interval
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select sum(e.extension)
          from public.lead_extensions as e
         where e.lead_id = p_period.lead_id and e.user_id = p_period.user_id
           and e.granted_at >= p_period.started_at and e.granted_at <= p_at
    );
end
$$;
comment on function internal.granted_extension(public.lead_protection_periods, timestamptz) is
    'Sum of a period''s extensions granted up to p_at; null if there is none.';
revoke all on function internal.granted_extension(public.lead_protection_periods, timestamptz) from public;
