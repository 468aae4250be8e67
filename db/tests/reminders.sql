-- Page 1, Reminders: queued when due, once per window; sent when accepted; withdrawn when no longer due.
begin;
select plan(102);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;

create function pg_temp.local_date(p_at timestamptz) returns date language sql as
$$ select timezone('Europe/Berlin', p_at)::date $$;

-- Queueing. R was a day ago.
insert into leads (id, user_id, created_at) select i, 7, now() - interval '61 days' from generate_series(1, 12) as i;
insert into leads (id, user_id, created_at) values (20, 7, now() - interval '59 days');
create temp table queued as select * from dispatch_due_reminders(1000);
select is((select count(*)::integer from queued where lead_id between 1 and 12), 12, 'every lead whose R has come is reminded');
select is((select count(*)::integer from queued where lead_id = 20), 0, 'one whose R has not come is not');
select results_eq(
    $$select user_id, reminder_type, window_start, due_at, sent_at, channel, created_at from lead_reminders where lead_id = 1$$,
    $$select 7::bigint, 'INACTIVITY', pg_temp.local_date(v.reminder_due_at), v.reminder_due_at, null::timestamptz, 'EVENT', now() from v_user_lead_protection as v where v.id = 1$$,
    'a queued reminder says for whom, which window and since when; it is not sent'
);
select results_eq($$select lead_id, event_id from queued order by lead_id$$, $$select lead_id, event_id from lead_reminders order by lead_id$$, 'the dispatcher returns what it queued');
select results_eq(
    $$select o.event_type, o.payload ->> 'reason', o.payload -> 'metadata' ->> 'reminderType', o.payload -> 'metadata' -> 'daysRemaining' #>> '{}',
             o.payload ->> 'current_state', (o.payload ->> 'protection_expires_at')::timestamptz, (o.payload ->> 'timestamp')::timestamptz
        from outbox as o join lead_reminders as r using (event_id) where r.lead_id = 1$$,
    $$select 'lead.protection.reminder', '10_day_expiry_reminder', 'expiry', '10', 'PROTECTED', timezone('Europe/Berlin', timezone('Europe/Berlin', now()) + interval '10 days'), now()$$,
    'its event carries the expiry and the days as they are at queueing'
);
select is((select payload from lead_reminders where lead_id = 1)::jsonb, (select (o.payload -> 'metadata')::jsonb from outbox as o join lead_reminders as r using (event_id) where r.lead_id = 1), 'the row keeps the event''s metadata');
select is((select state from v_user_lead_protection where id = 1), 'REMINDER_DUE', 'queued is not sent');
select is((select count(*)::integer from dispatch_due_reminders(1000)), 0, 'a second run queues nothing');
select is((select count(*)::integer from outbox where event_type = 'lead.protection.reminder' and lead_id between 1 and 12), 12, 'a row and an event per window, however often it runs');

-- Withdrawn, whatever made it no longer due.
create function pg_temp.left_over(p_lead_id bigint) returns text language sql as $$
    select (select count(*) from public.lead_reminders where lead_id = p_lead_id) || ' '
        || (select count(*) from public.outbox where lead_id = p_lead_id and event_type = 'lead.protection.reminder')
$$;
select is(pg_temp.left_over(2), '1 1', 'lead 2 has a queued reminder and its event');
call create_lead_hold(2, 7, 'recipe');
select is(pg_temp.left_over(2), '0 0', 'a hold withdraws a queued reminder and its event');
call release_lead_hold(2, 7);
select is((select count(*)::integer from dispatch_due_reminders(1000) where lead_id = 2), 1, 'after the release it is queued anew');
insert into lead_activities (lead_id, user_id, activity_type) values (3, 7, 'QUALIFIED_CALL');
select is(pg_temp.left_over(3), '0 0', 'an activity withdraws it');
insert into lead_activities (lead_id, user_id, activity_type) values (4, 7, 'EMAIL_SENT'), (4, 8, 'QUALIFIED_CALL');
select is(pg_temp.left_over(4), '1 1', 'one that does not count does not');
update leads set created_at = now() - interval '30 days' where id = 4;
select is(pg_temp.left_over(4), '0 0', 'a corrected start withdraws it');
update leads set converted_at = now() where id = 5;
select is(pg_temp.left_over(5), '0 0', 'a conversion withdraws it');
update leads set user_id = 8 where id = 6;
select is(pg_temp.left_over(6), '0 0', 'a transfer withdraws it');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (7, 7, 'entered late', now() - interval '20 days', now() - interval '10 days');
select is(pg_temp.left_over(7), '0 0', 'a hold entered late withdraws it');
delete from lead_holds where lead_id = 7;
select is((select count(*)::integer from dispatch_due_reminders(1000) where lead_id = 7), 1, 'and deleting it brings it back');
delete from leads where id = 8;
select is((select count(*)::integer from lead_reminders where lead_id = 8), 0, 'a deleted lead has none');
insert into lead_activities (id, lead_id, user_id, activity_type, occurred_at) values (9000000000001, 9, 7, 'QUALIFIED_CALL', now() - interval '61 days');
select is(pg_temp.left_over(9), '1 1', 'an old activity that leaves R where it was leaves the reminder');
update leads set created_at = now() - interval '7 months' where id = 10;
select is(pg_temp.left_over(10), '0 0', 'protection that turns out to be over withdraws it');
insert into leads (id, user_id, created_at) values (13, 7, now() - interval '61 days');
update lead_activities set lead_id = 13 where id = 9000000000001;
select is(pg_temp.left_over(9), '1 1', 'moving that activity away leaves it as well');
update lead_activities set lead_id = 9, occurred_at = now() - interval '2 days' where id = 9000000000001;
select is(pg_temp.left_over(9), '0 0', 'a corrected activity that moves R withdraws it');
delete from lead_activities where id = 9000000000001;
select is((select count(*)::integer from dispatch_due_reminders(1000) where lead_id = 9), 1, 'a deleted one lets it fall due again');
update lead_activities set summary = 'x' where lead_id = 4;
update leads set company_name = 'Krone' where id = 11;
select is(pg_temp.left_over(11), '1 1', 'a new name leaves it where it is');

-- Claimed: it goes out, and gets its sent_at.
create temp table claimed as select * from claim_outbox_events('publisher', 10000);
call create_lead_hold(11, 7, 'recipe');
select is(pg_temp.left_over(11), '1 1', 'one that a publisher has claimed is not withdrawn');
select ok((select acknowledge_outbox_events(token, array_agg(id)) from claimed where lead_id = 11 group by token) > 0, 'it is acknowledged');
select is((select sent_at from lead_reminders where lead_id = 11), now(), 'and gets its sent_at');

select is((select state from v_user_lead_protection where id = 12), 'REMINDER_DUE', 'until the sink has accepted it the reminder is due');
select ok((select acknowledge_outbox_events(token, array_agg(id)) from claimed where lead_id = 12 group by token) > 0, 'the sink accepts it');
select results_eq(
    $$select state, reminder_sent_at, grace_ends_at from v_user_lead_protection where id = 12$$,
    $$select 'GRACE', now(), timezone('Europe/Berlin', timezone('Europe/Berlin', now()) + interval '10 days')$$,
    'the ten days run from its acceptance'
);
update lead_reminders set sent_at = now() - interval '1 hour' where lead_id = 12;
select is((select acknowledge_outbox_events(token, array_agg(id)) from claimed where lead_id = 12 group by token), 0, 'a replayed acknowledgement does nothing');
select is((select sent_at from lead_reminders where lead_id = 12), now() - interval '1 hour', 'sent_at is set once');
select is((select count(*)::integer from dispatch_due_reminders(1000) where lead_id in (11, 12)), 0, 'nothing more is queued in the same window');

-- A sink that proves nothing.
create temp table proof as select token, array_agg(id) as ids from claimed where lead_id = 1 group by token;
select ok((select acknowledge_outbox_events(token, ids, false) from proof) > 0, 'a sink that proves nothing acknowledges');
select is((select sent_at from lead_reminders where lead_id = 1), null, 'its reminder is not sent by that');
select is((select state from v_user_lead_protection where id = 1), 'REMINDER_DUE', 'and costs nobody a lead');
update settings set value = 'any' where name = 'reminder_proof';
select ok((select acknowledge_outbox_events(c.token, array_agg(c.id), false) from claim_outbox_events('publisher', 10000) as c where c.lead_id = 2 group by c.token) > 0, 'where the setting says any');
select is((select sent_at from lead_reminders where lead_id = 2), now(), 'every acceptance counts');
select throws_ok($$update settings set value = 'perhaps' where name = 'reminder_proof'$$, '23514', null, 'the setting is broker or any');
update settings set value = 'broker' where name = 'reminder_proof';
insert into leads (id, user_id, created_at) values (14, 7, now() - interval '61 days');
select is((select count(*)::integer from dispatch_due_reminders(1000) where lead_id = 14), 1, 'lead 14 is reminded');
update lead_reminders set channel = 'EMAIL' where lead_id = 14;
select ok((select acknowledge_outbox_events(c.token, array_agg(c.id)) from claim_outbox_events('publisher',
    10000) as c where c.lead_id = 14 group by c.token) > 0, 'the event of a mailed reminder is accepted');
select is((select sent_at from lead_reminders where lead_id = 14), null, 'but only the mail server''s acceptance counts for it');

insert into leads (id, user_id, created_at) values (15, 7, now() - interval '61 days'), (16, 7, now() - interval '61 days');
select is((select count(*)::integer from dispatch_due_reminders(1000) where lead_id in (15, 16)), 2, 'two more are reminded');
create temp table unclaimed as select array_agg(id) as ids from outbox where lead_id = 16;
create temp table held as select token, array_agg(id) as ids from claim_outbox_events('publisher', (select count(*)::integer from outbox where id < (select min(id) from outbox where lead_id = 16 and event_type = 'lead.protection.reminder'))) group by token;
update lead_reminders set sent_at = now() - interval '10 minutes' where lead_id = 15;
select ok((select acknowledge_outbox_events(h.token, h.ids || u.ids) from held as h, unclaimed as u) > 0, 'a publisher acknowledges more than it has claimed');
select is((select sent_at from lead_reminders where lead_id = 15), now() - interval '10 minutes', 'a reminder that is sent already keeps its sent_at');
select is((select sent_at from lead_reminders where lead_id = 16), null, 'one that was never claimed is not sent');

-- Not due.
insert into leads (id, user_id, created_at) values (30, 7, now() - interval '7 months'), (31, 7, now() - interval '61 days'), (32, 7, now() - interval '61 days');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (31, 7, 'open', now() - interval '1 hour', null), (32, 7, 'planned', now() - interval '1 hour', now() + interval '1 hour');
select is((select count(*)::integer from dispatch_due_reminders(1000) where lead_id = 30), 0, 'none after expiry, recorded or not');
select is((select count(*)::integer from dispatch_due_reminders(1000) where lead_id in (31, 32)), 0, 'none while a hold is active, open or planned');
update lead_holds set end_at = now() - interval '1 minute' where lead_id in (31, 32);
select is((select count(*)::integer from dispatch_due_reminders(1000) where lead_id in (31, 32)), 2, 'all once it is over');
insert into leads (id, user_id, created_at) values (33, 7, now() - interval '70 days');
select is((select count(*)::integer from dispatch_due_reminders(1000, now() - interval '11 days') where lead_id = 33), 0, 'none as of a moment before R');
select is((select count(*)::integer from dispatch_due_reminders(1000, now() - interval '5 days') where lead_id = 33), 1, 'one as of a moment after');
select throws_ok($$select dispatch_due_reminders(10, now() + interval '1 second')$$, 'LP007', null, 'the dispatcher does not act in the future');
select throws_ok($$select dispatch_due_reminders(0)$$, 'LP022', null, 'a limit of none is refused');
select throws_ok($$select dispatch_due_reminders(-1)$$, 'LP022', null, 'and a negative one');
select throws_ok($$select dispatch_due_reminders(null)$$, 'LP022', null, 'and null');
select throws_ok($$select dispatch_due_reminders(10, '-infinity')$$, 'LP006', null, 'and the beginning of time');
select lives_ok($$select dispatch_due_reminders("limit" => 5, at => now())$$, 'both parameters are taken by name');
select lives_ok($$select dispatch_due_reminders()$$, 'and neither is needed');

-- The second cycle has a window of its own.
insert into leads (id, user_id, created_at) values (40, 7, now() - interval '130 days');
insert into lead_reminders (lead_id, user_id, window_start, due_at, sent_at)
values (40, 7, pg_temp.local_date(now() - interval '70 days'), now() - interval '70 days', now() - interval '70 days');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (40, 7, 'QUALIFIED_CALL', now() - interval '65 days');
select results_eq(
    $$select lead_id, window_start from dispatch_due_reminders(1000) where lead_id = 40$$,
    $$select 40::bigint, pg_temp.local_date(reminder_due_at) from v_user_lead_protection where id = 40$$,
    'a lead saved once is warned again when it is neglected again'
);

-- The term reminder.
insert into leads (id, user_id, created_at) values
    (50, 7, now() - interval '6 months' + interval '5 days'), (51, 7, now() - interval '6 months' + interval '15 days'), (52, 7, now() - interval '6 months' + interval '5 days');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) select i, 7, 'QUALIFIED_CALL', now() - interval '1 day' from generate_series(50, 51) as i;
create temp table terms as select * from dispatch_due_reminders(1000);
select results_eq(
    $$select reminder_type, due_at, window_start from terms where lead_id = 50$$,
    $$select 'TERM', t, pg_temp.local_date(t)
        from v_user_lead_protection as v
       cross join lateral timezone('Europe/Berlin', timezone('Europe/Berlin', v.base_expires_at) - interval '10 days') as t
       where v.id = 50$$,
    'ten days before B the term reminder falls due'
);
select results_eq(
    $$select o.payload ->> 'reason', o.payload -> 'metadata' ->> 'reminderType', o.payload -> 'metadata' ->> 'daysRemaining', (o.payload ->> 'protection_expires_at')::timestamptz
        from outbox as o join terms as t using (event_id) where t.lead_id = 50$$,
    $$select 'base_term_expiry_reminder', 'term', (pg_temp.local_date(base_expires_at) - pg_temp.local_date(now()))::text, base_expires_at from v_user_lead_protection where id = 50$$,
    'its event says so'
);
select is((select count(*)::integer from terms where lead_id = 51), 0, 'not before');
select results_eq($$select reminder_type from terms where lead_id = 52 order by 1$$, $$values ('INACTIVITY'), ('TERM')$$, 'a neglected lead near its end gets both');
update lead_reminders set sent_at = now() where lead_id = 50;
select is((select state from v_user_lead_protection where id = 50), 'PROTECTED', 'a sent term reminder gates nothing');
select is((select count(*)::integer from dispatch_due_reminders(1000) where lead_id in (50, 52)), 0, 'and is not repeated');

-- The limit.
insert into leads (id, user_id, created_at) select i, 7, now() - interval '6 months' + interval '5 days' from generate_series(60, 69) as i;
select is((select count(*)::integer from dispatch_due_reminders(1)), 1, 'a limit of one queues one, though the lead has two reminders due');
select is((select count(*)::integer from dispatch_due_reminders(4)), 4, 'a limit of four queues four');
select is((select count(*)::integer from dispatch_due_reminders(1000)), 15, 'the rest follow, none is lost');

-- What lies before the sweeps: leads whose moment has come, some of them not due after all.
select is((select reminders from count_due_leads()), 0::bigint, 'after a whole pass nothing is left to look at');
insert into leads (id, user_id, created_at) select i, 7, now() - interval '7 months' from generate_series(80, 84) as i;
insert into leads (id, user_id, created_at) select i, 7, now() - interval '70 days' from generate_series(85, 89) as i;
select is((select reminders from count_due_leads()), 10::bigint, 'one that has run out meanwhile is to be looked at, too');
select is((select count(*)::integer from dispatch_due_reminders(5) where lead_id between 85 and 89), 5, 'those in vain do not count against the limit');

-- Ten days are ten days over a DST night too.
insert into leads (id, user_id, created_at) values (70, 7, '2025-01-23 09:00'), (71, 7, '2025-08-20 09:00');
create temp table across as
select * from dispatch_due_reminders(1000, '2025-03-24 09:05') where lead_id = 70
 union all
select * from dispatch_due_reminders(1000, '2025-10-19 09:05') where lead_id = 71;
select results_eq(
    $$select r.lead_id, o.payload -> 'metadata' ->> 'daysRemaining', (o.payload ->> 'protection_expires_at')::timestamptz
        from across as r join outbox as o using (event_id) order by 1$$,
    $$values (70::bigint, '10', timestamptz '2025-04-03 09:05'), (71, '10', timestamptz '2025-10-29 09:05')$$,
    'daysRemaining is 10 across both DST changes'
);
select is_empty($$select * from verify_lead_protection()$$, 'what is stored is what the facts come to');

-- Due before a hold whose release was planned days ago and came a minute ago: until then it could not be queued.
insert into leads (id, user_id, created_at) values (75, 7, now() - interval '70 days');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (75, 7, 'planned', now() - interval '5 days', now() - interval '1 minute');
update internal.lead_clocks set facts_entered_at = now() - interval '5 days', reminder_known_at = null where lead_id = 75;
delete from lead_reminders where sent_at is null;
delete from leads where id <> 75;
select is((select oldest_since from internal.count_unsent_reminders(now())), now() - interval '1 minute', 'a reminder waits since the planned release');
create temp table released as select * from dispatch_due_reminders(1000);
select results_eq('select lead_id, known_at from released', $$values (75::bigint, now() - interval '1 minute')$$, 'and its row says so');
select is((select oldest_since from internal.count_unsent_reminders(now())), now() - interval '1 minute', 'queued, it waits no longer than before');

-- Since when it is known that a reminder falls due: what moves nothing of that does not make it known anew.
delete from leads;
create temp table entered (lead_id bigint, fact text, statement text, knows text);
insert into entered values
    (501, 'nothing', 'select 1', 'before'),
    (502, 'another user''s call', $$insert into lead_activities (lead_id, user_id, activity_type) values (502, 8, 'QUALIFIED_CALL')$$, 'before'),
    (503, 'a call before the start', $$insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (503, 7, 'QUALIFIED_CALL', now() - interval '90 days')$$, 'before'),
    (504, 'an extension', $$call extend_lead_protection(504, 7, '1 month', 'a fair')$$, 'before'),
    (505, 'a hold of no length', $$insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (505, 7, 'x', now() - interval '20 days', now() - interval '20 days')$$, 'before'),
    (507, 'a note, deleted', $$delete from lead_activities where lead_id = 507$$, 'before'),
    (508, 'a call of ten days after the start', $$insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (508, 7, 'QUALIFIED_CALL', now() - interval '70 days')$$, 'now'),
    (509, 'a later start', $$update leads set created_at = now() - interval '70 days' where id = 509$$, 'now'),
    (510, 'a hold before it fell due', $$insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (510, 7, 'x', now() - interval '50 days', now() - interval '40 days')$$, 'now'),
    (511, 'a conversion taken back', $$update leads set converted_at = now() where id = 511; update leads set converted_at = null where id = 511$$, 'now'),
    (512, 'a reminder that was not sent after all', $$delete from lead_reminders where lead_id = 512$$, 'now'),
    (514, 'a hold that kept it back, deleted', 'delete from lead_holds where lead_id = 514', 'now'),
    (515, 'a hold that kept it back and ended days ago after all', $$update lead_holds set end_at = now() - interval '10 days' where lead_id = 515$$, 'now'),
    (516, 'an older extension, of a protection that seemed over', $$insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (516, 7, '1 month', 'x', now() - interval '10 days')$$, 'now'),
    (517, 'an older hold, of a protection that seemed over', $$insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (517, 7, 'x', now() - interval '4 months', now() - interval '3 months')$$, 'now'),
    (518, 'a conversion from before the start, taken back', 'update leads set converted_at = null where id = 518', 'now'),
    (519, 'a note beside a hold of which an hour is left to go', $$delete from lead_activities where lead_id = 519$$, 'not due'),
    (513, 'another user, and the former', $$update leads set user_id = 8 where id = 513; update leads set user_id = 7, created_at = created_at where id = 513$$, 'not due');
insert into leads (id, user_id, created_at) select e.lead_id, 7, now() - interval '80 days' from entered as e;
update leads set created_at = timezone('Europe/Berlin', timezone('Europe/Berlin', now()) - interval '6 months') - interval '1 day' where id between 516 and 517;
insert into lead_activities (lead_id, user_id, activity_type) values (507, 7, 'EMAIL_SENT'), (519, 7, 'EMAIL_SENT');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) select i, 7, 'QUALIFIED_CALL', now() - interval '70 days' from generate_series(516, 517) as i;
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values
    (514, 7, 'x', now() - interval '15 days', null), (515, 7, 'x', now() - interval '15 days', null), (519, 7, 'x', now() - interval '15 days', now() + interval '1 hour');
update leads set converted_at = now() - interval '100 days' where id = 518;
insert into lead_reminders (lead_id, user_id, window_start, sent_at)
select 512, 7, pg_temp.local_date(v.reminder_due_at), now() - interval '5 days' from v_user_lead_protection as v where v.id = 512;
update internal.lead_clocks set facts_entered_at = now() - interval '9 days', reminder_known_at = null, base_known_at = null;
do $$
declare
    v_statement text;
begin
    for v_statement in select e.statement from entered as e order by e.lead_id
    loop
        execute v_statement;
    end loop;
end
$$;
create temp table after_facts as select * from dispatch_due_reminders(1000);
select is(
    (select case a.known_at when now() then 'now' when now() - interval '9 days' then 'before' when null then 'not due' else coalesce(a.known_at::text, 'not due') end
       from entered as x left join after_facts as a using (lead_id) where x.lead_id = e.lead_id),
    e.knows, format('after %s it is known since %s', e.fact, e.knows)
) from entered as e order by e.lead_id;
select is((select state from v_user_lead_protection where id = 517), 'REMINDER_DUE', 'a lead that seemed over is due');
-- Due since a planned release: it was kept back until then, also where the hold is deleted after it.
delete from leads;
insert into leads (id, user_id, created_at) values (531, 7, now() - interval '80 days');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at) values (531, 7, 'planned', now() - interval '5 days', now() - interval '1 minute');
update internal.lead_clocks set facts_entered_at = now() - interval '5 days', reminder_known_at = null;
delete from lead_holds;
select results_eq('select lead_id, known_at from dispatch_due_reminders(1000)', $$values (531::bigint, now() - interval '1 minute')$$, 'a deleted hold did keep it back');
-- One that a row of its window kept back, until that turned out wrong.
delete from leads;
insert into leads (id, user_id, created_at) select i, 7, now() - interval '6 months' + interval '5 days' from generate_series(541, 544) as i;
select is((select count(*)::int from dispatch_due_reminders(1000)), 8, 'two a lead');
update lead_reminders set sent_at = now();
update internal.lead_clocks set facts_entered_at = now() - interval '9 days', reminder_known_at = null, base_known_at = null;
delete from lead_reminders where lead_id = 541 and reminder_type = 'TERM';
update lead_reminders set window_start = window_start - 1 where lead_id = 542 and reminder_type = 'TERM';
delete from lead_reminders where lead_id = 543;
update internal.lead_clocks set next_reminder_check_at = now();
select results_eq('select lead_id, reminder_type, known_at = now() from dispatch_due_reminders(1000) order by 1, 2',
    $$values (541::bigint, 'TERM', true), (542, 'TERM', true), (543, 'INACTIVITY', true), (543, 'TERM', true)$$, 'is known to be due from then on');
-- Both reminders of one lead: each by its own facts.
delete from leads;
insert into leads (id, user_id, created_at) values (521, 7, now() - interval '6 months' + interval '5 days'), (522, 7, now() - interval '6 months' + interval '5 days');
update internal.lead_clocks set facts_entered_at = now() - interval '9 days';
insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (521, 7, 'QUALIFIED_CALL', now() - interval '100 days');
call extend_lead_protection(522, 7, '1 hour', 'a fair');
select results_eq(
    $$select lead_id, reminder_type, known_at = now() from dispatch_due_reminders(1000) order by 1, 2$$,
    $$values (521::bigint, 'INACTIVITY', true), (521, 'TERM', false), (522, 'INACTIVITY', false), (522, 'TERM', true)$$,
    'a call makes the inactivity reminder known anew, an extension the term reminder'
);

select throws_ok('update lead_reminders set lead_id = 777777', 'LP001', null, 'a reminder is not moved to an unknown lead');

select * from finish();
rollback;
