-- Every business moment that enters passes here: infinities and absurd years would poison whole sweeps,
-- and nothing lies in the future but a planned release.
create or replace function internal.checked_moment(p_moment timestamptz, p_name text, p_may_be_future boolean)
returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_moment < '2000-01-01 00:00+00' or p_moment >= '2101-01-01 00:00+00' then
        perform internal.raise_error('LP006', format('%s is %s.', p_name, p_moment));
    end if;
    if p_moment > now() and not p_may_be_future then
        if p_moment > now() + interval '5 minutes' then
            perform internal.raise_error('LP007', format('%s is %s, now is %s.', p_name, p_moment, now()));
        end if;
        return now();
    end if;
    return p_moment;
end
$$;
comment on function internal.checked_moment(timestamptz, text, boolean) is
    'The moment, up to five minutes of future cut to now(). Errors: LP006 out of range, LP007 future. Null stays null.';
revoke all on function internal.checked_moment(timestamptz, text, boolean) from public;
