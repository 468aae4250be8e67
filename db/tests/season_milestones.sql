-- The tasks around a season: their days, who says what of them, and what a plan made twice leaves alone.
begin;
select plan(63);
set local time zone 'America/New_York';
set local client_min_messages = warning;
create function pg_temp.calendar(p_season text, p_year integer) returns setof text language sql as $$
    select string_agg(distinct m.milestone || ' ' || m.due_on, ', ' order by m.milestone || ' ' || m.due_on) from public.season_milestones as m where m.season = p_season and m.year = p_year
$$;

-- The calendar.
select is(plan_season('spargel', 2027), 12, 'the plan has twelve tasks');
select is(pg_temp.calendar('Spargel', 2027), 'T+7 2027-07-07, T-0 2027-04-01, T-1 2027-03-31, T-14 2027-03-18, T-21 2027-03-11, T-30 2027-03-02, T-7 2027-03-25',
    'six days before a season that begins on the first of April, that day, and a week after its last');
select results_eq($$select distinct season, starts_on, status, evidence, done_at, done_by from season_milestones$$,
    $$values ('Spargel', date '2027-04-01', 'PLANNED', null::text, null::timestamptz, null::text)$$, 'all are planned');
insert into seasons values ('Karneval', 12, 1, 2, 0.6, 0.75, 0.7), ('Fasten', 3, 3, 2, 0.6, 0.75, 0.7), ('Neujahr', 1, 1, 2, 0.6, 0.75, 0.7);
select plan_season('Karneval', 2026, '2026-06-01'), plan_season('Fasten', 2028), plan_season('Fasten', 2027, '2026-06-01'), plan_season('Neujahr', 2027, '2026-06-01');
select is(pg_temp.calendar('Karneval', 2026), 'T+7 2027-02-07, T-0 2026-12-01, T-1 2026-11-30, T-14 2026-11-17, T-21 2026-11-10, T-30 2026-11-01, T-7 2026-11-24',
    'a season over New Year is reviewed in the year after');
select is(pg_temp.calendar('Fasten', 2028), 'T+7 2028-04-07, T-0 2028-03-01, T-1 2028-02-29, T-14 2028-02-16, T-21 2028-02-09, T-30 2028-01-31, T-7 2028-02-23',
    'where there is a leap day, it is the eve of the first of March');
select is(pg_temp.calendar('Fasten', 2027), 'T+7 2027-04-07, T-0 2027-03-01, T-1 2027-02-28, T-14 2027-02-15, T-21 2027-02-08, T-30 2027-01-30, T-7 2027-02-22', 'and where not, not');
select is(pg_temp.calendar('Neujahr', 2027), 'T+7 2027-02-07, T-0 2027-01-01, T-1 2026-12-31, T-14 2026-12-18, T-21 2026-12-11, T-30 2026-12-02, T-7 2026-12-25',
    'what comes before New Year is the old year''s');
select throws_ok(format('select plan_season(%s)', c.given), c.code, null, format('refused: %s', c.given)) from (values
    ('''Ostern'', 2027', 'LP037'), ('null, 2027', 'LP037'), ('''off-season'', 2027', 'LP037'), ('''Spargel'', null', 'LP006'), ('''Spargel'', 1999', 'LP006'), ('''Spargel'', 2101', 'LP006')
    ) as c (given, code);

-- What a person says.
create temp table tasks as select task, id from season_milestones where season = 'Spargel';
grant select on tasks to lead_operations;
set local role lead_operations;
select lives_ok(format('select record_season_milestone(%s, p_owner => ''Ada'')', (select id from tasks where task = 'Capacity plan')), 'operations name an owner');
select lives_ok(format('select record_season_milestone(%s, ''IN_PROGRESS'')', (select id from tasks where task = 'Capacity plan')), 'begin');
select lives_ok(format('select record_season_milestone(%s, ''DONE'', ''plan.pdf'', p_by => ''Grace'')', (select id from tasks where task = 'Capacity plan')), 'tell what shows that it is done');
select lives_ok(format('select record_season_milestone(%s, ''SKIPPED'', ''nothing has changed'')', (select id from tasks where task = 'Warm-up')), 'or why it is not needed');
select results_eq($$select owner, status, evidence, done_at, done_by from season_milestones where task in ('Capacity plan', 'Warm-up') and season = 'Spargel' order by task$$,
    $$values ('Ada', 'DONE', 'plan.pdf', now(), 'Grace'), ('on call', 'SKIPPED', 'nothing has changed', now(), session_user::text collate "default")$$, 'by whom and when');
select throws_ok(format('select record_season_milestone(%s, %s)', coalesce((select id from tasks as t where t.task = c.task), 0), c.given), c.code, null,
    format('refused: %s of %s', c.given, c.task)) from (values
    ('War room', '''DONE''', 'LP052'), ('War room', '''SKIPPED'', '' ''', 'LP052'), ('War room', 'p_owner => ''  ''', 'LP052'), ('War room', 'null, ''''', 'LP052'),
    ('War room', '''done'', ''x''', 'LP053'), ('Capacity plan', '''PLANNED''', 'LP051'), ('Capacity plan', 'p_owner => ''Eve''', 'LP051'), ('Warm-up', '''DONE'', ''x''', 'LP051'),
    ('Party', '''DONE'', ''x''', 'LP050')) as c (task, given, code);
select throws_ok(format('select reopen_season_milestone(%s)', c.given), c.code, null, format('not opened again: %s', c.given)) from (values
    (format('%s, '' ''', (select id from tasks where task = 'Capacity plan')), 'LP004'), (format('%s, ''x''', (select id from tasks where task = 'War room')), 'LP054'),
    ('0, ''x''', 'LP050')) as c (given, code);
select lives_ok(format('select reopen_season_milestone(%s, ''the baseline was wrong'', ''Ada'')', (select id from tasks where task = 'Capacity plan')), 'it is opened again by who says why');
select results_eq($$select status, evidence, done_at, done_by from season_milestones where task = 'Capacity plan' and season = 'Spargel'$$,
    $$values ('IN_PROGRESS', E'plan.pdf\nDONE by Grace; opened again by Ada: the baseline was wrong', null::timestamptz, null::text)$$, 'and what was said stays');
select throws_ok(s.statement, '42501', null, format('operations may not: %s', s.statement)) from (values
    ('update season_milestones set due_on = due_on + 7'), ('insert into season_milestone_templates values (1, ''x'', ''x'')')) as s (statement);
reset role;

-- Planned again.
create temp table told as select m.* from season_milestones as m;
select is(plan_season('Spargel', 2027), 0, 'a plan made twice is made once');
select set_eq('select * from season_milestones', 'select * from told', 'and nothing is touched');
update season_milestone_templates set owner = 'nights' where task in ('Capacity plan', 'War room');
select is(plan_season('Spargel', 2027), 1, 'another owner is told where nobody has entered one');
update season_milestone_templates set owner = 'platform' where task in ('Capacity plan', 'Freeze of changes');
update season_milestone_templates set offset_days = -10 where task = 'Provisioning';
delete from season_milestone_templates where task in ('Warm-up', 'Final load test');
update seasons set first_month = 5 where season = 'Spargel';
select plan_season('Spargel', 2027);
select results_eq($$select milestone, task, due_on, owner, status from season_milestones where season = 'Spargel' and task ~ '^(Cap|Fre|Prov|Final)' order by due_on, task$$,
    $$values ('T-30', 'Capacity plan', date '2027-04-01', 'Ada', 'IN_PROGRESS'), ('T-10', 'Provisioning', '2027-04-21', 'operations', 'PLANNED'),
             ('T-7', 'Freeze of changes', '2027-04-24', 'platform', 'PLANNED')$$,
    'it follows seasons and templates, but what a person has entered stays');
select results_eq($$select distinct starts_on, (select status from season_milestones where season = 'Spargel' and task = 'Warm-up') from season_milestones where season = 'Spargel'$$,
    $$values (date '2027-05-01', 'SKIPPED')$$, 'also what is in no template any more');

-- As of a day, which is the business zone's.
create temp table moments (at timestamptz, urgency text);
insert into moments values ('2026-11-23 22:59+00', 'LATER'), ('2026-11-23 23:00+00', 'DUE_SOON'), ('2026-12-01 22:59+00', 'DUE_SOON'), ('2026-12-01 23:00+00', 'OVERDUE'), ('2027-06-01', 'OVERDUE');
select is((select m.urgency from season_milestones_at(t.at) as m where m.season = 'Karneval' and m.task = 'War room'), t.urgency, format('at %s a task of 2026-12-01 is %s', t.at, t.urgency))
  from moments as t;
select is((select string_agg(distinct m.season || ' ' || m.year, ', ') from season_milestones_at('2026-10-01') as m where m.is_at_hand), 'Karneval 2026', 'at hand is the season that comes next');
update season_milestones set status = 'DONE', evidence = 'x', done_at = now(), done_by = 'x' where due_on < '2027-02-07';
select is((select string_agg(distinct m.season || ' ' || m.year, ', ') from season_milestones_at('2027-02-07 12:00+01') as m where m.is_at_hand), 'Fasten 2027, Karneval 2026, Neujahr 2027',
    'those that are reviewed on this day');
select is((select string_agg(distinct m.season || ' ' || m.year, ', ') from season_milestones_at('2027-03-01 12:00+01') as m where m.is_at_hand and m.urgency is distinct from 'OVERDUE'),
    'Fasten 2027, Spargel 2027',
    'and one that begins on it, beside the next');
select is((select string_agg(distinct m.season || ' ' || m.year || ' ' || m.task, ', ') from season_milestones_at('2027-02-08 12:00+01') as m where m.is_at_hand and m.season <> 'Fasten'),
    'Karneval 2026 Review, Neujahr 2027 Review', 'and later what of them is overdue');
select is((select urgency from v_season_milestones where status = 'DONE' limit 1), null, 'what has ended is not urgent');

-- What nobody has to think of.
delete from season_milestones;
delete from seasons where season in ('Karneval', 'Fasten', 'Neujahr');
select plan_seasons('2026-10-31 22:59+00');
select is((select string_agg(distinct season || ' ' || starts_on, ', ') from season_milestones), 'Oktoberfest 2027-09-01, Spargel 2027-05-01, Weihnachten 2026-11-01',
    'every season''s next turn is planned');
select plan_seasons('2026-10-31 23:00+00');
select is((select string_agg(distinct starts_on::text, ', ') from season_milestones where season = 'Weihnachten'), '2026-11-01, 2027-11-01', 'the one after it as soon as it begins');
select is(plan_seasons('2026-11-01 12:00+01'), 0, 'once');
update season_milestone_templates set offset_days = -12 where task = 'Provisioning';
select is(plan_seasons('2026-11-02 12:00+01'), 6, 'the one that runs is left alone');

-- A database that is made in the middle of a season.
delete from season_milestones;
select plan_seasons('2026-11-29 12:00+01');
select is((select string_agg(distinct season || ' ' || year, ', ') from season_milestones), 'Oktoberfest 2027, Spargel 2027, Weihnachten 2026, Weihnachten 2027',
    'the season that runs is planned, too');
select is((select count(*) from season_milestones_at('2026-11-29 12:00+01') where urgency = 'OVERDUE'), 0::bigint, 'what was due before there was a calendar is not overdue');
select results_eq($$select task, due_on, status, urgency from season_milestones_at('2026-12-31 12:00+01') where starts_on = '2026-11-01' and task in ('War room', 'Review') and is_at_hand$$,
    $$values ('War room', date '2026-11-01', 'PLANNED', null::text), ('Review', '2027-01-07', 'PLANNED', 'DUE_SOON')$$, 'but listed, and its review is due');
select is((select string_agg(task, ', ') from season_milestones_at('2027-01-08 12:00+01') where urgency = 'OVERDUE'), 'Review', 'what was due later is overdue when nobody does it');
select is(plan_seasons('2026-11-30 12:00+01'), 0, 'planned again, it stays as it is');
delete from season_milestones;
select plan_seasons('2027-01-07 12:00+01');
select is((select string_agg(distinct season || ' ' || year, ', ') from season_milestones), 'Oktoberfest 2027, Spargel 2027, Weihnachten 2026, Weihnachten 2027',
    'so is one that is still to be reviewed');
delete from season_milestones;
select plan_seasons('2027-01-08 12:00+01');
select is((select string_agg(distinct season || ' ' || year, ', ') from season_milestones), 'Oktoberfest 2027, Spargel 2027, Weihnachten 2027', 'and one that is over is not');
delete from season_milestones;
select plan_seasons('2027-05-01 12:00+02');
select is((select string_agg(distinct season || ' ' || year, ', ') from season_milestones), 'Oktoberfest 2027, Spargel 2027, Spargel 2028, Weihnachten 2027', 'one that begins today runs');
select is((select urgency from season_milestones_at('2027-05-01 12:00+02') where season = 'Spargel' and year = 2027 and task = 'War room'), 'DUE_SOON', 'and what is due today is to be done');
delete from season_milestones;
select plan_seasons('2027-04-20 12:00+02');
select is((select string_agg(task, ', ' order by due_on, task) from season_milestones_at('2027-05-01 12:00+02') where urgency = 'OVERDUE'),
    'Freeze of changes, Check of the escalation, Snapshot of the database',
    'of a calendar that is made late, what was still to come is overdue when its day has passed');

select * from finish();
rollback;
