-- Supposed facts arrive as JSON and are checked as the tables check theirs.
create or replace function internal.supposed_facts(p_facts jsonb, p_user_id bigint, p_at timestamptz)
returns internal.lead_facts
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_fact jsonb;
    v_type text;
    v_from timestamptz;
    v_until timestamptz;
    v_is_own boolean;
    v_result internal.lead_facts;
begin
    if p_facts is null or jsonb_typeof(p_facts) <> 'object'
        or p_facts - '{activities,holds}'::text[] <> '{}'
        or jsonb_typeof(coalesce(p_facts -> 'activities', '[]')) <> 'array'
        or jsonb_typeof(coalesce(p_facts -> 'holds', '[]')) <> 'array'
    then
        perform internal.raise_error('LP016', format('facts is %L.', left(p_facts::text, 500)));
    end if;
    for v_fact in select x from jsonb_array_elements(coalesce(p_facts -> 'activities', '[]')) as x
    loop
        v_from := internal.moment_of(v_fact, 'occurred_at');
        if v_from is null then
            perform internal.raise_error('LP016', format(
                'An activity without occurred_at: %s.', left(v_fact::text, 500)
            ));
        end if;
        if v_fact - '{id,lead_id,user_id,activity_type,occurred_at,summary,created_at}'::text[] <> '{}' then
            perform internal.raise_error('LP016', format(
                'An activity has no such member: %s.', left(v_fact::text, 500)
            ));
        end if;
        v_is_own := internal.is_of_user(v_fact, p_user_id);
        v_type := coalesce(v_fact ->> 'activity_type', 'QUALIFIED_CALL');
        if not exists (select from public.activity_types as t where t.activity_type = v_type) then
            perform internal.raise_error('LP008', format('activity_type is %L.', v_type));
        end if;
        if v_from <= p_at and v_is_own
            and exists (select from public.activity_types as t where t.activity_type = v_type and t.is_qualified)
        then
            v_result.clock_facts := v_result.clock_facts || row(v_from, true, null)::internal.clock_fact;
        end if;
    end loop;
    for v_fact in select x from jsonb_array_elements(coalesce(p_facts -> 'holds', '[]')) as x
    loop
        v_from := internal.moment_of(v_fact, 'start_at');
        v_until := internal.moment_of(v_fact, 'end_at');
        if v_from is null then
            perform internal.raise_error('LP016', format('A hold without start_at: %s.', left(v_fact::text, 500)));
        end if;
        if v_fact - '{id,lead_id,user_id,reason,start_at,end_at,created_by,released_by,created_at}'::text[] <> '{}' then
            perform internal.raise_error('LP016', format('A hold has no such member: %s.', left(v_fact::text, 500)));
        end if;
        if v_until < v_from then
            perform internal.raise_error('LP005', format('start_at is %s, end_at is %s.', v_from, v_until));
        end if;
        if v_fact ->> 'reason' is not null and internal.is_blank(v_fact ->> 'reason') then
            perform internal.raise_error('LP004', format('A hold of %s.', v_from));
        end if;
        v_is_own := internal.is_of_user(v_fact, p_user_id);
        if v_from <= p_at and v_is_own then
            v_result.holds := coalesce(v_result.holds, '{}') + tstzmultirange(tstzrange(v_from, v_until));
            v_result.last_release_at := greatest(v_result.last_release_at, v_until);
        end if;
    end loop;
    return v_result;
end
$$;
comment on function internal.supposed_facts(jsonb, bigint, timestamptz) is
    'The facts of simulate_lead_protection dated up to p_at, those of another user left out. Errors: LP004, LP005, LP006, LP008, LP016.';
revoke all on function internal.supposed_facts(jsonb, bigint, timestamptz) from public;
