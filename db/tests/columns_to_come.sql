-- A release changes tables first and its functions last: until then those of the release before work on with tables that
-- have columns they do not know, also in sessions that began before. Who registers a lead meanwhile must not notice.
begin;
select plan(5);
set local client_min_messages = warning;
update settings set value = 'Leadguard <leadguard@example.org>' where name = 'mail_from';
insert into sales_users (user_id, display_name, email) values (7, 'Kim', 'kim@example.org'), (8, 'Bo', null);

create procedure pg_temp.story(p_first bigint) language plpgsql as $$
declare
    v_token bigint;
    v_ids bigint[];
begin
    insert into leads (id, user_id, created_at)
    select p_first + n, 7, now() - make_interval(days => 40 + 10 * n) from generate_series(1, 6) as n;
    insert into leads (id, user_id) values (p_first + 7, 8);
    insert into lead_activities (lead_id, user_id, activity_type) values (p_first + 2, 7, 'QUALIFIED_CALL');
    insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
    select p_first + n, 7, 'EMAIL_SENT', now() - interval '1 day' from generate_series(1, 5) as n;
    insert into lead_activities (lead_id, user_id, activity_type, occurred_at)
    select p_first + n, 7, 'CUSTOMER_REACTION', now() - interval '2 days' from generate_series(1, 2) as n;
    call create_lead_hold(p_first + 1, 7, 'FreshFoodz owes a price list');
    call release_lead_hold(p_first + 1, 7);
    call extend_lead_protection(p_first + 1, 7, '1 month', 'a fair');
    update leads set converted_at = now() where id = p_first + 2;
    update leads set user_id = 8 where id = p_first + 1;
    perform dispatch_due_reminders();
    perform compose_mail_messages();
    select max(c.token), array_agg(c.id) into v_token, v_ids from claim_outbox_events('a publisher') as c;
    perform acknowledge_outbox_events(v_token, v_ids);
    perform replay_outbox_events(p_lead_id => p_first + 1);
    select max(c.token), array_agg(c.id) into v_token, v_ids from claim_outbox_events('a publisher') as c;
    perform refuse_outbox_events(v_token, array[v_ids[1]], array['no'], p_final => array[true]);
    perform acknowledge_outbox_events(v_token, v_ids[2:]);
    perform discard_outbox_events(array(select d.id from outbox_dead_letters as d));
    update lead_reminders set sent_at = now() where lead_id = p_first + 3;
    update lead_activities set occurred_at = occurred_at - interval '1 hour' where lead_id = p_first + 4;
    delete from lead_activities where lead_id = p_first + 5;
    perform handle_module_event(jsonb_build_object(
        'event_id', gen_random_uuid(), 'event_type', 'lead.created', 'lead_id', p_first + 8, 'user_id', 7,
        'created_at', now() - interval '8 months'
    ));
    perform expire_due_protections();
    call reinstate_lead_protection(p_first + 8, 7, 'agreed with the customer');
    insert into sample_requests (lead_id, user_id, product_type, urgency) values (p_first + 7, 8, 'fish', 'high');
    update sample_requests set status = 'DELIVERED' where lead_id = p_first + 7;
    insert into event_catering_requests (lead_id, user_id, event_type, capacity_tier, requested_at)
    values (p_first + 7, 8, 'wedding', 'L', now() - interval '3 hours');
    perform record_catering_breaches();
    delete from leads where id = p_first + 7;
end
$$;
create function pg_temp.outcome(p_first bigint) returns setof text language sql as $$
    select concat_ws(' ', v.id - p_first, v.user_id, v.state, v.protection_expires_at, v.reminder_due_at,
                     (select string_agg(e.effect, '; ' order by e.step) from explain_lead_protection(v.id) as e),
                     (select string_agg(o.event_type, ', ' order by o.id)
                        from (select a.id, a.event_type, a.lead_id from outbox_archive as a
                               union all select w.id, w.event_type, w.lead_id from outbox as w) as o
                       where o.lead_id = v.id))
      from v_user_lead_protection as v
     where v.id between p_first and p_first + 99
     order by v.id
$$;

select lives_ok('call pg_temp.story(100)', 'a session that has used everything');
set constraints all immediate;
-- What refresh_figures() alone writes and reads by the columns' places may wait for its next minute.
do $$
declare
    v_table regclass;
begin
    for v_table in
        select c.oid from pg_class as c
         where c.relnamespace in ('public'::regnamespace, 'internal'::regnamespace) and c.relkind in ('r', 'p')
           and not c.relispartition and c.relname !~ '^_?yoyo' and c.relname not in ('figure_deltas', 'figure_gauges')
    loop
        execute format('alter table %s add column of_next_release text', v_table);
    end loop;
end
$$;
select lives_ok('call pg_temp.story(200)', 'goes on where each table has a column more');
select results_eq('select pg_temp.outcome(200)', 'select pg_temp.outcome(100)', 'with the same result');
select is_empty('select * from verify_lead_protection()', 'that is right');
select lives_ok(
    $$select refresh_figures(), make_outbox_partitions(), season_at(), capacity_recommendation(50, 0.2, 'off-season')$$,
    'figures, partitions and seasons go on, too'
);

select * from finish();
rollback;
