-- Counted where it is recorded: no purge makes it fall.
create or replace view public.metric_mail_messages_total as
select
    c.outcome,
    c.messages::double precision as value
from internal.mail_counts as c;
comment on view public.metric_mail_messages_total is
    'Reminder mail by outcome: sent (accepted by the mail server), bounced (refused for good), unknown (not known whether accepted; sent again).';
grant select on public.metric_mail_messages_total to lead_exporter, lead_operations;
