-- Events of the other families enter the outbox here, as lead.* events do by write_event(): members in the order of
-- the event, no free text, and the registry's check on the table has the last word.
create or replace function internal.write_module_event(
    p_event_type text,
    p_happened_at timestamptz,
    p_lead_id bigint,
    p_user_id bigint,
    p_reason text,
    p_members jsonb,
    p_metadata jsonb default '{}'
) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_event_id constant uuid := gen_random_uuid();
begin
    insert into public.outbox (event_id, event_type, lead_id, user_id, payload)
    select v_event_id, p_event_type, p_lead_id, p_user_id, json_object_agg(e.member, e.value order by e.n)
      from (
          values
              (1, 'event_id', to_jsonb(v_event_id)),
              (2, 'event_type', to_jsonb(p_event_type)),
              (3, 'timestamp', to_jsonb(internal.format_rfc3339(p_happened_at))),
              (4, 'lead_id', to_jsonb(p_lead_id)),
              (5, 'user_id', to_jsonb(p_user_id)),
              (7, 'reason', to_jsonb(p_reason)),
              (8, 'metadata', p_metadata)
           union all
          select 6, m.key, m.value from jsonb_each(p_members) as m
      ) as e (n, member, value);
    return v_event_id;
end
$$;
comment on function internal.write_module_event(text, timestamptz, bigint, bigint, text, jsonb, jsonb) is
    'Queues an event that is not lead.*, p_members being those that its type has of its own; returns its id. Errors: LP026, LP027.';
revoke all on function internal.write_module_event(text, timestamptz, bigint, bigint, text, jsonb, jsonb) from public;
