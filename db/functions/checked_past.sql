-- Functions that change something judge a moment that has come; only answers may look ahead.
create or replace function internal.checked_past(p_at timestamptz) returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_at > now() then
        perform internal.raise_error('LP007', format('at is %s, now is %s.', p_at, now()));
    end if;
    return internal.checked_moment(coalesce(p_at, now()), 'at', false);
end
$$;
comment on function internal.checked_past(timestamptz) is
    'p_at, or now() for null. Errors: LP006 out of range, LP007 in the future (by however little).';
revoke all on function internal.checked_past(timestamptz) from public;
