-- The statements of page 2 that stand in runbooks and the go-live plan: they run exactly as written.
begin;
select plan(14);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;

insert into leads (id, user_id, created_at) values (1, 7, now() - interval '61 days'), (2, 7, now() - interval '10 days'), (3, 8, now());

prepare protection_of (bigint) as select * from v_user_lead_protection where user_id = $1;
select is((select count(*)::integer from v_user_lead_protection where user_id = 7), 2, 'user 7 has two leads');
select lives_ok('execute protection_of(7)', 'the protection of a user''s leads');
select results_eq('execute protection_of(7)', 'select * from v_user_lead_protection where user_id = 7', 'is two rows of the view');

select lives_ok($$call create_lead_hold(2, 7, 'FreshFoodz owes a price list')$$, 'a hold by three plain values');
prepare open_holds (bigint) as select * from lead_holds where lead_id = $1 and end_at is null;
select results_eq('execute open_holds(2)', 'select * from lead_holds where lead_id = 2', 'is found among the open ones');

select is((select count(*)::integer from dispatch_due_reminders(10)), 1, 'a reminder is queued');
update lead_reminders set sent_at = now() - interval '1 hour' where lead_id = 1;
insert into lead_reminders (lead_id, user_id, window_start, sent_at) values (3, 8, current_date, now() - interval '2 days');
select results_eq(
    $$select * from lead_reminders where sent_at > now() - interval '1 day'$$, 'select * from lead_reminders where lead_id = 1',
    'the reminders of the last day'
);
select results_eq(
    $$select count(*) from lead_reminders where window_start = current_date$$, $$values (1::bigint)$$,
    'the reminders of today''s window'
);

select results_eq(
    $$select table_name::text collate "default", column_count >= minimum, constraint_count > 0
        from (
select
  table_name,
  (select count(*) from information_schema.columns where table_name = t.table_name) as column_count,
  (select count(*) from information_schema.table_constraints where table_name = t.table_name) as constraint_count
from information_schema.tables t
where table_name in ('leads', 'lead_holds', 'lead_reminders', 'lead_activities')
order by table_name
        ) as x join (values ('lead_activities', 7), ('lead_holds', 9), ('lead_reminders', 11), ('leads', 9)) as m (name, minimum) on m.name = x.table_name
       order by 1$$,
    $$values ('lead_activities', true, true), ('lead_holds', true, true), ('lead_reminders', true, true), ('leads', true, true)$$,
    'the go-live check finds the four tables once each, with their columns and constraints'
);
select results_eq(
    $$select to_jsonb(x) from (
select 'v_user_lead_protection' as view_name, count(*) as row_count from v_user_lead_protection
union all
select 'monitoring_user_lead' as view_name, count(*) as row_count from monitoring_user_lead
      ) as x$$,
    $$values (jsonb '{"view_name": "v_user_lead_protection", "row_count": 3}'),
             (jsonb_build_object('view_name', 'monitoring_user_lead', 'row_count', (select count(*) from monitoring_user_lead where kpi is not null)))$$,
    'the go-live check counts the rows of both views'
);
select lives_ok($$insert into leads (id, user_id, created_at) values (999999, 1, now() - interval '5 months')$$, 'the go-live check inserts lead 999999');
select results_eq(
    $$select id, user_id, state, protection_expires_at from v_user_lead_protection where id = 999999$$,
    $$select 999999::bigint, 1::bigint, 'REMINDER_DUE', timezone('Europe/Berlin', timezone('Europe/Berlin', now()) + interval '10 days')$$,
    'finds its protection'
);
select lives_ok($$delete from leads where id = 999999$$, 'deletes it');
select is_empty($$select id, user_id, state, protection_expires_at from v_user_lead_protection where id = 999999$$, 'and it is gone');

select * from finish();
rollback;
