-- Stored facts and supposed ones together, in time order.
create or replace function internal.add_facts(p_facts internal.lead_facts, p_more internal.lead_facts)
returns internal.lead_facts
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
    select row(
        p_facts.extension,
        coalesce(p_facts.holds, '{}') + coalesce(p_more.holds, '{}'),
        greatest(p_facts.last_release_at, p_more.last_release_at),
        (select array_agg(f order by f.at, f.is_activity desc, f.window_start)
           from unnest(p_facts.clock_facts || p_more.clock_facts) as f)
    )::internal.lead_facts
$$;
comment on function internal.add_facts(internal.lead_facts, internal.lead_facts) is
    'The union of two sets of facts: holds merged, clock facts in time order; extensions are the first''s.';
revoke all on function internal.add_facts(internal.lead_facts, internal.lead_facts) from public;
