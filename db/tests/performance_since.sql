-- How it has gone since a moment: the whole window and its parts, each case in the part that it fell into.
begin;
select plan(14);
set local time zone 'America/New_York';
set local client_min_messages = warning;
delete from seasons;
create temp table start as select now() - interval '26 hours' as at;
grant select on start to lead_operations;

set local role lead_operations;
select results_eq($$select distinct value, status from performance_since((select at from start), '7d') where kpi <> 'new_leads'$$, $$values (null::numeric, null::text)$$,
    'where nothing has happened there is no figure and no verdict');
reset role;

insert into leads (id, user_id, created_at) select 9000000 + n, 7, now() - interval '90 days' from generate_series(1, 4) as n;
-- The last moment before the window, the first and the last in it, and the first after it.
insert into lead_reminders (lead_id, user_id, window_start, due_at, known_at, sent_at)
select 9000000 + x.n, 7, '2026-01-01', s.at + x.sent - x.took, s.at + x.sent - x.took, s.at + x.sent
  from start as s
 cross join (values (1, interval '0', interval '5 hours'), (2, interval '1 second', interval '10 minutes'), (3, interval '24 hours', interval '1 hour 1 second'),
     (4, interval '24 hours 1 second', interval '5 hours')) as x (n, sent, took);
insert into sample_requests (user_id, product_type, status, requested_at, resolved_at)
select 7, 'Pasta', x.status, s.at, s.at + x.after from start as s
 cross join (values ('DELIVERED', interval '90 minutes'), ('LOST', interval '90 minutes'), ('DELIVERED', interval '150 minutes'), ('CANCELLED', interval '200 minutes')) as x (status, after);
insert into event_catering_requests (user_id, event_type, requested_at, responded_at) select 7, 'Gala', s.at, s.at + interval '100 minutes' from start as s;
insert into event_catering_requests (user_id, event_type, requested_at) select 7, 'Gala', s.at + interval '1 hour' from start as s;
insert into leads (user_id, created_at) select 7, s.at + interval '30 minutes' from start as s;
insert into cost_entries (cost_type, amount_eur, incurred_at) select 'AI', x.amount, s.at + x.after from start as s cross join (values (20, interval '40 minutes'), (6, interval '23 hours')) as x (amount, after);

select results_eq($$select kpi, value, unit, status, detail from performance_since((select at from start), '24h') where part = 0$$, $$values
    ('reminders_in_time', 50.0, 'percent', 'BREACH', '1 of 2 in time, 99 % within 60 min'),
    ('sample_success', 66.67, 'percent', 'BREACH', '2 delivered, 1 lost, 0 failed'),
    ('samples_lost', 1, 'samples', 'BREACH', 'of 3'),
    ('catering_response', 6000, 'seconds', 'OK', '1 answered, 95 % within 100 min'),
    ('catering_breaches', 1, 'requests', 'BREACH', '1 late or not at all'),
    ('cost_per_lead', 26.00, 'EUR', 'BREACH', '26.00 EUR, new leads: 1'),
    ('new_leads', 1, 'leads', null, null)$$,
    'the whole window, with its ends as the windows of cost have them');
select results_eq($$select kpi, part, value from performance_since((select at from start), '24h') where part > 0 and value is not null and kpi not in ('new_leads') order by 1, 2$$, $$values
    ('catering_breaches', 2, 0::numeric), ('catering_breaches', 3, 1), ('catering_response', 2, 6000), ('cost_per_lead', 1, 20.00), ('cost_per_lead', 23, 6.00),
    ('reminders_in_time', 1, 100.0), ('reminders_in_time', 24, 0.0),
    ('sample_success', 2, 50.00), ('sample_success', 3, 100.00), ('samples_lost', 2, 1), ('samples_lost', 3, 0)$$,
    'hour by hour, each case stands where it fell');
select results_eq($$select part, started_at - (select at from start), ended_at - started_at, value from performance_since((select at from start), '7d') where kpi = 'reminders_in_time'$$, $$values
    (0, interval '0', interval '168 hours', 33.3), (1, interval '0', interval '24 hours', 50.0), (2, interval '24 hours', interval '24 hours', 0.0)$$,
    'of a window that is under way there is what has been so far, and nothing of what lies ahead');
select results_eq($$select count(*), max(ended_at) - min(started_at) from performance_since(now() - interval '40 days', '30d') where kpi = 'new_leads'$$, $$values (31::bigint, interval '720 hours')$$,
    'a month has thirty days');
select is((select sum(value) from performance_since((select at from start), '24h') where kpi = 'new_leads' and part > 0),
    (select value from performance_since((select at from start), '24h') where kpi = 'new_leads' and part = 0), 'the parts are the whole');
update lead_reminders set sent_at = null where lead_id = 9000002;
update lead_reminders set due_at = now() - interval '1 hour', known_at = now() - interval '1 hour', sent_at = null where lead_id = 9000004;
select results_eq($$select part, value, detail from performance_since((select at from start), '24h') where kpi = 'reminders_in_time' and value is not null order by 1$$, $$values
    (0, 0.0, '0 of 2 in time, 99 % within 61 min'), (1, 0.0, '0 of 1 in time'), (24, 0.0, '0 of 1 in time, 99 % within 61 min')$$,
    'what waits unsent is late once its time is over, and not before');
select is((select detail from performance_since((select at from start), '7d') where kpi = 'reminders_in_time' and part = 0), '0 of 2 in time, 99 % within 61 min',
    'also of a window that is under way');
select is_empty($$select p.kpi from performance_since((select at from start), '24h') as p join v_kpi_thresholds as t using (kpi)
    where (p.comparison, p.threshold) is distinct from (t.comparison, trim_scale(t.threshold))$$,
    'targets are those of v_kpi_thresholds');
select throws_ok($$select * from performance_since(now() + interval '1 hour', '24h')$$, 'LP007', null, 'of the future nothing is told');
select is_empty($$select * from performance_since(now(), '1h')$$, 'nor of a window that there is not');

-- Its parts, each by itself. What falls on the border between two belongs to the earlier.
insert into sample_requests (user_id, product_type, status, requested_at, resolved_at) select 9, 'Border', 'LOST', s.at, s.at + interval '5 hours' from start as s;
insert into event_catering_requests (user_id, event_type, requested_at, responded_at) select 9, 'Border', s.at + interval '1 hour', s.at + interval '6 hours' from start as s;
insert into event_catering_requests (user_id, event_type, requested_at) select 9, 'Border', s.at + interval '7 hours' from start as s;
select results_eq($$select kpi, part, value from performance_since((select at from start), '24h')
        where part between 3 and 10 and kpi in ('samples_lost', 'catering_breaches', 'catering_response') and value > 0 order by 2, 1$$, $$values
    ('catering_breaches', 3, 2::numeric), ('samples_lost', 5, 1), ('catering_response', 6, 18000), ('catering_breaches', 9, 1)$$,
    'a sample, an answer, a breach on record and one that nobody has recorded fall into one part each');
select results_eq($$select w, count(*), count(distinct p.time_window), min(p.started_at) = s.at, sum(p.ended_at - p.started_at) filter (where p.part > 0) = max(p.ended_at) - s.at
                      from start as s cross join unnest(array['24h', '7d', '30d']) as w cross join lateral internal.divide_window(s.at, w) as p group by w, s.at order by 2$$,
    $$values ('7d', 8::bigint, 2::bigint, true, true), ('24h', 25, 2, true, true), ('30d', 31, 2, true, true)$$, 'the parts cover the window, and no more');
update lead_reminders set sent_at = null, due_at = now() - interval '5 hours', known_at = now() - interval '4 hours' where lead_id = 9000001;
select results_eq($$select h, internal.count_overdue_reminders(now() - make_interval(hours => h), now() - make_interval(hours => h - 1)) from generate_series(1, 5) as h where h > 1$$,
    $$values (2, 0::bigint), (3, 0), (4, 1), (5, 0)$$, 'a reminder that waits is overdue from an hour after it was due and known, in one stretch alone');
select * from finish();
rollback;
