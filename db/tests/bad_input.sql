-- What clients get wrong, by mistake or on purpose: each is refused with its code, and nothing of it stays.
begin;
select plan(149);
set local time zone 'Europe/Berlin';
set local client_min_messages = warning;

insert into leads (id, user_id, created_at) values (1, 7, now() - interval '20 days');
insert into lead_activities (id, lead_id, user_id, activity_type, occurred_at) values (9000000000001, 1, 7, 'QUALIFIED_CALL', now() - interval '1 day');
insert into lead_holds (id, lead_id, user_id, reason, start_at, end_at) values (9000000000001, 1, 7, 'x', now() - interval '2 days', now() - interval '1 day');
insert into lead_reminders (id, lead_id, user_id, window_start) values (9000000000001, 1, 7, current_date - 30);
create temp table before as
select (select jsonb_agg(to_jsonb(x) order by x.id) from leads as x) as leads, (select jsonb_agg(to_jsonb(x) order by x.id) from lead_activities as x) as activities,
       (select jsonb_agg(to_jsonb(x) order by x.id) from lead_holds as x) as holds, (select jsonb_agg(to_jsonb(x)) from v_user_lead_protection as x) as view,
       (select count(*) from outbox) as outbox;

-- Moments.
select throws_ok(format(s.statement, m.moment), c.code, null, format('%s: %s', s.says, m.says))
  from (values
      ('insert into leads (user_id, created_at) values (7, %L)', 'a lead registered'),
      ('update leads set created_at = %L where id = 1', 'a start corrected'),
      ('insert into leads (user_id, converted_at) values (7, %L)', 'a lead registered as converted'),
      ('update leads set converted_at = %L where id = 1', 'a conversion'),
      ('insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (1, 7, ''QUALIFIED_CALL'', %L)', 'an activity'),
      ('insert into lead_activities (lead_id, user_id, activity_type, occurred_at) values (1, 7, ''EMAIL_SENT'', %L)', 'an activity that does not count'),
      ('update lead_activities set occurred_at = %L where id = 9000000000001', 'a corrected activity'),
      ('insert into lead_holds (lead_id, user_id, reason, start_at) values (1, 7, ''x'', %L)', 'a hold'),
      ('update lead_holds set start_at = %L, end_at = null where id = 9000000000001', 'a corrected hold'),
      ('insert into lead_reminders (lead_id, user_id, window_start, sent_at) values (1, 7, current_date, %L)', 'a sent reminder'),
      ('update lead_reminders set sent_at = %L where id = 9000000000001', 'a reminder marked as sent'),
      ('insert into lead_extensions (lead_id, user_id, extension, reason, granted_at) values (1, 7, ''1 day'', ''x'', %L)', 'an extension'),
      ('call create_lead_hold(1, 7, ''x'', start_at => %L)', 'create_lead_hold'),
      ('select record_qualified_activity(1, 7, ''QUALIFIED_CALL'', %L)', 'record_qualified_activity'),
      ('select expire_due_protections(10, %L)', 'expire_due_protections'),
      ('select dispatch_due_reminders(10, %L)', 'dispatch_due_reminders')
  ) as s (statement, says)
 cross join (values
      ('infinity', 'LP00[67]', 'for ever'),
      ('-infinity', 'LP006', 'since ever'),
      ('294276-12-31 00:00+00', 'LP00[67]', 'the year 294276'),
      ('1999-12-31 23:59:59+00', 'LP006', 'the year 1999'),
      ('2101-01-01 00:00+00', 'LP00[67]', 'the year 2101'),
      ('4713-01-01 00:00+00 BC', 'LP006', 'the year 4713 BC')
  ) as m (moment, pattern, says)
 cross join lateral (
      -- A future moment is out of range and in the future at once: which of the two is said does not matter.
      select case when m.pattern = 'LP006' then 'LP006' when s.statement ~ 'expire_due|dispatch_due' then 'LP007' else 'LP006' end as code
  ) as c;
select throws_ok($$select * from lead_protection_at(1, 'infinity')$$, 'LP006', null, 'lead_protection_at: for ever');
select throws_ok($$select * from lead_protection_at(1, '1999-12-31 00:00+00')$$, 'LP006', null, 'lead_protection_at: the last century');
select throws_ok($$select * from user_lead_protection_at('294276-01-01 00:00+00')$$, 'LP006', null, 'user_lead_protection_at: the year 294276');
select throws_ok($$insert into lead_holds (lead_id, user_id, reason, end_at) values (1, 7, 'x', 'infinity')$$, 'LP006', null, 'a hold until eternity');
select throws_ok($$insert into lead_holds (lead_id, user_id, reason, end_at) values (1, 7, 'x', '294276-01-01 00:00+00')$$, 'LP006', null, 'a hold until the year 294276');
select throws_ok($$insert into lead_reminders (lead_id, user_id, window_start, due_at) values (1, 7, current_date, 'infinity')$$, 'LP006', null, 'a reminder due in eternity');
select throws_ok($$insert into lead_activities (lead_id, user_id, activity_type, created_at) values (1, 7, 'QUALIFIED_CALL', 'infinity')$$, 'LP006', null, 'an activity entered in eternity');
select throws_ok($$insert into lead_holds (lead_id, user_id, reason, created_at) values (1, 7, 'x', '-infinity')$$, 'LP006', null, 'a hold entered before time');
select throws_ok($$insert into leads (user_id, created_at) values (7, now() + interval '5 minutes 1 second')$$, 'LP007', null, 'five minutes and a second ahead is the future');
select throws_ok($$select expire_due_protections(10, now() + interval '1 microsecond')$$, 'LP007', null, 'a sweep does not look ahead by a microsecond');
select throws_ok($$select expire_due_protections(0)$$, 'LP022', null, 'a sweep of none');
select throws_ok($$select expire_due_protections(-5)$$, 'LP022', null, 'a sweep of fewer');
select throws_ok($$select expire_due_protections(null)$$, 'LP022', null, 'a sweep of null');
savepoint skewed;
insert into leads (id, user_id, created_at, converted_at) values (2, 7, now() + interval '5 minutes', now() + interval '5 minutes');
select results_eq('select created_at, converted_at from leads where id = 2', 'values (now(), now())', 'five minutes ahead is clock skew: set to now');
rollback to skewed;

-- Names that are SQL.
savepoint hostile;
insert into leads (id, user_id, company_name, city, contact_name, contact_email, contact_phone)
select 3, 7, x, x, x, x, x from (values ($x$Robert'); drop table leads; --$x$)) as h (x);
insert into lead_activities (lead_id, user_id, activity_type, summary) values (3, 7, 'QUALIFIED_CALL', $x$'; drop table lead_activities; -- <script>alert(1)</script> =1+1 %s$x$);
call create_lead_hold(3, 7, $x$'; drop table lead_holds; -- %s$x$);
call extend_lead_protection(3, 7, '1 day', $x$'; drop table lead_extensions; -- %s$x$);
select results_eq(
    $$select l.company_name, a.summary, h.reason, e.reason from leads as l
        join lead_activities as a on a.lead_id = l.id join lead_holds as h on h.lead_id = l.id join lead_extensions as e on e.lead_id = l.id where l.id = 3$$,
    $q$values ($x$Robert'); drop table leads; --$x$, $x$'; drop table lead_activities; -- <script>alert(1)</script> =1+1 %s$x$, $x$'; drop table lead_holds; -- %s$x$, $x$'; drop table lead_extensions; -- %s$x$)$q$,
    'a name, a summary and a reason are data, kept as they are'
);
select lives_ok($$select * from v_user_lead_protection where id = 3$$, 'and the tables are still there');
select throws_ok($x$insert into lead_activities (lead_id, user_id, activity_type) values (1, 7, '''; drop table leads; --')$x$, 'LP008', null, 'a hostile type is an unknown type');
select throws_ok($x$select record_qualified_activity(1, 7, '%s %1$s %n''; drop table leads; --')$x$, 'LP008', null, 'a type of format marks too');
select throws_ok($x$insert into sales_users (user_id, policy) values (1, '''; drop table leads; --')$x$, 'LP019', null, 'a hostile policy is an unknown policy');
rollback to hostile;

-- TRUNCATE, ids, keys. Where foreign keys of new activities wait for the end of the transaction, PostgreSQL refuses first.
select throws_ok('truncate lead_activities', '55006', null, 'TRUNCATE right after activities were written');
set constraints all immediate;
select throws_ok(format('truncate %s cascade', t.name), 'LP015', null, format('TRUNCATE of %s', t.name))
  from unnest(array['leads', 'lead_activities', 'lead_holds', 'lead_reminders', 'lead_extensions', 'lead_protection_periods', 'sales_users', 'outbox',
                    'protection_policies', 'activity_types']) as t (name);
select throws_ok($$update leads set id = 4 where id = 1$$, 'LP013', null, 'a changed lead id');
select throws_ok($$update leads set id = null where id = 1$$, 'LP013', null, 'a lead id taken away');
select throws_ok($$insert into leads (id, user_id) values (1, 7)$$, '23505', null, 'a lead id used twice');
select throws_ok($$insert into leads (id) values (5)$$, '23502', null, 'a lead of nobody');
select throws_ok($$update leads set user_id = null where id = 1$$, '23502', null, 'a lead taken from its user and given to nobody');
select throws_ok($$update leads set created_at = null where id = 1$$, '23502', null, 'a lead that never began');
select throws_ok($$insert into lead_activities (user_id, activity_type) values (7, 'QUALIFIED_CALL')$$, 'LP001', null, 'an activity of no lead');
select throws_ok($$insert into lead_holds (user_id, reason) values (7, 'x')$$, 'LP001', null, 'a hold of no lead');
select throws_ok(format('with l as (insert into leads (user_id) values (7) returning id, user_id) %s', s.statement), 'LP001', null, format('%s and its lead in one statement', s.says))
  from (values
      ('insert into lead_reminders (lead_id, user_id, window_start) select id, user_id, current_date from l', 'a reminder'),
      ('insert into lead_extensions (lead_id, user_id, extension, reason) select id, user_id, ''1 day'', ''x'' from l', 'an extension'),
      ('select activate_lead_protection(id, user_id) from l', 'an activation')
  ) as s (statement, says);
select throws_ok($$insert into lead_reminders (lead_id, user_id, window_start) values (777, 7, current_date)$$, 'LP001', null, 'a reminder of an unknown lead');
select throws_ok($$insert into lead_reminders (lead_id, user_id, window_start) values (1, 7, current_date - 30)$$, '23505', null, 'a window used twice');
select throws_ok($$insert into lead_reminders (lead_id, user_id, window_start, reminder_type) values (1, 7, current_date, 'OTHER')$$, '23514', null, 'an unknown type of reminder');
select throws_ok($$insert into lead_reminders (lead_id, user_id, window_start, channel) values (1, 7, current_date, 'FAX')$$, '23514', null, 'an unknown channel');
select throws_ok($$call extend_lead_protection(1, 7, '-1 month', 'x')$$, 'LP010', null, 'a negative extension');
select throws_ok($$insert into lead_extensions (lead_id, user_id, extension, reason) values (1, 7, '1 month -40 days', 'x')$$, 'LP010', null, 'an extension of mixed signs, inserted directly');
select throws_ok($$call create_lead_hold(1, 7, E'\t\t')$$, 'LP004', null, 'a reason of nothing but tabs');
select throws_ok($$call create_lead_hold(1, 7, E'\x0b\f')$$, 'LP004', null, 'a reason of nothing but vertical tabs and form feeds');
select throws_ok($$call extend_lead_protection(1, 7, '1 day', E'\t\t')$$, 'LP004', null, 'an extension''s reason of nothing but tabs');
select throws_ok($$call reinstate_lead_protection(1, 7, E'\t\t')$$, 'LP004', null, 'a reinstatement''s reason of nothing but tabs');

select results_eq(
    $$select (select jsonb_agg(to_jsonb(x) order by x.id) from leads as x), (select jsonb_agg(to_jsonb(x) order by x.id) from lead_activities as x),
             (select jsonb_agg(to_jsonb(x) order by x.id) from lead_holds as x), (select jsonb_agg(to_jsonb(x)) from v_user_lead_protection as x),
             (select count(*) from outbox)$$,
    'select * from before', 'of all that was refused nothing stays'
);

-- Every error speaks to people as well.
do $$
declare
    v_detail text;
    v_hint text;
    v_message text;
begin
    create temp table said (message text, detail text, hint text);
    begin
        call public.create_lead_hold(4712, 7, 'x');
    exception when sqlstate 'LP001' then
        get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail, v_hint = pg_exception_hint;
        insert into said values (v_message, v_detail, v_hint);
    end;
end
$$;
select results_eq(
    $$select message, detail ~ '4712', hint from said$$, $$select message, true, hint from error_codes where code = 'LP001'$$,
    'a refusal has the message and hint of its code, and names the values'
);

select * from finish();
rollback;
