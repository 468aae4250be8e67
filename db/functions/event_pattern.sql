-- A member of the registry as a condition on the event @, in strict jsonpath: what does not fit, and what cannot
-- be asked of a value of another type, is unknown, and unknown is no match.
create or replace function internal.event_pattern(
    p_member text,
    p_json_types text [],
    p_format text,
    p_allowed text [],
    p_is_required boolean
) returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_path constant text := '@."' || replace(p_member, '.', '"."') || '"';
    v_text constant text := case
        when p_allowed is not null then (
            select string_agg(format('%s == %s', v_path, to_json(a.value)), ' || ' order by a.n)
              from unnest(p_allowed) with ordinality as a (value, n)
        )
        -- How many digits by the expression, what stands between them and that there is such a day by reading it: the
        -- shorter the expression, the cheaper, and it is matched twice an event.
        when p_format = 'date-time' then format(
            '%1$s like_regex "^[0-9]{4}([-T:][0-9]{2})+([.][0-9]{1,6})?Z$"'
            ' && (exists(%1$s.datetime(%2$s)) || exists(%1$s.datetime(%3$s)))', v_path,
            to_json('YYYY-MM-DD"T"HH24:MI:SS.US"Z"'::text), to_json('YYYY-MM-DD"T"HH24:MI:SS"Z"'::text)
        )
        when p_format = 'date' then format(
            '%1$s like_regex "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" && exists(%1$s.datetime("YYYY-MM-DD"))', v_path
        )
        when p_format = 'uuid' then v_path || ' like_regex "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"'
        when p_format = 'code' then v_path || ' like_regex "^[a-z0-9_]{1,63}$"'
        else v_path || '.type() == "string"'
    end;
    v_condition text;
begin
    select string_agg(
               case t.json_type
                   when 'string' then '(' || v_text || ')'
                   when 'integer' then format('%1$s.floor() == %1$s', v_path)
                   when 'null' then v_path || ' == null'
                   else format('%s.type() == "%s"', v_path, t.json_type)
               end,
               ' || ' order by t.n
           )
      into strict v_condition
      from unnest(p_json_types) with ordinality as t (json_type, n);
    return format(
        case when p_is_required then '(%2$s)' else '((exists(%1$s)) is unknown || %2$s)' end, v_path, v_condition
    );
end
$$;
comment on function internal.event_pattern(text, text [], text, text [], boolean) is
    'The condition of jsonpath (strict) that a row of v_event_type_members means.';
revoke all on function internal.event_pattern(text, text [], text, text [], boolean) from public;
