-- What a report is told for: the first day, week or month since a moment as a whole (part 0), and its hours or days for
-- a chart. Days are of 24 hours, counted from that moment, as the windows of cost are.
create or replace function internal.divide_window(p_since timestamptz, p_time_window text)
returns table (
    part integer,
    started_at timestamptz,
    ended_at timestamptz,
    time_window text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with asked as materialized (
        select coalesce(internal.checked_moment(p_since, 'since', false), now()) as since, w.*
          from (
               values ('24h', 24, 1, '1h'), ('7d', 7, 24, '24h'), ('30d', 30, 24, '24h')
               ) as w (time_window, parts, hours, part_window)
         where w.time_window = p_time_window
    )

    select 0, a.since, a.since + make_interval(hours => a.parts * a.hours), a.time_window
      from asked as a
     union all
    select p.part, a.since + make_interval(hours => (p.part - 1) * a.hours),
           a.since + make_interval(hours => p.part * a.hours), a.part_window
      from asked as a
     cross join lateral generate_series(1, a.parts) as p (part)
$$;
comment on function internal.divide_window(timestamptz, text) is
    'The 24h, 7d or 30d since a moment (null: now()) as part 0, and their hours or days from part 1 on; time_window is the length of each, by the name that cost_per_lead gives it. Another window has no rows. Errors: LP006, LP007 moment.';
revoke all on function internal.divide_window(timestamptz, text) from public;
