-- Counted in the transaction in which it happens: rolled back with it, never missed, never counted twice.
create or replace function internal.count_figure(
    p_figure text,
    p_label_1 text default '',
    p_label_2 text default '',
    p_amount bigint default 1,
    p_seconds double precision default null
) returns void
language plpgsql -- plans the statement once a session, SQL would at each call
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into internal.figure_deltas (figure, label_1, label_2, amount, seconds)
    values (p_figure, p_label_1, p_label_2, p_amount, p_seconds);
end
$$;
comment on function internal.count_figure(text, text, text, bigint, double precision) is
    'Adds to a counter, or observes p_seconds in a histogram; it shows from the next refresh_figures() on.';
revoke all on function internal.count_figure(text, text, text, bigint, double precision) from public;
