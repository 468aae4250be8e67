-- Any moment, past or future: the period running then, else the last one ended before it.
create or replace function internal.clocks_at(
    p_lead_id bigint,
    p_at timestamptz,
    p_hypothetical internal.lead_facts default null
) returns setof internal.lead_clocks
language plpgsql
stable
rows 1
set search_path = pg_catalog, pg_temp
as $$
declare
    v_period public.lead_protection_periods;
begin
    select p.* into v_period
      from public.lead_protection_periods as p
     where p.lead_id = p_lead_id and p.started_at <= p_at
     order by (p.ended_at is null or p.ended_at > p_at) desc, p.ended_at desc, p.id desc
     limit 1;
    if found then
        return next internal.evaluate_period(v_period, p_at, p_hypothetical);
    end if;
end
$$;
comment on function internal.clocks_at(bigint, timestamptz, internal.lead_facts) is
    'Clocks of a lead as of a moment, computed from its facts (with p_hypothetical ones added); no row before its start.';
revoke all on function internal.clocks_at(bigint, timestamptz, internal.lead_facts) from public;
