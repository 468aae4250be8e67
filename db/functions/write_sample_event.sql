-- What is told of a sample, whatever has happened to it.
create or replace function internal.write_sample_event(
    p_request public.sample_requests,
    p_event_type text,
    p_happened_at timestamptz
) returns uuid
language sql
set search_path = pg_catalog, pg_temp
as $$
    select internal.write_module_event(
        p_event_type, p_happened_at, p_request.lead_id, p_request.user_id, null,
        jsonb_build_object('sample_request_id', p_request.id),
        jsonb_build_object(
            'productType', internal.event_word(p_request.product_type),
            'urgency', internal.event_word(p_request.urgency)
        )
    )
$$;
comment on function internal.write_sample_event(public.sample_requests, text, timestamptz) is
    'Queues an event of a sample request, of one of the types sample.request.*; returns its id.';
revoke all on function internal.write_sample_event(public.sample_requests, text, timestamptz) from public;
