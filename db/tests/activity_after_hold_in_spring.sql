-- A hold pushes deadlines by seconds, an activity restarts its clock by the calendar. Where a hold has pushed R
-- over the night in which summer time begins, an activity at the hold's end makes R an hour earlier: what the
-- short way leaves must be what a computation leaves. From two winters ago to next spring, whatever today is.
begin;
select plan(5);

create function pg_temp.day(p_years integer, p_month integer, p_day integer) returns date language sql as $$
    select make_date(extract(year from now())::integer + p_years, p_month, p_day)
$$;
insert into protection_policies (policy, version, base_term, activity_interval)
values ('long', 1, '9 years', make_interval(days => pg_temp.day(1, 3, 20) - pg_temp.day(-1, 1, 15)));
insert into sales_users (user_id, policy) values (7, 'long');
insert into leads (id, user_id, created_at)
values (1, 7, (pg_temp.day(-1, 1, 15) + time '09:00') at time zone 'Europe/Berlin'),
       (2, 7, (pg_temp.day(-1, 1, 15) + time '23:30') at time zone 'Europe/Berlin');
insert into lead_holds (lead_id, user_id, reason, start_at, end_at)
select l.id, 7, 'price list', l.created_at, l.created_at + interval '480 hours' from leads as l;
-- Before R's date as it stands; on R's date once the activity is entered.
insert into lead_reminders (lead_id, user_id, window_start, sent_at) values (2, 7, pg_temp.day(1, 4, 9), now());
select is((select (c.reminder_due_at at time zone 'Europe/Berlin')::timestamp from internal.lead_clocks as c where c.lead_id = 1), pg_temp.day(1, 4, 9) + time '10:00',
    'a hold has pushed R over the clock change');
select is((select state from v_user_lead_protection where id = 2), 'PROTECTED', 'a reminder before R''s date does not count');
insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
select l.id, 7, 'QUALIFIED_CALL', l.created_at + interval '480 hours' from leads as l;
select is((select (c.reminder_due_at at time zone 'Europe/Berlin')::timestamp from internal.lead_clocks as c where c.lead_id = 1), pg_temp.day(1, 4, 9) + time '09:00',
    'an activity at its end makes R an hour earlier');
select is((select state from v_user_lead_protection where id = 2), 'GRACE', 'and on its date now the reminder counts');
select is_empty($$select * from verify_lead_protection()$$, 'the sweep looks in time, and the stored rows are what the facts come to');
select * from finish();
rollback;
