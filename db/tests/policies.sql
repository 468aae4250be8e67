-- Contracts are individual and never rewritten: a change is a new version for periods that start later.
begin;
select plan(48);
set local time zone 'Europe/Berlin';

insert into protection_policies (policy, version, base_term, activity_interval, grace_period, time_zone, valid_from) values
    ('premium', 1, '12 months', '90 days', '14 days', 'Europe/Berlin', '2024-01-01'),
    ('overseas', 1, '6 months', '60 days', '10 days', 'America/New_York', '2024-01-01'),
    ('standard', 2, '3 months', '30 days', '5 days', 'Europe/Berlin', '2025-06-01');
insert into sales_users (user_id, policy) values (70, 'premium'), (71, 'overseas'), (72, 'standard');
insert into leads (id, user_id, created_at) values
    (1, 70, '2025-01-10 09:00'), (2, 71, '2025-01-19 09:00'), (3, 72, '2025-05-31 23:59:59'), (4, 72, '2025-06-01'), (5, 7, '2025-06-02'), (6, 7, '2023-01-10'),
    (7, 70, now() - interval '10 days');

select results_eq(
    $$select policy, base_expires_at, reminder_due_at, grace_ends_at from lead_protection_at(1, '2025-01-11')$$,
    $$values ('premium', timestamptz '2026-01-10 09:00', timestamptz '2025-04-10 09:00', timestamptz '2025-04-24 09:00')$$,
    'a user''s contract is the policy of his row in sales_users'
);
select is((select reminder_due_at from lead_protection_at(2, '2025-02-11')), timestamptz '2025-03-20 08:00',
    'calendar intervals are added in the policy''s zone: New York changed its clocks before Berlin did');
select results_eq(
    $$select id, policy, base_expires_at from v_user_lead_protection where id in (3, 4, 5, 6) order by id$$,
    $$values (3::bigint, 'standard', timestamptz '2025-11-30 23:59:59'), (4, 'standard', '2025-09-01'), (5, 'standard', '2025-09-02'), (6, 'standard', '2023-07-10')$$,
    'a period takes the version in force when it starts; version 1 also serves earlier ones; without a row the contract is standard'
);
select results_eq(
    $$select lead_id, policy_version from lead_protection_periods where lead_id in (3, 4, 5, 6) order by lead_id$$,
    $$values (3::bigint, 1), (4, 2), (5, 2), (6, 1)$$,
    'and is pinned to it'
);
update leads set created_at = '2025-05-20' where id = 5;
select results_eq(
    $$select p.policy_version, v.base_expires_at from lead_protection_periods as p join v_user_lead_protection as v on v.id = p.lead_id where p.lead_id = 5$$,
    $$values (1, timestamptz '2025-11-20')$$,
    'a corrected start takes the version in force then: the facts alone decide'
);
insert into protection_policies (policy, version, base_term, valid_from) values ('premium', 2, '1 month', now() - interval '30 days');
select is((select base_expires_at from v_user_lead_protection where id = 7), now() - interval '10 days' + interval '12 months', 'a new version does not rewrite a running period, even where it is valid from before');
insert into lead_activities (lead_id, user_id, activity_type) values (7, 70, 'QUALIFIED_CALL');
select is((select base_expires_at from v_user_lead_protection where id = 7), now() - interval '10 days' + interval '12 months', 'not even when facts are entered afterwards');
insert into leads (id, user_id) values (8, 70);
select is((select base_expires_at from v_user_lead_protection where id = 8), now() + interval '1 month', 'periods that start later take the new version');
update leads set user_id = 72 where id = 7;
select results_eq($$select v.policy, p.policy_version from v_user_lead_protection as v join lead_protection_periods as p on p.lead_id = v.id and p.ended_at is null where v.id = 7$$,
    $$values ('standard', 2)$$, 'a transfer starts a period under the new user''s contract');
update sales_users set policy = 'premium' where user_id = 72;
select is((select policy from v_user_lead_protection where id = 7), 'standard', 'a new contract of the user does not touch running periods');
insert into leads (id, user_id) values (9, 72);
select is((select policy from v_user_lead_protection where id = 9), 'premium', 'but the next');

select throws_ok($$update protection_policies set base_term = '7 months' where policy = 'standard' and version = 1$$, 'LP020', null, 'a version is not changed');
select throws_ok($$update protection_policies set valid_from = now() where policy = 'standard' and version = 2$$, 'LP020', null, 'nor its validity');
select throws_ok($$delete from protection_policies where policy = 'standard' and version = 1$$, 'LP020', null, 'nor is one deleted');
select throws_ok($$insert into protection_policies (policy, version) values ('standard', 1)$$, '23505', null, 'nor entered twice');
select throws_ok($$update activity_types set is_qualified = true where activity_type = 'EMAIL_SENT'$$, 'LP020', null, 'an activity type keeps its meaning');
select throws_ok($$delete from activity_types where activity_type = 'SYSTEM_NOTE'$$, 'LP020', null, 'and stays in the list');
insert into activity_types (activity_type, is_qualified) values ('TASTING', true);
select lives_ok($$insert into lead_activities (lead_id, user_id, activity_type) values (9, 72, 'TASTING')$$, 'the list is data: a new type is known at once');
select is((select last_qualified_activity_at from v_user_lead_protection where id = 9), now(), 'and counts');

select throws_ok($$insert into sales_users (user_id, policy) values (80, 'no such contract')$$, 'LP019', null, 'a user cannot have a contract that does not exist');
select throws_ok($$update sales_users set policy = 'no such contract' where user_id = 70$$, 'LP019', null, 'nor be given one');
select throws_ok($$insert into sales_users (user_id, policy) values (80, null)$$, null, null, 'nor have none');
select throws_ok($$insert into sales_users (user_id, locale) values (80, 'fr')$$, '23514', null, 'locales are de and en');
select throws_ok(format('insert into protection_policies (policy, %I) values (%L, %L)', c.name, 'absurd', c.value), c.code, null, format('a policy with %s = %s is refused', c.name, c.value))
  from (values ('base_term', '0', '23514'), ('base_term', '-6 months', '23514'), ('activity_interval', '-60 days', '23514'), ('grace_period', '0', '23514'),
               ('max_hold', '-1 day', '23514'), ('base_term', '1001 years', '23514'), ('activity_interval', '7900 years', '23514'), ('grace_period', '292000 years', '23514'),
               ('base_term', '1 month -40 days', '23514'), ('base_term', '1 month -29 days', '23514'), ('base_term', '71582789 months -2147483640 days', '23514'),
               ('activity_interval', '2 days -24:00:01', '23514'), ('grace_period', '-1 month 31 days', '23514'), ('max_hold', '1 year -1 day', '23514'),
               ('max_hold', '400000 days', '23514'), ('version', '0', '23514'), ('reminder_digest_threshold', '0', '23514'), ('time_zone', 'Mars/Olympus', '22023')) as c (name, value, code);
select lives_ok(
    $$insert into protection_policies (policy, base_term, activity_interval, grace_period, max_hold) values ('parts', '1 year 2 months 3 days', '1 day 12 hours', '0.5 seconds', '90 minutes')$$,
    'terms of several parts are taken'
);
select ok(internal.is_forward(i), i || ' leads ahead') from unnest(array[interval '1 month 2 days 3 hours', '1 microsecond']) as i;
select throws_ok($$insert into protection_policies (policy) values ('  ')$$, '23514', null, 'a policy has a name');
select results_eq(
    $$select base_term, activity_interval, grace_period, max_hold, time_zone, reminder_digest_threshold from protection_policies where policy = 'standard' and version = 1$$,
    $$values (interval '6 months', interval '60 days', interval '10 days', interval '6 months', 'Europe/Berlin', 5)$$,
    'the standard contract is 6M + 60T + 10T in Berlin'
);
select is_empty($$select * from verify_lead_protection() where lead_id <= 9$$, 'what is stored is what the facts come to');

-- A zone has its summer time; an abbreviation and a rule stay where they are all year.
select results_eq(
    $$select z, internal.is_time_zone(z) from unnest(array['America/New_York', 'CET', 'Europe/Berlin', 'FOO3', 'GMT', 'Middle/Earth', 'UTC', 'cet']) as z$$,
    $$values ('America/New_York', true), ('CET', false), ('Europe/Berlin', true), ('FOO3', false), ('GMT', true), ('Middle/Earth', false), ('UTC', true), ('cet', false)$$,
    'which names are zones');

select * from finish();
rollback;
