-- Does the mail get out? Asked only where mail is configured; what bounced is somebody's to put right.
create or replace function internal.inspect_mail() returns setof public.readiness_finding
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select 'mail',
           case when m.stuck > 0 then 'WARN' else 'OK' end,
           format('%s pending, %s bounced, %s unknown', m.pending, m.bounced, m.stuck - m.bounced)
           || coalesce('; last error: ' || m.error, ''),
           case
               when m.stuck > 0
                   then 'See leadguard mail --list. A corrected address is tried at once; else resend_mail_messages or replace_mail_by_events.'
           end
      from (
          select count(*) filter (where x.state in ('PENDING', 'CLAIMED', 'SENDING')) as pending,
                 count(*) filter (where x.state = 'BOUNCED') as bounced,
                 count(*) filter (where x.state in ('BOUNCED', 'UNKNOWN')) as stuck,
                 left(
                     (array_agg(x.last_error order by x.id desc) filter (where x.state in ('BOUNCED', 'UNKNOWN')))[1],
                     200
                 ) as error
            from public.mail_messages as x
           where x.state <> 'SENT'
      ) as m
     where m.stuck > 0
        or public.mail_sender() is not null
$$;
comment on function internal.inspect_mail() is 'Findings on the reminder mail, as of now; none where it is not configured.';
revoke all on function internal.inspect_mail() from public;
