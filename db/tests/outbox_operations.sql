-- What operations do with events: look, bring back what was published, discard what nobody shall get.
begin;
select plan(62);
set local client_min_messages = warning;

insert into leads (id, user_id, created_at) values (1, 7, now() - interval '61 days'), (2, 7, now() - interval '1 day');
select is((select count(*)::integer from dispatch_due_reminders()), 1, 'a lead is reminded');
update leads set user_id = 8 where id = 2;
update leads set user_id = 9 where id = 2;
create temp table original as select id, event_id, event_type, lead_id, payload::text as payload from outbox;
create function pg_temp.publish(p_proven boolean) returns integer language sql as
$$ select acknowledge_outbox_events(c.token, array_agg(c.id), p_proven) from claim_outbox_events('p', 100) as c group by c.token $$;

-- Looking.
select results_eq('select id, state, payload::text from list_outbox_events()', $$select id, 'PENDING', payload from original order by id desc$$, 'what waits is listed, the latest first');
create temp table claimed as select * from claim_outbox_events('p', 1);
select results_eq('select l.lead_id, l.id = c.id from list_outbox_events(p_state => ''CLAIMED'') as l cross join claimed as c', 'values (1::bigint, true)', 'what a publisher has is told');
select is((select count(*)::integer from list_outbox_events(p_state => 'PENDING')), 4, 'and is not among what waits');
select is(acknowledge_outbox_events(token, array[id]), 1, 'it is published') from claimed;
select results_eq($$select lead_id, published_at is not null from list_outbox_events(p_state => 'PUBLISHED')$$, 'values (1::bigint, true)', 'then it is among what was published');
select is((select count(*)::integer from list_outbox_events()), 5, 'all of it is one list');
select is((select count(*)::integer from list_outbox_events(p_limit => 2)), 2, 'of at most so many');
select is((select count(*)::integer from list_outbox_events(p_lead_id => 2)), 3, 'of a lead');
select is((select count(*)::integer from list_outbox_events(p_event_type => 'lead.protection.reminder')), 1, 'of a type');
select is((select count(*)::integer from list_outbox_events(p_to => now() - interval '1 hour')), 0, 'of a time');
select is((select count(*)::integer from list_outbox_events(p_from => now() - interval '1 hour')), 5, 'from when up to when');
select results_eq('select count(*) filter (where created_at = now()), (select count(*) from list_outbox_events(p_from => now(), p_to => now())) from list_outbox_events(p_from => now())', 'values (5::bigint, 0::bigint)',
    'the first moment included, the last not');
select is_empty($$select * from list_outbox_events(p_from => now() + interval '1 microsecond')$$, 'nothing is of later');
select is((select array_agg(l.id) from list_outbox_events(p_ids => array[(select id from claimed)]) as l), array[(select id from claimed)], 'by its number');
select is((select array_agg(l.id) from list_outbox_events(p_event_ids => array[(select event_id from claimed)]) as l), array[(select id from claimed)], 'by its event_id');
select throws_ok('select * from list_outbox_events(p_limit => 0)', 'LP022', null, 'a limit of none is refused');
select throws_ok($$select * from list_outbox_events(p_event_type => 'lead.protection.reminded')$$, 'LP026', null, 'a type that there is not is no empty list');

-- Bringing back.
update settings set value = 'any' where name = 'reminder_proof';
select is(pg_temp.publish(false), 4, 'the rest is published, too');
update settings set value = 'broker' where name = 'reminder_proof';
create temp table sent as select sent_at from lead_reminders;
select ok((select sent_at is not null from sent), 'the reminder is sent');
select throws_ok('select * from replay_outbox_events()', 'LP023', null, 'everything is not replayed by mistake');
select throws_ok($$select * from replay_outbox_events(p_event_type => 'lead.protection.reminded')$$, 'LP026', null, 'nor nothing');
create temp table replayed as select * from replay_outbox_events(p_lead_id => 2);
select results_eq('select former_id from replayed order by id', 'select id from original where lead_id = 2 order by id', 'a lead''s events come back in their order');
select results_eq('select o.event_id, o.payload::text from outbox as o join replayed as r using (id) order by o.id',
    'select event_id, payload from original where lead_id = 2 order by id',
    'the same bytes under the same event_id');
select is((select count(*)::integer from outbox_archive where lead_id = 2), 0, 'an event stands in one place');
select cmp_ok((select min(id) from replayed), '>', (select max(id) from original), 'behind all that was there');
select is_empty('select * from replay_outbox_events(p_lead_id => 2)', 'what waits already is not brought back twice');
select is((select count(*)::integer from replay_outbox_events(p_ids => array(select id from original where lead_id = 1 order by id limit 1))), 1, 'by number');
select is((select count(*)::integer from replay_outbox_events(p_event_type => 'lead.protection.reminder', p_from => now() - interval '1 minute', p_to => now() + interval '1 second')), 1,
    'by type and time');
select is_empty('select * from replay_outbox_events(p_ids => array[-1])', 'what is not there is not brought back');
select is_empty($$select * from replay_outbox_events(p_to => now() - interval '1 minute')$$, 'nor what was published at another time');

-- A replayed reminder is sent already: nothing of it is withdrawn, discarded or sent anew.
call create_lead_hold(1, 7, 'price list');
select is((select count(*)::integer from outbox where event_type = 'lead.protection.reminder'), 1, 'a hold does not withdraw a reminder that is replayed');
select is(pg_temp.publish(true), 6, 'all goes out again');
select is((select r.sent_at from lead_reminders as r), (select sent_at from sent), 'and sent_at stays what it was');
update outbox_archive set published_at = now() - interval '1 hour' where event_type = 'lead.protection.reminder';
create temp table as_published as select event_id, event_type, lead_id, user_id, payload::text, created_at, published_at, original_id from outbox_archive;
create temp table published_so_far as select sum(amount) as amount from internal.figure_deltas where figure = 'outbox_published_total';
select replay_outbox_events(p_event_type => 'lead.protection.reminder');
select results_eq('select event_type, is_queued_anew from discard_outbox_events(array(select id from outbox))', $$values ('lead.protection.reminder', false)$$, 'a replayed reminder may be discarded');
select is((select count(*)::integer from lead_reminders where sent_at is not null), 1, 'it was sent all the same');
select results_eq('select event_id, event_type, lead_id, user_id, payload::text, created_at, published_at, original_id from outbox_archive order by event_id',
    'select * from as_published order by event_id', 'and published: it is in the archive as before');
select replay_outbox_events(p_event_type => 'lead.protection.reminder');
update settings set value = '1' where name = 'outbox_max_attempts';
select count(*) from claim_outbox_events('p', 100) as c cross join lateral refuse_outbox_events(c.token, array[c.id], array['no']) as r;
select is((select d.published_at from outbox_dead_letters as d), now() - interval '1 hour', 'one that was refused while it was replayed');
select is((select count(*)::integer from discard_outbox_events(array(select id from outbox_dead_letters))), 1, 'may be discarded, too');
select results_eq('select event_id, published_at from outbox_archive order by event_id', 'select event_id, published_at from as_published order by event_id',
    'is in the archive again, too');
select is((select count(*)::integer from outbox where event_type = 'lead.protection.reminder'), 0, 'and nowhere else');
select results_eq($$select sum(amount) from internal.figure_deltas where figure = 'outbox_published_total'$$, 'select amount from published_so_far', 'published once, counted once');
update outbox_archive set published_at = case lead_id when 1 then now() + interval '1 second' else now() - interval '1 year' end;
select replay_outbox_events(p_lead_id => i) from generate_series(1, 2) as i;
select count(*) from discard_outbox_events(array(select id from outbox));
select results_eq($$select sum(amount) from internal.figure_deltas where figure = 'outbox_published_total'$$, 'select amount from published_so_far',
    'nor counted again by a transaction that is older than its publishing');
select set_eq('select event_id from outbox_archive', 'select event_id from as_published', 'and maintain alone says what has been kept for long enough');

-- Accepted without a proof, it went out all the same: refused while it is replayed, it is not withdrawn either.
insert into leads (id, user_id, created_at) select i, 7, now() - interval '61 days' from generate_series(4, 5) as i;
select count(*) from dispatch_due_reminders();
select pg_temp.publish(false);
select replay_outbox_events(p_event_type => 'lead.protection.reminder', p_lead_id => 4);
select count(*) from claim_outbox_events('p', 100) as c cross join lateral refuse_outbox_events(c.token, array[c.id], array['no']) as r;
update settings set value = '10' where name = 'outbox_max_attempts';
select replay_outbox_events(p_event_type => 'lead.protection.reminder', p_lead_id => 5);
select count(*) from claim_outbox_events('p', 100) as c cross join lateral refuse_outbox_events(c.token, array[c.id], array['no']) as r;
call create_lead_hold(4, 7, 'x');
call create_lead_hold(5, 7, 'x');
select results_eq($$select lead_id, state from list_outbox_events(p_event_type => 'lead.protection.reminder') where lead_id in (4, 5) order by lead_id$$, $$values (4::bigint, 'DEAD'), (5, 'RETRYING')$$,
    'a hold withdraws neither a dead letter that was published before nor one that waits');
select is((select count(*)::integer from lead_reminders where lead_id in (4, 5)), 2, 'nor their rows');
select results_eq($$select s.state, array_agg(distinct l.state) from unnest(array['DEAD', 'RETRYING', 'PUBLISHED']) as s (state)
        cross join lateral list_outbox_events(p_state => s.state) as l group by s.state order by 1$$,
    $$values ('DEAD', array['DEAD']), ('PUBLISHED', array['PUBLISHED']), ('RETRYING', array['RETRYING'])$$, 'who asks for one state is shown no other');
delete from leads where id in (4, 5);
delete from outbox where lead_id in (4, 5);
delete from outbox_dead_letters;

-- Discarding.
insert into leads (id, user_id, created_at) values (3, 7, now() - interval '61 days');
select is((select count(*)::integer from dispatch_due_reminders()), 1, 'another lead is reminded');
select is((select count(*)::integer from dispatch_due_reminders()), 0, 'once');
select results_eq($$select event_type, lead_id, is_queued_anew from discard_outbox_events(array(select id from outbox where lead_id = 3))$$,
    $$values ('lead.protection.activated', 3::bigint, false), ('lead.protection.reminder', 3, true)$$, 'pending events are discarded');
select is((select count(*)::integer from outbox where lead_id = 3), 0, 'they are gone');
select is((select count(*)::integer from outbox_archive where lead_id = 3), 0, 'and were never published');
select is((select count(*)::integer from lead_reminders where lead_id = 3), 0, 'the reminder''s row goes with its event');
select is_empty('select * from verify_lead_protection()', 'and the sweep is to look at the lead now');
select is((select count(*)::integer from dispatch_due_reminders()), 1, 'so that it is queued anew');
select is((select count(*)::integer from verify_lead_protection()), 0, 'the stored rows are true');
create temp table taken as select * from claim_outbox_events('p', 100);
select throws_ok('select discard_outbox_events(array(select id from taken))', 'LP025', null, 'what a publisher has may be going out: it is not discarded');
select release_outbox_claim(token) from taken;
select throws_ok('select discard_outbox_events(array(select id from taken) || array[-1::bigint])', 'LP024', null, 'an event that is not pending is refused');
select is((select count(*)::integer from outbox where id in (select id from taken)), 1, 'with all that were named beside it');
select throws_ok('select discard_outbox_events(array[null::bigint])', 'LP024', null, 'null is no event');
select throws_ok(format('select discard_outbox_events(%L)', v.ids), 'LP023', null, format('nor is %L', v.ids)) from (values ('{}'::bigint[]), (null)) as v (ids);

select * from finish();
rollback;
