-- Correcting leads.created_at moves the start of the first period (correct_start), and the clocks with it.
create or replace function internal.move_start(p_lead_id bigint, p_created_at timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks constant internal.lead_clocks := internal.lock_lead(p_lead_id);
begin
    if internal.correct_start(v_clocks.period_id, p_created_at) then
        perform internal.refresh_lead(p_lead_id);
    end if;
end
$$;
comment on function internal.move_start(bigint, timestamptz) is
    'correct_start for a lead, which it locks and computes anew if its start has moved.';
revoke all on function internal.move_start(bigint, timestamptz) from public;
