-- What is asked of a protection must find it running at that moment: a late entry dated before the
-- deadline still counts, until the expiry is recorded.
create or replace function internal.refuse_over(p_clocks internal.lead_clocks, p_at timestamptz) returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    perform internal.refuse_ended(p_clocks, p_at, p_at);
end
$$;
comment on function internal.refuse_over(internal.lead_clocks, timestamptz) is
    'Refuses when the protection of a locked lead has ended, or was over at p_at. Errors: LP003.';
revoke all on function internal.refuse_over(internal.lead_clocks, timestamptz) from public;
