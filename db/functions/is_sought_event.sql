-- Who looks for events says so by any of these, wherever they are: pending, dead or published. Inlined, so that each
-- condition that is given finds its index, and the others are not there.
create or replace function internal.is_sought_event(
    p_id bigint,
    p_event_id uuid,
    p_event_type text,
    p_lead_id bigint,
    p_at timestamptz,
    p_ids bigint[],
    p_event_ids uuid[],
    p_of_type text,
    p_of_lead bigint,
    p_from timestamptz,
    p_to timestamptz
) returns boolean
language sql
immutable parallel safe
return (p_ids is null or p_id = any (p_ids))
   and (p_event_ids is null or p_event_id = any (p_event_ids))
   and (p_of_type is null or p_event_type = p_of_type)
   and (p_of_lead is null or p_lead_id = p_of_lead)
   and (p_from is null or p_at >= p_from)
   and (p_to is null or p_at < p_to);
comment on function internal.is_sought_event(
    bigint, uuid, text, bigint, timestamptz, bigint[], uuid[], text, bigint, timestamptz, timestamptz
) is 'Whether an event (its ids, type, lead, moment) meets all conditions given: ids, types, leads, from p_from up to p_to; null asks for nothing.';
revoke all on function internal.is_sought_event(
    bigint, uuid, text, bigint, timestamptz, bigint[], uuid[], text, bigint, timestamptz, timestamptz
) from public;
