-- The states of each user's leads, only where an installation asks for it: this is a pass of its own, and a series
-- for each user. Who has the most leads has series of their own, the others have theirs together.
create or replace function internal.count_states_by_user(p_at timestamptz)
returns table (label text, state text, leads bigint)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with user_limit as materialized (
        select s.value::integer as users from public.settings as s where s.name = 'user_series_limit'
    ),

    user_states as materialized (
        select c.user_id, internal.state_at(c, p_at) as state, count(*) as leads
          from internal.lead_clocks as c
         where (select l.users from user_limit as l) > 0
         group by c.user_id, 2
    ),

    user_places as (
        select u.user_id, row_number() over (order by sum(u.leads) desc, u.user_id) as place
          from user_states as u
         group by u.user_id
    )

    select case when p.place <= l.users then u.user_id::text else 'other' end, u.state, sum(u.leads)
      from user_limit as l
     cross join user_states as u
      join user_places as p on p.user_id = u.user_id
     group by 1, u.state
$$;
comment on function internal.count_states_by_user(timestamptz) is
    'Leads in each state at p_at by user, of as many users as setting user_series_limit says; label other: of all others. No rows where it is 0.';
revoke all on function internal.count_states_by_user(timestamptz) from public;
