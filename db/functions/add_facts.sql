-- Stored facts and supposed ones together, in time order. What lies outside the period counts no more when
-- it is supposed than when it is true.
create or replace function internal.add_facts(
    p_facts internal.lead_facts,
    p_more internal.lead_facts,
    p_from timestamptz,
    p_until timestamptz
) returns internal.lead_facts
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select row(
        p_facts.extension,
        coalesce(p_facts.holds, '{}') + coalesce(
            (select range_agg(h.hold)
               from unnest(p_more.holds) as h (hold)
              where lower(h.hold) <= p_until and coalesce(upper(h.hold) > p_from, true)),
            '{}'
        ),
        greatest(p_facts.last_release_at, p_more.last_release_at),
        (select array_agg(f order by f.at, f.is_activity desc, f.window_start)
           from unnest(p_facts.clock_facts || array(
                    select m from unnest(p_more.clock_facts) as m where m.at >= p_from and m.at <= p_until
                )) as f)
    )::internal.lead_facts
$$;
comment on function internal.add_facts(internal.lead_facts, internal.lead_facts, timestamptz, timestamptz) is
    'The union of two sets of facts, of the second what falls into [p_from, p_until]; extensions are the first''s.';
revoke all on function internal.add_facts(
    internal.lead_facts, internal.lead_facts, timestamptz, timestamptz
) from public;
