-- A worker takes the next messages under a lease; from here on what they tell of goes out. One whose worker died
-- while sending may have been accepted: it is sent again once, under the same Message-ID, and counted as unknown;
-- at the second time it waits for operations.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.claim_mail_messages(
    p_limit integer default 50,
    p_lease interval default interval '5 minutes'
) returns table (
    id bigint,
    token uuid,
    message_id text,
    sender text,
    recipient text,
    display_name text,
    locale text,
    lead_url text,
    activity_types text[],
    reminders jsonb
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_token constant uuid := gen_random_uuid();
    v_lost integer;
begin
    perform internal.checked_limit(p_limit);
    with lost as (
        select m.id, (m.state = 'SENDING')::integer as unknown
          from public.mail_messages as m
         where m.state in ('CLAIMED', 'SENDING') and m.leased_until <= clock_timestamp()
           for update skip locked
    ),
    taken_back as (
        update public.mail_messages as m
           set state = case when m.crashes + l.unknown >= 2 then 'UNKNOWN' else 'PENDING' end,
               unknowns = m.unknowns + l.unknown,
               crashes = m.crashes + l.unknown,
               last_error = case when l.unknown = 1 then 'the worker died while sending it' else m.last_error end,
               token = null, leased_until = null, next_attempt_at = now()
          from lost as l
         where m.id = l.id
        returning l.unknown
    )
    select coalesce(sum(t.unknown), 0) into v_lost from taken_back as t;
    if v_lost > 0 then
        update internal.mail_counts as n set messages = n.messages + v_lost where n.outcome = 'unknown';
    end if;
    return query
        with next as materialized (
            select m.id, a.address, u.display_name, u.locale
              from public.mail_messages as m
              join public.sales_users as u on u.user_id = m.user_id
             cross join lateral internal.mail_address(m.user_id) as a (address)
             where m.state = 'PENDING' and m.next_attempt_at <= now() and a.address is not null
               and exists (select from public.mail_message_reminders as x where x.mail_id = m.id)
             order by m.next_attempt_at, m.id
             limit p_limit
               for update of m skip locked
        ),
        claimed as (
            update public.mail_messages as m
               set state = 'CLAIMED', token = v_token, leased_until = clock_timestamp() + p_lease,
                   recipient = n.address, locale = n.locale
              from next as n
             where m.id = n.id
            returning m.id, m.message_id, m.recipient, n.display_name, m.locale
        )
        select c.id, v_token, c.message_id,
               coalesce(public.mail_sender(), ''),
               c.recipient, c.display_name, c.locale,
               (select nullif(s.value, '') from public.settings as s where s.name = 'mail_lead_url'),
               array(select t.activity_type from public.activity_types as t where t.is_qualified order by 1),
               internal.mail_content(c.id)
          from claimed as c
         order by c.id;
end
$$;
comment on function public.claim_mail_messages(integer, interval) is
    'The next messages for a worker, under a lease and a token, with all that they tell; empty while nothing is to be sent. Errors: LP022.';
revoke all on function public.claim_mail_messages(integer, interval) from public;
grant execute on function public.claim_mail_messages(integer, interval) to lead_worker;
