-- Events enter the outbox in the transaction that makes them, while the lead's clocks are locked.
create or replace function internal.write_event(
    p_event_type text,
    p_happened_at timestamptz,
    p_row public.lead_protection,
    p_reason text,
    p_metadata jsonb default '{}'
) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_event_id constant uuid := gen_random_uuid();
begin
    insert into public.outbox (event_id, event_type, lead_id, user_id, payload)
    values (v_event_id, p_event_type, p_row.lead_id, p_row.user_id, internal.lead_event(
        v_event_id, p_event_type, p_happened_at, p_row.lead_id, p_row.user_id, p_row.state,
        p_row.protection_expires_at, p_reason, p_metadata
    ));
    return v_event_id;
end
$$;
comment on function internal.write_event(text, timestamptz, public.lead_protection, text, jsonb) is
    'Queues a lead.* event with the state and expiry of p_row; returns its id. No free text goes in.';
revoke all on function internal.write_event(text, timestamptz, public.lead_protection, text, jsonb) from public;
