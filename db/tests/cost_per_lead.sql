-- Cost per lead: whose cost, in which window, against which budget; and that a breach is told once per window.
begin;
select plan(39);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;

create temp view figures as select team, time_window, cost_eur, new_leads, cost_per_lead_eur, budget_eur from cost_per_lead();
select results_eq(
    'select * from figures',
    $$values (null::text, '1h', 0.0000, 0::bigint, 0.0000, 25::numeric), (null, '24h', 0, 0, 0, 25), (null, '7d', 0, 0, 0, 25), (null, '30d', 0, 0, 0, 25)$$,
    'without any data there is a company, and nothing is divided by nothing'
);
insert into sales_users (user_id, team) values (1, 'Nord'), (2, ' Nord '), (3, 'Süd'), (4, null), (5, '  ');
select is((select count(*)::integer from figures where team is not null and (cost_eur, new_leads, cost_per_lead_eur) = (0, 0, 0)), 8, 'a team without leads and cost has figures, too');
select is((select array_agg(distinct team order by team) from figures), array['Nord', 'Süd', null], 'teams are those of the users; blanks make none');

-- Three leads of Nord, one of Süd, one of nobody's team, one of an unknown user, in the last hour; older ones.
insert into leads (user_id, created_at) values
    (1, now()), (2, now()), (2, now() - interval '59 minutes'), (3, now() - interval '1 minute'), (4, now()), (99, now()),
    (3, now() - interval '1 hour'), (3, now() - interval '24 hours'), (3, now() - interval '168 hours'), (3, now() - interval '720 hours');
select results_eq(
    $$select time_window, new_leads from figures where team is null$$, $$values ('1h', 6::bigint), ('24h', 7), ('7d', 8), ('30d', 9)$$,
    'a lead counts from its registration on, for as long as each window lasts'
);
select results_eq($$select time_window, new_leads from figures where team = 'Süd'$$, $$values ('1h', 1::bigint), ('24h', 2), ('7d', 3), ('30d', 4)$$, 'for its user''s team');

insert into cost_entries (cost_type, amount_eur, user_id, team) values ('AI', 30, 1, null);
select results_eq(
    $$select team, cost_eur, cost_per_lead_eur from figures where time_window = '1h'$$,
    $$values (null::text, 30.0000, 5.0000), ('Nord', 30.0000, 10.0000), ('Süd', 0, 0)$$, 'a user''s cost is his team''s'
);
insert into cost_entries (cost_type, amount_eur, team) values ('SALES_TIME', 8, 'Süd');
insert into cost_entries (cost_type, amount_eur, user_id, team) values ('SALES_TIME', 4, 1, 'Süd');
select is((select cost_eur from figures where team = 'Süd' and time_window = '1h'), 12.0000, 'a team that is named bears it, whoever the user is');
insert into cost_entries (cost_type, amount_eur) values ('INFRASTRUCTURE', 60);
select results_eq(
    $$select team, cost_eur, cost_per_lead_eur from figures where time_window = '1h'$$,
    $$values (null::text, 102.0000, 17.0000), ('Nord', 60.0000, 20.0000), ('Süd', 22.0000, 22.0000)$$,
    'shared cost is spread by new leads: 60 over 6, of which Nord has 3 and Süd 1'
);
insert into cost_entries (cost_type, amount_eur, user_id) values ('AI', 6, 4), ('AI', 6, 99);
select is((select sum(cost_eur) from figures where team is not null and time_window = '1h'), 82.0000, 'the cost of users without a team is no team''s');
select is((select cost_eur from figures where team is null and time_window = '1h'), 114.0000, 'but the company''s');
insert into cost_entries (cost_type, amount_eur, team, incurred_at) values ('AI', 7, 'Messeteam', now() - interval '2 days');
select results_eq(
    $$select time_window, cost_eur, new_leads, cost_per_lead_eur from figures where team = 'Messeteam'$$,
    $$values ('1h', 0.0000, 0::bigint, 0.0000), ('24h', 0, 0, 0), ('7d', 7, 0, 7), ('30d', 7, 0, 7)$$,
    'a team that only the costs know is there; cost without leads is divided by one'
);
update sales_users set team = 'West' where team = 'Süd';
select is((select cost_eur from figures where team = 'Süd' and time_window = '1h'), 12.0000, 'a team that vanishes keeps what it was named for');
select is((select new_leads from figures where team = 'West' and time_window = '1h'), 1::bigint, 'its leads go with their users');
delete from sales_users;
select lives_ok('select * from figures', 'without any user the company is left');
select is((select cost_eur from figures where team is null and time_window = '1h'), 114.0000, 'with all cost');
select is_empty($$select * from cost_per_lead(now() - interval '2 years') where cost_eur <> 0 or new_leads <> 0$$, 'at a moment long past there was nothing');
select is((select count(*)::integer from cost_per_lead(now() + interval '1 hour') where team is null and time_window = '1h' and new_leads = 0), 1, 'a moment ahead is an answer, too');
select is((select count(*)::integer from cost_per_lead(null) where team is null), 4, 'no moment is now');
select throws_ok($$select * from cost_per_lead('infinity')$$, 'LP006', null, 'for ever is refused');
select is((select array_agg(now() - window_started_at order by window_started_at desc) from cost_per_lead() where team is null),
    array[interval '1 hour', interval '24 hours', interval '168 hours', interval '720 hours'], 'windows are elapsed time');
delete from leads;
select is((select cost_eur from figures where team = 'Süd' and time_window = '1h'), 12.0000, 'where there are no new leads nobody can share: the teams have their own cost');
select is((select cost_per_lead_eur from figures where team is null and time_window = '1h'), 114.0000, 'the company has it all');

-- What may be entered.
select throws_ok(s.statement, s.code, null, s.story) from (values
    ($$insert into cost_entries (cost_type, amount_eur) values ('AI', -0.0001)$$, '23514', 'a cost is not negative'),
    ($$insert into cost_entries (cost_type, amount_eur) values ('AI', 'NaN')$$, '23514', 'nor no number'),
    ($$insert into cost_entries (cost_type, amount_eur) values ('AI', 'Infinity')$$, '22003', 'nor endless'),
    ($$insert into cost_entries (cost_type, amount_eur) values ('BRIBE', 1)$$, '23514', 'nor of another kind'),
    ($$insert into cost_entries (cost_type, amount_eur, team) values ('AI', 1, ' ')$$, '23514', 'a team that is named must be seen'),
    ($$insert into cost_entries (cost_type, amount_eur, incurred_at) values ('AI', 1, now() + interval '1 day')$$, 'LP007', 'nothing costs before it is incurred'),
    ($$truncate cost_entries$$, 'LP015', 'costs are never truncated')) as s (statement, code, story);

-- Over budget.
delete from cost_entries;
insert into sales_users (user_id, team) values (1, 'Nord');
insert into leads (user_id, created_at) values (1, now()), (1, now() - interval '10 days');
insert into cost_entries (cost_type, amount_eur, user_id, incurred_at) values ('AI', 25, 1, now() - interval '1 minute');
select is_empty('select * from record_budget_breaches()', 'what costs as much as it may is no breach');
insert into cost_entries (cost_type, amount_eur, user_id, incurred_at) values ('AI', 0.01, 1, now() - interval '1 minute');
select results_eq(
    'select team, time_window, window_started_at, cost_per_lead_eur, budget_eur from record_budget_breaches()',
    $$values (null::text, '1h', now() - interval '1 hour', 25.0100, 25::numeric), (null, '24h', now() - interval '24 hours', 25.0100, 25), (null, '7d', now() - interval '168 hours', 25.0100, 25),
            ('Nord', '1h', now() - interval '1 hour', 25.0100, 25), ('Nord', '24h', now() - interval '24 hours', 25.0100, 25), ('Nord', '7d', now() - interval '168 hours', 25.0100, 25)$$,
    'a cent more is one, for each window and scope'
);
select results_eq(
    $$select payload ->> 'team', payload ->> 'time_window', payload ->> 'window_started_at', (payload ->> 'cost_per_lead_eur')::numeric, (payload ->> 'budget_eur')::numeric, lead_id, user_id
        from outbox where event_type = 'cost.per_lead.budget_exceeded' and payload ->> 'time_window' = '1h' order by id$$,
    $$values (null, '1h', to_char((now() - interval '1 hour') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 25.01, 25.0, null::bigint, null::bigint),
            ('Nord', '1h', to_char((now() - interval '1 hour') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 25.01, 25.0, null, null)$$,
    'it is told'
);
select is_empty('select * from record_budget_breaches()', 'once');
insert into cost_entries (cost_type, amount_eur) values ('AI', 1000);
select results_eq('select team, time_window from record_budget_breaches()', $$values (null::text, '30d'), ('Nord', '30d')$$, 'also when it gets worse; only what has now passed its budget is added');
update cost_budget_breaches set window_started_at = window_started_at - interval '1 hour', window_ended_at = window_ended_at - interval '1 hour';
select results_eq(
    'select team, time_window from record_budget_breaches()', $$values (null::text, '1h'), ('Nord', '1h')$$,
    'an hour later the next hour is told; the longer windows still reach into the last one'
);
select is_empty($$select * from record_budget_breaches(now() - interval '30 minutes')$$, 'a clock that goes back tells nothing twice');
delete from settings where name = 'cost_per_lead_budget';
delete from cost_budget_breaches;
select is_empty('select * from record_budget_breaches()', 'without a budget there is no breach');
select throws_ok($$insert into settings (name, value, description) values ('cost_per_lead_budget', '25,50 €', 'x')$$, '23514', null, 'a budget is a plain number');
select throws_ok($$select record_budget_breaches(now() + interval '1 second')$$, 'LP007', null, 'what has not come cannot be recorded');

select * from finish();
rollback;
