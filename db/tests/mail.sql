-- Reminder mail: from the queued reminder to the mail server's acceptance, and whatever comes between.
begin;
select plan(107);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;

create function pg_temp.mail(p_lead_id bigint) returns public.mail_messages language sql as $$
    select m from public.mail_messages as m
      join public.mail_message_reminders as x on x.mail_id = m.id
      join public.lead_reminders as r on r.id = x.reminder_id
     where r.lead_id = p_lead_id
$$;
-- A claim of everything, kept by lead.
create temp table taken (mail_id bigint, token uuid, message_id text, recipient text, reminders jsonb);
create function pg_temp.claim() returns bigint language plpgsql as $$
begin
    delete from pg_temp.taken;
    insert into pg_temp.taken select c.id, c.token, c.message_id, c.recipient, c.reminders from public.claim_mail_messages(1000) as c;
    return (select count(*) from pg_temp.taken);
end
$$;
create function pg_temp.token(p_mail_id bigint) returns uuid language sql as $$ select token from pg_temp.taken where mail_id = p_mail_id $$;
create function pg_temp.start(p_mail_id bigint) returns boolean language sql as $$ select public.start_mail_message(p_mail_id, pg_temp.token(p_mail_id)) $$;
create function pg_temp.counted(p_outcome text) returns double precision language sql as $$ select value from public.metric_mail_messages_total where outcome = p_outcome $$;

insert into sales_users (user_id, display_name, email, locale, active) values
    (7, 'Ada', 'ada@example.org', 'de', true), (8, 'Bob', null, 'en', true), (9, 'Cleo', 'cleo@example.org', 'en', false), (10, 'Dora', 'dora@example.org', 'en', true),
    (12, 'Emil', ' emil@example.org ', 'de', true), (13, 'Fred', 'fred@example.org', 'en', true);

-- Not configured, or no address: by event.
insert into leads (id, user_id, created_at) values (1, 7, now() - interval '61 days');
select is((select channel from dispatch_due_reminders() where lead_id = 1), 'EVENT', 'where mail is not configured a reminder is an event');
select is(mail_sender(), null, 'there is no sender');
select throws_ok(format('update settings set value = %L where name = ''mail_from''', v.value), '23514', null, format('%s is no sender', translate(v.value, E'\n', ' ')))
  from (values ('leads'), (E'a@b.example\nBcc: c@d.example'), ('A <a@b.example'), ('a b@c.example'), ('a@b@c.example')) as v (value);
select throws_ok($$update settings set value = 'javascript:alert(1)' where name = 'mail_lead_url'$$, '23514', null, 'the link to a lead is a web address');
update settings set value = 'FreshFoodz <leads@mail.example>' where name = 'mail_from';
insert into leads (id, user_id, created_at) select i, i, now() - interval '61 days' from generate_series(8, 12) as i where i <> 11;
insert into leads (id, user_id, company_name, city, created_at) values (11, 11, 'nobody''s', 'Kiel', now() - interval '61 days'), (2, 7, 'Krone', 'Kiel', now() - interval '61 days');
select results_eq(
    'select user_id, channel from dispatch_due_reminders() order by user_id',
    $$values (7::bigint, 'EMAIL'), (8, 'EVENT'), (9, 'EVENT'), (10, 'EMAIL'), (11, 'EVENT'), (12, 'EMAIL')$$,
    'a reminder goes by mail to an active user with an address, to all others by event'
);
select is((select count(*)::integer from outbox where event_type = 'lead.protection.reminder' and lead_id in (2, 10, 12)), 3, 'the event is written either way');
select is((select channel from lead_reminders where lead_id = 1), 'EVENT', 'what was queued before stays an event');

-- From the message to the acceptance.
select is(compose_mail_messages(), 3, 'each user gets a message');
select is(compose_mail_messages(), 0, 'once');
select matches((pg_temp.mail(2)).message_id, '^<[0-9a-f-]{36}@mail\.example>$', 'its Message-ID is made once, in the sender''s domain');
select is((pg_temp.mail(12)).recipient, 'emil@example.org', 'blanks around an address are nobody''s');
select is((select value from metric_mail_messages_pending), 3::double precision, 'three wait');
select is(pg_temp.claim(), 3::bigint, 'a worker takes them');
select is((select count(*)::integer from claim_mail_messages(1000)), 0, 'another gets nothing');
select results_eq(
    $$select r ->> 'company_name', r ->> 'city', (r ->> 'is_due')::boolean, r ->> 'days_remaining', (r ->> 'expires_at')::timestamptz, r ->> 'idle_days'
        from taken, jsonb_array_elements(reminders) as r where mail_id = (pg_temp.mail(2)).id$$,
    $$select 'Krone', 'Kiel', true, '10', protection_expires_at, '61' from v_user_lead_protection where id = 2$$,
    'and is told what the mail is to say, as of now'
);
select ok(pg_temp.start((pg_temp.mail(2)).id), 'it begins to send');
select ok(not start_mail_message((pg_temp.mail(10)).id, gen_random_uuid()), 'nobody else may');
select is((select state from v_user_lead_protection where id = 2), 'REMINDER_DUE', 'until it is accepted no grace runs');
select ok(record_mail_sent((pg_temp.mail(2)).id), 'the server accepts it');
select results_eq(
    'select v.state, v.reminder_sent_at, r.sent_at from v_user_lead_protection as v join lead_reminders as r on r.lead_id = v.id where v.id = 2',
    $$values ('GRACE', now(), now())$$,
    'and the ten days run from there'
);
select ok(not record_mail_sent((pg_temp.mail(2)).id), 'an acceptance is recorded once');
select is(pg_temp.counted('sent'), 1::double precision, 'and counted once');
create temp table published as select token, array_agg(id) as ids from claim_outbox_events('p', 10000) group by token;
update settings set value = 'any' where name = 'reminder_proof';
select ok((select acknowledge_outbox_events(token, ids) from published) > 0, 'the sink accepts the events');
select is((select sent_at from lead_reminders where lead_id = 8), now(), 'which is the proof of those without mail');
select is((select sent_at from lead_reminders where lead_id = 10), null, 'and none of the others, whatever the setting says');
update settings set value = 'broker' where name = 'reminder_proof';

-- Put off, refused, unknown.
select ok(pg_temp.start((pg_temp.mail(10)).id), 'the next one');
select is(record_mail_failure((pg_temp.mail(10)).id, gen_random_uuid(), 'BOUNCED', 'x'), null, 'whoever lost the lease reports nothing');
select is(record_mail_failure((pg_temp.mail(10)).id, pg_temp.token((pg_temp.mail(10)).id), 'PUT OFF', '451 later'), 'PENDING', 'put off, it waits');
select ok((pg_temp.mail(10)).next_attempt_at between now() + interval '45 seconds' and now() + interval '1 minute', 'for a minute at first');
update mail_messages set attempts = 100, next_attempt_at = now() where user_id = 10;
select is(pg_temp.claim(), 1::bigint, 'it is tried again');
select ok(pg_temp.start((pg_temp.mail(10)).id), 'and begun');
select is(record_mail_failure((pg_temp.mail(10)).id, pg_temp.token((pg_temp.mail(10)).id), 'PUT OFF', '451 later'), 'PENDING', 'put off a hundred times');
select ok((pg_temp.mail(10)).next_attempt_at <= now() + interval '15 minutes', 'it is still tried several times an hour');
update mail_messages set next_attempt_at = now() where user_id = 10;
select is(pg_temp.claim(), 1::bigint, 'once more');
select is(record_mail_failure((pg_temp.mail(10)).id, pg_temp.token((pg_temp.mail(10)).id), 'BOUNCED', '550 no such user'), 'BOUNCED', 'refused for good');
select is(compose_mail_messages(), 0, 'nothing new comes of it');
select is(pg_temp.claim(), 0::bigint, 'it waits for somebody');
select results_eq($$select value, status from monitoring_mail where dimension = 'BOUNCED'$$, $$values (1::numeric, 'BREACH')$$, 'monitoring shows it');
update kpi_thresholds set threshold = 1 where kpi = 'mail_stuck';
select results_eq($$select threshold, status from monitoring_mail where dimension = 'BOUNCED'$$, $$values (1::numeric, 'OK')$$, 'against the target that stands among the others');
update kpi_thresholds set threshold = 0 where kpi = 'mail_stuck';
select results_eq($$select status, evidence from production_readiness_check() where what = 'mail'$$, $$values ('WARN', '1 pending, 1 bounced, 0 unknown; last error: 550 no such user')$$, 'the check, too');
select is((select value from metric_mail_messages_stuck where state = 'BOUNCED'), 1::double precision, 'and the exporter');
select is((select state from v_user_lead_protection where id = 10), 'REMINDER_DUE', 'nobody has lost anything');
update sales_users set email = 'dora@example.com' where user_id = 10;
select is(compose_mail_messages(), 0, 'the address is corrected');
select is((pg_temp.mail(10)).state, 'PENDING', 'and the message tried again by itself');
select is(pg_temp.claim(), 1::bigint, 'it is taken');
select is((select recipient from taken), 'dora@example.com', 'for the new address');
select throws_ok($$select resend_mail_messages(array[(pg_temp.mail(10)).id])$$, 'LP031', null, 'what a worker has is left to it');
select throws_ok($$select resend_mail_messages(array[-1])$$, 'LP030', null, 'an unknown one is refused');
select throws_ok($$select record_mail_failure(1, null, 'LOST', 'x')$$, 'LP044', null, 'and an unknown outcome');

-- A worker dies: before it began, then twice while sending.
select ok(pg_temp.start((pg_temp.mail(10)).id), 'a worker begins');
update mail_messages set leased_until = now() - interval '1 second' where state in ('CLAIMED', 'SENDING');
select is(pg_temp.claim(), 2::bigint, 'and dies with two in hand: another takes them');
select results_eq('select (pg_temp.mail(10)).unknowns, (pg_temp.mail(12)).unknowns', 'values (1, 0)', 'the one it was sending may have arrived, the other has not');
select is((select message_id from taken where mail_id = (pg_temp.mail(10)).id), (pg_temp.mail(10)).message_id, 'it bears the same Message-ID');
select is(pg_temp.counted('unknown'), 1::double precision, 'it is counted');
select ok(pg_temp.start((pg_temp.mail(10)).id), 'it is begun again');
update mail_messages set leased_until = now() - interval '1 second' where state = 'SENDING';
select is((select count(*)::integer from claim_mail_messages(1000)), 0, 'and its worker dies again');
select is((pg_temp.mail(10)).state, 'UNKNOWN', 'it is not sent a third time');
select is(resend_mail_messages(), 1, 'but when operations say so');
select is(release_mail_messages(pg_temp.token((pg_temp.mail(12)).id)), 1, 'a worker that stops gives back what it has not begun');

-- No longer due before the mail is taken; at a worker; put off.
insert into leads (id, user_id, created_at) select i, 13, now() - interval '61 days' from generate_series(100, 107) as i;
select is((select count(*)::integer from dispatch_due_reminders() where user_id = 13), 8, 'eight for one user in one run');
select is(compose_mail_messages(), 1, 'are one digest');
insert into lead_activities (lead_id, user_id, activity_type) values (100, 13, 'QUALIFIED_CALL');
call create_lead_hold(101, 13, 'recipe');
delete from leads where id = 102;
select is((select count(*)::integer from mail_message_reminders where mail_id = (pg_temp.mail(103)).id), 5, 'a lead that is called, on hold or deleted leaves it');
select cmp_ok(pg_temp.claim(), '>=', 1::bigint, 'the worker takes it');
insert into lead_activities (lead_id, user_id, activity_type) values (103, 13, 'QUALIFIED_CALL');
select is((select count(*)::integer from mail_message_reminders where mail_id = (pg_temp.mail(104)).id), 5, 'from then on nothing leaves it');
create temp table pending_event as select array_agg(o.id) as ids from outbox as o join lead_reminders as r using (event_id) where r.lead_id = 103;
select is((select is_queued_anew from pending_event, discard_outbox_events(ids)), false, 'a discarded event does not take the reminder along');
select ok(record_mail_sent((pg_temp.mail(104)).id), 'it is accepted');
select is((select count(*)::integer from lead_reminders where user_id = 13 and sent_at = now()), 5, 'and its five reminders are sent');
select is((select state from v_user_lead_protection where id = 103), 'PROTECTED', 'one that is not due any more counts for nothing');
select is((select release_mail_messages(token) from taken limit 1), 2, 'what else it had it gives back');
insert into leads (id, user_id, created_at) values (110, 13, now() - interval '61 days');
select is((select count(*)::integer from dispatch_due_reminders() where lead_id = 110), 1, 'one more');
select is(compose_mail_messages(), 1, 'has a message of its own');
update leads set user_id = 8 where id = 110;
select is((select count(*)::integer from mail_messages where user_id = 13 and state <> 'SENT'), 1, 'the lead is handed over');
select is(compose_mail_messages(), 0, 'its message is empty');
select is((select count(*)::integer from mail_messages where user_id = 13 and state <> 'SENT'), 0, 'and dropped');

-- No way to be mailed any more: the event's acceptance counts, and what was published goes out once more.
create function pg_temp.way(p_lead_id bigint) returns text language sql as $$
    select format('%s %s %s', r.channel, case when r.sent_at is null then 'unsent' else 'sent' end,
                  case when exists (select from public.outbox as o where o.event_id = r.event_id) then 'pending' else 'published' end)
      from public.lead_reminders as r where r.lead_id = p_lead_id
$$;
create temp table sent_before as select event_id, payload::text as payload from outbox_archive;
select is(pg_temp.way(12), 'EMAIL unsent published', 'Emil''s mail waits, its event went out long ago');
update sales_users set active = false where user_id = 12;
select is((select count(*)::integer from dispatch_due_reminders()), 0, 'Emil leaves');
select is(pg_temp.way(12), 'EVENT unsent pending', 'his reminder is left to its event, which goes out once more');
select is(
    (select o.payload::text from outbox as o join lead_reminders as r using (event_id) where r.lead_id = 12),
    (select s.payload from sent_before as s join lead_reminders as r using (event_id) where r.lead_id = 12),
    'the same bytes'
);
select is((select count(*)::integer from mail_messages where user_id = 12), 1, 'the message is left');
select is(compose_mail_messages(), 0, 'until the composer comes by');
select is((select count(*)::integer from mail_messages where user_id = 12), 0, 'and drops it');
select is(pg_temp.way(10), 'EMAIL unsent published', 'nor has Dora been reached');
select is(replace_mail_by_events(array[(pg_temp.mail(10)).id]), 1, 'operations give the mail up');
select is(pg_temp.way(10), 'EVENT unsent pending', 'her reminder is left to its event');
select ok((select acknowledge_outbox_events(token, array_agg(id)) from claim_outbox_events('p', 10000) group by token) > 0, 'a sink accepts them');
select is(array[pg_temp.way(10), pg_temp.way(12)], array['EVENT sent published', 'EVENT sent published'], 'and both are warned');
insert into leads (id, user_id, created_at) select i, 13, now() - interval '61 days' from generate_series(120, 122) as i;
select is((select count(*)::integer from dispatch_due_reminders() where user_id = 13), 3, 'three more for Fred');
insert into outbox_dead_letters (id, event_id, event_type, lead_id, user_id, payload, created_at, attempts, last_error)
select o.id, o.event_id, o.event_type, o.lead_id, o.user_id, o.payload, o.created_at, 10, 'x' from outbox as o join lead_reminders as r using (event_id) where r.lead_id = 122;
delete from outbox as o using outbox_dead_letters as d where d.id = o.id;
delete from outbox as o using lead_reminders as r where o.event_id = r.event_id and r.lead_id = 120;
select is((select count(*)::integer from lead_reminders where lead_id = 120), 1, 'one whose event has long left the archive');
update settings set value = '' where name = 'mail_from';
select is((select count(*)::integer from dispatch_due_reminders()), 1, 'mail is switched off: that one is queued anew');
select results_eq('select r.channel, d.lead_id from lead_reminders as r join outbox_dead_letters as d using (event_id)', $$values ('EVENT', 122::bigint)$$, 'one whose event was given up waits for operations');
select is(array[pg_temp.way(120), pg_temp.way(121)], array['EVENT unsent pending', 'EVENT unsent pending'], 'and both are events');
select is((select count(*)::integer from claim_mail_messages()), 0, 'nothing is sent without a sender');
select is_empty($$select * from production_readiness_check() where what in ('mail', 'job mail')$$, 'and nobody is asked about mail');

-- Where nobody knows whether it was accepted, it is sent again ever later, and within the hour.
insert into mail_messages (user_id, recipient, locale, state, message_id, attempts, unknowns, token, leased_until)
select 99, 'x@example.org', 'de', 'SENDING', format('<%s@unknown.example>', n), 1, n, gen_random_uuid(), now() + interval '5 minutes' from unnest(array[0, 2, 100]) as n;
create temp table unknown as select m.id, m.unknowns, record_mail_failure(m.id, m.token, 'UNKNOWN', 'the line broke') as state from mail_messages as m where m.user_id = 99;
select results_eq(
    $$select u.unknowns, u.state, m.unknowns, m.next_attempt_at > now() + 0.74 * e.wait and m.next_attempt_at <= now() + e.wait
        from unknown as u join mail_messages as m using (id)
        join (values (0, interval '10 minutes'), (2, '40 minutes'), (100, '1 hour')) as e (unknowns, wait) on e.unknowns = u.unknowns order by 1$$,
    $$values (0, 'PENDING', 1, true), (2, 'PENDING', 3, true), (100, 'PENDING', 101, true)$$, 'ten minutes, twice as long each time, an hour at most');
select is(array[pg_temp.counted('unknown'), pg_temp.counted('bounced')], array[5, 1]::double precision[], 'each of these was counted, beside two whose worker died, and so was what bounced');

-- What is old goes, and no counter falls.
update mail_messages set created_at = now() - interval '100 days' where state = 'SENT';
create temp table before as select outcome, value from metric_mail_messages_total;
select is(purge_mail_messages(1), 1, 'old mail is purged, as many as one likes');
select ok(purge_mail_messages() > 0, 'then the rest');
select is((select count(*)::integer from mail_messages where state = 'SENT'), 0, 'of what was sent nothing is left');
select set_eq('select outcome, value from metric_mail_messages_total', 'select outcome, value from before', 'but the count');
select throws_ok('select purge_mail_messages(0)', 'LP022', null, 'a limit of none is refused');
select throws_ok('select compose_mail_messages(0)', 'LP022', null, 'here');
select throws_ok('select claim_mail_messages(0)', 'LP022', null, 'and there');
select is_empty($$select * from verify_lead_protection()$$, 'what is stored is what the facts come to');

select * from finish();
rollback;
