-- Whether help is there when it is needed: a runbook that has steps in one language only is half a runbook, and one
-- that nobody finds is none.
create or replace function internal.measure_runbooks() returns setof internal.go_live_measurement
language sql
stable
rows 1
set search_path = pg_catalog, pg_temp
as $$
    select 'runbooks', 'each in German and English, with steps; help answers', b.runbooks, 'runbooks', b.runbooks > 0,
           b.incomplete is null and h.is_guided,
           format(
               '%s runbooks, incomplete: %s; help on lead protection: %s',
               b.runbooks, coalesce(b.incomplete, 'none'),
               case when h.is_guided then 'answers' else 'does not answer' end
           )
      from (
           select count(distinct r.runbook) as runbooks,
                  string_agg(distinct r.runbook, ', ') filter (
                      where not exists (
                          select from public.runbook_steps as s where s.runbook = r.runbook and s.locale = l.locale)
                  ) as incomplete
             from public.runbooks as r
            cross join (values ('de'), ('en')) as l (locale)
           ) as b
     cross join (
           select public.help_guided_operation('lead protection', 'de') ->> 'kind' = 'guided_operation' as is_guided
           ) as h
$$;
comment on function internal.measure_runbooks() is
    'The criterion runbooks of go-live: met where each has steps in both languages and a question finds one.';
revoke all on function internal.measure_runbooks() from public;
