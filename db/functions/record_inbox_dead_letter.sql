-- The consumer sets aside what cannot be applied, so that what comes behind it can. A crash before the broker
-- is told brings the same message again: it is the same row, counted.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.record_inbox_dead_letter(
    p_source text,
    p_payload bytea,
    p_error_code text,
    p_reason text
) returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into public.inbox_dead_letters as d (source, payload, error_code, reason)
    values (p_source, p_payload, p_error_code, p_reason)
    on conflict on constraint inbox_dead_letters_once_per_payload do update
       set error_code = excluded.error_code, reason = excluded.reason,
           deliveries = d.deliveries + 1, last_at = excluded.last_at
    returning d.id
$$;
comment on function public.record_inbox_dead_letter(text, bytea, text, text) is
    'Keeps an incoming event that was refused, with its source, the SQLSTATE and the reason; returns its id. The same bytes from the same source are one row.';
revoke all on function public.record_inbox_dead_letter(text, bytea, text, text) from public;
grant execute on function public.record_inbox_dead_letter(text, bytea, text, text) to lead_worker;
