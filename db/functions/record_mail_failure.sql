-- A message that was not accepted: put off (tried again several times within the hour), refused for good (waits
-- for operations or a new address), or nobody knows (the connection broke before the answer): tried again later
-- under the same Message-ID, as every mail server does.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.record_mail_failure(p_id bigint, p_token uuid, p_outcome text, p_error text)
returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_state text;
begin
    if p_outcome is null or p_outcome not in ('PUT OFF', 'BOUNCED', 'UNKNOWN') then
        perform internal.raise_error('LP044', format('outcome is %L.', p_outcome));
    end if;
    update public.mail_messages as m
       set state = case p_outcome when 'BOUNCED' then 'BOUNCED' else 'PENDING' end,
           unknowns = m.unknowns + (p_outcome = 'UNKNOWN')::integer,
           last_error = left(p_error, 500),
           token = null,
           leased_until = null,
           next_attempt_at = now() + case p_outcome
               when 'UNKNOWN' then least(60, 10 * 2 ^ least(m.unknowns, 10)) * interval '1 minute'
               else least(15, 2 ^ least(m.attempts - 1, 10)) * interval '1 minute'
           end * (0.75 + 0.25 * random())
     where m.id = p_id and m.token = p_token and m.state in ('CLAIMED', 'SENDING')
    returning m.state into v_state;
    if found and p_outcome <> 'PUT OFF' then
        update internal.mail_counts as n set messages = n.messages + 1 where n.outcome = lower(p_outcome);
    end if;
    return v_state;
end
$$;
comment on function public.record_mail_failure(bigint, uuid, text, text) is
    'Records what came of a claimed message: PUT OFF (again after 1, 2, 4, … 15 minutes, a little less each), BOUNCED, or UNKNOWN (again after 10, 20, … 60). Returns its new state, null if the lease was lost. Errors: LP044 unknown outcome.';
revoke all on function public.record_mail_failure(bigint, uuid, text, text) from public;
grant execute on function public.record_mail_failure(bigint, uuid, text, text) to lead_worker;
