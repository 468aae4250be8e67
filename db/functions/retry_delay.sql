-- Twice as long after each refusal, so that a receiver in trouble is not stormed, and never in step with others.
create or replace function internal.retry_delay(p_attempts integer, p_first interval) returns interval
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
    select least(p_first * power(2, least(p_attempts, 30) - 1), interval '5 minutes') * (0.5 + random() / 2)
$$;
comment on function internal.retry_delay(integer, interval) is
    'How long an event waits after so many refusals: p_first, doubled each time, 5 minutes at most; of that at least half.';
revoke all on function internal.retry_delay(integer, interval) from public;
