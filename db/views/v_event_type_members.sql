-- What each version of each type of event is made of, patterns and versions resolved.
create or replace view public.v_event_type_members as
select r.event_type, r.version, r.position, r.member, r.json_types, r.format, r.allowed, r.is_required, r.description
  from (
      select distinct on (t.event_type, t.version, m.member)
             t.event_type, t.version, m.position, m.member, m.json_types, m.format, m.allowed, m.is_required,
             m.description
        from public.event_types as t
        join public.event_type_members as m
          on m.since_version <= t.version
         and (m.scope = t.event_type or m.scope like '%*' and starts_with(t.event_type, rtrim(m.scope, '*')))
       -- A type is longer than any pattern that it falls under.
       order by t.event_type, t.version, m.member, char_length(m.scope) desc, m.since_version desc
  ) as r
 where r.json_types <> '{}';
comment on view public.v_event_type_members is
    'The members of each event type and version: name (metadata.x: a key of metadata), JSON types, format, allowed strings, whether required.';
grant select on public.v_event_type_members to lead_operations, grafana_reader;
