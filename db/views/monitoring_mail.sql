-- The reminder mail as a person reads it in psql: what waits, what is stuck, what went out.
create or replace view public.monitoring_mail as
with counted as (
    select
        count(*) filter (where m.state in ('PENDING', 'CLAIMED', 'SENDING')) as pending,
        count(*) filter (where m.state = 'PENDING' and m.attempts > 0) as put_off,
        count(*) filter (where m.state = 'BOUNCED') as bounced,
        count(*) filter (where m.state = 'UNKNOWN') as unknown,
        max(extract(epoch from now() - m.created_at)) filter (where m.state <> 'SENT') as oldest,
        count(*) filter (where m.sent_at > now() - interval '24 hours') as sent
    from public.mail_messages as m
    -- One that was stuck for a week may have been sent today.
    where m.state <> 'SENT' or m.sent_at > now() - interval '24 hours'
)

select
    k.kpi,
    k.dimension,
    -- Judged as it is, rounded for the eye only.
    case when k.kpi = 'mail_oldest_unsent' then round(k.value) else k.value end as value,
    k.unit,
    t.threshold,
    public.kpi_status(k.value, t.comparison, t.threshold, t.tolerated) as status
from counted as c
cross join lateral (
    values
    (1, 'mail_pending', null, c.pending::numeric, 'messages'),
    (2, 'mail_put_off', null, c.put_off, 'messages'),
    (3, 'mail_stuck', 'BOUNCED', c.bounced, 'messages'),
    (4, 'mail_stuck', 'UNKNOWN', c.unknown, 'messages'),
    (5, 'mail_oldest_unsent', null, c.oldest, 'seconds'),
    (6, 'mail_sent_24h', null, c.sent, 'messages')
) as k (n, kpi, dimension, value, unit)
left join public.v_kpi_thresholds as t on k.kpi = t.kpi
order by k.n;
comment on view public.monitoring_mail is
    'Reminder mail now: waiting, put off by the server, stuck (bounced, unknown), age of the oldest not sent, sent in 24 hours; status against its target, null where nothing waits.';
grant select on public.monitoring_mail to lead_operations, grafana_reader;
