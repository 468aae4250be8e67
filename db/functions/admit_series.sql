-- Labels that people typed must stay few: a value that comes for the first time gets a series of its own as long as
-- its family has room, the largest first, and keeps it.
create or replace function internal.admit_series(p_notes internal.figure_deltas []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit constant integer := (
        select s.value::integer from public.settings as s where s.name = 'figure_series_limit'
    );
begin
    insert into internal.figure_series (family, label_1, label_2)
    select n.family, n.label_1, n.label_2
      from (
          select k.family, x.label_1, x.label_2,
                 row_number() over (partition by k.family order by sum(x.amount) desc, x.label_1, x.label_2) as place
            from unnest(p_notes) as x
            join internal.figure_kinds as k on k.figure = x.figure
           where k.family is not null
             and not exists (
                 select from internal.figure_series as s
                  where (s.family, s.label_1, s.label_2) = (k.family, x.label_1, x.label_2)
             )
           group by k.family, x.label_1, x.label_2
      ) as n
      left join (
          select s.family, count(*) as series from internal.figure_series as s group by s.family
      ) as f on f.family = n.family
     where n.place + coalesce(f.series, 0) <= v_limit;
end
$$;
comment on function internal.admit_series(internal.figure_deltas []) is
    'Gives the label values among the notes that are new series of their own, up to setting figure_series_limit in a family.';
revoke all on function internal.admit_series(internal.figure_deltas []) from public;
