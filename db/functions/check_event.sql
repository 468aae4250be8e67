-- What is in the outbox is what its type promises, whoever wrote it. Once an event, in the writer's transaction: one
-- look-up and one match; why an event is refused is worked out only then. A replay matches the version it was of.
-- security definer: writers have no right on the machinery.
create or replace function internal.check_event() returns trigger
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_event constant jsonb := new.payload;
begin
    perform
       from internal.event_patterns as p
      where p.event_type = new.event_type
        and case when v_event @? p.pattern then v_event - p.members = '{}' end
        and octet_length(new.payload::text) <= p.max_bytes;
    if not found
        or v_event ->> 'event_id' is distinct from new.event_id::text
        or v_event ->> 'event_type' is distinct from new.event_type
        or v_event ->> 'lead_id' is distinct from new.lead_id::text
        or v_event ->> 'user_id' is distinct from new.user_id::text
    then
        perform internal.refuse_event(new.event_type, new.event_id, new.lead_id, new.user_id, new.payload);
    end if;
    return new;
end
$$;
comment on function internal.check_event() is
    'Trigger on outbox: refuses what is not an event of a registered type. Errors: LP026 unknown type, LP027 not in its form.';
revoke all on function internal.check_event() from public;

create or replace trigger outbox_check
before insert or update of event_id, event_type, lead_id, user_id, payload on public.outbox
for each row execute function internal.check_event();
