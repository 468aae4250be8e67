-- What no retry will bring out: somebody has to look.
create or replace view public.metric_mail_messages_stuck as
select
    s.state,
    count(m.id)::double precision as value
from (values ('BOUNCED'), ('UNKNOWN')) as s (state)
left join public.mail_messages as m on s.state = m.state
group by s.state;
comment on view public.metric_mail_messages_stuck is
    'Reminder mail that waits for operations: BOUNCED (refused for good), UNKNOWN (twice not known whether accepted).';
grant select on public.metric_mail_messages_stuck to lead_exporter, lead_operations;
