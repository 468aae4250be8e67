-- What is told of a catering request, whatever has happened to it.
create or replace function internal.write_catering_event(
    p_request public.event_catering_requests,
    p_event_type text,
    p_happened_at timestamptz
) returns uuid
language sql
set search_path = pg_catalog, pg_temp
as $$
    select internal.write_module_event(
        p_event_type, p_happened_at, p_request.lead_id, p_request.user_id, null,
        jsonb_build_object('event_catering_request_id', p_request.id),
        jsonb_strip_nulls(jsonb_build_object(
            'eventType', internal.event_word(p_request.event_type),
            'capacityTier', internal.event_word(p_request.capacity_tier),
            'responseSeconds', case
                when p_event_type = 'event.catering.responded'
                    then floor(extract(epoch from p_request.responded_at - p_request.requested_at))::bigint
            end
        ))
    )
$$;
comment on function internal.write_catering_event(public.event_catering_requests, text, timestamptz) is
    'Queues an event of a catering request, of one of the types event.catering.*; returns its id.';
revoke all on function internal.write_catering_event(public.event_catering_requests, text, timestamptz) from public;
