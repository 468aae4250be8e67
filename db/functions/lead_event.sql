-- The one shape of a lead.* event, in the order in which it goes out. No free text goes in.
create or replace function internal.lead_event(
    p_event_id uuid,
    p_event_type text,
    p_happened_at timestamptz,
    p_lead_id bigint,
    p_user_id bigint,
    p_state text,
    p_protection_expires_at timestamptz,
    p_reason text,
    p_metadata jsonb
) returns json
language sql
stable parallel safe
return json_build_object(
    'event_id', p_event_id,
    'event_type', p_event_type,
    'timestamp', internal.format_rfc3339(p_happened_at),
    'lead_id', p_lead_id,
    'user_id', p_user_id,
    'current_state', case when p_state in ('EXPIRED', 'CONVERTED') then 'EXPIRED' else 'PROTECTED' end,
    'protection_expires_at', internal.format_rfc3339(p_protection_expires_at),
    'reason', p_reason,
    'metadata', p_metadata
);
comment on function internal.lead_event(
    uuid, text, timestamptz, bigint, bigint, text, timestamptz, text, jsonb
) is 'The JSON text of a lead.* event.';
revoke all on function internal.lead_event(
    uuid, text, timestamptz, bigint, bigint, text, timestamptz, text, jsonb
) from public;
