-- The check on the outbox asks one row an event; whoever changes the registry changes that row with it.
-- security definer: writes the machinery.
create or replace function internal.compile_event_types() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from internal.event_patterns as p
     where not exists (
         select from public.event_types as t where t.event_type = p.event_type and t.version = p.version
     );
    insert into internal.event_patterns as p (event_type, version, pattern, members, max_bytes)
    select t.event_type, t.version,
           -- The event_id is compared with the column, which holds nothing but a uuid.
           ('strict $ ? (' || coalesce(string_agg(
               internal.event_pattern(m.member, m.json_types, m.format, m.allowed, m.is_required),
               ' && ' order by m.position, m.member
           ) filter (where m.member <> 'event_id'), '@.type() == "object"') || ')')::jsonpath,
           coalesce(array_agg(m.member order by m.position) filter (where strpos(m.member, '.') = 0), '{}'),
           t.max_bytes
      from public.event_types as t
      left join public.v_event_type_members as m on m.event_type = t.event_type and m.version = t.version
     group by t.event_type, t.version
    on conflict (event_type, version) do update
        set pattern = excluded.pattern, members = excluded.members, max_bytes = excluded.max_bytes
     where p.pattern::text <> excluded.pattern::text
        or (p.members, p.max_bytes) is distinct from (excluded.members, excluded.max_bytes);
    return null;
end
$$;
comment on function internal.compile_event_types() is
    'Trigger on event_types and event_type_members: brings event_patterns in line with them.';
revoke all on function internal.compile_event_types() from public;

create or replace trigger event_types_compile after insert or update or delete on public.event_types
for each statement execute function internal.compile_event_types();
create or replace trigger event_type_members_compile after insert or update or delete on public.event_type_members
for each statement execute function internal.compile_event_types();
