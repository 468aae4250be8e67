-- What others are told of a hold: with the deadlines of its lead as they stand after it.
create or replace function internal.tell_hold(p_event_type text, p_hold public.lead_holds, p_reason text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_row public.lead_protection;
begin
    select v.* into strict v_row
      from internal.lead_clocks as c
     cross join lateral internal.protection_row(c, now()) as v
     where c.lead_id = p_hold.lead_id;
    perform internal.write_event(
        p_event_type, now(),
        jsonb_populate_record(v_row, jsonb_build_object(
            'protection_expires_at', coalesce(v_row.protection_expires_at, now())
        )),
        p_reason,
        jsonb_strip_nulls(jsonb_build_object(
            'holdId', p_hold.id,
            'startAt', internal.format_rfc3339(p_hold.start_at),
            'endAt', internal.format_rfc3339(p_hold.end_at)
        ))
    );
end
$$;
comment on function internal.tell_hold(text, public.lead_holds, text) is
    'Writes lead.hold.created or .released of a hold whose lead is locked and computed.';
revoke all on function internal.tell_hold(text, public.lead_holds, text) from public;
