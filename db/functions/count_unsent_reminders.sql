-- Reminders that nobody has queued count as well: a dispatcher that is dead must not look like one that has nothing
-- to do. Of more than ten thousand of these the later ones are taken as due without a closer look.
create or replace function internal.count_unsent_reminders(
    p_at timestamptz,
    out pending bigint,
    out oldest_since timestamptz
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    with queued as (
        select count(*) as reminders, min(greatest(r.due_at, r.known_at)) as since
          from public.lead_reminders as r
         where r.sent_at is null
    ),

    unqueued as (
        select count(*) as reminders,
               min(greatest(d.due_at, internal.could_be_sent_since(c.clocks, d.reminder_type, p_at))) as since
          from (
               select x as clocks
                 from internal.lead_clocks as x
                where x.next_reminder_check_at <= p_at
                order by x.next_reminder_check_at
                limit 10000
               ) as c
         cross join lateral internal.due_reminders(c.clocks, p_at) as d
         where not exists (
               select from public.lead_reminders as r
                where r.lead_id = (c.clocks).lead_id and r.user_id = (c.clocks).user_id
                  and r.reminder_type = d.reminder_type and r.window_start = d.window_start
               )
    ),

    unseen as (
        select greatest(count(*) - 10000, 0) as leads
          from internal.lead_clocks as c
         where c.next_reminder_check_at <= p_at
    )

    select q.reminders + u.reminders + n.leads, least(q.since, u.since)
      from queued as q, unqueued as u, unseen as n
$$;
comment on function internal.count_unsent_reminders(timestamptz) is
    'Reminders that are due at p_at and not sent, queued or not; since when the oldest could have been (null: there is none).';
revoke all on function internal.count_unsent_reminders(timestamptz) from public;
