-- All that happened to a lead, in the order in which the rules take it at equal times.
-- In PL/pgSQL, which keeps its plan: making it takes longer than reading the facts of one lead.
create or replace function internal.lead_history(p_lead_id bigint, p_at timestamptz)
returns table (at timestamptz, rank integer, kind text, user_id bigint, label text, counts_from timestamptz)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set datestyle = iso
set intervalstyle = postgres -- labels are the same in every session
as $$
begin
    return query
        select h.at, row_number() over (order by h.at, h.rank, h.turn)::integer, h.kind, h.user_id, h.label,
               h.counts_from
          from (
              -- Periods follow one another: one that ended as it began starts before it ends.
              select p.started_at as at, 1 as rank, 2 * p.id as turn, 'START' as kind, p.user_id,
                     p.start_reason as label, null::timestamptz as counts_from
                from public.lead_protection_periods as p
               where p.lead_id = p_lead_id and p.started_at <= p_at
               union all
              select p.ended_at, 1, 2 * p.id + 1, 'END', p.user_id, p.end_reason, null
                from public.lead_protection_periods as p
               where p.lead_id = p_lead_id and p.ended_at <= p_at
               union all
              -- An expiry that nobody has recorded yet is one all the same.
              select v.protection_expires_at, 1, null, 'END', v.user_id, v.end_reason, null
                from internal.protection_at(p_lead_id, p_at) as v
               where v.state = 'EXPIRED'
                 and not exists (
                     select from public.lead_protection_periods as p
                      where p.lead_id = p_lead_id and p.ended_at = v.protection_expires_at
                 )
               union all
              -- So is one that a correction showed after the lead had been handed over.
              select v.protection_expires_at, 1, null, 'END', v.user_id, v.end_reason, null
                from public.lead_protection_periods as p
               cross join lateral internal.protection_at(p_lead_id, p.ended_at - interval '1 microsecond') as v
               where p.lead_id = p_lead_id and p.end_reason = 'TRANSFERRED' and p.ended_at <= p_at
                 and v.state = 'EXPIRED' and v.protection_started_at = p.started_at and v.user_id = p.user_id
               union all
              select e.granted_at, 3, e.id, 'EXTENSION', e.user_id, e.extension::text, null
                from public.lead_extensions as e
               where e.lead_id = p_lead_id and e.granted_at <= p_at
               union all
              select a.occurred_at, 4, a.id, case when t.is_qualified then 'ACTIVITY' else 'OTHER_ACTIVITY' end,
                     a.user_id, a.activity_type, a.counts_from
                from public.lead_activities as a
                join public.activity_types as t on t.activity_type = a.activity_type
               where a.lead_id = p_lead_id and a.occurred_at <= p_at
               union all
              -- Of two at once the later window is the first that may count.
              select r.sent_at, 5, date '2000-01-01' - r.window_start, 'REMINDER_' || r.reminder_type, r.user_id,
                     r.window_start::text, r.counts_from
                from public.lead_reminders as r
               where r.lead_id = p_lead_id and r.sent_at <= p_at
               union all
              select h.end_at, 6, h.id, 'RELEASE', h.user_id, h.reason, h.counts_from
                from public.lead_holds as h
               where h.lead_id = p_lead_id and h.end_at <= p_at and h.end_at > h.start_at
               union all
              -- HOLD_AHEAD: one that reaches into a protection which started after it.
              select h.start_at, 7, h.id,
                     case when s.is_ahead then 'HOLD_AHEAD' when not s.is_ahead then 'HOLD' else 'EMPTY_HOLD' end,
                     h.user_id, h.reason, h.counts_from
                from public.lead_holds as h
               cross join lateral (
                     select bool_or(p.started_at > h.start_at) as is_ahead
                       from public.lead_protection_periods as p
                      where p.lead_id = h.lead_id and p.user_id = h.user_id
                        and tstzrange(p.started_at, p.ended_at) && tstzrange(h.start_at, h.end_at)
                     ) as s
               where h.lead_id = p_lead_id and h.start_at <= p_at
          ) as h
         order by 2;
end
$$;
comment on function internal.lead_history(bigint, timestamptz) is
    'Facts of a lead dated up to p_at, in time order: kind, whose, and a label (type, reason, window, interval).';
revoke all on function internal.lead_history(bigint, timestamptz) from public;
