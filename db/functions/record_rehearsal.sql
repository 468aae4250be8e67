-- What a rehearsal has measured is kept where the criterion for going live looks for it. It passed if each threshold
-- was kept, and there were some.
-- security definer: operations call functions, they do not write tables.
create or replace function public.record_rehearsal(
    p_season text,
    p_baseline_rps double precision,
    p_load_multiplier double precision,
    p_seconds double precision,
    p_verdicts jsonb,
    p_requests jsonb
) returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into public.rehearsals (season, baseline_rps, load_multiplier, seconds, passed, verdicts, requests)
    select p_season, p_baseline_rps, p_load_multiplier, p_seconds,
           jsonb_array_length(p_verdicts) > 0 and not p_verdicts @? '$[*] ? (!(@.passed == true))',
           p_verdicts, p_requests
    returning id
$$;
comment on function public.record_rehearsal(text, double precision, double precision, double precision, jsonb, jsonb) is
    'Keeps one load of a rehearsal in rehearsals, and returns its id; it passed if each of its verdicts did.';
revoke all on function public.record_rehearsal(text, double precision, double precision, double precision, jsonb, jsonb)
from public;
grant execute on function public.record_rehearsal(
    text, double precision, double precision, double precision, jsonb, jsonb
) to lead_operations;
