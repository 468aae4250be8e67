-- Loads a book of leads as it would look after some months, set by set: what the triggers would have written,
-- in a hundredth of the time. Every value follows from the lead's number, so each load is the same but for its date.
create schema bench;

-- One row: how much is loaded, and the moment that it is loaded for.
create table bench.plan (
    leads bigint not null,
    users bigint not null, -- 500 leads each
    due bigint not null, -- how many leads wait for the next sweep, of each kind
    activities integer not null, -- per lead
    at timestamptz not null
);

-- A number in [0, 1) that depends on the lead alone.
create function bench.chance(p_lead_id bigint, p_salt bigint) returns double precision
language sql
immutable
return ((hashint8extended(p_lead_id, p_salt) & 1048575)::double precision / 1048576);

-- What each lead has been through.
create unlogged table bench.lead (
    lead_id bigint primary key,
    user_id bigint not null,
    kind text not null,
    created_at timestamptz not null,
    last_activity_at timestamptz not null,
    reminded_at timestamptz,
    ended_at timestamptz
);

-- Leads of one user and those that are due lie scattered over the table. (offset 0: each step is computed once,
-- and not in every place that uses it.)
create function bench.planned_leads(p_first bigint, p_last bigint) returns setof bench.lead
language sql
stable
as $$
    select d.lead_id, d.lead_id % p.users + 1, d.kind, d.created_at, d.last_activity_at,
           r.reminded_at,
           case d.kind
               when 'INACTIVITY' then internal.add_local(r.reminded_at, c.grace_period, c.time_zone)
               when 'BASE_TERM' then internal.add_local(d.created_at, c.base_term, c.time_zone)
               when 'CONVERTED' then p.at - interval '10 days'
           end
      from bench.plan as p
      join public.protection_policies as c on c.policy = 'standard' and c.version = 1
     cross join lateral generate_series(p_first, least(p_last, p.leads)) as i (lead_id)
     cross join lateral (
         select p.leads / p.due as width, i.lead_id / (p.leads / p.due) * 37 as shift
     ) as s
     cross join lateral (
         select case
                    when i.lead_id % s.width = s.shift % s.width then 'DUE_NOW'
                    when i.lead_id % s.width = (s.shift + 1) % s.width then 'OVER_NOW'
                    else (
                        select k.kind
                          from (values
                              ('HELD', 0.03), ('REMINDER_DUE', 0.05), ('GRACE', 0.06), ('INACTIVITY', 0.20),
                              ('BASE_TERM', 0.26), ('CONVERTED', 0.28), ('PROTECTED', 1.00)
                          ) as k (kind, below)
                         where bench.chance(i.lead_id, 0) < k.below
                         order by k.below
                         limit 1
                    )
                end as kind,
                bench.chance(i.lead_id, 1) as x,
                bench.chance(i.lead_id, 2) as y
         offset 0
     ) as k
     -- Days before the load: registered, last qualified activity.
     cross join lateral (
         select case k.kind
                    when 'HELD' then array[20 + k.x * 100, 6 + k.y * 10]
                    when 'REMINDER_DUE' then array[100 + k.x * 40, 63 + k.y * 5]
                    when 'DUE_NOW' then array[100 + k.x * 40, 60.5 + k.y]
                    when 'GRACE' then array[100 + k.x * 40, 63 + k.y * 2]
                    when 'INACTIVITY' then array[120 + k.x * 30, 75 + k.y * 10]
                    when 'OVER_NOW' then array[120 + k.x * 30, 71.5 + k.y]
                    when 'BASE_TERM' then array[190 + k.x * 100, 40 + k.x * 100]
                    when 'CONVERTED' then array[40 + k.x * 60, 11 + k.y * 20]
                    else array[1 + k.x * 149, k.y * least(45, 1 + k.x * 149)]
                end as days
         offset 0
     ) as a
     cross join lateral (
         select i.lead_id, k.kind, p.at - a.days[1] * interval '1 day' as created_at,
                p.at - a.days[2] * interval '1 day' as last_activity_at
         offset 0
     ) as d
     cross join lateral (
         select case when d.kind in ('GRACE', 'INACTIVITY', 'OVER_NOW')
                    then internal.add_local(d.last_activity_at, c.activity_interval, c.time_zone)
                         + interval '1 minute'
                end as reminded_at
         offset 0
     ) as r
$$;

-- Facts of a range of leads: everything but the clocks.
create procedure bench.load_facts(p_first bigint, p_last bigint)
language plpgsql
as $$
begin
    insert into bench.lead
    select d.* from bench.planned_leads(p_first, p_last) as d;

    insert into public.leads (id, user_id, company_name, city, created_at, converted_at)
    select d.lead_id, d.user_id, 'Hotel ' || d.lead_id, 'Berlin', d.created_at,
           case d.kind when 'CONVERTED' then d.ended_at end
      from bench.lead as d
     where d.lead_id between p_first and p_last;

    insert into public.lead_protection_periods (
        id, lead_id, user_id, policy, policy_version, started_at, ended_at, end_reason, recorded_at
    )
    overriding system value
    select d.lead_id, d.lead_id, d.user_id, 'standard', 1, d.created_at, d.ended_at,
           case when d.ended_at is not null then d.kind end,
           case when d.kind in ('INACTIVITY', 'BASE_TERM') then d.ended_at + interval '1 minute' end
      from bench.lead as d
     where d.lead_id between p_first and p_last;

    insert into public.lead_activities (lead_id, user_id, activity_type, occurred_at, summary, created_at)
    select d.lead_id, d.user_id, case when j % 2 = 0 then 'QUALIFIED_CALL' else 'EMAIL_SENT' end, o.at,
           'Spoke about the autumn menu', o.at
      from bench.lead as d
     cross join bench.plan as p
     cross join lateral generate_series(p.activities - 1, 0, -1) as j
     cross join lateral (
         select d.last_activity_at - (d.last_activity_at - d.created_at) * j / p.activities as at
     ) as o
     where d.lead_id between p_first and p_last;

    insert into public.lead_holds (lead_id, user_id, reason, start_at)
    select d.lead_id, d.user_id, 'Price list owed', p.at - interval '5 days'
      from bench.lead as d
     cross join bench.plan as p
     where d.lead_id between p_first and p_last and d.kind = 'HELD';

    insert into public.lead_reminders (lead_id, user_id, window_start, due_at, sent_at, known_at, event_id)
    select d.lead_id, d.user_id, timezone(c.time_zone, d.reminded_at - interval '1 minute')::date,
           d.reminded_at - interval '1 minute', d.reminded_at, d.last_activity_at, gen_random_uuid()
      from bench.lead as d
      join public.protection_policies as c on c.policy = 'standard' and c.version = 1
     where d.lead_id between p_first and p_last and d.reminded_at is not null;
end
$$;

-- Their clocks: plain ones by the function that the triggers take for them, all others by the evaluating one.
create procedure bench.load_clocks(p_first bigint, p_last bigint)
language plpgsql
as $$
declare
    v_columns text;
    v_values text;
begin
    insert into internal.lead_clocks (
        lead_id, user_id, period_id, policy, policy_version, started_at, state, last_qualified_activity_at,
        base_expires_at, reminder_due_at, grace_ends_at, protection_expires_at, steady_until,
        next_expiry_check_at, next_reminder_check_at
    )
    select d.lead_id, d.user_id, d.lead_id, 'standard', 1, d.created_at, 'PROTECTED', d.last_activity_at,
           b.expires_at, k.reminder_due_at, k.grace_ends_at, k.protection_expires_at, k.steady_until,
           b.expires_at, least(k.steady_until, internal.term_reminder_at(b.expires_at, c))
      from bench.lead as d
      join public.protection_policies as c on c.policy = 'standard' and c.version = 1
     cross join lateral (
         select internal.add_local(d.created_at, c.base_term, c.time_zone) as expires_at
     ) as b
     cross join lateral internal.plain_clock(
         d.last_activity_at, b.expires_at, c.activity_interval, c.grace_period, c.time_zone
     ) as k
     where d.lead_id between p_first and p_last and d.kind = 'PROTECTED';

    -- final_until and the count of activities are what only the stored row knows.
    select string_agg(quote_ident(a.attname), ', ' order by a.attnum),
           string_agg(
               case a.attname
                   when 'final_until'
                       then 'case when e.end_reason in (''INACTIVITY'', ''BASE_TERM'') then e.ended_at end'
                   when 'qualified_activities' then '1'
                   else 'e.' || quote_ident(a.attname)
               end, ', ' order by a.attnum
           )
      into strict v_columns, v_values
      from pg_attribute as a
     where a.attrelid = 'internal.lead_clocks'::regclass and a.attnum > 0 and not a.attisdropped;
    execute format(
        $sql$
            insert into internal.lead_clocks (%s)
            select %s
              from bench.lead as d
             cross join bench.plan as x
              join public.lead_protection_periods as p on p.id = d.lead_id
             cross join lateral internal.evaluate_period(p, x.at) as e
             where d.lead_id between $1 and $2 and d.kind <> 'PROTECTED'
        $sql$, v_columns, v_values
    ) using p_first, p_last;
end
$$;
