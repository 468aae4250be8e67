-- An activity on a lead that is due or in grace: nearly always it ends the warning and no more, and is computed from the
-- stored clocks. Each of the others must be noticed. Leads 1 to 9 get theirs one by one, 11 to 19 in one statement.
begin;
select plan(35);
-- Where it is noon now, a reminder sent this morning still counts for a clock that runs out tonight.
select set_config('timezone', format('Etc/GMT%s', to_char(extract(hour from timezone('UTC', now())) - 12, 'FMSG90')), true) \g /dev/null
insert into protection_policies (policy, time_zone, valid_from) values ('noon', current_setting('timezone'), '2020-01-01');
insert into sales_users (user_id, display_name, policy) values (7, 'Kim', 'noon');

create temporary table story (
    lead_id bigint, -- and lead_id + 10
    anchor_at timestamptz,
    sent_at timestamptz,
    held_from timestamptz,
    held_to timestamptz,
    activity_at timestamptz,
    says text,
    state text,
    anchor_after timestamptz,
    previous_state text
);
insert into story
select s.lead_id, d.day - s.anchor::interval, d.day - s.sent::interval, d.day - s.held_from::interval, d.day - s.held_to::interval,
       d.day - s.activity::interval, s.says, s.state, d.day - s.anchor_after::interval, s.previous_state
  from (values
      (1, '65 days', null, null, null, '0', 'a due reminder is ended', 'PROTECTED', '0', 'REMINDER_DUE'),
      (2, '65 days', '4 days', null, null, '0', 'a grace is ended', 'PROTECTED', '0', 'GRACE'),
      (3, '60 days -1 hour', '-2 hours', null, null, '60 days -23 hours', 'one of the anchor''s day, after which this morning''s reminder counts', 'GRACE', '60 days -23 hours', null),
      (4, '65 days', '4 days', null, null, '30 days', 'one a month before the reminder ends the grace', 'PROTECTED', '30 days', 'GRACE'),
      (5, '70 days', null, null, null, '65 days', 'one so old that its own reminder is due', 'REMINDER_DUE', '65 days', null),
      (6, '70 days', null, null, null, '75 days', 'one older than the last', 'REMINDER_DUE', '70 days', null),
      (7, '70 days', null, '50 days', '45 days', '58 days', 'one before a hold that has ended', 'PROTECTED', '58 days', 'REMINDER_DUE'),
      (8, '75 days', '12 days', null, null, '5 days', 'one from within a grace that is over, and whose end nobody has recorded', 'PROTECTED', '1 day', 'EXPIRED'),
      (9, '65 days', null, null, null, '0', 'a queued reminder is withdrawn', 'PROTECTED', '0', 'REMINDER_DUE')
  ) as s (lead_id, anchor, sent, held_from, held_to, activity, says, state, anchor_after, previous_state)
 cross join (values (timestamptz 'today')) as d (day);
insert into story
select s.lead_id + 10, s.anchor_at, s.sent_at, s.held_from, s.held_to, s.activity_at, s.says, s.state, s.anchor_after, s.previous_state
  from story as s;

insert into leads (id, user_id, created_at)
select s.lead_id, 7, s.anchor_at - interval '20 days' from story as s;
insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
select s.lead_id, 7, 'QUALIFIED_CALL', s.anchor_at from story as s;
insert into lead_holds (lead_id, user_id, reason, start_at, end_at)
select s.lead_id, 7, 'price list', s.held_from, s.held_to from story as s where s.held_from is not null;
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
select s.lead_id, 7, (s.anchor_at + interval '60 days')::date, s.anchor_at + interval '60 days', s.sent_at
  from story as s where s.sent_at is not null;
-- After the end of the grace: counts once the grace has not ended.
insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
select s.lead_id, 7, 'QUALIFIED_CALL', s.anchor_after from story as s where s.lead_id in (8, 18);
update internal.lead_clocks as c set next_reminder_check_at = null where c.lead_id between 1 and 20 and c.lead_id not in (9, 19);
select dispatch_due_reminders() \g /dev/null
select is((select count(*)::int from lead_reminders where lead_id in (9, 19) and sent_at is null), 2, 'two reminders are queued');
select bag_eq(
    'select v.id, v.state from v_user_lead_protection as v where v.id between 1 and 20',
    $$select s.lead_id, coalesce(s.previous_state, case when s.sent_at is not null then 'GRACE' else 'REMINDER_DUE' end) from story as s$$,
    'all are warned'
);

do $$
begin
    for i in 1 .. 9 loop
        insert into public.lead_activities (lead_id, user_id, activity_type, occurred_at)
        select s.lead_id, 7, 'CUSTOMER_REACTION', s.activity_at from story as s where s.lead_id = i;
    end loop;
end
$$;
insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
select s.lead_id, 7, 'CUSTOMER_REACTION', s.activity_at from story as s where s.lead_id between 11 and 19;

select results_eq(
    format('select v.state, v.last_qualified_activity_at from v_user_lead_protection as v where v.id = %s', s.lead_id),
    format('values (%L, %L::timestamptz)', s.state, s.anchor_after),
    format('%s (%s)', s.says, case when s.lead_id < 10 then 'alone' else 'with others' end)
) from story as s order by s.lead_id;
select is_empty('select * from verify_lead_protection()', 'stored rows are what their facts come to');
select bag_eq(
    $$select o.lead_id, o.payload -> 'metadata' ->> 'previousState', (o.payload ->> 'timestamp')::timestamptz
        from outbox as o where o.event_type = 'lead.protection.reactivated'$$,
    'select s.lead_id, s.previous_state, s.activity_at from story as s where s.previous_state is not null',
    'each warning that was ended is told once, with the moment of the activity'
);
select is((select count(*)::int from lead_reminders where lead_id in (9, 19)), 0, 'no queued reminder is left');
select is((select bool_or(c.has_queued_reminder) from internal.lead_clocks as c where c.lead_id in (9, 19)), false, 'and their rows know: the next activities only restart their clocks');
select is((select count(*)::int from outbox where lead_id in (9, 19) and event_type = 'lead.protection.reminder'), 0, 'nor its event');

-- Several on a lead in one statement.
insert into leads (id, user_id, created_at) values (20, 7, now() - interval '70 days');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values
    (20, 7, 'QUALIFIED_CALL', now() - interval '9 days'),
    (20, 7, 'SAMPLE_FEEDBACK', now() - interval '3 days'),
    (20, 7, 'EMAIL_SENT', now() - interval '2 days'),
    (20, 8, 'QUALIFIED_CALL', now() - interval '1 day');
select is(
    (select (o.payload ->> 'timestamp')::timestamptz from outbox as o where o.lead_id = 20 and o.event_type = 'lead.protection.reactivated'),
    now() - interval '3 days', 'the event tells the last that counts, not what else was entered with it'
);
select is((select v.last_qualified_activity_at from v_user_lead_protection as v where v.id = 20), now() - interval '3 days', 'as the row does');
select is_empty('select * from verify_lead_protection(20)', 'which is what its facts come to');

-- In one statement with another fact of its lead, whichever comes first.
insert into leads (id, user_id, created_at) select i, 7, now() - interval '65 days' from generate_series(31, 34) as i;
with a as (insert into lead_activities (lead_id, user_id, activity_type) values (31, 7, 'QUALIFIED_CALL'))
insert into lead_holds (lead_id, user_id, reason) values (31, 7, 'x');
with h as (insert into lead_holds (lead_id, user_id, reason) values (32, 7, 'x'))
insert into lead_activities (lead_id, user_id, activity_type) values (32, 7, 'QUALIFIED_CALL');
with e as (insert into lead_extensions (lead_id, user_id, extension, reason) values (33, 7, '1 day', 'x'))
insert into lead_activities (lead_id, user_id, activity_type) values (33, 7, 'QUALIFIED_CALL');
insert into lead_holds (lead_id, user_id, reason) values (34, 7, 'x');
select results_eq(
    $$select lead_id, payload -> 'metadata' ->> 'previousState', (payload ->> 'timestamp')::timestamptz
        from outbox where event_type = 'lead.protection.reactivated' and lead_id between 31 and 34 order by lead_id$$,
    $$select i, 'REMINDER_DUE', now() from generate_series(31::bigint, 33) as i$$,
    'an activity in one statement with a hold or an extension is told once; a hold alone is none'
);
select is_empty('select * from verify_lead_protection() where lead_id between 31 and 34', 'what is stored is what the facts come to');

-- Also one that saves a lead whose end nobody has recorded yet; not one that counts only because of the other fact.
insert into leads (id, user_id, created_at) select i, 7, now() - interval '75 days' from generate_series(35, 37) as i;
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
select i, 7, (now() - interval '14 days')::date, now() - interval '14 days', now() - interval '14 days' from generate_series(35, 37) as i;
with a as (insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (35, 7, 'QUALIFIED_CALL', now() - interval '6 days'))
insert into lead_holds (lead_id, user_id, reason) values (35, 7, 'x');
with e as (
    insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (36, 7, '1 day', 'x', now() - interval '7 days')
    returning lead_id
)
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values ((select lead_id from e), 7, 'QUALIFIED_CALL', now() - interval '6 days');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (37, 7, 'QUALIFIED_CALL', now() - interval '3 days');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (37, 7, 'x', now() - interval '10 days', now() - interval '5 days');
select results_eq(
    $$select v.lead_id, v.state, o.payload -> 'metadata' ->> 'previousState', (o.payload ->> 'timestamp')::timestamptz
        from v_user_lead_protection as v
        left join outbox as o on o.lead_id = v.lead_id and o.event_type = 'lead.protection.reactivated'
       where v.lead_id between 35 and 37 order by v.lead_id$$,
    $$values (35::bigint, 'PROTECTED', 'EXPIRED', now() - interval '6 days'), (36, 'PROTECTED', 'EXPIRED', now() - interval '6 days'),
        (37, 'PROTECTED', null, null)$$,
    'an activity that saves its lead in one statement with a hold or an extension is told; an old one that a hold makes count is not'
);
-- Also one from before the reminder, which moves the day that this was sent for.
insert into leads (id, user_id, created_at) select i, 7, now() - interval '75 days' from generate_series(38, 39) as i;
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
select i, 7, (now() - interval '14 days')::date, now() - interval '14 days', now() - interval '14 days' from generate_series(38, 39) as i;
with a as (
    insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (38, 7, 'QUALIFIED_CALL', now() - interval '50 days') returning lead_id
)
insert into lead_holds (lead_id, user_id, reason) select a.lead_id, 7, 'x' from a;
with h as (insert into lead_holds (lead_id, user_id, reason) values (39, 7, 'x') returning lead_id)
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) select h.lead_id, 7, 'QUALIFIED_CALL', now() - interval '50 days' from h;
select results_eq(
    $$select o.lead_id, o.payload -> 'metadata' ->> 'previousState', (o.payload ->> 'timestamp')::timestamptz
        from outbox as o where o.lead_id in (38, 39) and o.event_type = 'lead.protection.reactivated' order by o.lead_id$$,
    $$values (38::bigint, 'EXPIRED', now() - interval '50 days'), (39, 'EXPIRED', now() - interval '50 days')$$,
    'one from before the reminder that saves its lead is told in either order'
);
select is_empty('select * from verify_lead_protection() where lead_id between 35 and 39', 'what is stored is what the facts come to');

-- The last fact was entered long ago, as is usual; or by a transaction that began later: then it stays known as the last.
insert into leads (id, user_id, created_at) select i, 7, now() - case when i < 43 then interval '65 days' else interval '1 day' end from generate_series(41, 46) as i;
update internal.lead_clocks as c set facts_entered_at = case when c.lead_id < 43 then now() - interval '65 days' else now() + interval '1 second' end
 where c.lead_id between 41 and 46;
insert into lead_activities (lead_id, user_id, activity_type) values (41, 7, 'QUALIFIED_CALL');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (42, 7, 'QUALIFIED_CALL', now() - interval '80 days');
insert into lead_activities (lead_id, user_id, activity_type) values (43, 7, 'QUALIFIED_CALL');
insert into lead_activities (lead_id, user_id, activity_type) values (44, 7, 'QUALIFIED_CALL'), (45, 7, 'QUALIFIED_CALL'), (46, 8, 'QUALIFIED_CALL');
select is((select array_agg(lead_id) from outbox where lead_id between 41 and 46 and event_type = 'lead.protection.reactivated'), array[41]::bigint[],
    'a lead that has been left alone is reactivated');
select results_eq('select lead_id, facts_entered_at - now() from internal.lead_clocks where lead_id between 41 and 46 order by 1',
    $$select i, case when i < 43 then interval '0' else interval '1 second' end from generate_series(41::bigint, 46) as i$$, 'of two moments at which facts were entered the later is kept');

select * from finish();
rollback;
