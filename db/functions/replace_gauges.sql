-- A gauge that is not counted any more (a user, a team that is gone) must not stand still at its last value.
create or replace function internal.replace_gauges(p_gauges internal.figure_gauges []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into internal.figure_gauges as f (figure, label_1, label_2, value)
    select g.figure, g.label_1, g.label_2, g.value from unnest(p_gauges) as g
    on conflict (figure, label_1, label_2) do update set value = excluded.value;
    delete from internal.figure_gauges as f
     where not exists (
         select from unnest(p_gauges) as g
          where (g.figure, g.label_1, g.label_2) = (f.figure, f.label_1, f.label_2)
     );
end
$$;
comment on function internal.replace_gauges(internal.figure_gauges []) is
    'Stores these gauges as those of the snapshot, and deletes all others.';
revoke all on function internal.replace_gauges(internal.figure_gauges []) from public;
