-- A figure of 24 hours is of 24 hours: not of 23 where the reader's clocks have just gone forward, and whenever that
-- began which happened in them.
begin;
select plan(5);

create function pg_temp.kpi(p_view text, p_kpi text, p_dimension text default null) returns numeric language plpgsql as $$
declare v_value numeric;
begin
    execute format('select value from %I where kpi = %L and dimension is not distinct from %L', p_view, p_kpi, p_dimension) into v_value;
    return v_value;
end $$;

insert into leads (id, user_id, created_at) values (1, 7, now() - interval '7 months');
select is((select count(*)::integer from expire_due_protections(10)), 1, 'a lead runs out');
update lead_protection_periods set recorded_at = now() - interval '84600 seconds' where lead_id = 1;
insert into outbox_archive (id, event_id, event_type, lead_id, user_id, payload, created_at, published_at)
select o.id, o.event_id, o.event_type, o.lead_id, o.user_id, o.payload, o.created_at, now() - interval '84600 seconds' from outbox as o limit 1;
insert into mail_messages (user_id, recipient, locale, state, message_id, created_at, sent_at)
values (7, 'a@b.example', 'de', 'SENT', '<1@b.example>', now() - interval '7 days', now() - interval '84600 seconds');

-- A zone whose summer time began twelve hours ago: a day ago there is 23 hours ago.
select set_config('TimeZone', format('AAA0BBB-1,J%s/%s,J%s/2', d.day, to_char(d.at, 'HH24'), (d.day + 99) % 365 + 1), true)
  from (select t.at, extract(doy from make_date(2027, extract(month from t.at)::integer, least(extract(day from t.at), 28 + 3 * (extract(month from t.at) <> 2)::integer)::integer)) as day
          from (select timezone('UTC', now() - interval '12 hours') as at) as t) as d;
select is(extract(epoch from now() - (now() - interval '1 day')), 82800.0, 'the day before is an hour short');
select is(pg_temp.kpi('monitoring_user_lead', 'expired_24h', 'BASE_TERM'), 1::numeric, 'an expiry recorded 23.5 hours ago is counted');
select is(pg_temp.kpi('monitoring_outbox', 'outbox_published_24h'), 1::numeric, 'so is an event published then');
select is(pg_temp.kpi('monitoring_mail', 'mail_sent_24h'), 1::numeric, 'and a mail that was written a week ago and sent then');

select * from finish();
rollback;
