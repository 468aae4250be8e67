-- Read live: a queue that grows is to be seen at once.
create or replace view public.metric_mail_messages_pending as
select count(*)::double precision as value
from public.mail_messages as m
where m.state in ('PENDING', 'CLAIMED', 'SENDING');
comment on view public.metric_mail_messages_pending is 'Reminder mail not yet accepted by the mail server, nor stuck.';
grant select on public.metric_mail_messages_pending to lead_exporter, lead_operations;
