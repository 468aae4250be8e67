-- Why an event does not enter the outbox, member by member, against the newest version of its type.
create or replace function internal.refuse_event(
    p_event_type text,
    p_event_id uuid,
    p_lead_id bigint,
    p_user_id bigint,
    p_payload json
) returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_event constant jsonb := p_payload;
    v_type public.event_types;
    v_faults text;
begin
    select * into v_type
      from public.event_types as t
     where t.event_type = p_event_type
     order by t.version desc
     limit 1;
    if not found then
        perform internal.checked_event_type(coalesce(p_event_type, 'null'));
    end if;
    if jsonb_typeof(v_event) is distinct from 'object' then
        perform internal.raise_error('LP027', format('The payload is %s.', coalesce(jsonb_typeof(v_event), 'absent')));
    end if;
    select string_agg(f.fault, '; ' order by f.n, f.fault)
      into v_faults
      from (
          select 0 as n,
                 format('it has %s bytes, at most %s', octet_length(p_payload::text), v_type.max_bytes) as fault
           where octet_length(p_payload::text) > v_type.max_bytes
           union all
          select 1, format('column %s is %s, the member is %s', c.name, coalesce(c.value, 'null'),
                     coalesce(left(v_event ->> c.name, 100), 'null'))
            from (values
                     ('event_id', p_event_id::text), ('event_type', p_event_type),
                     ('lead_id', p_lead_id::text), ('user_id', p_user_id::text)
                 ) as c (name, value)
           where v_event ->> c.name is distinct from c.value
           union all
          select 2, k.name || ' is no member'
            from jsonb_object_keys(v_event) as k (name)
           where not exists (
               select from public.v_event_type_members as m
                where m.event_type = v_type.event_type and m.version = v_type.version and m.member = k.name
           )
           union all
          select 3 + m.position,
                 case
                     when v_event #> string_to_array(m.member, '.') is null then m.member || ' is missing'
                     else format(
                         '%s is %s, due is %s', m.member, left((v_event #> string_to_array(m.member, '.'))::text, 100),
                         concat_ws(
                             ', ', array_to_string(m.json_types, ' or '), m.format,
                             'one of ' || array_to_string(m.allowed, ' ')
                         )
                     )
                 end
            from public.v_event_type_members as m
           where m.event_type = v_type.event_type and m.version = v_type.version
             and not v_event @? (
                 'strict $ ? '
                 || internal.event_pattern(m.member, m.json_types, m.format, m.allowed, m.is_required)
             )::jsonpath
      ) as f;
    perform internal.raise_error('LP027', format('%s: %s.', p_event_type, v_faults));
end
$$;
comment on function internal.refuse_event(text, uuid, bigint, bigint, json) is
    'Raises what is wrong with an event. Errors: LP026 unknown type, LP027 not in its form. Never returns.';
revoke all on function internal.refuse_event(text, uuid, bigint, bigint, json) from public;
