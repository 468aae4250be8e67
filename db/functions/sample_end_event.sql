-- Which end of a sample is whose news: one that was called off is nobody's.
create or replace function internal.sample_end_event(p_status text) returns text
language sql
immutable parallel safe
return case
    when p_status in ('DELIVERED', 'LOST', 'FAILED') then 'sample.request.' || lower(p_status)
end;
comment on function internal.sample_end_event(text) is 'The event type of an end; null for an open status and for CANCELLED.';
revoke all on function internal.sample_end_event(text) from public;
