-- What could not be applied is kept as it came, once, until somebody replays or discards it; sinks that are gone.
begin;
select plan(34);
set local time zone 'Europe/Berlin';

create function pg_temp.activity(p_n integer, p_lead_id bigint) returns bytea language sql as $$
    select convert_to(format(
        '{"event_id": "00000000-0000-4000-8000-%s", "event_type": "lead.activity.created", "lead_id": %s, "user_id": 7, "activity_type": "QUALIFIED_CALL", "occurred_at": "2025-02-01T09:00:00+01:00"}',
        lpad(p_n::text, 12, '0'), p_lead_id
    ), 'UTF8')
$$;
create function pg_temp.enveloped(p_event bytea) returns bytea language sql as
$$ select convert_to(format('{"specversion": "1.0", "data": %s}', convert_from(p_event, 'UTF8')), 'UTF8') $$;

-- They are recorded once.
create temp table letters as
select 'early' as name, record_inbox_dead_letter('nats://broker/in', pg_temp.activity(1, 1), 'LP001', 'unknown lead') as id
union all select 'bytes', record_inbox_dead_letter('nats://broker/in', '\x00ff00', null, 'no text')
union all select 'escape', record_inbox_dead_letter('nats://broker/in', convert_to('{"event_type": "\u0000"}', 'UTF8'), 'LP017', 'malformed')
union all select 'text', record_inbox_dead_letter('nats://broker/in', convert_to('not json', 'UTF8'), 'LP017', 'malformed')
union all select 'deep', record_inbox_dead_letter('nats://broker/in', convert_to(repeat('[', 100000), 'UTF8'), 'LP017', 'deep')
union all select 'cloud', record_inbox_dead_letter('nats://broker/in', pg_temp.enveloped(pg_temp.activity(2, 1)), 'LP001', 'unknown lead');
create function pg_temp.letter(p_name text) returns bigint language sql as $$ select id from pg_temp.letters where name = p_name $$;
select is(record_inbox_dead_letter('nats://broker/in', '\x00ff00', 'LP017', 'still no text'), pg_temp.letter('bytes'), 'the same bytes from the same source are the same dead letter');
select results_eq(
    $$select payload, error_code, reason, deliveries from inbox_dead_letters where id = pg_temp.letter('bytes')$$,
    $$values ('\x00ff00'::bytea, 'LP017', 'still no text', 2::bigint)$$,
    'counted, with the last reason; bytes that no text holds are kept as they are'
);
select isnt(record_inbox_dead_letter('amqp://broker/in', '\x00ff00', null, 'no text'), pg_temp.letter('bytes'), 'from another source they are another');
select throws_ok($$select record_inbox_dead_letter('amqp://broker/in', '\x01', null, ' ')$$, '23514', null, 'a reason is needed');

-- Replaying.
select throws_ok($$select replay_inbox_dead_letter(pg_temp.letter('early'))$$, 'LP001', null, 'what is still refused is refused again');
select is((select count(*)::integer from inbox_dead_letters where id = pg_temp.letter('early')), 1, 'and stays');
insert into leads (id, user_id, created_at) values (1, 7, '2025-01-10 09:00');
select is(replay_inbox_dead_letter(pg_temp.letter('early')), 'APPLIED', 'an activity that came before its lead is applied once the lead is there');
select is((select count(*)::integer from lead_activities where lead_id = 1), 1, 'it has its effect');
select is((select count(*)::integer from inbox_dead_letters where id = pg_temp.letter('early')), 0, 'and is no dead letter any more');
select is(handle_module_event(convert_from(pg_temp.activity(1, 1), 'UTF8')::jsonb), 'DUPLICATE', 'the broker''s own redelivery of it is a duplicate');
select is(replay_inbox_dead_letter(record_inbox_dead_letter('x', pg_temp.activity(1, 1), 'LP001', 'unknown lead')), 'DUPLICATE', 'and so is a replay of it');
select is(replay_inbox_dead_letter(pg_temp.letter('cloud')), 'APPLIED', 'an event in an envelope of CloudEvents is taken out of it');
select throws_ok(format('select replay_inbox_dead_letter(pg_temp.letter(%L))', l.name), 'LP017', null, format('%s: what is no JSON is malformed', l.name))
  from unnest(array['bytes', 'escape', 'text', 'deep']) as l (name);
select throws_ok('select replay_inbox_dead_letter(0)', 'LP042', null, 'an unknown dead letter is refused');
select throws_ok('select replay_inbox_dead_letter(null)', 'LP042', null, 'and none');

-- Discarding.
select throws_ok($$select discard_inbox_dead_letters(array[pg_temp.letter('text'), 0])$$, 'LP042', null, 'an unknown id discards nothing');
select throws_ok($$select discard_inbox_dead_letters('{}')$$, 'LP042', null, 'nor does none');
select throws_ok($$select discard_inbox_dead_letters(null)$$, 'LP042', null, 'nor null');
select results_eq(
    $$select error_code, reason from discard_inbox_dead_letters(array[pg_temp.letter('text'), pg_temp.letter('deep')]) order by reason$$,
    $$values ('LP017', 'deep'), ('LP017', 'malformed')$$,
    'what nobody can use is discarded'
);
select is((select value from metric_inbox_dead_letters), 3::double precision, 'the metric counts the rest');

-- Sinks that are gone.
select lives_ok($$select disable_sink('https://receiver.example/events', r) from unnest(array['410 Gone', 'again']) as r$$, 'a sink is disabled, as often as its workers notice');
select results_eq($$select sink, reason from list_disabled_sinks()$$, $$values ('https://receiver.example/events', '410 Gone')$$, 'it is listed with the first reason');
select is((select value from metric_disabled_sinks), 1::double precision, 'and counted');
select lives_ok($$select enable_sink('https://receiver.example/events')$$, 'and enabled by hand');
select throws_ok($$select enable_sink('https://receiver.example/events')$$, 'LP043', null, 'what is enabled is not enabled again');
select ok(pause_sink('https://receiver.example/events', 'HTTP 429', 600) > clock_timestamp() + interval '599 s', 'a sink that asks for a pause gets it');
select ok(pause_sink('https://receiver.example/events', 'HTTP 503', 5) > clock_timestamp() + interval '598 s', 'the longest counts');
select results_eq($$select sink, reason from list_paused_sinks()$$, $$values ('https://receiver.example/events', 'HTTP 503')$$, 'it is listed');
update paused_sinks set paused_until = now() - interval '1 s';
select is_empty($$select * from list_paused_sinks()$$, 'until the time is over');
select pause_sink('https://receiver.example/events', 'HTTP 429', 1e9);
select ok((select paused_until < now() + interval '25 hours' from list_paused_sinks()), 'nobody is let alone for longer than a day');
select lives_ok($$select enable_sink('https://receiver.example/events')$$, 'and a person may end it');

select * from finish();
rollback;
