-- A figure of the capacity calculator: finite, above zero, not absurd. NaN compares as larger than anything.
create or replace function internal.checked_figure(
    p_figure double precision,
    p_name text,
    p_most numeric,
    p_least numeric default 0.000001
) returns numeric
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_figure < p_least or p_figure > p_most then
        perform internal.raise_error('LP036', format(
            '%s is %s; it may be %s to %s.', p_name, p_figure, p_least, p_most
        ));
    end if;
    return p_figure::numeric;
end
$$;
comment on function internal.checked_figure(double precision, text, numeric, numeric) is
    'The figure, if it lies between p_least and p_most. Errors: LP036. Null stays null.';
revoke all on function internal.checked_figure(double precision, text, numeric, numeric) from public;
